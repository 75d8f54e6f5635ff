"""Cut a params file down to some of its experiments, with the tables and figures that can still be made of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lets.commands import command
from lets.errors import SpecError
from lets.spec.load import load_params
from lets.spec.matrix import Matrix, expand, meets
from lets.spec.messages import or_near
from lets.spec.params import Comparison, Params, Selection, Table
from lets.spec.plain_yaml import read_plain_yaml
from lets.spec.selections import showable


@dataclass(frozen=True)
class Cut:
    """A smaller params file: its profile, its text, and the tables and figures that lack too much to be made."""

    profile: str
    text: str
    dropped: tuple[str, ...]


def cut(path: Path, names: list[str], profile: str = "") -> Cut:
    """Return a params file with the named experiments alone; a table or figure stands for those that it shows.

    Runs keep their ids. Raises SpecError for a name that the file does not have.
    """
    params, (_, content) = load_params(path), read_plain_yaml(path)
    kept = _experiments(path, params, names)
    profile = profile or "-".join([params.profile, *names])
    smaller = {**content, "profile": profile}
    smaller["experiments"] = {name: content["experiments"][name] for name in kept}
    shown = _shown(params, kept)
    for section in ("tables", "figures"):
        given = content.get(section) or {}
        smaller[section] = {name: {**one, **shown[name]} for name, one in given.items() if name in shown}
    text = yaml.dump(
        smaller, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None
    )
    items: dict[str, Selection] = {**params.tables, **params.figures}
    dropped = tuple(
        name for name, item in items.items() if {*item.experiments} & {*kept} and name not in shown
    )
    return Cut(profile, f"# {command('lets', 'only', *names, '--params', path)}\n{text}", dropped)


class _Dumper(yaml.SafeDumper):
    """Writes out what an alias stands for."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _experiments(path: Path, params: Params, names: Iterable[str]) -> list[str]:
    items: dict[str, Selection] = {**params.tables, **params.figures}
    asked: set[str] = set()
    for name in names:
        if name not in params.experiments and name not in items:
            known = [*params.experiments, *items]
            reason = f"no experiment, table or figure of {path}"
            raise SpecError(f"{name!r} – {reason} – {or_near(name, known, ())}")
        asked |= {name} if name in params.experiments else {*items[name].experiments}
    return [name for name in params.experiments if name in asked]


def _shown(params: Params, kept: list[str]) -> dict[str, dict[str, Any]]:
    """Return what changes in every table and figure that some of these experiments can make."""
    experiments = {name: params.experiments[name] for name in kept}
    alone = params.model_copy(update={"experiments": experiments, "tables": {}, "figures": {}})
    matrix = expand(alone)
    found = {}
    for section in ("tables", "figures"):
        for name, item in getattr(params, section).items():
            narrow = _narrowed(item, kept, matrix)
            smaller = item.model_copy(update=narrow)
            one = alone.model_copy(update={section: {name: smaller}})
            if smaller.experiments and not any(showable(one, matrix)):
                found[name] = narrow
    return found


def _narrowed(item: Selection, kept: list[str], matrix: Matrix) -> dict[str, Any]:
    """Return the fields that name what is not there any more, without it."""
    changed: dict[str, Any] = {"experiments": [name for name in item.experiments if name in kept]}
    runs = matrix.of(changed["experiments"])
    if item.where:
        changed["where"] = {
            field: [
                value for value in values if any(meets(run, {**item.where, field: [value]}) for run in runs)
            ]
            for field, values in item.where.items()
        }
    methods = {run.method for run in runs}
    if isinstance(item, Comparison) and item.pairs:
        changed["pairs"] = [pair for pair in item.pairs if methods.issuperset(pair)]
    if isinstance(item, Table) and item.groups:
        rows = [run.variant.get(item.rows) for run in runs if meets(run, item.where)]
        groups = [[row for row in group if row in rows] for group in item.groups]
        changed["groups"] = [group for group in groups if group]
    return changed
