"""The csv of a sharpness analysis: means and errors, and what is refused."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lets.analyses.sharpness import Measure, mean_of, measures_text, read_measures
from lets.errors import RecordError

WHOLE = [
    Measure("eigenvalue", 1, 1 / 3, 1e-6, 35),
    Measure("eigenvalue", 2, 0.1 + 0.2 - 0.2, 1e-5, 35),
    Measure("trace", 0, 7.25, 0.5, 20),
    Measure("m-sharpness", 0.05, 0.012, 0.001, 8),
    Measure("m-sharpness", 0.5, 0.12, 0.01, 8),
]


def test_a_mean_with_its_standard_error() -> None:
    """1, 2, 3, 6: mean 3, variance (4 + 1 + 0 + 9)/3."""
    assert mean_of("trace", 0, [1, 2, 3, 6]) == Measure("trace", 0, 3, pytest.approx((14 / 3 / 4) ** 0.5), 4)
    assert math.isnan(mean_of("trace", 0, [1.0]).error)


def test_it_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    path = tmp_path / "sharpness.csv"
    path.write_text(measures_text(WHOLE))
    assert read_measures(path) == WHOLE


def test_a_diverged_run_has_nan(tmp_path: Path) -> None:
    path = tmp_path / "sharpness.csv"
    path.write_text(measures_text([replace(one, value=math.nan, error=math.nan) for one in WHOLE]))
    assert all(math.isnan(one.value) for one in read_measures(path))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: rows[1:], "the ranks of its eigenvalues are not 1, 2, 3"),
        (lambda rows: rows[2:], "the ranks of its eigenvalues are not 1, 2, 3"),
        (lambda rows: [rows[0], replace(rows[1], value=0.4), *rows[2:]], "its eigenvalues grow"),
        (lambda rows: [*rows[:2], *rows[3:]], "it has 0 traces"),
        (lambda rows: [*rows[:3], rows[2], *rows[3:]], "it has 2 traces"),
        (lambda rows: rows[:3], "the radii of its m-sharpness do not increase from above 0"),
        (lambda rows: [*rows[:3], rows[4], rows[3]], "the radii of its m-sharpness do not increase"),
        (lambda rows: [*rows[:3], rows[3], rows[3]], "the radii of its m-sharpness do not increase"),
        (lambda rows: [*rows[:3], replace(rows[3], at=0.0)], "the radii of its m-sharpness do not increase"),
        (
            lambda rows: [rows[2], *rows[:2], *rows[3:]],
            "want lines of eigenvalue, trace, m-sharpness, in this",
        ),
        (lambda rows: [*rows, replace(rows[0], quantity="norm")], "want lines of eigenvalue, trace, m-sharp"),
        (lambda rows: [*rows[:4], replace(rows[4], n=0)], "a count or an error is negative"),
        (lambda rows: [*rows[:4], replace(rows[4], error=-1.0)], "a count or an error is negative"),
    ],
)
def test_what_is_not_whole_is_refused(
    tmp_path: Path, change: Callable[[list[Measure]], list[Measure]], reason: str
) -> None:
    path = tmp_path / "sharpness.csv"
    path.write_text(measures_text(change(WHOLE)))
    with pytest.raises(RecordError, match=f"sharpness.csv – {reason}.* – delete it and make it again"):
        read_measures(path)


def test_what_is_no_csv_of_ours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sharpness.csv"
    path.write_text("nonsense")
    with pytest.raises(RecordError, match="line 1: want the columns quantity,at,value,error,n – delete it"):
        read_measures(path)
