"""The page "Your own network, your own data" is true: its two files give its table, and a change is noticed."""

import json
import re

import pytest
from tests.docs.pages import ROOT, commands, parses
from tests.workflow.conftest import Project, copy_project

from lets.audit.layers import EvidenceAuditError

PAGE = (ROOT / "docs/own-network.md").read_text()


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A clone with the two files of the page, and the workflow run."""
    project = copy_project(tmp_path_factory.mktemp("mine"))
    for name, language in (("mine.py", "python"), ("params/mine.yaml", "yaml")):
        (text,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.S | re.M)
        (project.folder / name).write_text(text)
    for command in commands(PAGE):
        project.run(*command.split())
    return project


def test_the_commands_are_real() -> None:
    assert all(parses(command) for command in commands(PAGE) if command.startswith("lets "))
    assert commands(PAGE)[-1].startswith("cat reports/mine/")


def test_two_files_give_a_table(mine: Project) -> None:
    table = (mine.folder / "reports/mine/tables/accuracy.md").read_text()
    rows = re.findall(r"^\| ([A-Z-]+) \| [^\d\n]*([\d.]+) ± \S+ \| [^\d\n]*([\d.]+) ± ", table, re.M)
    assert [method for method, _, _ in rows] == ["ERM", "SAM", "LETS-SAM"]
    assert all(float(clean) > 90 and float(noisy) > 75 for _, clean, noisy in rows)


def test_the_audit_proves_it(mine: Project) -> None:
    audit = (mine.folder / "reports/mine/audit/audit.md").read_text()
    assert audit.startswith("# Audit of mine: PASS")
    assert "`mine.py`" in audit


def test_a_changed_module_makes_its_runs_stale_and_only_then(mine: Project) -> None:
    dry = ("snakemake", "--cores", "1", "-n", "--configfile", "params/mine.yaml")
    assert "Nothing to be done" in mine.run(*dry).stdout
    module = mine.folder / "mine.py"
    before = module.read_text()
    module.write_text(before.replace("nn.ReLU()", "nn.GELU()"))
    assert re.search(r"^train +12$", mine.run(*dry).stdout, re.M)
    audit = mine.run("lets", "audit", "--params", "params/mine.yaml", check=False)
    assert audit.returncode == EvidenceAuditError.exit_code
    assert "12 of 12 runs were made by code that may compute other numbers" in audit.stdout
    module.write_text(before)
    assert "12 of 12" not in mine.run("lets", "audit", "--params", "params/mine.yaml").stdout


def test_a_network_that_cannot_be_trained_starts_nothing(mine: Project) -> None:
    broken = mine.folder / "broken.py"
    broken.write_text((mine.folder / "mine.py").read_text().replace("72, classes", "72, 7"))
    params = (mine.folder / "params/mine.yaml").read_text()
    (mine.folder / "params/broken.yaml").write_text(
        params.replace("mine:network", "broken:network").replace("profile: mine", "profile: broken")
    )
    result = mine.run("snakemake", "--cores", "1", "--configfile", "params/broken.yaml", check=False)
    assert result.returncode
    assert "'broken:network' – makes [2, 7] of images [2, 1, 12, 12], not logits [2, 2]" in result.stderr
    assert not list((mine.folder / "results").glob("broken/**/run.json"))


def test_the_digest_of_the_module_is_in_the_record(mine: Project) -> None:
    runs = sorted((mine.folder / "results/mine/runs").rglob("provenance.json"))
    codes = {json.loads(run.read_text())["code"] for run in runs}
    assert len(runs) == 12
    assert len(codes) == 3  # one of each method
