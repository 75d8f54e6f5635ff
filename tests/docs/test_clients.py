"""The page of clients is true: every program runs and learns what it says, and the diff of a loop is short."""

import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

TEXT = (Path(__file__).parents[2] / "docs/clients.md").read_text()
PROGRAMS = {
    title: re.findall(r"^```python\n(.*?)^```$", section, re.S | re.M)
    for title, section in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", TEXT, re.S | re.M)
}
NEEDS = {"Lightning": "lightning", "transformers": "accelerate", "accelerate": "accelerate"}
PRINTS = {
    "Lightning": r"16 steps, radius 0\.0[1-9]",
    "transformers": "'train_loss': '?0",
    "FSDP2": r"loss 0\.\d+, radius 0\.\d+",
}
ALONE = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "0"}


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def run(program: str) -> tuple[dict[str, Any], str]:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with redirect_stdout(StringIO()) as out:
        exec(program, namespace)
    return namespace, out.getvalue()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("title", PROGRAMS)
def test_a_program_runs(title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not find_spec(NEEDS.get(title, "torch")):
        pytest.skip(f"{NEEDS[title]} comes with `make integrations`")
    (program,) = PROGRAMS[title]
    for name, value in ALONE.items() if "init_process_group" in program else ():
        monkeypatch.setenv(name, value)
    namespace, out = run(program)
    assert re.search(PRINTS.get(title, r"^loss \d\.\d+\n$"), out), out
    if title == "Two base optimizers":
        assert_goes_on(namespace)


def assert_goes_on(namespace: dict[str, Any]) -> None:
    """Weights after one more step are the same from a state that was saved, with both optimizers' parts in it."""
    model, method = namespace["model"], namespace["method"]
    x = torch.ones(4, 20)

    def step() -> list[torch.Tensor]:
        method.step(lambda b: model(b).square().mean(), x)
        return [p.detach().clone() for p in model.parameters()]

    state, weights = method.state_dict(), {n: p.clone() for n, p in model.state_dict().items()}
    assert len(state["base_optimizer"]["state"]) == 4
    first, _ = step(), step()
    model.load_state_dict(weights)
    method.load_state_dict(state)
    assert all(map(torch.equal, first, step()))


def test_the_diff_of_a_loop_has_four_new_lines_and_changes_no_number_of_plain_training() -> None:
    (diff,) = re.findall(r"^```diff\n(.*?)^```$", TEXT, re.S | re.M)
    lines = diff.splitlines()
    before, after = ("\n".join(x[1:] for x in lines if x[0] in kept) for kept in (" -", " +"))
    assert len(before.splitlines()) == 11
    assert sum(x[0] == "+" for x in lines) == 4
    inputs = torch.randn(8, 16, 20, dtype=torch.float64)
    loader = [(x, (x.sum(1) > 0).long()) for x in 3 * inputs]
    ends = []
    for program in (before, after.replace('"sam"', '"erm"'), after):
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 2)).double()
        with redirect_stdout(StringIO()):
            exec(program, {"torch": torch, "nn": nn, "model": model, "loader": loader})
        ends.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-12, atol=1e-12)
    assert (ends[0] - ends[2]).norm() > 1e-3
