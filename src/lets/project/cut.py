"""Cut a params file down to some of its experiments, with the tables and figures that can still be made of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lets.commands import command
from lets.config.messages import or_near
from lets.config.params import expand
from lets.config.yaml_files import read_plain_yaml
from lets.errors import SpecError
from lets.project.checks import showable, unused
from lets.project.params import ParamsFile
from lets.project.project import load_params


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
    alone = _trained(params, kept)
    for key, name in unused(alone):
        smaller[key] = {one: value for one, value in smaller[key].items() if one != name}
    shown = _shown(params, alone)
    for section in ("tables", "figures"):
        given = content.get(section) or {}
        smaller[section] = {name: {**one, **shown[name]} for name, one in given.items() if name in shown}
    text = yaml.dump(
        smaller, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None
    )
    items = params.items
    dropped = tuple(
        name for name, item in items.items() if {*item.experiments} & {*kept} and name not in shown
    )
    return Cut(profile, f"# {command('lets', 'only', *names, '--params', path)}\n{text}", dropped)


class _Dumper(yaml.SafeDumper):
    """Writes out what an alias stands for."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _experiments(path: Path, params: ParamsFile, names: Iterable[str]) -> list[str]:
    items = params.items
    asked: set[str] = set()
    for name in names:
        if name not in params.experiments and name not in items:
            known = [*params.experiments, *items]
            reason = f"no experiment, table or figure of {path}"
            raise SpecError(f"{name!r} – {reason} – {or_near(name, known, ())}")
        asked |= {name} if name in params.experiments else {*items[name].experiments}
    return [name for name in params.experiments if name in asked]


def _trained(params: ParamsFile, kept: list[str]) -> ParamsFile:
    """Return params of these experiments, without tables and figures."""
    experiments = {name: params.experiments[name] for name in kept}
    return params.model_copy(update={"experiments": experiments, "tables": {}, "figures": {}})


def _shown(params: ParamsFile, alone: ParamsFile) -> dict[str, dict[str, Any]]:
    """Return what changes in every table and figure that the experiments of `alone` can make."""
    matrix = expand(alone)
    found = {}
    for section in ("tables", "figures"):
        for name, item in getattr(params, section).items():
            narrow = item.narrowed([*alone.experiments], matrix)
            smaller = item.model_copy(update=narrow)
            one = alone.model_copy(update={section: {name: smaller}})
            if smaller.experiments and not any(showable(one, matrix)):
                found[name] = narrow
    return found
