"""`lets report` as it is called."""

import subprocess
import sys

import pytest
from tests.golden.factory import Project

from lets.cli.report import report
from lets.errors import SpecError


def test_everything(figures: Project, monkeypatch, capsys) -> None:
    monkeypatch.chdir(figures.root)
    report(figures.file)
    printed = capsys.readouterr()
    folder = "reports/golden"
    wanted = [f"{folder}/tables/table.{suffix}" for suffix in ("csv", "md", "tex")]
    wanted += [
        f"{folder}/figures/{name}.{s}" for name in figures.params.figures for s in ("csv", "svg", "png")
    ]
    wanted += [
        f"{folder}/{name}" for name in ("claims.md", "claims.csv", "index.html", "summary.json", "runs.csv")
    ]
    assert printed.out.split() == wanted
    assert all((figures.root / path).is_file() for path in printed.out.split())
    interrupted = figures.run(architecture="vit-small", method="sam", seed=1)
    diverged = figures.run(architecture="vit-small", method="asam", seed=1)
    assert printed.err.splitlines() == [
        f"Diverged: 1 run: {diverged.id}.",
        f"Interrupted: 1 run: {interrupted.id}.",
    ]


def test_one_item_alone(figures: Project, monkeypatch, capsys) -> None:
    monkeypatch.chdir(figures.root)
    report(figures.file, figure=["sensitivity"])
    printed = capsys.readouterr()
    assert [path.rpartition("/")[2] for path in printed.out.split()] == [
        "sensitivity.csv",
        "sensitivity.svg",
        "sensitivity.png",
    ]
    assert printed.err == "", "no run of this figure is missing"


def test_a_table_is_shown_instead_of_written(figures: Project, monkeypatch, capsys) -> None:
    monkeypatch.chdir(figures.root)
    report(figures.file, table=["table"], show=True)
    assert capsys.readouterr().out.startswith("A < B & C\n\nMethod ")
    assert not (figures.root / "reports/golden/tables/table.md").exists()


@pytest.mark.parametrize(("option", "known"), [("table", "table"), ("figure", "sensitivity, curves")])
def test_an_unknown_name_lists_the_known_ones(figures: Project, option: str, known: str) -> None:
    with pytest.raises(SpecError, match=rf"--{option} nope – no such {option} – choose from: {known}"):
        report(figures.file, **{option: ["nope"]})


def test_a_table_needs_no_plotting_library_and_no_torch(figures: Project) -> None:
    code = (
        "import sys; from pathlib import Path; from lets.cli.report import report\n"
        "report(Path(sys.argv[1]), table=['table'])\n"
        "print([name for name in ('torch', 'seaborn', 'matplotlib', 'pandas') if name in sys.modules])"
    )
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path), "PYTHONUTF8": "1"}
    command = [sys.executable, "-c", code, str(figures.file)]
    done = subprocess.run(
        command, cwd=figures.root, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
