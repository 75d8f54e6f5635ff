"""Every remedy that a refused params file is answered with is accepted when pasted."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.unit.config.pasting import follow, places, put, refusal
from tests.unit.config.test_bad_params import CASES, GOOD

from lets.config.yaml_files import read_plain_yaml
from lets.errors import SpecError

ADVICE = {  # a choice that only the author has
    "nothing to compare", "a comparison of two trainings", "nothing to rank", "a ranking of two trainings",
    "axes that contradict each other",
}  # fmt: skip


def content(text: str, folder: Path) -> Any:
    (folder / "params.yaml").write_text(text)
    return read_plain_yaml(folder / "params.yaml")[1]


@pytest.mark.parametrize("case", sorted(CASES.keys() - ADVICE))
def test_what_is_printed_is_accepted(tmp_path: Path, case: str) -> None:
    there, instead, *_ = CASES[case]
    try:
        bad = content(GOOD.replace(there, instead, 1), tmp_path)
    except SpecError:
        return  # no plain YAML: its remedy is an action
    assert follow(bad, tmp_path / "pasted.yaml")[-1] == ""


TEXTS = {"datasets": ["mrpc"], "architectures": ["deberta-small"], "methods": ["sam"]}
SMALL = {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["sam", "lets-sam"]}
LANDSCAPE = {"kind": "landscape", "title": "L", "experiments": ["one"]}
SHARPNESS = {"kind": "sharpness", "title": "S", "experiments": ["one"]}
PROBES = {"kind": "hypergradient", "title": "H", "experiments": ["one"], "every": 5}
BARE = {"title": "T", "experiments": ["one"]}
TABLE = {"kind": "pivot", **BARE}
WARM = {"name": "linear", "per": "step", "warmup": 10**8}
# (what the experiment is, a table or figure of it, what else the file says)
FILES: dict[str, tuple[dict[str, Any], dict[str, Any] | None, dict[str, Any]]] = {
    "more ranks than samples": ({**SMALL, "training": {"ranks": 9, "batch_size": 8}}, None, {}),
    "an exact Hessian, compiled": (
        {**SMALL, "training": {"compile": True}, "hyperparameters": {"lets-sam": {"hessian": "exact"}}}, None, {},
    ),
    "texts, compiled": ({**TEXTS, "training": {"compile": True, "augmentation": "none"}}, None, {}),
    "other masks": ({**SMALL, "training": {"dropout": "same", "val_batches": "next"}}, None, {}),
    "a training without end": ({**SMALL, "training": {"epochs": 10**12}}, None, {}),
    "a training that is measured after none": ({**SMALL, "training": {"measure_every": 10**10}}, None, {}),
    "no such labels": ({**SMALL, "noise": ["human-worse"]}, None, {}),
    "noise, misspelt": ({**SMALL, "noise": ["human-wors"]}, None, {}),
    "noise of texts": ({**TEXTS, "noise": ["symmetric-40"]}, None, {}),
    "texts for a network that sees": ({**TEXTS, "architectures": ["resnet18"]}, None, {}),
    "images for a network that reads": ({**SMALL, "architectures": ["deberta-small"]}, None, {}),
    "augmented texts": ({**TEXTS, "training": {"augmentation": "crop-flip"}}, None, {}),
    "ranks on texts": ({**TEXTS, "training": {"ranks": 2}}, None, {}),
    "texts held out": ({**TEXTS, "training": {"val_batches": "held-out"}}, None, {}),
    "cutout of pictures on disk": (
        {"datasets": ["imagenette"], "architectures": ["resnet50"], "methods": ["sam"],
         "training": {"augmentation": "crop-flip-cutout"}}, None, {},
    ),
    "more samples than images": (SMALL, {**LANDSCAPE, "samples": 1500}, {}),
    "a group larger than the data": (SMALL, {**SHARPNESS, "samples": 2000, "m": 2000}, {}),
    "groups that are not whole, of nearly all images": (SMALL, {**SHARPNESS, "samples": 1430}, {}),
    "weights that are not kept": (SMALL, LANDSCAPE, {"keep_weights": False}),
    "a compiled training followed": (
        {**SMALL, "methods": ["lets-sam"], "training": {"compile": True}}, PROBES, {},
    ),
    "fixed radii followed": (SMALL, PROBES, {}),
    "a mean over methods": (SMALL, {**TABLE, "rows": "dataset", "where": {"dataset": ["digits"]}}, {}),
    "a field that no run has": (SMALL, {**TABLE, "rows": "beta"}, {}),
    "a condition on a field that no run has": (SMALL, {**TABLE, "where": {"beta": [0.5]}}, {}),
    "a number spelt as text": (SMALL, {**TABLE, "where": {"rho": ["5e-2"]}}, {}),
    "a value that no run has": (SMALL, {**TABLE, "where": {"rho": [0.07]}}, {}),
    "true for a number": (
        {**SMALL, "vary": {"rho": [1.0, 2.0]}, "methods": ["sam"]},
        {**TABLE, "rows": "rho", "where": {"rho": [True]}}, {},
    ),
    "a number for true": (
        {**SMALL, "methods": ["lets-sam"], "vary": {"include_lr": [True, False]}},
        {**TABLE, "columns": ["include_lr"], "where": {"include_lr": [True, 0]}}, {},
    ),
    "a number as text for true": (
        {**SMALL, "methods": ["lets-sam"], "vary": {"include_lr": [True, False]}},
        {**TABLE, "columns": ["include_lr"], "where": {"include_lr": ["1"]}}, {},
    ),
    "true for a row of numbers": (
        {**SMALL, "vary": {"rho": [1.0, 2.0]}, "methods": ["sam"]},
        {**TABLE, "rows": "rho", "columns": ["method"], "groups": [[2.0, True]]}, {},
    ),
    "conditions that exclude each other": (
        SMALL, {**TABLE, "where": {"method": ["sam"], "rho_lr": [0.01]}}, {"methods": {"lets-sam": {"rho_lr": 0.01}}},
    ),
    "no value at all": (SMALL, {**TABLE, "where": {"method": []}}, {}),
    "a condition twice": (SMALL, {**TABLE, "where": {"rho": [0.05, 0.05]}}, {}),
    "a row twice in a group": (SMALL, {**TABLE, "groups": [["lets-sam", "lets-sam"]]}, {}),
    "a row in two groups": (SMALL, {**TABLE, "groups": [["sam", "lets-sam"], ["sam"]]}, {}),
    "a table that the paper has not": (SMALL, {**TABLE, "paper": 7}, {}),
    "a row that is not there": (SMALL, {**TABLE, "groups": [["sma", "lets-sam"]]}, {}),
    "a row that is not there, of numbers": (
        SMALL, {**TABLE, "rows": "rho", "columns": ["method"], "groups": [["0.05"]]}, {},
    ),
    "a column twice": (SMALL, {**TABLE, "columns": ["dataset", "dataset"]}, {}),
    "an experiment twice": (SMALL, {**TABLE, "experiments": ["one", "one"]}, {}),
    "fields of another kind": (SMALL, {**BARE, "margin": 0.5}, {}),
    "fields of two other kinds": (SMALL, {**BARE, "margin": 0.5, "reference": "sam"}, {}),
    "no kind": (SMALL, BARE, {}),
    "no kind, and a condition": (SMALL, {**BARE, "where": {"method": ["sam"]}}, {}),
    "fields of a pivot and of another kind": (SMALL, {**BARE, "rows": "method", "reference": "sam"}, {}),
    "an axis of words": (SMALL, {**TABLE, "kind": "sensitivity", "x": "bn_stats"}, {}),
    "a pair, misspelt": (SMALL, {**TABLE, "kind": "comparison", "pairs": [["sma", "lets-sam"]]}, {}),
    "a pair of one method": (SMALL, {**TABLE, "kind": "comparison", "pairs": [["sam", "sam"]]}, {}),
    "a reference, misspelt": (SMALL, {**TABLE, "kind": "ranking", "reference": "lets-sma"}, {}),
    "a preset, misspelt": ({**SMALL, "hyperparameters": {"lets-sam": {"preset": "paper-literall"}}}, None, {}),
    "a preset of a fixed radius": ({**SMALL, "hyperparameters": {"sam": {"preset": "paper-literal"}}}, None, {}),
    "a choice, misspelt": ({**SMALL, "hyperparameters": {"lets-sam": {"metric": "gapp"}}}, None, {}),
    "yes for true": ({**SMALL, "hyperparameters": {"lets-sam": {"include_lr": "yes"}}}, None, {}),
    "a huge radius": ({**SMALL, "hyperparameters": {"sam": {"rho": "1" + 400 * "0"}}}, None, {}),
    "an interval upside down": ({**SMALL, "hyperparameters": {"lets-sam": {"rho_bounds": [1.0, 0.1]}}}, None, {}),
    "radii that contradict each other": (
        {**SMALL, "methods": ["gsam"], "hyperparameters": {"gsam": {"rho": 0.1, "rho_min": 0.2}}}, None, {},
    ),
    "a misspelt hyper-parameter": ({**SMALL, "hyperparameters": {"lets-sam": {"rho_rl": 0.01}}}, None, {}),
    "a seed in the grid": ({**SMALL, "methods": ["rst"], "vary": {"seed": [0, 1]}}, None, {}),
    "a stand-in, misspelt": (SMALL, None, {"stand_ins": {"digit": "cifar10"}}),
    "resources, misspelt": (SMALL, None, {"resources": {"resnet-smal": {"minutes": 5}}}),
    "a stand-in of what is not run": (SMALL, None, {"stand_ins": {"wrn-small": "wrn16-4", "digits": "cifar10"}}),
    "resources of what is not run": (SMALL, None, {"resources": {"wrn-small": {"minutes": 5}}}),
    "a training of what is not run": (SMALL, None, {"architectures": {"wrn-small": {"epochs": 5}}}),
    "a method that is not run": (SMALL, None, {"methods": {"asam": {"rho": 0.5}}}),
    "a rise longer than the training": ({**SMALL, "training": {"schedule": WARM}}, None, {}),
    "a rise as long as the training": (
        {**SMALL, "training": {"epochs": 5, "schedule": {"name": "cosine", "warmup": 5}}}, None, {},
    ),
    "a rise of the only epoch": (
        {**SMALL, "training": {"epochs": 1, "schedule": {"name": "inverse-sqrt", "warmup": 1}}}, None, {},
    ),
    "a tiny rate as text": ({**SMALL, "hyperparameters": {"lets-sam": {"rho_lr": "1e-5"}}}, None, {}),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_so_is_what_is_printed_of_a_whole_file(tmp_path: Path, case: str) -> None:
    experiment, item, more = FILES[case]
    good = content(GOOD, tmp_path)
    kept = {key: good[key] for key in ("profile", "seeds", "training")}
    place = "figures" if item and item.get("kind") in ("landscape", "sensitivity") else "tables"
    bad = {**kept, "experiments": {"one": experiment}, place: {"shown": item} if item else {}, **more}
    first, *_ = met = follow(bad, tmp_path / "pasted.yaml")
    assert first, "accepted as it was"
    assert met[-1] == ""


VALUES = (
    "zzz", "1e1", "010", "yes", -1, 0, 0.5, 1e9, True, None, [], {}, ["zzz"], [[1]], {"a": 1}, "sam", "Sam Method", "",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(25))
def test_and_of_any_value_in_any_place(tmp_path: Path, seed: int) -> None:
    draw, good = Random(seed), content(GOOD, tmp_path)
    place, value = draw.choice(list(places(good))), draw.choice(VALUES)
    assert follow(put(good, place, value), tmp_path / "pasted.yaml")[-1] == "", f"{place} is {value!r}"


@pytest.mark.parametrize("value", [10**17, 1e17, 1e300, "1.0e30", "1e400", -(10**17)])
def test_and_of_numbers_that_nothing_can_be_computed_with(tmp_path: Path, value: Any) -> None:
    """What is written instead is the number itself, a limit, or what the type has for an example."""
    good = content(GOOD, tmp_path)
    for place in places(good):
        there = good
        for part in place:
            there = there[part]
        if isinstance(there, int | float) and "seeds" not in place:
            assert follow(put(good, place, value), tmp_path / "pasted.yaml")[-1] == "", place


@pytest.mark.parametrize(
    ("value", "written"), [("1.0e30", "lr: 1.0e+30"), (1e300, "lr: 1.0e+38"), (-0.3, "lr: 0.3")]
)
def test_no_number_is_invented_for_one_that_is_there(tmp_path: Path, value: Any, written: str) -> None:
    bad = put(content(GOOD, tmp_path), ("training", "optimizer", "lr"), value)
    assert refusal(bad, tmp_path / "pasted.yaml").endswith(f" – write  {written}")
