"""A copy of this project in a folder of its own, to run commands in."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import yaml

from lets.errors import LetsError
from lets.files import write_text
from lets.project.checks import unused
from lets.project.params import ParamsFile

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "dvc.yaml", "params", "profiles", "src", "workflow")
DEMO = "params/demo.yaml"


def copy_project(folder: Path) -> None:
    """Copy what commands need, without results."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, folder / part)


def demo_with(**changes: Any) -> str:
    """The demo's params file with other runs, one table of them, and no figure."""
    content = yaml.safe_load((ROOT / DEMO).read_text())
    training = content["training"] | {"measure_every": 1, "train_samples": None} | changes.pop("training", {})
    reports = {
        "tables": {"table1": {"kind": "pivot", "title": "All", "experiments": ["clean"]}},
        "figures": {},
    }
    content = {**content, **reports, "training": training, **changes}
    for key, name in unused(ParamsFile.model_validate(content)):
        del content[key][name]
    return yaml.safe_dump(content)


def digits(architectures: Sequence[str], methods: Sequence[str]) -> dict[str, Any]:
    """An experiment on clean digits."""
    return {"clean": {"datasets": ["digits"], "architectures": list(architectures), "methods": list(methods)}}


def write_params(folder: Path, text: str) -> None:
    """Make `text` the params file that every command reads by default."""
    write_text(folder / DEMO, text)


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """Return the variables for commands in the project."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(folder / "src"), **variables}


def seconds(command: Sequence[str], folder: Path, **given: str) -> float:
    """Run a command to its end in the project; LetsError with its words if it fails."""
    variables = environment(folder, **given)
    start = perf_counter()
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LetsError(f"{' '.join(command)} – failed –\n{done.stdout}{done.stderr}")
    return perf_counter() - start
