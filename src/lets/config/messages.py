"""Turn pydantic's errors into *wrong value – why – a line to paste*; what is printed to paste has been tried."""

import difflib
import math
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from lets.config.strict import LARGEST_WHOLE, Strict
from lets.optim.catalogue import METHODS

Location = tuple[str | int, ...]
Problem = tuple[Location, str]
"""where in the file, and the message"""

EXAMPLE = "see how params/demo.yaml writes it"


def places(error: ValidationError, content: Any) -> list[tuple[Location, list[Any]]]:
    """Return where a file is wrong, with pydantic's errors there: several where no member of a union fits."""
    return [
        (at, list(group)) for at, group in groupby(error.errors(), key=lambda item: _place(item, content))
    ]


def explain(at: Location, items: list[Any], content: Any, model: type[BaseModel]) -> str:
    """Return what is wrong at one place, why, and what to paste."""
    item, attempt = items[0], _Attempt(content, model, at)
    key, value, kind = str(at[-1]) if at else "", item["input"], item["type"]
    if kind == "extra_forbidden":
        known = attempt.renamed(near(key, _values_by_key(), most=3))
        return f"an unknown key – nothing reads it – {known or 'delete it'}"
    if kind in ("missing", "union_tag_not_found"):
        fitting = attempt.fitting([*_examples(at, content)])
        why = "it has no default" if kind == "missing" else "it says which kind this is"
        if kind != "missing":
            fitting = sorted(
                {*fitting}, key=lambda one: (one != "pivot", one)
            )  # which any runs can be shown in
            why += f", and {', '.join(fitting)} would fit" if len(fitting) > 1 else ""
        return f"missing – {why} – add  {line(at, fitting[0]) if fitting else f'{key}: …'}  ({EXAMPLE})"
    if kind in ("literal_error", "union_tag_invalid"):
        choices = _choices(item)
        value = value if kind == "literal_error" else item["ctx"]["tag"]
        found = attempt.best(near(value, choices)) or attempt.best(choices)
        return f"{short(value)} – want one of {', '.join(choices)} – write  {found or line(at, choices[0])}"
    if kind == "string_pattern_mismatch" and item["loc"][-1] == "[key]":
        return f"{short(value)} – {_NAMES} – {attempt.renamed([_as_name(value)]) or EXAMPLE}"
    if (
        isinstance(value, str)
        and (number := as_number(value)) is not None
        and (left := attempt.errors(number))
    ):
        return explain(at, left, put(content, at, number), model)
    why, _, remedy = _why(items).partition(" – ")
    if not remedy:
        found = attempt.best([*_within(item), *readings(value), *_examples(at, content)])
        remedy = f"write  {found}" if found else "delete it" if attempt.without() else EXAMPLE
    return f"{short(value)} – {why} – {remedy}"


_NAMES = "a name is made of a-z, 0-9 and dashes"


def _place(item: Any, content: Any) -> Location:
    """The location without what pydantic adds to it (the members of unions), which the file does not hold."""
    place: list[str | int] = []
    for part in item["loc"]:
        if isinstance(content, dict | list) and part in (
            content if isinstance(content, dict) else range(len(content))
        ):
            place.append(part)
            content = content[part]
    if item["type"] == "missing":
        return (*place, item["loc"][-1])
    if item["type"].startswith("union_tag"):
        return (*place, item["ctx"]["discriminator"].strip("'"))
    return tuple(place)


def _why(items: list[Any]) -> str:
    item = items[0]
    if len(items) > 1:  # one for each member of a union
        wanted = (one["msg"].removeprefix("Input should be ").removeprefix("a valid ") for one in items)
        return f"want one of: {', '.join(dict.fromkeys(wanted))}"
    if item["type"] == "string_pattern_mismatch":
        return _NAMES
    if isinstance(item["input"], str) and item["type"].startswith(("int", "float", "bool")):
        return f"YAML reads this as text, not as a {'truth value' if 'bool' in item['type'] else 'number'}"
    if item["type"].startswith(("dict", "model")):
        return "it has keys with values of their own"
    return str(item["msg"]).removeprefix("Value error, ")


class _Attempt:
    """What becomes of a file when another value stands at one of its places."""

    def __init__(self, content: Any, model: type[BaseModel], at: Location) -> None:
        self._content, self._model, self._at = content, model, at

    def fitting(self, values: list[Any]) -> list[Any]:
        """Return the values that leave the fewest problems, none of them at their own place."""
        rated = [(len(left), value) for value in values if (left := self._left(self._at, value)) is not None]
        fewest = min((problems for problems, _ in rated), default=0)
        return [value for problems, value in rated if problems == fewest]

    def best(self, values: list[Any]) -> str | None:
        """Return the line with the first value that fits best."""
        fitting = self.fitting(values)
        return line(self._at, fitting[0]) if fitting else None

    def renamed(self, keys: list[str]) -> str | None:
        """Return the first of these keys under which the value is read, and how to write that."""
        above: Any = value_at(self._content, self._at[:-1])
        for key in keys:
            place = (*self._at[:-1], key)
            if key not in above and self._left(place, above[self._at[-1]]) is not None:
                text = line(place, above[self._at[-1]])
                return f"write  {text}" if len(text) <= 60 else f"rename it  {key}"
        return None

    def errors(self, value: Any) -> list[Any]:
        """Return pydantic's errors at the place itself when another value stands there."""
        try:
            self._model.model_validate(content := put(self._content, self._at, value))
        except ValidationError as error:
            return dict(places(error, content)).get(self._at, [])
        return []

    def without(self) -> bool:
        """Whether nothing is wrong at the place once it is empty."""
        return self._left(self._at, _NOTHING) is not None

    def _left(self, place: Location, value: Any) -> list[Location] | None:
        try:
            content = put(self._content, place, value)
            self._model.model_validate(content)
        except ValidationError as error:
            left = [_place(item, content) for item in error.errors()]
            return left if all(one[: len(place)] != place for one in left) else None
        return []


def value_at(content: Any, place: Location) -> Any:
    """Return what stands at a place."""
    for part in place:
        content = content[part]
    return content


_NOTHING = object()


def put(content: Any, place: Location, value: Any) -> Any:
    """Return a copy of the content with another value, or nothing, at one place; the rest is shared."""
    if not place:
        return value
    head, *rest = place
    copy = list(content) if isinstance(content, list) else dict(content or {})
    inner = copy[head] if isinstance(copy, list) else copy.get(head)  # type: ignore[index]
    if value is _NOTHING and not rest:
        del copy[head]  # type: ignore[arg-type]
    else:
        copy[head] = put(inner, tuple(rest), value)  # type: ignore[index]
    return copy


def line(place: Location, value: object) -> str:
    """Return what to paste at a place: `key: value` as YAML reads it, or the value alone in a list."""
    text = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True, sort_keys=False)
    text = text.strip().removesuffix("\n...")
    return f"{place[-1]}: {text}" if place and isinstance(place[-1], str) else text


def same(value: object, other: object) -> bool:
    """Return whether two values of a params file are one: to Python True is 1, to a reader it is not."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def near(name: object, choices: Iterable[str], most: int = 1) -> list[str]:
    """Return which of the choices were likely meant by a name, the likeliest first."""
    return difflib.get_close_matches(str(name)[:60], list(choices), most)


def or_near(value: object, choices: Sequence[object], place: Location) -> str:
    """Return the choice that was likely meant, as a line to paste, or all of them."""
    if isinstance(value, str):
        number = as_number(value)
        if any(same(number, choice) for choice in choices):
            return f"write  {line(place, number)}"
        names = {str(choice): choice for choice in choices}
        if found := near(value, names):
            return f"write  {line(place, names[found[0]])}"
    return one_of(choices)


def one_of(choices: Sequence[object]) -> str:
    """Return all choices, as they are written in a list."""
    return f"choose from: {', '.join(line((), choice) for choice in choices)}" if choices else "delete it"


def renamed(key: str, choices: Sequence[str]) -> str:
    """Return what to do with a key that nothing reads: the one that was likely meant, if there is one."""
    found = near(key, choices)
    return f"rename it  {found[0]}" if found else "delete it"


def repeated(at: Location, values: Sequence[object]) -> Iterator[Problem]:
    """Yield every duplicate in a list."""
    seen: set[object] = set()
    for index, value in enumerate(values):
        key = isinstance(value, bool), tuple(value) if isinstance(value, list) else value
        if key in seen:
            yield (*at, index), f"{short(value)} – duplicate – delete one of them"
        seen.add(key)


_MOST = sys.float_info.max


def as_number(text: str) -> int | float | None:
    """Return the number that a text spells, as YAML 1.1 or Python reads it; None if it spells none."""
    for reading in (int, float, lambda text: int(text, 0), _sexagesimal):
        try:
            number = reading(text)
        except (ValueError, OverflowError):
            continue
        if number == number:
            number = max(-_MOST, min(_MOST, number))
            whole = number == int(number) and "." not in text and abs(number) < 1e18
            return int(number) if whole else float(number)
    return None


def _sexagesimal(text: str) -> int:
    value = 0
    for part in text.split(":"):
        value = 60 * value + int(part)
    return value


def short(value: object) -> str:
    """Return a value as Python writes it, cut to a line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def readings(value: Any) -> Iterator[Any]:
    """What somebody may have meant by a value of the wrong type."""
    if isinstance(value, str):
        if (number := as_number(value)) is not None:
            yield from (number, _whole(number))
        yield from _as_truth(value)
        yield _as_name(value)
    if isinstance(value, float) and math.isfinite(value):
        yield _whole(value)
    if isinstance(value, int | float) and value < 0:
        yield -value
    if isinstance(value, int | float) and value in (0, 1):
        yield bool(value)
    if isinstance(value, list) and len(value) == 1:
        yield value[0]
        yield from readings(value[0])
    if isinstance(value, str | int | float):
        yield from (str(value), [value])


def _whole(number: float) -> int:
    """The nearest whole number that a params file can hold."""
    return round(max(-LARGEST_WHOLE, min(LARGEST_WHOLE, number)))


TRUE, FALSE = (
    ("true", "yes", "on", "enabled", "1", "y", "t"),
    ("false", "no", "off", "disabled", "0", "n", "f"),
)


def _as_truth(text: str) -> Iterator[bool]:
    """The truth value that a text spells, or nearly spells."""
    word = text.strip().lower()
    if word not in TRUE + FALSE:
        word = "".join(near(word, ("true", "false", "enabled", "disabled")))
    if word:
        yield word in TRUE


def _within(item: Any) -> Iterator[Any]:
    """The limit that a value is beyond, or the part of a list that is within it."""
    limits = item.get("ctx", {})
    yield from (limits[key] for key in ("ge", "le") if key in limits)
    if "max_length" in limits:
        yield item["input"][: limits["max_length"]]


def _as_name(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _choices(item: Any) -> list[str]:
    expected = item["ctx"].get("expected") or item["ctx"]["expected_tags"]
    return re.findall(r"'([^']*)'", expected)


def _examples(place: Location, content: Any) -> Iterator[Any]:
    """Values that some model takes for a key; of a list or mapping of such, single ones."""
    key = str(place[-1]) if place else ""
    if key == "experiments" and isinstance(own := content.get(key), dict):
        yield from ([name] for name in own)
    yield from _values_by_key().get(key, [])
    for one in _values_by_key().get(str(place[-2]), []) if len(place) > 1 else ():
        yield from one if isinstance(one, list) else one.values() if isinstance(one, dict) else ()
    yield {}


@cache
def _values_by_key() -> dict[str, list[Any]]:
    """Every key that some model reads, and values for it: examples, the default, the choices where there are few."""
    found: dict[str, list[Any]] = {}
    for cls in _models(Strict):
        for name, field in cls.model_fields.items():
            choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
            given = (*(field.examples or ()), field.default, *choices)
            values = found.setdefault(name, [])
            values += [
                one
                for one in given
                if isinstance(one, str | int | float | list | dict)
                and not any(same(one, other) for other in values)
            ]
    for info in METHODS.values():
        for name, taken in info.hyperparameters.items():
            found.setdefault(name, []).append(taken.default)
    return found


def _models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for cls in base.__subclasses__():
        yield cls
        yield from _models(cls)
