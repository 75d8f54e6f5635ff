"""Addresses of fields: what the audit names when a line of a file is not what the runs give."""

import csv
import io

from lets.tables.render import LINES, render
from lets.tables.table import Block, Cell, Csv, Record, Table


def table() -> Table:
    rows = (
        ("first", (Cell("1", address="a"), Cell("2", "n=1 of 2", address="b"))),
        ("second", (Cell("", ""), Cell("4"))),
    )
    records = [Record(["x, y", 1.5, None], "a", {"p": "a × Holm"}), Record(["z", float("nan"), 2], "b")]
    blocks = (Block("above", rows[:1]), Block("below", rows[1:]))
    return Table(
        "t", "Title", "Row", ("A", "B"), blocks, ("A note.",), Csv(["name", "mean", "p"], records), ()
    )


def test_a_line_for_every_line_of_the_file() -> None:
    for suffix, text in render(table()).items():
        assert [line for line, _ in LINES[suffix](table())] == text.removesuffix("\n").split("\n")


def test_fields_of_csv_know_where_they_are() -> None:
    lines = list(LINES["csv"](table()))
    assert [addresses for _, addresses in lines] == [(), ("a", "a", "a × Holm"), ("b", "b", "b")]
    assert list(csv.reader(io.StringIO(render(table())["csv"])))[1:] == [["x, y", "1.5", ""], ["z", "", "2"]]


def test_cells_of_markdown_and_latex_know_where_they_are() -> None:
    for suffix in ("md", "tex"):
        named = [addresses for _, addresses in LINES[suffix](table()) if any(addresses)]
        assert named == [("", "a", "b")]


def test_an_address_has_all_runs_behind_its_cells() -> None:
    cells = (Cell("1", runs=("r0", "r1"), address="a"), Cell("2", runs=("r1", "r2"), address="a"))
    made = Table("t", "", "", ("A", "B"), (Block("", (("x", cells),)),), (), Csv((), ()), ())
    assert made.addresses == {"a": ("r0", "r1", "r2")}
