"""docs/audit.md: its commands exist, its codes, words and numbers are those of the code."""

import re

from scipy.stats import hypergeom
from tests.docs.pages import ROOT

from lets.audit.layers import AuditError
from lets.audit.retraining import ACCURACY, LOSS
from lets.audit.verdicts import Verdict
from lets.project import expand, load_params

PAGE = (ROOT / "docs/audit.md").read_text()


def test_every_layer_has_its_row_in_order():
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", PAGE, re.M)
    assert rows == [(str(layer.exit_code), layer.layer) for layer in AuditError.__subclasses__()]


def test_every_verdict_is_explained():
    assert set(re.findall(r"^- \*\*(.+)\*\*:", PAGE, re.M)) == {str(verdict) for verdict in Verdict}


def test_tolerances():
    assert f"within {100 * LOSS:g} %, the final accuracy within {ACCURACY:g} points" in PAGE


def test_what_a_sample_finds():
    words = re.search(r"of (\d+) runs\s+with (\d+) forged, (\d+) draws find one with (\d+) %", PAGE)
    assert words
    runs, forged, draws, percent = map(int, words.groups())
    assert round(100 * hypergeom.sf(0, runs, forged, draws)) == percent


def test_the_demo_computes_every_run_again():
    params = load_params(ROOT / "params/demo.yaml")
    assert params.audit_weights >= len(expand(params).runs)
