"""The README is true: its commands exist, its links lead somewhere, its numbers are those of `reports/`."""

import re
import subprocess
import sys
from collections import Counter

import pytest
from tests.docs.pages import ROOT, commands, rows, shown

README = (ROOT / "README.md").read_text()
COMMANDS = commands(README)


def test_it_shows_commands():
    assert {"make demo", "make test"} <= set(COMMANDS)


def test_the_table_is_the_one_that_was_made():
    name = "reference/reports/cifar-small/tables/table1.md"
    assert shown(README, name) == (ROOT / name).read_text().strip()


@pytest.mark.parametrize("index", range(README.count("```python")))
def test_python_examples_run(index, tmp_path):
    code = re.findall(r"```python\n(.*?)```", README, re.S)[index]
    script = tmp_path / "example.py"
    script.write_text(code)
    subprocess.run([sys.executable, script], cwd=tmp_path, check=True, timeout=120)


def test_radii_move_and_end_as_the_readme_says():
    found = [row for row in rows("interpretations/tables/starts.csv") if row["row.dataset"] == "digits"]
    assert len({row["row.experiment"] for row in found}) == 12
    assert {row["starts"] for row in found} == {"7"}
    literal = [row for row in found if row["row.experiment"] == "literal"]
    assert max(float(row["moved_high"]) for row in literal) < 0.00001 / 100
    reach = [row for row in found if row["row.experiment"] == "reach"]
    assert all(float(row["moved"]) > 0.5 and float(row["memory_high"]) >= 1 for row in reach)


def test_claims_fare_on_cifar_as_the_readme_says():
    verdicts = Counter(row["verdict"] for row in rows("cifar-small/claims.csv"))
    assert set(verdicts) == {"not supported", "not enough runs"}
    said = (
        f"of the paper's {verdicts.total()} claims none is *supported*: "
        f"{verdicts['not supported']} are *not supported*, "
        f"for {verdicts['not enough runs']} there are *not enough runs*"
    )
    assert said in " ".join(README.split())


def test_plain_training_is_highest_in_both_columns_as_the_readme_says():
    means = {}
    for row in rows("cifar-small/tables/table1.csv"):
        means.setdefault(row["column.noise"], {})[row["row.method"]] = float(row["mean"])
    assert {labels: max(found, key=found.get) for labels, found in means.items()} == {
        "clean": "erm",
        "symmetric-40": "erm",
    }


def test_nothing_is_better_than_a_fixed_radius_as_the_readme_says():
    verdicts = [row["verdict"] for row in rows("interpretations/tables/baselines.csv")]
    assert len(verdicts) > 100
    assert "better" not in verdicts


def test_the_radius_matters_in_the_demo_as_the_readme_says():
    found = rows("demo/figures/figure1.csv")
    means = {
        method: [float(row["mean"]) for row in found if row["method"] == method] for method in ("erm", "sam")
    }
    assert max(means["sam"]) > means["erm"][0] + 15
    for method in ("lets-sam", "lets-asam"):
        radii = [(float(row["x.rho"]), float(row["end.rho"])) for row in found if row["method"] == method]
        assert len(radii) > 2
        assert all(end < start for start, end in radii)
        assert [end for _, end in sorted(radii)] == sorted(end for _, end in radii)


def test_the_validation_loss_teaches_a_larger_radius_as_the_readme_says():
    means = {
        row["row.metric"]: float(row["mean"])
        for row in rows("demo/tables/table6.csv")
        if row["column.noise"] == "symmetric-40"
    }
    assert means["validation-loss"] > means["half-squared-gap"] + 15
    radii = [
        float(row["mean"])
        for row in rows("demo/figures/radius-metric.csv")
        if row["panel.metric"] == "validation-loss"
    ]
    assert radii[0] < radii[-1]
    assert radii[-1] > 0.05, "where it starts"
