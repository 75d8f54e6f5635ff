"""Read a params file; say exactly what is wrong with one that cannot be read."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from lets.commands import command
from lets.errors import SpecError
from lets.spec.checks import contradictions, problems
from lets.spec.messages import Location, Problem, explain
from lets.spec.params import Params

SHOWN = 8  # problems printed at once
Model = TypeVar("Model", bound=BaseModel)


def load_params(path: str | Path) -> Params:
    """Return the validated params of a YAML file; raises SpecError that names file, line and remedy."""
    return read_yaml(
        Path(path), Params, lambda params: list(problems(params)) or list(contradictions(params))
    )


def read_yaml(path: Path, model: type[Model], problems_of: Callable[[Model], list[Problem]]) -> Model:
    """Return a YAML file as `model`, if nothing is wrong with it; raises SpecError as `load_params` does."""
    root, content = _parse(path)
    try:
        read = model.model_validate(content)
    except ValidationError as error:
        found = list(explain(error, content))
    else:
        found = problems_of(read)
        if not found:
            return read
    raise SpecError("\n".join(_lines(path, root, found)))


def read_facts(path: Path, model: type[Model], problems_of: Callable[[Model], list[Problem]]) -> Model:
    """Return a YAML file of what is known of the paper, which comes with the project."""
    if not path.is_file():
        raise SpecError(f"{path} – is not there – restore it:  {command('git', 'checkout', path)}")
    return read_yaml(path, model, problems_of)


def _parse(path: Path) -> tuple[yaml.MappingNode, Any]:
    """Return the file as nodes, which know their lines, and as plain values."""
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        root = _sound(path, loader.get_single_node())
        return root, loader.construct_document(root)
    except OSError as error:
        raise SpecError(
            f"{path} – cannot be read ({error.strerror}) – name a params file, for example params/demo.yaml"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else f"{path}:1"
        reason = getattr(error, "problem", None) or error
        raise SpecError(f"{where}: not YAML – {reason} – compare with params/demo.yaml") from error
    except RecursionError as error:
        raise SpecError(
            f"{path}:1: not a params file – an alias contains itself – delete that alias"
        ) from error


def _sound(path: Path, root: yaml.Node | None) -> yaml.MappingNode:
    """Refuse what is no mapping, and a key that stands twice: YAML keeps the last one and says nothing."""
    if not isinstance(root, yaml.MappingNode):
        raise SpecError(
            f"{path}:1: not a params file – want keys such as  profile: demo – compare with params/demo.yaml"
        )
    for key, first in _repeated_keys(root):
        raise SpecError(
            f"{path}:{key.start_mark.line + 1}: key {key.value!r} – stands twice, first on line {first} – "
            "delete one of them"
        )
    return root


def _repeated_keys(node: yaml.Node) -> Iterator[tuple[yaml.Node, int]]:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated_keys(item)
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                yield key, seen[name]
            seen[name] = key.start_mark.line + 1
            yield from _repeated_keys(value)


def _lines(path: Path, root: yaml.Node, found: list[Problem]) -> Iterator[str]:
    placed = sorted((_line(root, at), f"{_dotted(at)} is {text}") for at, text in found)
    for line, text in placed[:SHOWN]:
        yield f"{path}:{line}: {text}"
    if len(placed) > SHOWN:
        yield f"… and {len(placed) - SHOWN} more"


def _line(root: yaml.Node, at: Location) -> int:
    """The line of the deepest part of `at` that stands in the file."""
    node, line = root, root.start_mark.line
    for part in at:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line
        elif isinstance(node, yaml.MappingNode):
            # The last one counts: what a merge key (<<) brings in stands before what the mapping says itself.
            found = [(key, value) for key, value in node.value if key.value == str(part)]
            if found:
                line, node = found[-1][0].start_mark.line, found[-1][1]
    return int(line) + 1


def _dotted(at: Location) -> str:
    text = ""
    for part in at:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the file"
