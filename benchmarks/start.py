"""How long a command takes to start, and what training has to import."""

import subprocess
import sys
from pathlib import Path

from .measure import Action, interleave
from .result import Conditions, Findings

HOW = """\
Processes, from their start to their end, files in the page cache. *a training*: what `lets train` imports
before it reads anything; the networks beside it are built once, which imports what only they need."""
NOTHING = "python -c pass"
LETS = [str(Path(sys.executable).parent / "lets")]
TRAINING = "from lets.train import train_run"
COMMANDS = {
    NOTHING: [sys.executable, "-c", "pass"],
    "lets --help": [*LETS, "--help"],
    "lets train --help": [*LETS, "train", "--help"],
    "import torch": [sys.executable, "-c", "import torch"],
    "a training": [sys.executable, "-c", TRAINING],
    "a training, resnet-small": [
        sys.executable,
        "-c",
        f"{TRAINING}; import lets; lets.models.create('resnet-small')",
    ],
    "a training, vit-small": [
        sys.executable,
        "-c",
        f"{TRAINING}; import lets; lets.models.create('vit-small', image=(1, 8, 8))",
    ],
}


def measure(given: Conditions) -> Findings:
    """One row a command, against a Python that does nothing."""
    titles = list(COMMANDS)[:2] if given.quick else list(COMMANDS)
    variants = {title: _process(COMMANDS[title]) for title in titles}
    times = interleave(variants, NOTHING, given.rounds, warm_up=1)
    return Findings(HOW, [times.row(title, NOTHING) for title in variants], [times.control()])


def _process(words: list[str]) -> Action:
    return lambda _: subprocess.run(words, check=True, capture_output=True)
