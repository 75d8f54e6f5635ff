"""What the program prints to be pasted, wherever it does: commands that parse, lines that a params file takes."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError
from tests.docs.pages import ROOT

import lets.config
from lets.cli.main import app
from lets.config.strict import Strict

SOURCES = sorted(Path(lets.config.__file__).parents[1].rglob("*.py"))
END = r"(?=  | – |[;\n)]|,  |$)"
COMMAND = re.compile(rf"(?:^|  |: |[(])((?:lets|make|pip|snakemake) (?:[a-z{{'-].*?)){END}")
LINE = re.compile(rf"(?:write|add)  ([a-z_]+: .+?){END}")
MADE_OF = "77"
"""stands for what is only known when it is printed: a number, which is a text too"""


def _texts(path: Path) -> Iterator[str]:
    """Every text of a source file that is no docstring, what it fills in replaced."""
    tree = ast.parse(path.read_text())
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else MADE_OF for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts | docs:
            yield node.value


def _found(pattern: re.Pattern[str]) -> list[str]:
    return sorted(
        {match[1].strip() for path in SOURCES for text in _texts(path) for match in pattern.finditer(text)}
    )


COMMANDS = [
    command for command in _found(COMMAND) if "…" not in command and command != "lets train"
]  # its title
LINES = _found(LINE)


def _fields(cls: type[BaseModel] = Strict) -> Iterator[tuple[str, TypeAdapter[object]]]:
    for model in cls.__subclasses__():
        for name, field in model.model_fields.items():
            yield name, TypeAdapter(field.rebuild_annotation())
        yield from _fields(model)


def test_some_are_found() -> None:
    assert "lets list methods" in COMMANDS
    assert "keep_weights: true" in LINES


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.startswith("lets ")])
def test_commands_parse(command: str) -> None:
    _parse(
        typer.main.get_command(app),
        shlex.split(command.replace(f"analyse {MADE_OF}", "analyse landscape"))[1:],
    )


def _parse(command: Any, arguments: list[str]) -> None:
    """Parse without running; raises click's UsageError for an unknown verb, option or argument."""
    context = command.make_context("lets", list(arguments))
    if hasattr(command, "resolve_command"):
        _, verb, rest = command.resolve_command(context, arguments)
        _parse(verb, rest)


@pytest.mark.parametrize("command", [one for one in COMMANDS if re.match(r"make [a-z]+$", one)])
def test_make_targets_exist(command: str) -> None:
    assert re.search(rf"^{command.split()[1]}:", (ROOT / "Makefile").read_text(), re.M)


@pytest.mark.parametrize("line", LINES)
def test_lines_are_taken_by_a_field_of_that_name(line: str) -> None:
    key = line.partition(":")[0]
    adapters = [adapter for name, adapter in _fields() if name == key]
    assert adapters, f"no model reads {key}"
    if MADE_OF in line.partition(": ")[2]:
        return
    value = yaml.safe_load(line)[key]
    assert any(_accepts(adapter, value) for adapter in adapters), line


def _accepts(adapter: TypeAdapter[object], value: object) -> bool:
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError:
        return False
    return True
