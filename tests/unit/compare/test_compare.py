"""`lets compare`: chance is told from change, for runs, methods, cells, ranks and verdicts."""

import json
import re
import shutil
import subprocess
from contextlib import suppress
from math import sqrt
from pathlib import Path
from random import Random
from statistics import stdev

import pytest
from tests.golden.factory import Project as Folder

from lets.claims.document import write_claims
from lets.cli.audit import compare as verb
from lets.compare.agreement import Agreement, compare_runs, compare_table, compare_verdicts
from lets.compare.trees import Comparison, compare, open_reference
from lets.compare.words import comparison_csv, comparison_table, comparison_text, sentence, write_comparison
from lets.errors import SpecError
from lets.files import write_bytes, write_text
from lets.page.page import render_page
from lets.page.summaries import runs_text, write_runs
from lets.tables.render import write_table

METHODS = ["erm", "sam", "gsam", "lets-sam"]
SD = 0.5


def folder(root: Path) -> Folder:
    root.mkdir(exist_ok=True)
    clean = {"datasets": ["digits"], "architectures": ["resnet-small", "wrn-small"], "methods": METHODS}
    ranks = {"kind": "ranking", "title": "R", "experiments": ["clean"]}
    tables = {"table": {"kind": "pivot", "title": "T", "experiments": ["clean"]}, "ranks": ranks}
    return Folder(root, seeds=[0, 1, 2], experiments={"clean": clean}, tables=tables)


def trained(root: Path, seed: int, shift: dict[str, float] | None = None) -> Folder:
    """A tree whose seeds scatter by SD around 95, 96, … by method, drawn with `seed`."""
    made, random = folder(root), Random(seed)
    for run in made.matrix.runs.values():
        mean = 95 + METHODS.index(run.method) / 2 + (shift or {}).get(run.method, 0)
        made.finish(run, round(random.gauss(mean, SD), 3), loss=random.random())
    write_runs(made.now)
    for name in made.params.tables:
        write_table(made.now.table(name), made.layout)
    return made


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    return trained(tmp_path / "reference", 1).root


def compared(here: Folder, reference: Path | str) -> Comparison:
    return compare(here.now, open_reference(str(reference), here.root))


def test_lines_that_no_column_tells_apart_are_compared_in_their_order() -> None:
    text = "table,seed,mean\nt,0,90.0\nt,1,91.0\n"
    assert [cell.agreement for cell in compare_table("t", text, text)] == [Agreement.IDENTICAL] * 2


def test_the_same_tree_is_the_same_to_the_last_digit(tmp_path: Path, reference: Path) -> None:
    found = compared(trained(tmp_path / "here", 1), reference)
    assert (found.reproduced, found.identical) == (True, True)
    assert found.runs.counts == {Agreement.IDENTICAL: 24}
    assert found.cell_counts == {Agreement.IDENTICAL: 8 + 4}
    assert found.ranks == {"ranks": {}}
    assert "to the last digit: 24 of 24 runs" in sentence(found)


@pytest.mark.parametrize("seed", range(2, 7))
def test_other_seeds_are_chance(tmp_path: Path, reference: Path, seed: int) -> None:
    found = compared(trained(tmp_path / "here", seed), reference)
    assert (found.reproduced, found.identical) == (True, False)
    assert found.runs.counts[Agreement.IDENTICAL] == 0


@pytest.mark.parametrize("shift", [-2.0, 2.0])
@pytest.mark.parametrize("method", ["sam", "lets-sam"])
def test_a_method_that_changed_is_named_and_no_other(
    tmp_path: Path, reference: Path, method: str, shift: float
) -> None:
    found = compared(trained(tmp_path / "here", 3, {method: shift}), reference)
    assert not found.reproduced
    assert [one.method for one in found.runs.shifted] == [method]
    assert ("LETS-SAM" if method == "lets-sam" else "SAM") in sentence(found)


def test_a_run_that_broke_is_named(tmp_path: Path, reference: Path) -> None:
    here = trained(tmp_path / "here", 1)
    broken, lost = (
        here.run(method="sam", architecture="wrn-small", seed=2),
        here.run(method="erm", architecture="wrn-small", seed=0),
    )
    here.finish(broken, 60.0)
    here.diverge(lost)
    found = compared(here, reference)
    assert {pair.id for pair in found.runs.different} == {broken.id, lost.id}
    assert f"differs: {broken.id}: 60.0 here" in comparison_text(found)
    assert f"differs: {lost.id}: diverge" in comparison_text(found)


def test_the_bound_of_a_run_by_hand(tmp_path: Path, reference: Path) -> None:
    """1.96 and, for 24 runs, 3.08 times √2 standard deviations (quantiles of the normal from a printed table)."""
    here = trained(tmp_path / "here", 1)
    run = here.run(method="gsam", architecture="resnet-small", seed=0)
    text = (reference / "reports/golden/runs.csv").read_text()
    pair = next(one for one in compare_runs(text, text).pairs if one.id == run.id)
    gsam = here.runs(method="gsam", architecture="resnet-small")
    values = [here.now.outcome(one).value("test_accuracy") or 0.0 for one in gsam]
    assert pair.scatter is not None
    assert pair.scatter >= stdev(values) - 1e-9
    for units, wanted in (
        (1.9, Agreement.SCATTER),
        (2.1, Agreement.BEYOND),
        (3.0, Agreement.BEYOND),
        (3.2, Agreement.DIFFERENT),
    ):
        here.finish(run, values[0] + units * sqrt(2) * pair.scatter)
        (found,) = (one for one in compare_runs(runs_text(here.now), text).pairs if one.id == run.id)
        assert found.agreement is wanted, units


def test_beside_identical_runs_of_a_like_machine_no_difference_is_chance(
    tmp_path: Path, reference: Path
) -> None:
    here = trained(tmp_path / "here", 1)
    run = here.run(method="gsam", architecture="resnet-small", seed=0)
    theirs = (reference / "reports/golden/runs.csv").read_text()
    here.finish(run, (here.now.outcome(run).value("test_accuracy") or 0.0) + 0.02)
    ours = runs_text(here.now)

    def agreement(made_with: dict[str, object]) -> Agreement:
        return next(one.agreement for one in compare_runs(ours, theirs, made_with).pairs if one.id == run.id)

    alike = dict.fromkeys(here.matrix.runs, "Zen 3")
    assert agreement(alike) is Agreement.DIFFERENT
    assert agreement(alike | {run.id: "Zen 5"}) is Agreement.SCATTER, "on another machine it may be chance"
    others = {id: "Zen 3" for id in alike if "wrn-small" in id or id == run.id}
    assert agreement(others) is Agreement.SCATTER, "another network may not show how a machine rounds"
    assert agreement({}) is Agreement.SCATTER


def test_what_is_missing_is_not_compared(tmp_path: Path, reference: Path) -> None:
    here = trained(tmp_path / "here", 1)
    run = here.run(method="erm", architecture="wrn-small", seed=0).id
    shutil.rmtree(here.layout.run(run))
    found = compared(here, reference)
    assert found.runs.counts == {Agreement.IDENTICAL: 23, Agreement.ALONE: 1}
    assert "23 of 24 runs" in sentence(found)
    assert f"because they have not ended here: {run}\n" in comparison_text(found)


def test_ranks_that_differ_are_named(tmp_path: Path, reference: Path) -> None:
    found = compared(trained(tmp_path / "here", 3, {"erm": 3.0}), reference)
    assert found.ranks["ranks"]["erm"][0] == 1
    assert "ERM" in comparison_text(found)


def test_verdicts_that_differ_are_named() -> None:
    here = "claim,verdict\na,supported\nb,not supported\nc,contradicted\n"
    found = compare_verdicts(here, "verdict,claim\nsupported,a\nsupported,b\nsupported,d\n")
    assert (found.same, found.other) == (1, (("b", "not supported", "supported"),))


@pytest.mark.parametrize(
    ("mean", "wanted"),
    [("95.0", Agreement.IDENTICAL), ("95.004", Agreement.PRINTED), ("96.5", Agreement.SCATTER)],
)
def test_cells_against_the_interval_of_welch(mean: str, wanted: Agreement) -> None:
    """Two samples of 3 with sd 1: degrees of freedom 4, t = 2.776 (printed table), half width 2.776 √(2/3) = 2.27."""
    line = "table,row.method,mean,sd,n\nt,sam,{},1.0,3\n"
    (found,) = compare_table("t", line.format(mean), line.format("95.0"))
    assert found.agreement is wanted
    for far, said in (("97.26", Agreement.SCATTER), ("97.28", Agreement.BEYOND)):
        (found,) = compare_table("t", line.format(far), line.format("95.0"))
        assert found.agreement is said


def test_every_kind_of_reference_says_the_same(tmp_path: Path, reference: Path) -> None:
    here = trained(tmp_path / "here", 2)
    wanted = comparison_csv(compared(here, reference))
    for command in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"],
    ):
        subprocess.run(["git", *command], cwd=reference, check=True)
    shutil.copytree(reference / ".git", here.root / ".git")
    assert comparison_csv(compared(here, "HEAD")) == wanted
    theirs = folder(reference)
    crate = tmp_path / "a.zip"
    shutil.make_archive(str(crate.with_suffix("")), "zip", theirs.root)
    assert comparison_csv(compared(here, crate)) == wanted


@pytest.mark.parametrize("name", ["nosuch", "", "--output=x", "HEAD"])
def test_no_reference(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecError, match="is no folder, no crate and no commit"):
        open_reference(name, tmp_path)


def test_references_that_hold_nothing(tmp_path: Path, reference: Path) -> None:
    here = trained(tmp_path / "here", 1)
    with pytest.raises(SpecError, match=r"has no reports/golden/runs\.csv"):
        compared(here, tmp_path)
    (reference / "reports/golden/runs.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SpecError, match="is none of ours"):
        compared(here, reference)
    (reference / "reports/golden/runs.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(SpecError, match="is no text"):
        compared(here, reference)
    (tmp_path / "a.zip").write_text("no archive")
    with pytest.raises(SpecError, match="is no archive"):
        open_reference(str(tmp_path / "a.zip"), tmp_path)
    write_runs(here.now)
    fresh = folder(tmp_path / "fresh")
    with pytest.raises(SpecError, match="make some first:  snakemake --cores all --configfile params/golden"):
        compared(fresh, here.root)


NUMBERS = ["nan", "-inf", "1e400", "x", "9" * 5000, '"']


@pytest.mark.parametrize("name", ["runs.csv", "claims.csv", "tables/table.csv", "tables/ranks.csv"])
def test_a_damaged_reference_is_refused_or_compared(tmp_path: Path, reference: Path, name: str) -> None:
    """Every column and every field of a line made something else, bytes cut and put in."""
    here = trained(tmp_path / "here", 1)
    write_claims(here.now)
    shutil.copy(here.layout.claims_csv, reference / here.layout.claims_csv.relative_to(here.root))
    path = reference / "reports/golden" / name
    whole = path.read_text()
    header, first, *rest = whole.splitlines()
    texts = [whole[: len(whole) // 2], "\ufeff" + whole, "a\n" + '"' + "x" * 200_000, header]
    for place, column in enumerate(header.split(",")):
        texts.append("\n".join([header.replace(column, "zz", 1), first, *rest]))
        fields = first.split(",")
        fields[place] = NUMBERS[place % len(NUMBERS)]
        texts.append("\n".join([header, ",".join(fields), *rest]))
    for text in texts:
        path.write_text(text)
        with suppress(SpecError):
            assert comparison_text(compared(here, reference))


@pytest.mark.parametrize("column", ["test_accuracy", "train_loss", "final_rho"])
@pytest.mark.parametrize("value", ["nan", "inf", "1e400", "x"])
def test_no_run_agrees_with_what_is_no_number(
    tmp_path: Path, reference: Path, column: str, value: str
) -> None:
    here = trained(tmp_path / "here", 1)
    path = reference / "reports/golden/runs.csv"
    header, first, *rest = path.read_text().splitlines()
    fields = dict(zip(header.split(","), first.split(","), strict=True)) | {column: value}
    path.write_text("\n".join([header, ",".join(fields.values()), *rest]))
    with pytest.raises(SpecError, match=f"line 2 has {column}"):
        compared(here, reference)


def test_a_damaged_crate_is_refused_or_compared(tmp_path: Path, reference: Path) -> None:
    here, crate, chance = trained(tmp_path / "here", 1), tmp_path / "a.zip", Random(0)
    shutil.make_archive(str(crate.with_suffix("")), "zip", reference, "reports")
    whole = crate.read_bytes()
    refused = 0
    for _ in range(40):
        content = bytearray(whole)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        crate.write_bytes(content)
        try:
            compared(here, crate)
        except SpecError:
            refused += 1
    assert refused


@pytest.mark.parametrize(
    "audit", ["[" * 60_000, '{"layers": [{"checks": [{"name": "machines"}]}]}', "[]", "3"]
)
def test_an_audit_that_is_none_says_nothing_of_machines(tmp_path: Path, reference: Path, audit: str) -> None:
    here = trained(tmp_path / "here", 1)
    write_text(reference / "reports/golden/audit/audit.json", audit)
    assert compared(here, reference).machines == ("", "")
    write_bytes(here.layout.audit, b"\xff\xfe")
    assert compared(here, reference).machines == ("", "")


def test_machines_that_differ_are_named(tmp_path: Path, reference: Path) -> None:
    here = trained(tmp_path / "here", 1)
    for root, machine in ((reference, "one"), (here.root, "another")):
        check = {"name": "machines", "about": f"where the runs were made: 24 on {machine}"}
        path = root / "reports/golden/audit/audit.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"layers": [{"checks": [check]}]}))
    assert "made on other machines: 24 on another here, 24 on one there" in comparison_text(
        compared(here, reference)
    )


def test_packages_that_differ_from_the_lock_there_are_named(tmp_path: Path, reference: Path) -> None:
    here = trained(tmp_path / "here", 1)  # with torch 2.14.1
    for locked, named in (("2.13.0", {"torch": ("2.14.1", "2.13.0")}), ("2.14.1", {})):
        (reference / "requirements.lock").write_text(f"numpy==1.0\ntorch=={locked} ; os_name == 'posix'\n")
        found = compared(here, reference)
        assert found.packages == named
        assert ("made with another torch: 2.14.1 here, 2.13.0 there" in comparison_text(found)) == bool(named)


def test_the_page_shows_what_differs_before_the_numbers(tmp_path: Path, reference: Path) -> None:
    (reference / "requirements.lock").write_text("torch==2.13.0\n")
    here = trained(tmp_path / "here", 3, {"sam": 3.0})
    broken = here.run(method="erm", architecture="wrn-small", seed=2)
    here.finish(broken, 60.0)
    found = compared(here, reference)
    blocks = {block.title: [title for title, _ in block.rows] for block in comparison_table(found).blocks}
    assert blocks["Made with"] == ["torch"]
    assert blocks["Methods whose runs differ to one side"] == ["SAM"]
    assert broken.id in blocks["Runs"]
    assert any("sam" in cell for cell in blocks["Cells"])
    assert any("SAM" in place for place in blocks["Places in a ranking"])
    path = write_comparison(found, here.now)
    page = path.read_text()
    section = page[page.index('<section class="item" id="comparison">') : page.index("<h2>Tables</h2>")]
    assert f"<h3>{sentence(found)}</h3>" in section
    assert section.count('<th scope="row"') == sum(map(len, blocks.values()))
    for link in re.findall(r'href="([^#"]+[.]csv)"', page):
        assert (path.parent / link).is_file() or "claims" in link, link
    assert (path.parent / "runs.csv").read_text() == comparison_csv(found)
    assert 'id="comparison"' not in render_page(here.now)


@pytest.mark.parametrize(("shift", "code"), [({}, 0), ({"sam": 3.0}, 1)])
def test_as_it_is_called(
    tmp_path: Path,
    reference: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    shift: dict[str, float],
    code: int,
) -> None:
    here = trained(tmp_path / "here", 3, shift)
    monkeypatch.chdir(here.root)
    with pytest.raises(SystemExit) as ended:
        verb(str(reference), here.file, page=True)
    assert ended.value.code == code
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == sentence(compared(here, reference))
    assert printed[-1] == "work/golden/compare/index.html"
    assert Path(printed[-1]).is_file()


def test_runs_of_other_code_are_counted(
    tmp_path: Path, reference: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = trained(tmp_path / "here", 1)
    old = "other code than is here now"
    monkeypatch.setattr("lets.compare.trees.same_code", lambda made, now: True)
    assert old not in comparison_text(compared(here, reference))
    monkeypatch.setattr("lets.compare.trees.same_code", lambda made, now: False)
    assert f"24 of the runs here were made by {old}" in comparison_text(compared(here, reference))
