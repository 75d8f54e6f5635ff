"""Runs that differ in their seed alone: what a mean may be taken over."""

from collections.abc import Iterable, Sequence
from typing import Any

from lets.errors import SpecError
from lets.results.outcomes import Outcome

Key = tuple[Any, ...]


def repeats(outcomes: Iterable[Outcome], fields: Sequence[str]) -> dict[Key, list[Outcome]]:
    """Group runs by the values of `fields`.

    Raises SpecError when a group holds runs that differ in more than the seed: their mean would mean nothing.
    """
    groups: dict[Key, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(tuple(outcome.field(name) for name in fields), []).append(outcome)
    for key, group in groups.items():
        _refuse_mixture(key, group)
    return groups


def in_order(keys: Iterable[Key]) -> list[Key]:
    """Return the different keys, sorted field by field, the values of a field as they first appear."""
    keys = list(dict.fromkeys(keys))
    places = [list(dict.fromkeys(values)) for values in zip(*keys, strict=True)]
    return sorted(
        keys, key=lambda key: [place.index(value) for place, value in zip(places, key, strict=True)]
    )


def _refuse_mixture(key: Key, group: list[Outcome]) -> None:
    specs = [outcome.spec.model_copy(update={"seed": 0}) for outcome in group]
    other = next((spec for spec in specs if spec.canonical() != specs[0].canonical()), None)
    if other is None:
        return
    first, second = specs[0].model_dump(), other.model_dump()
    first, second = first | first.pop("hyperparameters"), second | second.pop("hyperparameters")
    name = next(name for name in [*first, *second] if first.get(name) != second.get(name))
    advice = "select fewer experiments"
    if name != "training":
        advice = (
            f"make {name} a row, column or panel, or keep one value:  where: {{{name}: [{first.get(name)}]}}"
        )
    raise SpecError(
        f"the mean over {', '.join(map(str, key))} – would mix runs that differ in {name} "
        f"({group[0].id} and others) – {advice}"
    )
