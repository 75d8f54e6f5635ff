"""The page "Use LETS in your own training loop" is true: its example learns and resumes, its errors are real."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import fields
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import lets

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/own-loop.md").read_text()
EXAMPLE, LOSSES, CLOSURES, REUSE, MICRO_BATCHES, LIFTED = re.findall(
    r"^```python\n(.*?)^```$", TEXT, re.S | re.M
)
MESSAGES = re.findall(r"^```text\n(.*?)\n```$", TEXT, re.S | re.M)


@pytest.fixture(autouse=True)
def global_rng_untouched() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        yield


def run(folder: Path) -> tuple[dict[str, Any], str]:
    """The example in a folder: its variables and what it printed."""
    namespace: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out:
        patch.chdir(folder)
        exec(EXAMPLE, namespace)
    return namespace, out.getvalue()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    with torch.random.fork_rng(devices=[]):
        return run(tmp_path_factory.mktemp("unbroken"))


def test_the_example_learns(unbroken: tuple[dict[str, Any], str]) -> None:
    namespace, out = unbroken
    assert namespace["accuracy"] > 0.9
    assert f"test accuracy {namespace['accuracy']:.1%}" in out
    assert namespace["method"].rho != 0.05
    assert namespace["stats"].passes == 4
    assert namespace["optimizer"].param_groups[0]["lr"] == pytest.approx(0)


def test_the_example_resumes_to_the_same_bytes(
    unbroken: tuple[dict[str, Any], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, epochs = torch.save, []

    def killed_after_three(state: dict[str, Any], file: Path) -> None:
        save(state, file)
        epochs.append(state["epochs"])
        if len(epochs) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", killed_after_three)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    resumed, out = run(tmp_path)
    assert epochs == [1, 2, 3, 4, 5, 6]
    assert "epoch 3" not in out
    for name, value in unbroken[0]["model"].state_dict().items():
        assert torch.equal(value, resumed["model"].state_dict()[name]), name
    assert resumed["method"].rho == unbroken[0]["method"].rho


def test_reuse_saves_a_pass(unbroken: tuple[dict[str, Any], str]) -> None:
    with redirect_stdout(StringIO()) as out:
        exec(REUSE, dict(unbroken[0]))
    assert out.getvalue() == "3 passes\n"


def test_an_optimizer_with_closures_learns(unbroken: tuple[dict[str, Any], str]) -> None:
    namespace = dict(unbroken[0])
    namespace["model"] = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
    exec(CLOSURES, namespace)
    assert namespace["loss"] < 1
    assert namespace["optimizer"].rho != 0.05


def test_weighted_losses_have_torchs_mean(unbroken: tuple[dict[str, Any], str]) -> None:
    namespace = dict(unbroken[0])
    exec(LOSSES, namespace)
    inputs, targets = batch = next(namespace["shuffled"](0))
    with torch.no_grad():
        logits = namespace["model"](inputs)
        expected = nn.functional.cross_entropy(logits, targets, weight=torch.linspace(1, 2, 10))
    for loss_fn in (namespace["weighted"], namespace["weighted_by_sample"]):
        method = lets.create(
            "sam", namespace["model"], torch.optim.SGD(namespace["model"].parameters(), lr=0.0)
        )
        torch.testing.assert_close(method.step(loss_fn, batch).loss, expected)


def test_the_micro_batches_line_runs(unbroken: tuple[dict[str, Any], str]) -> None:
    namespace = dict(unbroken[0])
    exec(MICRO_BATCHES, namespace)
    batch = next(namespace["shuffled"](0))
    seen: list[int] = []

    def loss_fn(part: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        seen.append(len(part[1]))
        return namespace["loss_fn"](part)

    namespace["method"].step(loss_fn, batch, batch)
    assert seen == [16] * 16


def test_the_fields_of_stats_are_all_there() -> None:
    table = TEXT.split("| field | is |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.M) == [f.name for f in fields(lets.optim.Stats)]


def test_the_methods_to_choose_from_exist() -> None:
    table = TEXT.split("| you want | take | passes |")[1].split("\n\n")[0]
    assert set(re.findall(r"`([\w-]+)`", table)) <= set(lets.methods())


MODEL = nn.Linear(64, 10)
BATCH = torch.zeros(64, 64), torch.zeros(64, dtype=torch.int64)


def create(name: str, **settings: Any) -> lets.optim.Method:
    return lets.create(name, MODEL, torch.optim.SGD(MODEL.parameters(), lr=0.1), **settings)


def step(batch: Any = BATCH, change: Callable[[torch.Tensor], torch.Tensor] = lambda losses: losses) -> None:
    def loss_fn(batch: Any) -> torch.Tensor:
        return change(nn.functional.cross_entropy(MODEL(batch[0]), batch[1], reduction="none"))

    create("sam").step(loss_fn, batch)


def replaced() -> None:
    model = nn.Linear(64, 10)
    method = lets.create("sam", model, torch.optim.SGD(model.parameters(), lr=0.1))
    model.load_state_dict(nn.Linear(64, 10).state_dict(), assign=True)
    model.requires_grad_(True)
    method.step(lambda batch: model(batch[0])[:, 0], BATCH)


PROVOKED: list[Callable[[], object]] = [
    lambda: step(change=lambda losses: losses[:, None]),
    lambda: replaced(),
    lambda: create("sam").step(lambda batch: nn.Linear(64, 1)(batch[0])[:, 0], BATCH),
    lambda: step(change=torch.detach),
    lambda: create("lets-sam").step(MODEL, BATCH),
    lambda: step((*BATCH, 3)),
    lambda: step((BATCH[0], BATCH[1][1:])),
    lambda: create("letsam"),
    lambda: create("sam", alpha=1),
    lambda: create("lets-sam", rho=0),
    lambda: create("ae-sam"),
    lambda: create("lets-sam").load_state_dict(create("sam").state_dict()),
    lambda: step(change=lambda losses: losses * float("nan")),
]
"""How to meet each error of the page, in its order"""


def test_every_error_of_the_page_can_be_provoked() -> None:
    assert len(MESSAGES) == len(PROVOKED)


@pytest.mark.parametrize(("message", "provoke"), list(zip(MESSAGES, PROVOKED, strict=False)))
def test_the_messages_are_real(message: str, provoke: Callable[[], object]) -> None:
    with pytest.raises((ValueError, TypeError, lets.DivergenceError)) as error:
        provoke()
    beginning, cut, _ = message.partition("…")
    assert str(error.value).startswith(beginning)
    assert cut or str(error.value) == message


def test_the_folder_works_elsewhere(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "src/lets/optim", tmp_path / "sharpness", ignore=shutil.ignore_patterns("__pycache__")
    )
    setup = """
import sys

sys.modules["lets"] = None  # `import lets` fails
import torch

model = torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
    use = """
for _ in range(2):
    stats = method.step(lambda x: model(x).square().sum(1), torch.ones(3, 4), -torch.ones(3, 4))
assert not [name for name in sys.modules if name.startswith("lets.")]
print(stats.passes, method.rho != 0.05)
"""
    script = tmp_path / "script.py"
    script.write_text(setup + LIFTED + use)
    result = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert result.stdout == "4 True\n", result.stderr
