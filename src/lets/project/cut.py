"""Cut a params file down to some of its experiments, with the tables and figures that can still be made of them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lets.commands import command
from lets.config.messages import or_near, put
from lets.config.params import expand
from lets.config.yaml_files import read_plain_yaml, read_value
from lets.errors import SpecError
from lets.project.checks import showable, unused
from lets.project.params import ParamsFile
from lets.project.project import load_params

TRAINED = ("training", "architectures", "methods", "experiments")
"""keys of a params file that say how runs are trained"""


@dataclass(frozen=True)
class Cut:
    """A smaller params file: its profile, its text, and the tables and figures that lack too much to be made."""

    profile: str
    text: str
    dropped: tuple[str, ...]


def cut(path: Path, names: list[str], profile: str = "", changes: Sequence[str] = ()) -> Cut:
    """Return a params file with the named experiments alone; a table or figure stands for those that it shows.

    Runs keep their ids, unless `changes` such as "training.epochs=5" make other runs of them: then all experiments are
    kept where none is named. Raises SpecError for a name that the file does not have.
    """
    params, (_, content) = load_params(path), read_plain_yaml(path)
    kept = _experiments(path, params, names) if names else [*params.experiments]
    profile = profile or "-".join([params.profile, *names, *map(_slug, changes)])
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
        _changed(smaller, changes),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=110,
        default_flow_style=None,
    )
    items = params.items
    dropped = tuple(
        name for name, item in items.items() if {*item.experiments} & {*kept} and name not in shown
    )
    written = command("lets", "only", *names, *options(changes), "--params", path)
    return Cut(profile, f"# {written}\n{text}", dropped)


def options(changes: Iterable[str]) -> list[str]:
    """Return changes as they are typed."""
    return [word for change in changes for word in ("--set", change)]


def _slug(change: str) -> str:
    """Return what a change adds to the name of a profile: epochs-5 of training.epochs=5."""
    name = change.partition("=")[0].rpartition(".")[2]
    return re.sub(r"[^a-z0-9]+", "-", f"{name}={change.partition('=')[2]}".lower()).strip("-")


def _changed(content: dict[str, Any], changes: Iterable[str]) -> dict[str, Any]:
    """Return the content of a params file with other values; its numbers are then not comparable with the paper's."""
    for change in changes:
        key, equals, value = change.partition("=")
        if not (key and equals and value):
            raise SpecError(f"--set {change} – is no key=value – write for example  --set training.epochs=5")
        place = tuple(key.split("."))
        _check_way(content, place)
        content = put(content, place, read_value(value))
        if place[0] in TRAINED and place[-1] != "seeds":
            content = {**content, "reduced": "; ".join(filter(None, [content.get("reduced"), change]))}
    return content


def _check_way(content: Any, place: tuple[str, ...]) -> None:
    """Raise SpecError where a key leads into a value that holds no keys."""
    for end, part in enumerate(place[:-1], start=1):
        content = content.get(part) or {}
        if not isinstance(content, dict):
            parent = ".".join(place[:end])
            raise SpecError(
                f"--set {'.'.join(place)}=… – {parent} holds no keys – write for example  --set {parent}=…"
            )


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
