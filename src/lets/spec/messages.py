"""Turn pydantic's errors into *wrong value – why – a line to paste*."""

import difflib
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from pydantic import BaseModel, ValidationError

from lets.spec import params, training

Location = tuple[str | int, ...]
Problem = tuple[Location, str]
"""where in the file, and the message"""

EXAMPLE = "see how params/demo.yaml writes it"


def explain(error: ValidationError, content: Any) -> Iterator[Problem]:
    """Yield one problem per place in the file; a value that fits no member of a union is one problem."""
    for at, group in groupby(error.errors(), key=lambda item: _place(item, content)):
        items: list[Any] = list(group)
        yield _one(at, items[0]) if len(items) == 1 else (at, _no_member(items))


def _place(item: Any, content: Any) -> Location:
    """The location without what pydantic adds to it (the members of unions), which the file does not hold."""
    place: list[str | int] = []
    for part in item["loc"]:
        if isinstance(content, dict | list) and part in (
            content if isinstance(content, dict) else range(len(content))
        ):
            place.append(part)
            content = content[part]
    return tuple(place) if item["type"] != "missing" else (*place, item["loc"][-1])


def _one(at: Location, item: Any) -> Problem:
    key, value, kind = at[-1] if at else "", item["input"], item["type"]
    if kind == "extra_forbidden":
        return at, _unknown_key(str(key), value)
    if kind == "missing":
        return at, f"missing – it has no default – add  {key}: …  ({EXAMPLE})"
    if kind.startswith("union_tag"):
        return _tag(at, item)
    if kind == "literal_error":
        return at, _none_of(str(key), value, item["ctx"]["expected"].replace(" or ", ", "))
    if (
        isinstance(value, str)
        and kind.startswith(("int", "float"))
        and (number := as_number(value)) is not None
    ):
        return at, read_as_text(str(key), value, number)
    if kind == "string_pattern_mismatch":
        return at, f"{value!r} – a name is made of a-z, 0-9 and dashes – {EXAMPLE}"
    return at, f"{short(value)} – {item['msg'].removeprefix('Value error, ')} – {EXAMPLE}"


def read_as_text(key: str, value: str, number: int | float) -> str:
    """Say that YAML read a number as text (it wants a dot: 5.0e-4), and how to write it."""
    return f"{value!r} – YAML reads this as text, not as a number – write  {key}: {number!r}"


def as_number(text: str) -> int | float | None:
    """Return the number that a text spells, or None."""
    try:
        return int(text) if text.strip().lstrip("+-").isdigit() else float(text)
    except ValueError:
        return None


def short(value: object) -> str:
    """Return a value as Python writes it, cut to a line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _unknown_key(key: str, value: object) -> str:
    near = difflib.get_close_matches(key, _known_keys(), n=1)
    hint = f"write  {near[0]}: {short(value)}" if near else "delete it"
    return f"an unknown key – nothing reads it – {hint}"


def _tag(at: Location, item: Any) -> Problem:
    key = item["ctx"]["discriminator"].strip("'")
    if item["type"] == "union_tag_not_found":
        return (*at, key), f"missing – it says which kind this is – add  {key}: …  ({EXAMPLE})"
    return (*at, key), _none_of(key, item["ctx"]["tag"], item["ctx"]["expected_tags"])


def _none_of(key: str, value: object, expected: str) -> str:
    choices = [choice.strip("' ") for choice in expected.split(",")]
    near = difflib.get_close_matches(str(value), choices, n=1, cutoff=0.3) or choices
    return f"{short(value)} – want one of {', '.join(choices)} – write  {key}: {near[0]}"


def _no_member(items: list[Any]) -> str:
    wanted = dict.fromkeys(
        item["msg"].removeprefix("Input should be ").removeprefix("a valid ") for item in items
    )
    return f"{short(items[0]['input'])} – want one of: {', '.join(wanted)} – {EXAMPLE}"


def _known_keys() -> set[str]:
    classes = [*vars(params).values(), *vars(training).values()]
    return {
        field
        for cls in classes
        if isinstance(cls, type) and issubclass(cls, BaseModel)
        for field in cls.model_fields
    }
