"""The LaTeX of every kind of table: rows of equal length, characters that exist, a real LaTeX where there is one."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.golden.factory import Project
from tests.golden.figures import figures_in

from lets.tables.render import escape, render
from lets.tables.table import Block, Cell, Csv, Table

REPORTS = sorted((Path(__file__).parents[3] / "reference/reports").glob("*/tables"))
ONE = {"experiments": ["clean"], "where": {"architecture": ["resnet-small"]}}
TABLES = {
    "blocks": {"title": "B_1", "experiments": ["clean"], "columns": ["noise", "architecture"]},
    "estimators": {"kind": "hypergradient", "title": "H {x}", **ONE, "every": 5},
    "minima": {"kind": "sharpness", "title": "M 100 %", **ONE},
}
needs_latex = pytest.mark.skipif(
    not shutil.which("pdflatex"), reason="no pdflatex here: apt-get install texlive-latex-recommended"
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    tables = {
        **TABLES,
        "estimators": {
            **TABLES["estimators"],
            "where": {"architecture": ["resnet-small"], "method": ["lets-sam"]},
        },
    }
    return figures_in(tmp_path, **tables)


def tex(project: Project, name: str) -> str:
    return render(project.now.table(name))["tex"]


def wide(columns: int) -> Table:
    """A table whose rows have about 12 letters in every column."""
    row = ("Transformer (tiny)", tuple(Cell("-16.26 to +3") for _ in range(columns)))
    heads = ("95 % interval",) * columns
    return Table("w", "Wide", "Setting", heads, (Block("", (row,)),), ("A note.",), Csv((), ()), ())


def compiled(folder: Path, *tables: str) -> str:
    """What pdflatex says of a document of nothing but these tables."""
    head = r"\documentclass{article}\usepackage{booktabs,longtable}\begin{document}"
    (folder / "t.tex").write_text(
        "\n".join([head, *(f"{table}\\clearpage" for table in tables), r"\end{document}"])
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (folder / "t.pdf").read_bytes().startswith(b"%PDF")
    return done.stdout


@pytest.mark.parametrize("name", ["table", *TABLES])
def test_rows_are_as_long_as_the_head(project: Project, name: str) -> None:
    text = tex(project, name)
    assert text.isascii()
    plain = re.sub(r"\\[\\{}&%_]", "", text)
    assert plain.count("{") == plain.count("}")
    (columns,) = re.findall(r"^\\begin\{tabular\}\{(l r*|lr*)\}$", text, re.MULTILINE)
    body = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
    rows = [line for line in body.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert len(rows) > 2
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(columns) - 1}
    spans = {int(span) for span in re.findall(r"\\multicolumn\{(\d+)\}", body)}
    assert spans <= {len(columns)}


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("|Hv - λv|", r"$|$Hv $-$ $\lambda$v$|$"),
        ("-0.42 to +1", "$-$0.42 to +1"),
        ("3e-06, WRN-28-10, LETS-SAM", "3e-06, WRN-28-10, LETS-SAM"),
    ],
)
def test_what_plain_latex_would_print_as_something_else(text: str, printed: str) -> None:
    """In its default encoding a bar comes out as a dash, and a minus is a hyphen."""
    assert escape(text) == printed


def test_wide_tables_are_set_smaller() -> None:
    sizes = [
        next(line for line in render(wide(n))["tex"].splitlines() if "tabcolsep" in line)[:5]
        for n in (2, 4, 5, 8)
    ]
    assert sizes == [r"\smal", r"\foot", r"\scri", r"\scri"]


@needs_latex
def test_every_kind_compiles_between_the_margins(project: Project, tmp_path: Path) -> None:
    said = compiled(
        tmp_path,
        *(tex(project, name) for name in ("table", *TABLES)),
        *(render(wide(n))["tex"] for n in (2, 4, 5, 6)),
    )
    assert "Overfull" not in said


@needs_latex
@pytest.mark.parametrize("folder", REPORTS, ids=lambda folder: folder.parent.name)
def test_our_own_tables_compile(folder: Path, tmp_path: Path) -> None:
    said = compiled(tmp_path, *(path.read_text() for path in sorted(folder.glob("*.tex"))))
    assert "Missing character" not in said
