"""Cut a params file down to some of its experiments, with the tables and figures that can still be made of them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from lets.commands import command
from lets.config.messages import or_near, put
from lets.config.params import Experiment, expand
from lets.config.yaml_files import read_plain_yaml, read_value
from lets.errors import SpecError
from lets.project.checks import showable, unused
from lets.project.params import ParamsFile
from lets.project.project import load_params

TRAINED = ("training", "architectures", "methods", "experiments")
"""keys of a params file that say how runs are trained"""
Keep = Mapping[str, Sequence[str]]
"""by list of an experiment, such as methods, the values that are kept"""
NOTHING: Keep = MappingProxyType({})


@dataclass(frozen=True)
class Cut:
    """A smaller params file: its profile, its text, and the tables and figures that lack too much to be made."""

    profile: str
    text: str
    dropped: tuple[str, ...]


def cut(
    path: Path, names: list[str], profile: str = "", changes: Sequence[str] = (), keep: Keep = NOTHING
) -> Cut:
    """Return a params file with the named experiments alone; a table or figure stands for those that it shows.

    `keep` makes lists of theirs shorter: {"methods": ["sam"]}. Runs keep their ids, unless `changes` such as
    "training.epochs=5" make other runs of them. Where no experiment is named, all are kept. Raises SpecError for a
    name or a value that the file does not have.
    """
    params, (_, content) = load_params(path), read_plain_yaml(path)
    asked = _experiments(path, params, names) if names else [*params.experiments]
    lists = _kept(path, params, asked, keep)
    kept = [value for values in keep.values() for value in values]
    profile = profile or "-".join([params.profile, *names, *map(_slug, kept), *map(_change_slug, changes)])
    smaller = {**content, "profile": profile}
    smaller["experiments"] = {name: _shortened(content["experiments"][name], lists[name]) for name in lists}
    alone = _trained(params, smaller["experiments"])
    for key, name in unused(alone):
        smaller[key] = {one: value for one, value in smaller[key].items() if one != name}
    shown = _shown(params, alone)
    for section in ("tables", "figures"):
        given = content.get(section) or {}
        smaller[section] = {name: {**one, **shown[name]} for name, one in given.items() if name in shown}
    of_these = [name for name, item in params.items.items() if {*item.experiments} & {*lists}]
    written = command("lets", "only", *names, *options(changes, keep), "--params", path)
    text = f"# {written}\n{_yaml(_changed(smaller, changes))}"
    return Cut(profile, text, tuple(name for name in of_these if name not in shown))


def options(changes: Iterable[str], keep: Keep) -> list[str]:
    """Return what is kept of lists, and changes, as they are typed."""
    kept = [word for axis, values in keep.items() for word in (f"--{axis}", ",".join(values))]
    return kept + [word for change in changes for word in ("--set", change)]


def _kept(path: Path, params: ParamsFile, names: list[str], keep: Keep) -> dict[str, dict[str, list[str]]]:
    """Return the lists of every experiment that become shorter; an experiment without a run left is left out."""
    lists: dict[str, dict[str, list[str]]] = {name: {} for name in names}
    for axis, values in keep.items():
        given = {name: list(map(str, getattr(params.experiments[name], axis))) for name in names}
        known = list(dict.fromkeys(chain.from_iterable(given.values())))
        for value in values:
            if value not in known:
                reason = f"none of the {axis} of {', '.join(names)} in {path}"
                raise SpecError(f"--{axis} {value} – {reason} – {or_near(value, known, ())}")
        for name in names:
            lists[name][axis] = [value for value in given[name] if value in values]
    left = {name: shorter for name, shorter in lists.items() if all(shorter.values())}
    if not left:
        reason = "no experiment has runs of all of these"
        raise SpecError(
            f"{' '.join(options((), keep))} – {reason} – see what each has:  {command('lets', 'plan', path)}"
        )
    return left


def _shortened(experiment: dict[str, Any], lists: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return an experiment as it is written, with shorter lists, and without values for methods that went."""
    shorter = {**experiment, **lists}
    if "methods" in lists and "hyperparameters" in experiment:
        given = experiment["hyperparameters"]
        shorter["hyperparameters"] = {name: given[name] for name in given if name in lists["methods"]}
    return shorter


def _yaml(content: dict[str, Any]) -> str:
    return yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None
    )


def _change_slug(change: str) -> str:
    """Return what a change adds to the name of a profile: epochs-5 of training.epochs=5."""
    key, _, value = change.partition("=")
    return _slug(f"{key.rpartition('.')[2]}={value}")


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


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


def _trained(params: ParamsFile, experiments: Mapping[str, Any]) -> ParamsFile:
    """Return params of these experiments, as they are written, without tables and figures."""
    experiments = {name: Experiment.model_validate(one) for name, one in experiments.items()}
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
