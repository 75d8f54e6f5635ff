"""Commands of SLURM that tests type."""

import subprocess
from pathlib import Path

PROFILE = ["--profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "2"]
PROFILE += ["--slurm-status-command", "squeue", "--latency-wait", "5"]


def answer(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout.strip()


def cancel_the_job_of(folder: Path) -> None:
    """Cancel the one job that was sent from this folder: SLURM may have others."""
    jobs = [line.split() for line in answer("squeue", "--noheader", "--format", "%i %Z").splitlines()]
    (job,) = [number for number, place in jobs if place == str(folder)]
    answer("scancel", job)
