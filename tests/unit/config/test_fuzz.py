"""Any file at all: it is accepted and expands, or is refused in sentences that name the file and the place."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.unit.config.pasting import places, put

from lets.errors import SpecError
from lets.project import expand, load_params

SEEDS = [Path(__file__).parent / "params.yaml", Path(__file__).parents[3] / "params/language.yaml"]
TEXTS = [path.read_bytes() for path in SEEDS]
CONTENTS = [yaml.safe_load(text) for text in TEXTS]
EXAMPLES = int(os.environ.get("LETS_FUZZ", "15"))
"""of each kind; LETS_FUZZ=5000 for an evening"""
SCALARS = (
    b"010", b"1:30", b"1_000", b"1e1", b"yes", b"2024-01-01", b"0b1", b".inf", b".nan", b"-0.0", b"~",
    b"1" + 400 * b"0",
    b"!!int x", b"!!python/name:os.system", b'"\\ud800"', b'"\\0"', b"*a", b"&a [*a]", b"{<<: 5}", b"<<", b"=", b"[]",
    b"{}", b"? [1]", b"- 1", b"1.0e+999", b"\xff\xfe", b"\xef\xbb\xbf", b"\t", b"'", b"|", b">", b"%YAML 1.1", b"---",
    b"...", b"[[[[",
)  # fmt: skip
ODD: list[Any] = [
    None, True, -1, 0, 1.5, 10**30, float("inf"), float("nan"), "", "sam", "digits", "rho", "\x07", "é", "x" * 200,
    [], {}, [[]], [{}], {"a": 1}, {1: 2}, [None], ["sam"], [0, 0], "0.05", "1e-3", "human-worse", "seed", "preset",
    2**70,
]  # fmt: skip


def outcome(path: Path) -> str:
    try:
        params = load_params(path)
    except SpecError as error:
        text = str(error)
        first, *_ = text.splitlines()
        assert re.match(rf"{re.escape(str(path))}(:\d+)?(:| –) ", first), text
        assert " – " in first
        assert len(text) < 20_000
        assert text.isprintable() or all(line.isprintable() for line in text.splitlines()), text
        return text
    assert expand(params).runs
    return ""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "params.yaml"


bounded = settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES < 1000,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@bounded
@given(st.sampled_from(TEXTS), st.data())
def test_bytes_changed_anywhere(path: Path, text: bytes, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        gap = data.draw(st.integers(0, 30))
        text = (
            text[:start] + data.draw(st.sampled_from(SCALARS) | st.binary(max_size=5)) + text[start + gap :]
        )
    path.write_bytes(text)
    outcome(path)


@bounded
@given(st.sampled_from(CONTENTS), st.data())
def test_values_and_keys_changed_anywhere(path: Path, content: Any, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        every = list(places(content))
        place = data.draw(st.sampled_from(every))
        kind = data.draw(st.sampled_from(["value", "value", "copy", "rename", "drop"]))
        if kind == "value":
            content = put(content, place, data.draw(st.sampled_from(ODD)))
        elif kind == "copy":
            value: Any = content
            for part in data.draw(st.sampled_from(every)):
                value = value[part]
            content = put(content, place, value)
        else:
            above: Any = content
            for part in place[:-1]:
                above = above[part]
            changed = dict(above) if isinstance(above, dict) else list(above)
            value = changed.pop(place[-1])  # type: ignore[arg-type]
            if kind == "rename" and isinstance(changed, dict):
                changed[data.draw(st.sampled_from(["kind", "rho", "where", "metric", "name", "a b", ""]))] = (
                    value
                )
            content = put(content, place[:-1], changed) if place[:-1] else changed
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    outcome(path)


@bounded
@given(st.text(max_size=40))
@example("010")
@example("1e1")
@example("2024-01-01")
@example("off")
def test_a_value_is_what_yaml_reads_or_text(path: Path, text: str) -> None:
    """What is read as a number, as true or as nothing, YAML 1.1 reads so too, and it looks like that."""
    from lets.config.yaml_files import read_plain_yaml

    path.write_bytes(f"a: {text}".encode(errors="replace"))
    try:
        _, content = read_plain_yaml(path)
    except SpecError:
        return
    value = content.get("a")
    if isinstance(value, bool | int | float):
        assert value == yaml.safe_load(path.read_bytes())["a"]
        assert isinstance(value, bool) or float(text.split("#")[0].strip()) == value
