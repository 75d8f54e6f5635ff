"""`make image` with stand-ins for the builders."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.workflow.conftest import ROOT

from lets.config.paths import Layout
from lets.files import digest_file, image_digest

BUILDERS = ("docker", "podman", "buildah", "apptainer")

STAND_IN = """#!/bin/sh
case " {working} " in *" {name} "*) ;; *) exit 1 ;; esac
[ "{working} $1" != "docker-client docker buildah apptainer info" ] || exit 1
echo "{name} $*" >> {log}
case "{name} $1" in
    "apptainer build") ls >> {log}; echo "image of $(cat requirements.lock)" > lets.sif; exit {status} ;;
esac
"""


class Checkout:
    """A folder with a recipe, and a PATH on which only some builders work."""

    def __init__(self, folder: Path, working: str, status: int = 0) -> None:
        self.folder, self.log, self.bin = folder / "project", folder / "log", folder / "bin"
        self.bin.mkdir(parents=True)
        shutil.copytree(
            ROOT / "containers", self.folder / "containers", ignore=shutil.ignore_patterns("*.sif*")
        )
        (self.folder / "secret.py").touch()
        (self.folder / "Dockerfile").write_bytes((ROOT / "Dockerfile").read_bytes())
        self.lock("1")
        self.stand_in(working, status)

    def lock(self, content: str) -> None:
        (self.folder / "requirements.lock").write_text(content)

    def stand_in(self, working: str, status: int = 0) -> None:
        for name in BUILDERS:
            text = STAND_IN.format(working=working, name=name, log=self.log, status=status)
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)

    def build(self, **env: object) -> subprocess.CompletedProcess[str]:
        values = {"PATH": f"{self.bin}{os.pathsep}/usr/bin{os.pathsep}/bin"}
        values |= {name: str(value) for name, value in env.items()}
        command = [self.folder / "containers" / "build"]
        return subprocess.run(command, env=values, capture_output=True, text=True, timeout=60)

    @property
    def image(self) -> Path:
        """Where the workflow looks for it."""
        return Layout("any", self.folder).image

    @property
    def calls(self) -> list[str]:
        """What builders were asked to do, and the files that they saw."""
        log = self.log.read_text() if self.log.exists() else ""
        calls = re.sub(r"lets-[0-9a-f]{16}", "IMAGE", log).splitlines()
        return [call for call in calls if not call.endswith(("info", "--version"))]


SQUASH = "--disable-cache --mksquashfs-args -comp lzo -Xalgorithm lzo1x_1"


OF_DOCKER, OF_PODMAN = (
    [f"{name} build F --tag IMAGE .", f"{name} save --output lets.tar IMAGE", f"{name} rmi IMAGE"]
    for name in ("docker", "podman")
)
OF_BUILDAH = [
    "buildah build F --tag IMAGE .",
    "buildah push IMAGE docker-archive:lets.tar",
    "buildah rmi IMAGE",
]


@pytest.mark.parametrize(
    ("working", "asked"),
    [
        ("docker buildah", OF_DOCKER),
        ("podman buildah", OF_PODMAN),
        ("buildah", OF_BUILDAH),
        ("docker-client docker buildah", OF_BUILDAH),  # without its daemon
    ],
)
def test_the_first_builder_that_works_builds_what_apptainer_converts(
    tmp_path: Path, working: str, asked: list[str]
) -> None:
    checkout = Checkout(tmp_path, f"{working} apptainer")
    assert checkout.build(LETS_BUILD_FLAGS="--build-arg A=b").returncode == 0
    convert = f"apptainer build {SQUASH} lets.sif docker-archive:lets.tar"
    asked = [call.replace("F", "--build-arg A=b") for call in asked]
    assert checkout.calls == [*asked, convert, "Dockerfile", "requirements.lock"]  # and no secret.py


def test_apptainer_alone_builds_from_the_dockerfile_too(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, "apptainer")
    assert checkout.build(LETS_BUILD_FLAGS="--build-arg A=b").returncode == 0
    build = f"apptainer build {SQUASH} lets.sif --build-arg A=b lets.def"
    assert checkout.calls == [build, "Dockerfile", "lets.def", "requirements.lock"]


def test_a_builder_can_be_chosen(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, "docker buildah apptainer")
    assert checkout.build(LETS_BUILDER="buildah").returncode == 0
    assert checkout.calls[0] == "buildah build --tag IMAGE ."


@pytest.mark.parametrize(
    ("working", "chosen", "message"),
    [
        ("", "", "error: docker, podman, buildah, apptainer – does not work"),
        ("apptainer", "podman", "error: podman – does not work"),
        ("docker", "", "error: apptainer – does not work"),
    ],
)
def test_without_a_builder_it_says_so(tmp_path: Path, working: str, chosen: str, message: str) -> None:
    result = Checkout(tmp_path, working).build(LETS_BUILDER=chosen)
    assert result.returncode == 2
    assert result.stderr.startswith(message)
    assert len(result.stderr.splitlines()) == 1


def test_it_is_where_the_workflow_looks_with_its_digest(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, "buildah apptainer")
    output = checkout.build().stdout
    content = b"image of 1\n"
    assert checkout.image.read_bytes() == content
    assert image_digest(checkout.image) == hashlib.sha256(content).hexdigest()
    assert hashlib.sha256(content).hexdigest() in output
    command = ["sha256sum", "--check", digest_file(checkout.image).name]
    assert subprocess.run(command, cwd=checkout.image.parent, capture_output=True).returncode == 0


@pytest.mark.parametrize("outside", [True, False])
def test_it_is_built_once_per_recipe(tmp_path: Path, outside: bool) -> None:
    checkout = Checkout(tmp_path, "buildah apptainer")
    cache = {"LETS_IMAGE_CACHE": tmp_path / "cache"} if outside else {}
    contents = []
    for lock, builds in (("1", 1), ("1", 1), ("2", 2), ("1", 2)):
        checkout.lock(lock)
        assert checkout.build(**cache).returncode == 0
        content = checkout.image.read_bytes()
        contents.append(content)
        assert image_digest(checkout.image) == hashlib.sha256(content).hexdigest()
        assert sum(call.startswith("buildah build") for call in checkout.calls) == builds
    assert contents[0] == contents[1] == contents[3] != contents[2]
    with (checkout.folder / "Dockerfile").open("a") as file:
        file.write("LABEL a=b\n")
    checkout.build(**cache)
    assert sum(call.startswith("buildah build") for call in checkout.calls) == 3


def test_a_fresh_checkout_finds_it_in_the_cache(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert Checkout(tmp_path / "a", "buildah apptainer").build(LETS_IMAGE_CACHE=cache).returncode == 0
    fresh = Checkout(tmp_path / "b", "")
    assert fresh.build(LETS_IMAGE_CACHE=cache).returncode == 0
    assert fresh.image.read_text() == "image of 1\n"


def test_a_damaged_one_is_built_again(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, "buildah apptainer")
    checkout.build()
    checkout.image.write_text("something else\n")
    assert checkout.build().returncode == 0
    assert checkout.image.read_text() == "image of 1\n"


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, "buildah apptainer", status=1)
    before = sorted(checkout.image.parent.iterdir())
    assert checkout.build().returncode == 1
    assert sorted(checkout.image.parent.iterdir()) == before


def translate(dockerfile: str) -> subprocess.CompletedProcess[str]:
    command = [ROOT / "containers" / "definition.py"]
    return subprocess.run(command, input=dockerfile, capture_output=True, text=True, timeout=60)


def test_the_definition_says_what_the_dockerfile_says() -> None:
    dockerfile = """\
# a remark
ARG BASE=python:3.11@sha256:abc
FROM ${BASE}
LABEL a.b="two words" \\
    c=d
COPY requirements.lock /opt/

RUN first \\
    && second "$@"
ENV PATH=/opt/bin:$PATH \\
    A="b c"
RUN third
USER 1000
WORKDIR /home
CMD ["lets", "--help me"]
"""
    assert (
        translate(dockerfile).stdout
        == """\
Bootstrap: docker
From: {{ BASE }}

%arguments
BASE=python:3.11@sha256:abc

%labels
a.b two words
c d

%files
requirements.lock /opt/

%post
first \\
    && second "$@"
export PATH="/opt/bin:$PATH"
export A="b c"
third

%environment
export PATH="/opt/bin:$PATH"
export A="b c"

%runscript
[ $# -gt 0 ] || set -- lets '--help me'
exec "$@"
"""
    )


def test_our_dockerfile_can_be_translated() -> None:
    result = translate((ROOT / "Dockerfile").read_text())
    assert result.returncode == 0
    assert "--require-hashes -r /opt/requirements.lock" in result.stdout


@pytest.mark.parametrize("more", ["FROM b", "ARG C=d", "ENTRYPOINT x", "SHELL y", "ADD a b"])
def test_what_cannot_be_translated_is_refused(more: str) -> None:
    result = translate(f"ARG A=b\nFROM ${{A}}\n{more}\n")
    assert result.returncode == 1
    assert result.stdout == ""
    assert more in result.stderr
