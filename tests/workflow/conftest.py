"""A copy of the project as a fresh clone would have it, and the commands a user types there."""

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock
from tests.workflow.slurm import answer

from lets.config.paths import Layout
from lets.files import digest_file

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "dvc.yaml", "params", "profiles", "workflow", "src")
TINY = "tests/workflow/tiny.yaml"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with these, which take longest: with `--no-loadscope-reorder` no worker is left alone with them."""
    items.sort(key=lambda item: "tests/workflow/" not in item.nodeid)


@dataclass(frozen=True)
class Project:
    """A project folder; `run` types a command in it."""

    folder: Path

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=300
        )
        if check and result.returncode:
            pytest.fail(
                f"{' '.join(command)} ended with {result.returncode}\n{result.stdout}\n{result.stderr}"
            )
        return result

    @property
    def env(self) -> dict[str, str]:
        scripts = str(Path(sys.executable).parent)
        path = f"{scripts}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "PYTHONPATH": str(self.folder / "src"), "OMP_NUM_THREADS": "1"}

    def snakemake(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run(
            "snakemake", "--cores", "2", *arguments, "--configfile", "params/tiny.yaml", check=check
        )

    def lets(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run("lets", *arguments, "--params", "params/tiny.yaml", check=check)

    def add_rule(self, output: str, shell: str) -> None:
        """Add a job to its workflow that is cheap: no command of ours, no torch."""
        with (self.folder / "Snakefile").open("a") as rules:
            rules.write(f'\n\nrule:\n    output: "{output}"\n    shell: "{shell}"\n')

    def metrics(self) -> dict[str, bytes]:
        """The bytes of every metrics.json, by run."""
        runs = self.folder / "results" / "tiny" / "runs"
        return {str(path.parent.relative_to(runs)): path.read_bytes() for path in runs.rglob("metrics.json")}


def copy_project(folder: Path) -> Project:
    folder.mkdir(exist_ok=True)
    for part in PARTS:
        source = ROOT / part
        ignore = shutil.ignore_patterns("__pycache__")
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, folder / part, **({"ignore": ignore} if source.is_dir() else {}))
    shutil.copy2(ROOT / TINY, folder / "params" / "tiny.yaml")
    return Project(folder)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project in which nothing has run."""
    return copy_project(tmp_path)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Project:
    """A project whose tiny matrix has been built, once for all workers; tests must leave it as it is."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "built"
    whole = folder.with_suffix(".whole")
    with FileLock(f"{folder}.lock"):
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            copy_project(folder).snakemake()
            whole.touch()
    return Project(folder)


@pytest.fixture
def finished(built: Project, tmp_path: Path) -> Project:
    """A copy of the built project, for a test to break."""
    return copy_of(built, tmp_path / "finished")


def copy_of(project: Project, folder: Path) -> Project:
    """Copy a project with its time stamps and Snakemake's memory."""
    shutil.copytree(project.folder, folder, symlinks=True)
    return Project(folder)


@pytest.fixture(scope="session")
def real_image() -> Path:
    """The image of this checkout, where there is one."""
    there = Layout("any", ROOT).image
    if shutil.which("apptainer") is None:
        pytest.skip("jobs run in apptainer, which is not installed")
    if not there.is_file():
        pytest.skip("there is no containers/lets.sif: make image")
    return there


def put_image(project: Project, image: Path) -> None:
    """Put the image where the workflow of this project looks for it."""
    there = Layout("any", project.folder).image
    there.parent.mkdir()
    there.symlink_to(image)
    shutil.copy(digest_file(image), digest_file(there))


@pytest.fixture(scope="session")
def slurm() -> None:
    """Skip where there is no SLURM, or one of machines that do not see our temporary folders."""
    if shutil.which("sinfo") is None:
        pytest.skip("no SLURM on this machine: there is no sinfo")
    nodes = answer("sinfo", "--noheader", "--Node", "--format", "%n")
    if nodes != socket.gethostname().split(".")[0]:
        pytest.skip(
            f"no SLURM of this machine alone: its nodes are {nodes or 'not known, it does not answer'}"
        )
