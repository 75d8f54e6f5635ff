"""What a user does with a refusal: put the line that it prints where it says the problem is."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from lets.errors import SpecError
from lets.project.project import load_params

PROBLEM = re.compile(r"[^\n]*?\.yaml:\d+: (?P<place>.+?) is (?P<value>.*?) – .* – (?P<remedy>[^–]*)")


def refusal(content: Any, path: Path) -> str:
    """Return what is said about a file with this content; nothing, if it is accepted."""
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    try:
        load_params(path)
    except SpecError as error:
        return str(error)
    return ""


def follow(content: Any, path: Path, most: int = 8) -> list[str]:
    """Return the refusals that are met on the way to an accepted file, each mended as it says.

    The last one is of advice that cannot be pasted, or was given before, or one too many; else it is empty.
    """
    met: list[str] = []
    while len(met) < most:
        text = refusal(content, path)
        met.append(text)
        pasted = next((one for line in text.splitlines() if (one := paste(content, line)) is not None), None)
        if not text or text in met[:-1] or pasted is None:
            break
        content = pasted
    return met


def paste(content: Any, problem: str) -> Any:
    """Return the content after one problem was mended; None if its remedy is no line to paste."""
    found = PROBLEM.fullmatch(problem)
    if found is None:
        return None
    place, remedy = tuple(_parts(found["place"])), found["remedy"].strip()
    there = _at(content, place)
    if remedy.startswith("delete"):
        inside = isinstance(there, dict) and remedy.split()[1] in there
        return _changed(content, (*place, remedy.split()[1]) if inside else place, delete=True)
    if remedy.startswith("rename it  "):
        return _renamed(content, place, remedy.removeprefix("rename it  "))
    if remedy.startswith("choose from: "):
        return _changed(content, place, yaml.safe_load(remedy.removeprefix("choose from: ").split(", ")[0]))
    written = re.match(r"(?:write|add)  (.*?)(?:  \(see .*\))?$", remedy)
    if written is None:
        return None
    line = yaml.safe_load(written[1])
    if not isinstance(line, dict):
        return _changed(content, place, line)
    ((key, value),) = line.items()
    keys = [index for index, part in enumerate(place) if part == key]
    if keys:
        return _changed(content, place[: keys[-1] + 1], value)
    if isinstance(there, dict):
        return _changed(content, (*place, key), value)
    return _changed(_changed(content, place, delete=True), (*place[:-1], key), value)


def _at(content: Any, place: tuple[str | int, ...]) -> Any:
    for part in place:
        if isinstance(content, dict):
            content = content.get(part)
        else:
            content = content[part] if isinstance(content, list) and isinstance(part, int) else None
    return content


def _parts(place: str) -> Iterator[str | int]:
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", place):
        yield name or int(index)


def _changed(content: Any, place: tuple[str | int, ...], value: Any = None, *, delete: bool = False) -> Any:
    head, *rest = place
    copy = dict(content or {}) if isinstance(head, str) else list(content)
    if rest:
        below = copy.get(head) if isinstance(copy, dict) else copy[head]
        copy[head] = _changed(below, tuple(rest), value, delete=delete)
    elif delete:
        del copy[head]
    else:
        copy[head] = value
    return copy


def _renamed(content: Any, place: tuple[str | int, ...], key: str) -> Any:
    return _changed(_changed(content, place, delete=True), (*place[:-1], key), _at(content, place))


def places(content: Any) -> Iterator[tuple[str | int, ...]]:
    """Yield every place in a file but the whole."""
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        yield (key,)
        if isinstance(value, dict | list):
            yield from ((key, *place) for place in places(value))


def put(content: Any, place: tuple[str | int, ...], value: Any) -> Any:
    """Return the content with another value at a place."""
    return _changed(content, place, value)
