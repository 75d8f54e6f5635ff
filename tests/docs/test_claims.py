"""docs/claims.md: the rule it states is that of the code."""

import re
from typing import get_args

from tests.docs.pages import ROOT

from lets.claims.file import Best, Better, Equivalent, read_claims
from lets.claims.judgement import LEAST, Ruling
from lets.stats.paired import ALPHA

PAGE = (ROOT / "docs/claims.md").read_text()
NUMBERS = {3: "three"}


def test_every_kind_and_every_verdict_stands_in_its_table() -> None:
    kinds = [get_args(model.model_fields["kind"].annotation)[0] for model in (Better, Best, Equivalent)]
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.M) == kinds
    rows = re.findall(r"^\| ([a-z ]+) \|", PAGE, re.M)
    assert set(rows) - {"verdict", "kind"} == {str(one) for one in Ruling}


def test_the_numbers_of_the_rule_are_those_of_the_code() -> None:
    assert PAGE.count(f"Holm p < {ALPHA}") == 2
    assert f"less than {NUMBERS[LEAST]} comparisons" in PAGE
    assert f"less than {NUMBERS[LEAST]} units" in PAGE


def test_the_margins_are_those_of_the_claims() -> None:
    claims = read_claims(ROOT / "params/claims.yaml").values()
    margins = {claim.metric: claim.margin for claim in claims if isinstance(claim, Equivalent)}
    assert margins == {"test_accuracy": 0.5, "mean_loss": 0.05}
    text = " ".join(PAGE.split())
    assert "half a percentage point of accuracy" in text
    assert "0.05 nats for the training loss" in text
