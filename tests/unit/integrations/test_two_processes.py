"""Two gloo processes on halves of the batches are one process on the whole, in every framework.

Run as a script this file is one of the two; both train everything.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from tests.unit.integrations import problem
from tests.unit.integrations.problem import MAX_NORM, SAMPLES, SIZE

ROOT = Path(__file__).parents[3]
NAMES = ("sam", "lets-sam")
FRAMEWORKS = ("lightning", "accelerate", "transformers")
# Lightning hands the samples to the processes in an order of its own: that of a DistributedSampler.
ORDER = torch.randperm(len(SAMPLES), generator=torch.Generator().manual_seed(0)).split(SIZE)
BATCHES = [SAMPLES[chosen] for chosen in ORDER]
SHUFFLED = {"batches": BATCHES, "validations": [*BATCHES[1:], BATCHES[0]]}


def by_lightning(name: str) -> tuple[torch.nn.Module, float]:
    from tests.unit.integrations.test_lightning import Following, LetsCallback, Module, method_of, trainer

    module = Module(name)
    fitted = trainer(LetsCallback(), devices=2, strategy="ddp", gradient_clip_val=MAX_NORM)
    fitted.fit(module, Following(SAMPLES, batch_size=SIZE // 2))
    return module, method_of(fitted).rho


def by_accelerate(name: str) -> tuple[torch.nn.Module, float]:
    from tests.unit.integrations.test_accelerate import Loop

    loop = Loop(name, 4, MAX_NORM)
    rank = loop.accelerator.process_index
    batches = [[x.split(1)[rank::2] for x in batch] for batch in (*problem.BATCHES, problem.FOLLOWING[-1])]
    for batch, following in pairwise(batches):
        for part, val_part in zip(zip(*batch, strict=True), zip(*following, strict=True), strict=True):
            with loop.accelerator.accumulate(loop.wrapped):
                loop.step(part, val_part)
                loop.scheduler.step()
    return loop.model, loop.optimizer.optimizer.rho


def by_transformers(name: str) -> tuple[torch.nn.Module, float]:
    from tests.unit.integrations.test_transformers import method_of, trainer

    whole = {"per_device_train_batch_size": SIZE // 4, "gradient_accumulation_steps": 2}
    trained = trainer(name, Path("unused"), max_grad_norm=MAX_NORM, **whole)
    trained.train()
    return trained.model, method_of(trained).rho


def one_of_two(rank: int, folder: Path) -> None:
    given = {"RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    os.environ |= {key: str(value) for key, value in given.items()}
    os.environ |= {"TORCHELASTIC_RUN_ID": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "0"}
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=2)
    ends = {}
    for framework in FRAMEWORKS:
        for name in NAMES:
            model, rho = globals()[f"by_{framework}"](name)
            ends[framework, name] = problem.flat(model), rho
    torch.save(ends, folder / f"{rank}.pt")


@pytest.mark.skipif(
    not all(map(find_spec, ("lightning", "accelerate"))),
    reason="the frameworks come with `make integrations`",
)
def test_two_processes_are_one_on_the_whole_batch(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.unit.integrations.test_two_processes"]
    path = os.pathsep.join((str(ROOT), str(ROOT / "src")))
    both = [
        subprocess.Popen([*command, str(rank), tmp_path], cwd=ROOT, env={**os.environ, "PYTHONPATH": path})
        for rank in (0, 1)
    ]
    assert [process.wait(180) for process in both] == [0, 0]
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    for (framework, name), (theta, rho) in first.items():
        assert torch.equal(theta, second[framework, name][0]), framework
        assert rho == second[framework, name][1]
        line, radius = problem.expected(
            name, max_norm=MAX_NORM, **(SHUFFLED if framework == "lightning" else {})
        )
        torch.testing.assert_close(theta, line, rtol=1e-10, atol=1e-12, msg=f"{framework} {name}")
        assert rho == pytest.approx(radius if name.startswith("lets") else problem.GIVEN["rho"], rel=1e-10)


if __name__ == "__main__":
    one_of_two(int(sys.argv[1]), Path(sys.argv[2]))
