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


@pytest.mark.parametrize("name", ["reports/cifar-small/tables/table1.md", "reports/demo/tables/table1.md"])
def test_the_tables_are_those_that_were_made(name):
    assert shown(README, name) == (ROOT / name).read_text().strip()


@pytest.mark.parametrize("index", range(README.count("```python")))
def test_python_examples_run(index, tmp_path):
    code = re.findall(r"```python\n(.*?)```", README, re.S)[index]
    script = tmp_path / "example.py"
    script.write_text(code)
    subprocess.run([sys.executable, script], cwd=tmp_path, check=True, timeout=120)


def test_the_rows_on_starts_are_those_of_the_table():
    name = "reports/interpretations/tables/starts.md"
    told = shown(README, name).splitlines()
    there = (ROOT / name).read_text().splitlines()
    places = [there.index(line) for line in told]
    assert places == sorted(places)
    assert len(told) == 6


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
