"""A copy of the project as a fresh clone would have it, and the commands a user types there."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "dvc.yaml", "params", "profiles", "workflow", "src")
TINY = "tests/workflow/tiny.yaml"


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

    def metrics(self) -> dict[str, bytes]:
        """The bytes of every metrics.json, by run."""
        runs = self.folder / "results" / "tiny" / "runs"
        return {str(path.parent.relative_to(runs)): path.read_bytes() for path in runs.rglob("metrics.json")}


def copy_project(folder: Path) -> Project:
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
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose tiny matrix has been built once; tests must leave it as it is."""
    project = copy_project(tmp_path_factory.mktemp("built"))
    project.snakemake()
    return project


@pytest.fixture
def finished(built: Project, tmp_path: Path) -> Project:
    """A copy of the built project, for a test to break; time stamps and Snakemake's memory included."""
    folder = tmp_path / "finished"
    shutil.copytree(built.folder, folder, symlinks=True)
    return Project(folder)
