"""A loss landscape: its csv comes back, and half a grid is refused."""

from pathlib import Path

import pytest

from lets.analyses.landscape import Point, points_text, read_points
from lets.errors import RecordError

GRID = [Point(a, b, a / 3 + b) for a in (-1.0, 0.0, 1.0) for b in (-0.1, 0.1)]


def test_it_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    path = tmp_path / "plane.csv"
    path.write_text(points_text(GRID))
    assert read_points(path) == GRID
    assert path.read_text().splitlines()[:2] == ["a,b,loss", "-1.0,-0.1,-0.43333333333333335"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (points_text(GRID[:-1]), "points of the grid are missing"),
        (points_text([]), "points of the grid are missing"),
        ("a,b\n0,0\n", "line 1: want the columns a,b,loss"),
        (points_text(GRID).replace("0.1,", "x,", 1), "line 2: .* is no number"),
    ],
)
def test_what_is_no_whole_grid_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "plane.csv"
    path.write_text(text)
    with pytest.raises(RecordError, match=rf"plane.csv – {reason}.* – delete it and make it again"):
        read_points(path)
