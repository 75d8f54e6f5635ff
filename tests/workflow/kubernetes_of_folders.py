"""A Kubernetes API that starts a process in a folder for every pod, as far as Snakemake's executor asks it.

It holds pods to what a real API server would hold them to where our profile could get that wrong: GPUs
need a limit, logs of a container before the present one are not there, pods see no variable of the host.
"""

import base64
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from flask import Flask, Response, request
from werkzeug.serving import make_server

Json = dict[str, Any]
IMAGE = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "PYTHONPATH": "src", "OMP_NUM_THREADS": "1"}


@dataclass
class Job:
    """A job with its one pod: what was asked for, and the process that does it."""

    spec: Json
    process: subprocess.Popen[bytes] | None = None
    evicted: bool = False

    @property
    def container(self) -> Json:
        (container,) = self.spec["spec"]["template"]["spec"]["containers"]
        return container

    @property
    def exit_code(self) -> int | None:
        return self.process.poll() if self.process else None

    def evict(self) -> None:
        """End the pod as a drained or preempted node does: the pod is gone, its job has failed."""
        self.evicted = True
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


@dataclass
class Kubernetes:
    """The API server, and below `folder` a folder for every pod, every volume claim and the server's log."""

    folder: Path
    runs_pods: bool = True
    jobs: dict[str, Job] = field(default_factory=dict)
    secrets: dict[str, Json] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.server = make_server("127.0.0.1", 0, self._app(), threaded=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def config(self) -> Path:
        """What kubectl has in ~/.kube/config."""
        url = f"http://127.0.0.1:{self.server.port}"
        one = {"name": "here", "cluster": {"server": url}, "context": {"cluster": "here", "user": "here"}}
        content = {"clusters": [one], "contexts": [one], "users": [{"name": "here", "user": {}}]}
        path = self.folder / "kubeconfig"
        path.write_text(yaml.safe_dump({**content, "current-context": "here"}))
        return path

    def shut_down(self) -> None:
        for job in self.jobs.values():
            if job.process:
                job.evict()
        self.server.shutdown()

    def start(self, job: Job) -> None:
        name = job.spec["metadata"]["name"]
        pod = self.folder / "pods" / name
        pod.mkdir(parents=True)
        volumes = {one["name"]: one for one in job.spec["spec"]["template"]["spec"]["volumes"]}
        for mount in job.container["volumeMounts"]:
            if claim := volumes[mount["name"]].get("persistentVolumeClaim"):
                disk = self.folder / "claims" / claim["claimName"]
                disk.mkdir(parents=True, exist_ok=True)
                (pod / Path(mount["mountPath"]).relative_to(job.container["workingDir"])).symlink_to(disk)
        with (pod.parent / f"{name}.log").open("wb") as log:
            command = [*job.container["command"], *job.container["args"]]
            env = IMAGE | {"HOME": str(self.folder)} | self._variables(job)
            job.process = subprocess.Popen(
                command, cwd=pod, env=env, stdout=log, stderr=log, start_new_session=True
            )

    def _variables(self, job: Job) -> dict[str, str]:
        pairs = [(one["name"], one["valueFrom"]["secretKeyRef"]) for one in job.container["env"]]
        return {
            name: base64.b64decode(self.secrets[ref["name"]]["data"][ref["key"]]).decode()
            for name, ref in pairs
        }

    def _app(self) -> Flask:
        app = Flask("kubernetes")
        core, batch = "/api/v1/namespaces/default", "/apis/batch/v1/namespaces/default"
        for method, path, answer in (
            ("POST", f"{core}/secrets", self.add_secret),
            ("DELETE", f"{core}/secrets/<name>", self.remove_secret),
            ("POST", f"{batch}/jobs", self.add_job),
            ("GET", f"{batch}/jobs/<name>/status", self.job_status),
            ("DELETE", f"{batch}/jobs/<name>", self.remove_job),
            ("GET", f"{core}/pods", self.pods),
            ("GET", f"{core}/pods/<name>/log", self.log),
            ("DELETE", f"{core}/pods/<name>", lambda name: {}),
        ):
            app.add_url_rule(path, f"{method} {path}", answer, methods=[method])
        return app

    def add_secret(self) -> Json:
        return self.secrets.setdefault(request.json["metadata"]["name"], request.json)

    def remove_secret(self, name: str) -> Json:
        return self.secrets.pop(name)

    def add_job(self) -> Json | Response:
        job = Job(request.json)
        wanted, limits = (job.container["resources"].get(one, {}) for one in ("requests", "limits"))
        if any("/" in name and limits.get(name) != wanted[name] for name in wanted):
            return Response("extended resources need a limit", 422)
        if self.runs_pods:
            self.start(job)
        self.jobs[job.spec["metadata"]["name"]] = job
        return job.spec

    def remove_job(self, name: str) -> Json:
        self.removed.add(name)
        if self.jobs[name].process:
            self.jobs[name].evict()
        return {}

    def job_status(self, name: str) -> Json:
        code = self.jobs[name].exit_code
        return {"status": {} if code is None else {"failed": int(code != 0), "succeeded": int(code == 0)}}

    def pods(self) -> Json:
        name = request.args["labelSelector"].removeprefix("job-name=")
        job = self.jobs[name]
        if job.evicted:
            return {"items": []}
        state = {"running": {}} if job.exit_code is None else {"terminated": {"exitCode": job.exit_code}}
        status = {"name": "snakemake", "state": state, "image": "", "imageID": "", "ready": True}
        pod = {"metadata": {"name": name}, "status": {"containerStatuses": [{**status, "restartCount": 0}]}}
        return {"items": [pod]}

    def log(self, name: str) -> Response:
        if request.args.get("previous") == "True":
            return Response("previous terminated container not found", 400)
        return Response((self.folder / "pods" / f"{name}.log").read_bytes())
