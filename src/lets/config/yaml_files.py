"""Read a YAML file as a model, or say exactly what is wrong with it, on which line.

A value is what it looks like, and the rest is refused at once. YAML 1.1 reads 010 as 8, 1:30 as 90 and yes as true, a
tag runs a constructor, and nine lines of aliases can hold a billion values. Here 010, 1:30 and yes are text, which the
types of a params file refuse where a number is wanted.
"""

import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from lets.commands import command
from lets.config.messages import Location, Problem, explain, places
from lets.errors import SpecError

LARGEST = 128 * 1024
"""bytes of a file; the paper's has 20,000"""
MOST_VALUES = 10_000
"""keys and values of a file, every alias counted with all that it stands for; the paper's has 1,700"""
DEEPEST = 20
"""lists and mappings in one another, also through aliases"""
COMPARE = "compare with params/demo.yaml"

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
"""what cannot be encoded, or shown on a line of a table, a figure or a terminal"""
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""letters and marks without a shape, beside the category Cf: zero width, and what turns the direction of a text"""
_PLAIN = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?(0|[1-9][0-9]{0,17})", list("-+0123456789")),
    "float": (r"([-+]?[0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?", list("-+.0123456789")),
    "merge": (r"<<", ["<"]),
}
"""tag: what is read as it, and how that may begin. YAML 1.1 and 1.2 agree on all of it; everything else is text"""


def read_plain_yaml(path: Path, text: str | None = None) -> tuple[yaml.MappingNode, Any]:
    """Return the file, or the `text` that it is to hold, as nodes, which know their lines, and as plain values.

    Raises SpecError.
    """
    text = _text(path) if text is None else text
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise SpecError(f"{path}:1: not a params file – want keys such as  profile: demo – {COMPARE}")
        _refuse_too_much(root, {})
        _refuse_repeated_keys(path, root)
        return root, loader.construct_document(root)
    except yaml.reader.ReaderError as error:
        raise _not_yaml(path, text.count("\n", 0, error.position) + 1, error.reason) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _not_yaml(path, line, str(error.problem), error.note or COMPARE) from error


def read_value(text: str) -> Any:
    """Return one value as it would be read in a file; raises SpecError for what is no plain YAML."""
    try:
        return _Loader(text).get_single_data()
    except yaml.YAMLError as error:
        raise SpecError(f"{text} – is not plain YAML – write for example  5,  sam  or  [0, 1]") from error


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        reason = getattr(error, "strerror", error)
        raise SpecError(
            f"{path} – cannot be read ({reason}) – name a params file, for example params/demo.yaml"
        ) from error
    if len(content) > LARGEST:
        raise SpecError(
            f"{path} – is longer than {LARGEST // 1024} kB – a params file is a few hundred lines that people read – "
            f"{COMPARE}"
        )
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        reason = f"byte {content[error.start]:#04x} is not UTF-8, save the file in that encoding"
        raise _not_yaml(path, content.count(b"\n", 0, error.start) + 1, reason) from error


def _not_yaml(path: Path, line: int, reason: str, remedy: str = COMPARE) -> SpecError:
    return SpecError(f"{path}:{line}: not plain YAML – {reason} – {remedy}")


class _Refused(yaml.MarkedYAMLError):
    """YAML that is not plain, and where."""

    def __init__(self, at: yaml.Event | yaml.Node, reason: str, remedy: str = COMPARE) -> None:
        super().__init__(problem=reason, problem_mark=at.start_mark, note=remedy)  # type: ignore[arg-type]


class _Loader(yaml.SafeLoader):
    """A loader of plain values, without tags, and not too deep for those who walk through what it read."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 – as pyyaml declares it

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._open: list[str | None] = []
        """anchors of what is being read, from the outermost"""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) and event.anchor in self._open:
            raise _Refused(event, "an alias that contains itself", f"delete *{event.anchor}")
        if tag := getattr(event, "tag", None):
            tag = tag.replace("tag:yaml.org,2002:", "!!")
            raise _Refused(event, f"the tag {tag!a}, but a value is what it looks like", "delete the tag")
        if isinstance(event, yaml.ScalarEvent):
            _refuse_unseen(event)
        if len(self._open) > DEEPEST:
            raise _too_deep(event)
        self._open.append(None if isinstance(event, yaml.AliasEvent) else event.anchor)
        node = super().compose_node(parent, index)
        self._open.pop()
        return node

    def construct_yaml_float(self, node: yaml.ScalarNode) -> Any:
        value = super().construct_yaml_float(node)
        return value + 0.0 if math.isfinite(value) else node.value  # -0.0 becomes 0.0, and 1.0e+999 text


for _tag, (_pattern, _first) in _PLAIN.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)


def _refuse_unseen(event: yaml.ScalarEvent) -> None:
    """Refuse a text that holds more, or reads otherwise, than a table or a page shows of it."""
    for char in event.value:
        if char in "\n\t":
            raise _Refused(
                event,
                f"the character {char!a}, and a value is one line of text",
                "write a blank, and a folded text with >-",
            )
        if _UNPRINTABLE.match(char):
            raise _Refused(event, f"the character {char!a}, which cannot be printed", "delete it")
        if unicodedata.category(char) == "Cf" or _INVISIBLE.match(char):
            raise _Refused(event, f"the character {char!a}, which cannot be seen", "delete it")


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []


def _refuse_too_much(node: yaml.Node, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Return how many values a node holds and how deep they lie; an alias is its node once more."""
    if id(node) not in known:
        sizes = [_refuse_too_much(child, known) for child in _children(node)]
        values, depth = 1 + sum(size for size, _ in sizes), 1 + max((deep for _, deep in sizes), default=0)
        if values > MOST_VALUES:
            raise _Refused(node, f"more than {MOST_VALUES:,} values, with what its aliases stand for")
        if depth > DEEPEST:
            raise _too_deep(node)
        known[id(node)] = values, depth
    return known[id(node)]


def _too_deep(at: yaml.Event | yaml.Node) -> _Refused:
    return _Refused(at, f"lists and mappings lie in one another more than {DEEPEST} deep")


def _refuse_repeated_keys(path: Path, node: yaml.Node) -> None:
    """Refuse a duplicate key, for YAML keeps the last one and says nothing; keys become text."""
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _Refused(key, "a key that is no text")
            line = key.start_mark.line + 1
            if key.value in first:
                raise SpecError(
                    f"{path}:{line}: key {key.value!r} – duplicate, first on line {first[key.value]} – "
                    "delete one of them"
                )
            first[key.value] = line
            if key.tag != "tag:yaml.org,2002:merge":
                key.tag = "tag:yaml.org,2002:str"
    for child in _children(node):
        _refuse_repeated_keys(path, child)


SHOWN = 8  # problems printed at once
Model = TypeVar("Model", bound=BaseModel)


def read_yaml(
    path: Path,
    model: type[Model],
    problems_of: Callable[[Model], list[Problem]],
    text: str | None = None,
) -> Model:
    """Return a YAML file, or the `text` that it is to hold, as `model`, if nothing is wrong with it.

    Raises SpecError as `load_params` does.
    """
    root, content = read_plain_yaml(path, text)
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
