"""Several trainings on one host: real processes and GPUs that do not exist."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

TAKE = (
    "import os, sys; from lets.cli.gpu_locks import take_gpus\n"
    "take_gpus(int(sys.argv[1])); assert 'torch' not in sys.modules\n"
    "print(os.environ.get('CUDA_VISIBLE_DEVICES'), flush=True); sys.stdin.read()"
)


class Host:
    """A machine whose nvidia-smi lists `gpus`, and the jobs that were started on it."""

    def __init__(self, folder: Path, gpus: tuple[str, ...] = ()) -> None:
        self.jobs: list[subprocess.Popen[str]] = []
        self.folder = folder
        folder.mkdir()
        tool = folder / "nvidia-smi"
        lines = [f"echo 'GPU {at}: NVIDIA H100 (UUID: {gpu})'\n" for at, gpu in enumerate(gpus)]
        tool.write_text(f"#!/bin/sh\n[ $1 = -L ] || exit 1\n{''.join(lines)}")
        tool.chmod(0o755)
        self.variables = {
            name: value
            for name, value in os.environ.items()
            if name not in ("CUDA_VISIBLE_DEVICES", "LETS_SLOTS_PER_GPU")
        }
        self.variables["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
        self.variables["LETS_GPU_LOCKS"] = str(folder / "locks")

    def start(self, count: int = 1, **variables: str) -> subprocess.Popen[str]:
        job = subprocess.Popen(
            [sys.executable, "-c", TAKE, str(count)],
            env={**self.variables, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.jobs.append(job)
        return job


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path / "host", ("GPU-a", "GPU-b"))
    yield host
    for job in host.jobs:
        job.kill()
        job.communicate()


def gpus(job: subprocess.Popen[str]) -> str:
    """What the job was given; waits for it."""
    assert job.stdout is not None
    assert select.select([job.stdout], [], [], 20)[0], "still waiting"
    return job.stdout.readline().strip()


def waits(job: subprocess.Popen[str]) -> bool:
    """Whether the job says that it waits, and goes on waiting."""
    assert job.stderr is not None
    assert job.stdout is not None
    assert select.select([job.stderr], [], [], 20)[0], "does not wait"
    assert job.stderr.readline().startswith("waiting for a GPU")
    return not select.select([job.stdout], [], [], 1)[0]


def end(job: subprocess.Popen[str]) -> None:
    job.communicate("", timeout=20)
    assert job.returncode == 0


def test_each_job_has_a_gpu_of_its_own(host):
    assert {gpus(host.start()), gpus(host.start())} == {"GPU-a", "GPU-b"}


def test_who_comes_late_waits_for_one_to_end(host):
    first, second = host.start(), host.start()
    freed, _ = gpus(first), gpus(second)
    third = host.start()
    assert waits(third)
    end(first)
    assert gpus(third) == freed


def test_a_killed_job_has_no_gpu(host):
    first, second = host.start(), host.start()
    freed, _ = gpus(first), gpus(second)
    third = host.start()
    assert waits(third)
    first.send_signal(signal.SIGKILL)
    assert gpus(third) == freed


def test_a_child_that_ends_does_not_free_the_gpu(host):
    fork = TAKE.replace("print(", "os.fork() or sys.exit(); os.wait(); print(")
    command = [sys.executable, "-c", fork, "1"]
    holder = subprocess.Popen(
        command,
        env={**host.variables, "CUDA_VISIBLE_DEVICES": "0"},
        stdin=-1,
        stdout=-1,
        stderr=-1,
        text=True,
    )
    host.jobs.append(holder)
    assert gpus(holder) == "GPU-a"
    assert waits(host.start(CUDA_VISIBLE_DEVICES="0"))


def test_several_trainings_share_a_gpu_when_told_to_and_all_gpus_are_in_use(host):
    given = [gpus(host.start(LETS_SLOTS_PER_GPU="2")) for _ in range(4)]
    assert set(given[:2]) == {"GPU-a", "GPU-b"} == set(given[2:])
    assert waits(host.start(LETS_SLOTS_PER_GPU="2"))


def test_ranks_take_their_gpus_at_once_or_wait_without_one(host):
    one = host.start()
    free = {"GPU-a": "GPU-b", "GPU-b": "GPU-a"}[gpus(one)]
    both = host.start(2)
    assert waits(both)
    # `both` could have kept this one meanwhile, and let nobody pass.
    other = host.start(CUDA_VISIBLE_DEVICES=free)
    assert gpus(other) == free
    end(other)
    end(one)
    assert gpus(both) == "GPU-a,GPU-b"


def test_many_ranks_are_not_passed_over_by_those_who_came_later(host):
    one = host.start()
    gpus(one)
    both = host.start(2)
    assert waits(both)
    late = host.start()
    assert waits(late)
    end(one)
    assert gpus(both) == "GPU-a,GPU-b"
    end(both)
    assert gpus(late) in ("GPU-a", "GPU-b")


def test_pairs_that_start_together_all_come_through(host):
    jobs = [host.start(2) for _ in range(3)]
    for _ in range(3):
        ready = next(job for job in jobs if select.select([job.stdout], [], [], 5)[0])
        assert gpus(ready) == "GPU-a,GPU-b"
        others = [job for job in jobs if job is not ready]
        assert not any(select.select([job.stdout], [], [], 0)[0] for job in others)
        end(ready)
        jobs = others


def test_more_ranks_than_gpus_are_refused(host):
    job = host.start(3)
    _, told = job.communicate(timeout=20)
    assert job.returncode
    assert "3 ranks – each needs a GPU of its own, this machine shows 2 – write  ranks: 2 " in told


@pytest.mark.parametrize(
    ("visible", "given"), [("1", "GPU-b"), ("GPU-b", "GPU-b"), ("MIG-7/1/0", "MIG-7/1/0"), ("9", "9")]
)
def test_a_scheduler_decides_among_which(host, visible, given):
    assert gpus(host.start(CUDA_VISIBLE_DEVICES=visible)) == given
    assert waits(host.start(CUDA_VISIBLE_DEVICES=visible))


def test_jobs_that_a_scheduler_keeps_apart_do_not_wait_for_each_other(host, tmp_path):
    """Each sees one GPU and calls it 0; they meet in one folder all the same."""
    shown = [Host(tmp_path / gpu, (gpu,)) for gpu in ("GPU-a", "GPU-b")]
    for one in shown:
        one.variables["LETS_GPU_LOCKS"] = host.variables["LETS_GPU_LOCKS"]
    jobs = [one.start(CUDA_VISIBLE_DEVICES="0") for one in shown]
    host.jobs += jobs
    assert [gpus(job) for job in jobs] == ["GPU-a", "GPU-b"]


@pytest.mark.parametrize("variables", [{}, {"CUDA_VISIBLE_DEVICES": ""}, {"CUDA_VISIBLE_DEVICES": "-1"}])
def test_without_a_gpu_there_is_no_lock(variables, tmp_path):
    host = Host(tmp_path / "host", ("GPU-a",) if variables else ())
    job = host.start(2, **variables)
    assert gpus(job) == variables.get("CUDA_VISIBLE_DEVICES", "None")
    end(job)
    assert not (host.folder / "locks").exists()


@pytest.mark.parametrize("value", ["0", "two", "-1", "1.5"])
def test_slots_are_a_number(host, value):
    job = host.start(LETS_SLOTS_PER_GPU=value)
    _, told = job.communicate(timeout=20)
    assert f"LETS_SLOTS_PER_GPU={value} – is how many trainings may share a GPU" in told


RUN = "digits/clean/resnet-small/sam/"
VERB = (
    "import sys; from lets.cli import gpu_locks\n"
    "gpu_locks.take_gpus = lambda count: sys.exit(f'took {count}, torch {\"torch\" in sys.modules}')\n"
    "from lets.cli.main import main; main()"
)


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        (("train",), "took 2, torch False"),
        (("train", "--device", "cpu"), "run  lets data prepare digits --download"),
        (("analyse", "sharpness"), "took 1, torch False"),
    ],
    ids=["train", "on a CPU", "analyse"],
)
def test_who_takes_them(verb, told, tmp_path):
    """One for every rank, before torch looks for any; on a CPU nobody does."""
    ranks = 1 if "cpu" in verb else 2  # each of them imports torch
    (tmp_path / "params.yaml").write_text(
        "profile: test\ndevice: cuda\nseeds: [0]\nresources: {resnet-small: {minutes: 5}}\n"
        "training: {epochs: 1, batch_size: 128, optimizer: {name: sgd, lr: 0.1}, schedule: {name: cosine}, "
        f"ranks: {ranks}}}\n"
        "experiments: {one: {datasets: [digits], architectures: [resnet-small], methods: [sam]}}\n"
        "tables: {minima: {kind: sharpness, title: Minima, experiments: [one], samples: 128}}\n"
    )
    command = [sys.executable, "-c", VERB, *verb, "--params", "params.yaml", "--run", RUN]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode
    assert done.stderr.strip().endswith(told)


@pytest.mark.slow
def test_no_place_has_two_holders_whatever_happens_to_them(host, tmp_path):
    """Twelve jobs, half of which are killed, over four places; each writes down when it had which."""
    had = tmp_path / "had"
    code = TAKE.replace(
        "print(",
        "import time; from lets.cli.gpu_locks import _TAKEN\n"
        f"out = os.open({str(had)!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)\n"
        "note = lambda word: os.write(out, f'{word} {_TAKEN[0].lock_file}\\n'.encode())\n"
        "note('+'); time.sleep(.2); note('-')\n"
        "os.kill(os.getpid(), 9) if int(sys.argv[2]) % 2 else sys.exit()\nprint(",
    )
    variables = {**host.variables, "LETS_SLOTS_PER_GPU": "2"}
    jobs = [subprocess.Popen([sys.executable, "-c", code, "1", str(at)], env=variables) for at in range(12)]
    for job in jobs:
        with suppress(subprocess.TimeoutExpired):
            job.wait(timeout=40)
    holders: dict[str, int] = {}
    lines = had.read_text().splitlines()
    assert len(lines) == 24
    for word, place in (line.split() for line in lines):
        holders[place] = holders.get(place, 0) + (1 if word == "+" else -1)
        assert holders[place] in (0, 1)
    assert len(holders) == 4
