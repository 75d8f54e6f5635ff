"""Of every page: links lead somewhere, `lets` and `make` know its commands, Markdown leaves equations whole."""

import re
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, commands, parses

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks/README.md",
    *ROOT.glob("docs/**/*.md"),
]
NAMES = {str(path.relative_to(ROOT)): path for path in sorted(PAGES)}


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    page = NAMES[name]
    found = re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", page.read_text())
    for link in (one or other for one, other in found):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file) if file else page
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


@pytest.mark.parametrize("name", NAMES)
def test_commands_parse(name: str) -> None:
    for command in commands(NAMES[name].read_text()):
        if command.startswith("lets "):
            assert parses(command), command
        elif command.startswith("make "):
            assert command.split()[1] in targets(), command


def targets() -> list[str]:
    return re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)


@pytest.mark.parametrize("name", NAMES)
def test_equations_are_whole_and_survive_markdown(name: str) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", NAMES[name].read_text(), flags=re.S)
    displayed = re.findall(r"\$\$(.*?)\$\$", text, re.S)
    assert text.count("$$") == 2 * len(displayed)
    rest = re.sub(r"\$\$.*?\$\$", "", text, flags=re.S)
    inline = re.findall(r"\$([^$\n]+)\$", rest)
    assert rest.count("$") == 2 * len(inline), "an inline equation without an end on its line"
    for equation in (*displayed, *inline):
        assert equation.count("{") == equation.count("}"), equation
        assert equation.count(r"\left") - equation.count(r"\leftarrow") == equation.count(r"\right"), equation
        # Markdown eats a backslash before punctuation, and reads * | < and an underscore after punctuation itself.
        assert not re.search(r"\\[^a-zA-Z]|[*|<]|[^\w]_|\n", equation), equation
