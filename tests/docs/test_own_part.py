"""The page "Bring your own part" is true: its example learns, its errors are real, its table names what is abstract."""

import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import pytest
import torch
from tests.docs.pages import ROOT
from torch import nn

import lets

PAGE = (ROOT / "docs/own-part.md").read_text()
EXAMPLE, RELATIVE = re.findall(r"^```python\n(.*?)^```$", PAGE, re.S | re.M)
MESSAGES = re.findall(r"^```text\n(.*?)\n```$", PAGE, re.S | re.M)


@pytest.fixture(autouse=True)
def global_rng_untouched() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        yield


def create(name: str, **parts: Any) -> lets.optim.Method:
    model = nn.Linear(2, 2)
    return lets.create(name, model, torch.optim.SGD(model.parameters(), lr=0.1), **parts)


def test_the_example_learns_with_a_fixed_and_with_a_learned_radius() -> None:
    with redirect_stdout(StringIO()) as out:
        exec(EXAMPLE, {})
    found = re.findall(r"(.+) with SignAscent: radius (.+), test accuracy (.+)%", out.getvalue())
    assert [name for name, _, _ in found] == ["sam", "lets-sam"]
    assert float(found[0][1]) == 1e-3 != float(found[1][1])
    assert all(float(accuracy) > 90 for _, _, accuracy in found)


def test_the_second_class_climbs_further_where_weights_are_large() -> None:
    namespace: dict[str, Any] = {"lets": lets}
    exec(RELATIVE, namespace)
    model = nn.Linear(2, 1, bias=False)
    model.weight.data = torch.tensor([[1.0, 10.0]])
    seen = []

    def loss_fn(batch: torch.Tensor) -> torch.Tensor:
        seen.append(model.weight.detach().clone())
        return model(batch)[:, 0]

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    lets.create("sam", model, optimizer, ascent=namespace["Relative"](), rho=0.5).step(
        loss_fn, torch.ones(1, 2)
    )
    assert (seen[1] - seen[0]).tolist() == [[0.5, 50.0]]


def test_the_table_names_what_is_abstract() -> None:
    table = PAGE.split("| class | defines | returns |")[1].split("\n\n")[0]
    named = re.findall(r"^\| `lets\.(\w+)` \| `(\w+)", table, re.M)
    assert [name for name, _ in named] == ["Policy", "Ascent", "Descent", "Radius"]
    for name, method in named:
        assert getattr(lets, name).__abstractmethods__ == {method}


def test_the_messages_are_real() -> None:
    class Forgetful(lets.Ascent):
        pass

    Fixed = lets.optim.radius.Fixed
    for message, name, parts in zip(
        MESSAGES,
        ("sam", "sam", "lets-sam"),
        (
            lambda: {"ascent": "adaptive"},
            lambda: {"ascent": Forgetful()},
            lambda: {"radius": Fixed(0.1, torch.device("cpu"))},
        ),
        strict=True,
    ):
        with pytest.raises((TypeError, ValueError)) as error:
            create(name, **parts())
        # Python words the second, and since 3.12 otherwise
        assert str(error.value) == message or "abstract class Forgetful" in str(error.value)
