"""A profile as a Workflow Run RO-Crate: workflow, runs and reports in one archive that other people's tools read.

https://www.researchobject.org/workflow-run-crate, version 0.5: what was run is the workflow as a whole, and in it every
training, each with what went in, what came out, when, and with which packages.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.model.entity import Entity
from rocrate.rocrate import ROCrate

from lets.commands import command
from lets.config.paths import WEIGHTS
from lets.errors import RecordError
from lets.files import sha256_file, storage_errors
from lets.project import Project
from lets.runs import RunRecord, Status

PAPER = "https://arxiv.org/abs/2408.08222"


LICENSE = "https://spdx.org/licenses/MIT"


SOURCES = (
    "README.md",
    "Snakefile",
    "workflow",
    "profiles",
    "params",
    "src/lets",
    "pyproject.toml",
    "requirements.lock",
    "Dockerfile",
    "dvc.yaml",
    "dvc.lock",
)
"""with these the crate can be run again"""


MEDIA = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".md": "text/markdown",
    ".tex": "application/x-tex",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".yaml": "application/yaml",
    ".py": "text/x-python",
    ".safetensors": "application/octet-stream",
}


TERMS = "https://w3id.org/ro/terms/workflow-run/context"


PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}


WORKFLOW_PROFILE = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"


@dataclass
class Crate:
    """The crate of one profile while it is filled; `weights` says whether checkpoints come along."""

    params_file: Path
    project: Project
    weights: bool
    crate: ROCrate = field(default_factory=lambda: ROCrate(version="1.1"))

    @cached_property
    def records(self) -> list[RunRecord]:
        """The runs that have ended; raises RecordError when there is none."""
        records = [run.record for run in self.project.runs.values()]
        ended = [one for one in records if one.status in (Status.FINISHED, Status.DIVERGED)]
        if not ended:
            raise RecordError(
                f"{self.project.layout.runs} – no run has ended, there is nothing to export – run  "
                f"snakemake --cores all --configfile {self.params_file}"
            )
        return ended

    def fill(self) -> ROCrate:
        """Describe workflow, runs and reports, and return the crate."""
        self._root()
        workflow = self._workflow()
        actions = [self._training(record) for record in self.records]
        self._whole(workflow, actions)
        return self.crate

    def _root(self) -> None:
        root = self.crate.root_dataset
        self.crate.name = f"LETS, reproduced: profile {self.project.layout.profile}"
        self.crate.description = (
            "Runs, tables and figures of a reproduction of Enhancing Sharpness-Aware Minimization by Learning "
            f"Perturbation Radius: {len(self.records)} of {len(self.project.matrix.runs)} runs have ended."
        )
        self.crate.license = self._context(LICENSE, "CreativeWork", name="MIT License")
        root["datePublished"] = max(record.provenance.ended for record in self.records)
        root["citation"] = self._context(
            PAPER,
            "ScholarlyArticle",
            name="Enhancing Sharpness-Aware Minimization by Learning Perturbation Radius",
        )
        root["conformsTo"] = [
            self._context(id, ["CreativeWork", "Profile"], name=name, version=number)
            for id, (name, number) in PROFILES.items()
        ]
        root["author"] = root["publisher"] = self._context(
            "#authors", "Organization", name="The LETS-repro authors"
        )
        self.crate.metadata.extra_contexts.append(TERMS)

    def _workflow(self) -> Entity:
        """The Snakefile, and all that it needs."""
        files = [file for source in SOURCES for file in _files(self.project.layout.root / source)]
        files = [file for file in files if file != self.project.layout.root / "Snakefile"]
        workflow = self.crate.add_workflow(
            self.project.layout.root / "Snakefile",
            "Snakefile",
            main=True,
            lang="snakemake",
            lang_version=version("snakemake"),
            properties={
                "name": "Every method × architecture × seed, and the tables and figures made of them",
                "conformsTo": {"@id": WORKFLOW_PROFILE},
                "version": version("lets-repro"),
                "encodingFormat": "text/plain",
                "sha256": sha256_file(self.project.layout.root / "Snakefile"),
            },
        )
        workflow["hasPart"] = [self._file(file) for file in files]
        workflow["input"] = self._parameter("params", "which runs, tables and figures to make")
        workflow["output"] = self._parameter("reports", "tables, figures, page and audit")
        return workflow

    def _parameter(self, name: str, description: str) -> Entity:
        return self.crate.add_formal_parameter(name, "File", f"#{name}", description, valueRequired=True)

    def _whole(self, workflow: Entity, actions: Sequence[Entity]) -> None:
        """The workflow as one action, from the params file to the reports."""
        reports = [
            self._file(path, exampleOfWork=self.crate.get("#reports"))
            for path in _files(self.project.layout.reports)
        ]
        params = self._file(self.params_file)
        params["exampleOfWork"] = self.crate.get("#params")
        whole = self.crate.add_action(
            workflow,
            f"#{self.project.layout.profile}",
            object=params,
            result=[*reports, *(result for action in actions for result in _listed(action["result"]))],
            properties={
                "name": command("snakemake", "--cores", "all", "--configfile", self.params_file),
                "description": f"{len(actions)} trainings, and what was made of them",
                "startTime": min(record.provenance.started for record in self.records),
                "endTime": max(record.provenance.ended for record in self.records),
                "actionStatus": "http://schema.org/CompletedActionStatus",
            },
        )
        self.crate.root_dataset["mentions"] = [whole, *actions]

    def _training(self, record: RunRecord) -> Entity:
        """One run: `lets train`, from the data set to the files of its folder."""
        provenance, spec = record.provenance, record.spec
        action = self.crate.add_action(
            self._trainer(record),
            f"#{record.id}",
            object=[self._file(self.params_file), self._data(spec.dataset, spec.noise, provenance.data)],
            result=[
                self._file(record.folder / name)
                for name in sorted(record.files)
                if self.weights or name != WEIGHTS
            ],
            properties={
                "name": command("lets", "train", "--params", self.params_file, "--run", record.id),
                "description": f"{record.status}; {', '.join(f'{k} {v}' for k, v in provenance.machine if v)}",
                "startTime": provenance.started,
                "endTime": provenance.ended,
                "actionStatus": "http://schema.org/CompletedActionStatus",
            },
        )
        if provenance.image:
            action["containerImage"] = self._context(
                f"#image-{provenance.image}",
                "ContainerImage",
                sha256=provenance.image,
                name="containers/lets.sif",
            )
        return action

    def _trainer(self, record: RunRecord) -> Entity:
        """The program: its code by digest, and the packages that it was run with."""
        provenance = record.provenance
        needs = [
            self._context(f"#{name}-{number}", "SoftwareApplication", name=name, softwareVersion=number)
            for name, number in provenance.packages.items()
        ]
        name = f"#lets-train-{provenance.code[:16]}"
        return self._context(
            name,
            "SoftwareApplication",
            name="lets train",
            softwareVersion=provenance.code,
            softwareRequirements=needs,
        )

    def _data(self, dataset: str, noise: str, digests: dict[str, str]) -> Entity:
        """What a run was trained on, by digest: data sets have licences of their own and stay where they are."""
        values = [
            self._context(f"#{name}-{digest}", "PropertyValue", name=f"sha256 of {name}", value=digest)
            for name, digest in digests.items()
        ]
        return self._context(
            f"#{dataset}-{noise}", "CreativeWork", name=f"{dataset}, {noise}", identifier=values
        )

    def _file(self, path: Path, **properties: Any) -> Entity:
        """A file of the project, where it lies there; described once."""
        place = path.relative_to(self.project.layout.root).as_posix()
        if known := self.crate.get(place):
            return known
        about = {"name": place, "sha256": sha256_file(path), "contentSize": str(path.stat().st_size)}
        about |= {"encodingFormat": MEDIA.get(path.suffix, "text/plain"), **properties}
        return self.crate.add_file(path, place, properties=about)

    def _context(self, id: str, kind: str | list[str], **properties: Any) -> Entity:
        """Something that is no file of the crate; described once."""
        known = self.crate.get(id)
        return known or self.crate.add(
            ContextEntity(self.crate, id, properties={"@type": kind, **properties})
        )


def write_crate(target: Path, params_file: Path, project: Project, weights: bool = False) -> int:
    """Write the archive, whole or not at all, and return how many runs it holds.

    Raises RecordError if none has ended or one is damaged, StorageError when the disk refuses.
    """
    crate = Crate(params_file, project, weights)
    filled = crate.fill()
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as beside:
            filled.write_zip(part := Path(beside, target.name))
            part.replace(target)
    return len(crate.records)


def _files(path: Path) -> Iterable[Path]:
    """The files of a folder, or the one file, if it is there."""
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
