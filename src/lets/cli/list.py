"""`lets list`: the catalogues."""

import json as json_format
from collections.abc import Iterable
from dataclasses import asdict
from textwrap import wrap
from typing import Annotated, Any, Literal

import typer

from lets.cli.plan import amount


def list_(
    what: Annotated[
        Literal["methods", "presets", "architectures", "datasets"], typer.Argument(help="which catalogue")
    ],
    json: Annotated[bool, typer.Option("--json", help="everything known about each, for programs")] = False,
    write_costs: Annotated[
        bool,
        typer.Option("--write-costs", help="count all architectures anew and write what was found instead"),
    ] = False,
) -> None:
    """List what a params file can name: methods with their hyper-parameters, presets, architectures, data sets.

    An architecture comes with its parameters, and the operations of one image or text, forward (a multiply-add
    is two).
    """
    if write_costs:
        return _write_costs()
    catalogues = {
        "methods": _methods,
        "presets": _presets,
        "architectures": _architectures,
        "datasets": _datasets,
    }
    rows = catalogues[what]()
    if json:
        print(json_format.dumps(rows, indent=2, ensure_ascii=False))
        return
    for name, row in rows.items():
        print(_line(name, row))


def _methods() -> dict[str, dict[str, Any]]:
    from lets.optim.catalogue import METHODS

    parts = ("title", "policy", "ascent", "descent", "radius", "citation", "section")
    return {
        name: {
            **{part: getattr(info, part) for part in parts},
            "hyperparameters": {h.name: h.default for h in info.hyperparameters.values()},
        }
        for name, info in METHODS.items()
    }


def _presets() -> dict[str, dict[str, Any]]:
    from lets.optim.hyperparameters import PRESETS

    return {
        name: {"title": one.meaning, "hyperparameters": dict(one.values)} for name, one in PRESETS.items()
    }


def _write_costs() -> None:
    from lets.cli.options import refuse_outside
    from lets.config.effort import catalogue_shapes
    from lets.config.paths import COSTS
    from lets.files import write_text
    from lets.models.costs import costs_text

    refuse_outside()
    write_text(COSTS, costs_text(catalogue_shapes()))
    print(COSTS)


def _architectures() -> dict[str, dict[str, Any]]:
    from lets.models.catalogue import ARCHITECTURES
    from lets.models.costs import cost

    rows = _plain(ARCHITECTURES.values(), ("title", "family", "paper", "image", "classes"))
    for name, info in ARCHITECTURES.items():
        rows[name].update(asdict(cost(name, info.classes, info.image)))
    return rows


def _datasets() -> dict[str, dict[str, Any]]:
    from lets.data.catalogue import DATASETS

    return _plain(DATASETS.values(), ("title", "classes", "train_size", "test_size", "image"))


def _plain(infos: Iterable[Any], fields: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    return {info.name: {field: getattr(info, field) for field in fields} for info in infos}


def _line(name: str, row: dict[str, Any]) -> str:
    line = f"{name:<18}{row['title']:<22}{_size(row)}".rstrip()
    settings = [
        f"{key}={'…' if value is None else value}" for key, value in row.get("hyperparameters", {}).items()
    ]
    source = [" " * 18 + row["paper"]] if "paper" in row else []
    return "\n".join([line, *_wrapped(settings), *source])


def _size(row: dict[str, Any]) -> str:
    """How large a data set is; of an architecture, also the data that its operations are counted for."""
    if "train_size" in row:
        return f"{row['train_size']:,} + {row['test_size']:,} samples"
    if "flops" not in row:
        return ""
    operations = amount(row["flops"], "FLOP")
    classes = f", {row['classes']} classes" if row["classes"] else ""
    return f"{row['parameters']:>11,} parameters {operations:>11} per {_sample(row)}{classes}"


def _sample(row: dict[str, Any]) -> str:
    """What the operations of an architecture are counted for."""
    from lets.models.catalogue import PAIR, TOKENS

    if len(row["image"]) > 1:
        return f"{'×'.join(map(str, row['image']))} image"
    return f"text of {TOKENS} tokens" if row["classes"] else f"pair of {PAIR[0]} + {PAIR[1]} tokens"


def _wrapped(words: list[str]) -> list[str]:
    """Hyper-parameters below their method; `…` is worked out from the others."""
    return wrap(
        "  ".join(words), 100, initial_indent=" " * 18, subsequent_indent=" " * 18, break_on_hyphens=False
    )
