"""Seeds by role: pinned, because a changed seed is a changed result."""

import pytest

from lets.config import RunSpec, seed_for
from lets.project import expand, load_params

RUNS = list(expand(load_params("params/demo.yaml")).runs.values())


@pytest.mark.parametrize(
    ("role", "parts", "seed"),
    [
        ("init", ("resnet18", 0), 4209499478737403176),
        ("order", ("cifar10", 2), 6908487126930585437),
        ("noise", ("cifar10",), 4433074918353712609),
        ("method", ("esam", 1), 7067227533004413153),
        ("audit", (), 6633692094363040691),
    ],
)
def test_pinned(role: str, parts: tuple[object, ...], seed: int) -> None:
    """The first 63 bits of SHA-256 of role/part/…, worked out with hashlib alone."""
    assert seed_for(role, *parts) == seed  # type: ignore[arg-type]


def groups(*fields: str) -> dict[tuple[object, ...], list[RunSpec]]:
    found: dict[tuple[object, ...], list[RunSpec]] = {}
    for run in RUNS:
        found.setdefault(tuple(getattr(run, field) for field in fields), []).append(run)
    return found


@pytest.mark.parametrize(
    ("role", "fields"),
    [
        ("init", ("architecture", "seed")),
        ("order", ("dataset", "seed")),
        ("validation", ("dataset", "seed")),
        ("noise", ("dataset",)),
    ],
)
def test_a_role_depends_on_its_fields_and_on_nothing_else(role: str, fields: tuple[str, ...]) -> None:
    seeds = [{run.seeds()[role] for run in runs} for runs in groups(*fields).values()]
    assert all(len(one) == 1 for one in seeds)
    assert len(set.union(*seeds)) == len(seeds)


def test_roles_do_not_share_seeds() -> None:
    for run in RUNS:
        assert len(set(run.seeds().values())) == len(run.seeds())
