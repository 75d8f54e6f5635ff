"""The methods' pages are true: in step with the catalogue, their examples run, their numbers come out again."""

import re
from ast import literal_eval
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import unified_diff
from math import log
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

import lets

DOCS = Path(__file__).parents[2] / "docs"
PAGES = DOCS / "methods"
GENERATOR = run_path(str(PAGES / "generate.py"))
CODE = re.compile(r"^```python\n(.*?)^```$", re.S | re.M)
WORKED = re.compile(
    r"^```python\n([^`]*)^```\n\n\| quantity \| value \|\n\|---\|---\|\n((?:\|.*\|\n?)+)", re.M
)
SETUP, QUADRATIC = CODE.findall((PAGES / "README.md").read_text())

every_method = pytest.mark.parametrize("name", lets.methods())


@pytest.fixture(autouse=True)
def global_rng_untouched() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def text_of(name: str) -> str:
    return (PAGES / f"{name}.md").read_text()


def section(name: str, title: str) -> str:
    return text_of(name).split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_method_has_a_page_and_every_page_a_method() -> None:
    assert {p.stem for p in PAGES.glob("*.md")} == {*lets.methods(), "README", "lets"}


@pytest.mark.parametrize("page", GENERATOR["parts"](), ids=lambda p: p.stem)
def test_the_generated_part_is_in_step_with_the_catalogue(page: Path) -> None:
    now, part = page.read_text(), GENERATOR["parts"]()[page]
    diff = unified_diff(
        now.splitlines(),
        GENERATOR["renewed"](now, part).splitlines(),
        "in the page",
        "generated",
        lineterm="",
        n=0,
    )
    lines = "\n".join(diff)
    assert not lines, f"{page.name} is out of step; run: python docs/methods/generate.py\n{lines}"


@every_method
def test_defaults_are_explained(name: str) -> None:
    """Each hyper-parameter is named where its default is explained, there or on the page that is referred to."""
    if name.startswith("lets-") and name != "lets-sam":
        explained = section(name, "Where the defaults come from") + section(
            "lets-sam", "Where the defaults come from"
        )
        base = section(name.removeprefix("lets-"), "Where the defaults come from")
    elif name == "erm":
        return
    else:
        explained, base = section(name, "Where the defaults come from"), ""
    common = {"bn_stats"}  # explained for all methods in README.md
    missing = [
        h for h in lets.describe(name).hyperparameters if h not in common and f"`{h}" not in explained + base
    ]
    assert not missing


@every_method
def test_the_example_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = CODE.findall(section(name, "Example"))
    namespace: dict[str, Any] = {}
    exec(SETUP, namespace)
    before = [p.detach().clone() for p in namespace["model"].parameters()]
    exec(example, namespace)
    assert namespace["method"].info.name == name
    assert any(not torch.equal(a, b) for a, b in zip(before, namespace["model"].parameters(), strict=True))
    assert capsys.readouterr().out


OBSERVED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "perturbation": lambda n: tuple(there - here for here, there in zip(*n["visited"][:2], strict=True)),
    "descent gradient": lambda n: n["descended"][-1],
    "weights": lambda n: tuple(p.item() for p in n["model"].parameters()),
    "radius": lambda n: n["method"].rho,
    "perturbed": lambda n: n["stats"].perturbed,
    "gap": lambda n: n["stats"].gap.item(),
    "hyper-gradient": lambda n: n["stats"].hypergradient.item(),
    "mean": lambda n: n["method"].state_dict()["policy"]["mean"].item(),
    "variance": lambda n: n["method"].state_dict()["policy"]["variance"].item(),
}
"""What a page calls a quantity → how to see it from outside"""


def fresh() -> dict[str, Any]:
    """The quadratic at theta_0, with a record of the weights at which its loss is asked for, and of every descent."""
    namespace: dict[str, Any] = {"torch": torch, "nn": torch.nn, "lets": lets, "visited": [], "descended": []}
    exec(QUADRATIC, namespace)
    namespace["model"].register_forward_pre_hook(
        lambda model, _: namespace["visited"].append([p.item() for p in model.parameters()])
    )
    return namespace


@contextmanager
def observed_descents(namespace: dict[str, Any]) -> Iterator[None]:
    """The gradients that a base optimizer is given; after the step there are none."""

    def record(*_: object) -> None:
        namespace["descended"].append(tuple(p.grad.item() for p in namespace["model"].parameters()))

    hook = register_optimizer_step_pre_hook(record)
    try:
        yield
    finally:
        hook.remove()


@pytest.mark.parametrize("name", [*lets.methods(), "lets"])
def test_the_worked_numbers_come_out_again(name: str) -> None:
    examples = WORKED.findall(text_of(name))
    assert examples
    namespace = fresh()
    for code, table in examples:
        if "lets.create" in code:
            namespace = fresh()
        namespace["visited"].clear()
        with observed_descents(namespace):
            exec(code, namespace)
        for quantity, shown in re.findall(r"^\| ([^|$(]+?) (?:[$(].*)?\| (.*) \|$", table, re.M):
            assert OBSERVED[quantity](namespace) == pytest.approx(literal_eval(shown), rel=1e-10, abs=1e-9), (
                quantity
            )
        assert len(re.findall("^\\|", table, re.M)) == len(re.findall(r"^\| [^|]+ \| .+ \|$", table, re.M))


def test_adams_floor_is_where_the_page_says() -> None:
    rows = re.findall(r"^\| ([\d.]+) \| ([\d.]+) \| ([\d.e-]+) \|$", text_of("lets"), re.M)
    assert len(rows) == 4
    for eta, rho, hypergradient in rows:
        assert float(eta) * float(rho) * float(hypergradient) == pytest.approx(1e-8)
    for scale in (1.0, 0.02, 0.01, 0.005):  # of the loss; from far above the floor to below it
        namespace = fresh()
        method = lets.create("lets-sam", namespace["model"], namespace["optimizer"], rho=0.05, rho_lr=0.01)
        stats = method.step(
            lambda b, n=namespace, c=scale: c * n["model"](b), namespace["batch"], namespace["val_batch"]
        )
        r = 0.1 * 0.05 * abs(stats.hypergradient.item())
        assert abs(log(method.rho / 0.05)) == pytest.approx(0.01 * r / (r + 1e-8), rel=1e-6)
