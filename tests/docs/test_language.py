"""docs/language.md: its commands exist, its tables are those of the code."""

import re

from tests.docs.pages import ROOT

from lets.config.training import TrainingSpec
from lets.data.catalogue import DATASETS
from lets.project import expand, load_params

PAGE = (ROOT / "docs/language.md").read_text()
TEXTS = {name: info for name, info in DATASETS.items() if info.vocabulary}


def test_every_data_set_of_texts_stands_there():
    assert all(f"`{name}`" in PAGE for name in TEXTS)


def test_scores_are_those_of_the_catalogue():
    from lets.train.tasks import score_names

    table = PAGE.split("| data set | `score` | beside it |")[1].split("\n\n")[0]
    told = {
        name: (score, beside)
        for names, score, beside in re.findall(r"^\| (.*?) \| `(\w+)`.*? \| (.*?) \|$", table, re.M)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert set(told) == set(TEXTS)
    for name, (score, beside) in told.items():
        assert score == TEXTS[name].metric
        if TEXTS[name].task != "translation":
            assert all(f"`{one}`" in beside for one in score_names(name)[1:])


def test_settings_stand_there_with_their_defaults():
    rows = dict(re.findall(r"^\| `(clip|dropout)` \| `([^`]+)` \|", PAGE, re.M))
    assert rows == {name: str(TrainingSpec.model_fields[name].default) for name in ("clip", "dropout")}


def test_the_miniature_is_what_the_page_says():
    runs = expand(load_params(ROOT / "params/language.yaml")).runs.values()
    assert {(run.dataset, run.architecture) for run in runs} == {
        ("multi30k", "transformer-small"),
        ("sst2", "deberta-small"),
    }
    assert len({run.method for run in runs}) == 5


def test_plain_training_is_ahead_as_the_page_says():
    lines = (ROOT / "reference/reports/language/tables/language.csv").read_text().splitlines()
    rows = [dict(zip(lines[0].split(","), line.split(","), strict=False)) for line in lines[1:]]
    for dataset in ("multi30k", "sst2"):
        means = {row["row.method"]: float(row["mean"]) for row in rows if row["column.dataset"] == dataset}
        assert len(means) == 5
        assert max(means, key=means.__getitem__) == "erm"
