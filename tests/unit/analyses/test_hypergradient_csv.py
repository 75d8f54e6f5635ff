"""The csv of a hyper-gradient analysis: what follows from what, and what is refused."""

import math
from dataclasses import astuple
from pathlib import Path

import pytest

from lets.analyses.hypergradient import Probe, probes_of, probes_text, read_probes
from lets.errors import RecordError

FOUND = {
    ("algorithm", "diagonal"): (-0.5, 0.25),
    ("algorithm", "exact"): (3.0, 1.0),
    ("derivation", "exact"): (2.0, 1.0),
}


def test_ratio_and_sign_refer_to_the_true_one() -> None:
    first, second, true = probes_of(13, 2, 0.05, FOUND)
    assert first == Probe(13, 2, 0.05, "algorithm", "diagonal", -0.5, 0.25, 0.25, False)
    assert (second.ratio, second.agrees) == (1.5, True)
    assert (true.ratio, true.agrees) == (1.0, True)


def test_where_the_true_one_is_zero_no_size_compares() -> None:
    probes = probes_of(0, 1, 0.05, FOUND | {("derivation", "exact"): (0.0, math.nan)})
    assert all(math.isnan(probe.ratio) for probe in probes)
    assert [probe.agrees for probe in probes] == [False, False, True]


def test_it_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    probes = probes_of(6, 1, 0.1 + 0.2, FOUND | {("algorithm", "exact"): (1 / 3, math.nan)})
    path = tmp_path / "probes.csv"
    path.write_text(probes_text(probes))
    assert [list(map(repr, astuple(p))) for p in read_probes(path)] == [
        list(map(repr, astuple(p))) for p in probes
    ]


@pytest.mark.parametrize(
    ("there", "instead", "reason"),
    [
        ("step,epoch", "epoch,step", "line 1: want the columns step,epoch,rho,"),
        ("False", "perhaps", "line 2: 'perhaps' is neither True nor False"),
        ("algorithm,exact,3.0", "algorithm,exact", "line 3: 8 values, want 9"),
        ("13,2,0.05,derivation", "thirteen,2,0.05,derivation", "line 4: .thirteen. is no number"),
    ],
)
def test_what_is_not_ours_is_refused_with_its_line(
    tmp_path: Path, there: str, instead: str, reason: str
) -> None:
    path, text = tmp_path / "probes.csv", probes_text(probes_of(13, 2, 0.05, FOUND))
    assert there in text
    path.write_text(text.replace(there, instead))
    with pytest.raises(RecordError, match=f"{reason}.* – delete it and make it again"):
        read_probes(path)
