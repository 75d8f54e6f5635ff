"""Read a YAML file as a model; say exactly what is wrong with one that cannot be read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from lets.commands import command
from lets.config.messages import Location, Problem, explain, places
from lets.config.plain_yaml import read_plain_yaml
from lets.errors import SpecError

SHOWN = 8  # problems printed at once
Model = TypeVar("Model", bound=BaseModel)


def read_yaml(path: Path, model: type[Model], problems_of: Callable[[Model], list[Problem]]) -> Model:
    """Return a YAML file as `model`, if nothing is wrong with it; raises SpecError as `load_params` does."""
    root, content = read_plain_yaml(path)
    try:
        read = model.model_validate(content)
    except ValidationError as error:
        items = dict(places(error, content))
        raise _refusal(path, root, list(items), lambda at: explain(at, items[at], content, model)) from error
    if texts := dict(problems_of(read)):
        raise _refusal(path, root, list(texts), texts.__getitem__)
    return read


def read_facts(path: Path, model: type[Model], problems_of: Callable[[Model], list[Problem]]) -> Model:
    """Return a YAML file of what is known of the paper, which comes with the project."""
    if not path.is_file():
        raise SpecError(f"{path} – is not there – restore it:  {command('git', 'checkout', path)}")
    return read_yaml(path, model, problems_of)


def _refusal(
    path: Path, root: yaml.Node, wrong: list[Location], text_at: Callable[[Location], str]
) -> SpecError:
    """Return what is wrong with a file, in the order of its lines."""
    tree = _tree(root, root)
    wrong = sorted(wrong, key=lambda at: _line(tree, at))
    lines = [f"{path}:{_line(tree, at)}: {_dotted(at)} is {text_at(at)}" for at in wrong[:SHOWN]]
    more = [f"… and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
    return SpecError("\n".join([*lines, *more]))


@dataclass(frozen=True)
class _Tree:
    """A place in a file: its line, and the places in it."""

    line: int
    parts: dict[str | int, "_Tree"]


def _tree(begin: yaml.Node, node: yaml.Node) -> _Tree:
    parts: dict[str | int, _Tree] = {}
    if isinstance(node, yaml.SequenceNode):
        parts = {index: _tree(item, item) for index, item in enumerate(node.value)}
    if isinstance(node, yaml.MappingNode):
        # The last one counts: what a merge key (<<) brings in stands before what the mapping says itself.
        parts = {key.value: _tree(key, value) for key, value in node.value}
    return _Tree(begin.start_mark.line + 1, parts)


def _line(tree: _Tree, at: Location) -> int:
    """Return the line of the deepest part of `at` that stands in the file."""
    for part in at:
        if part not in tree.parts:
            break
        tree = tree.parts[part]
    return tree.line


def _dotted(at: Location) -> str:
    text = ""
    for part in at:
        text += f"[{part}]" if isinstance(part, int) else f".{part:.60}" if text else f"{part:.60}"
    return text or "the file"
