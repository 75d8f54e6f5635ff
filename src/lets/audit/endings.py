"""Check: lines of text files end as they were written; git can have changed that in a checkout, which is no damage."""

from collections.abc import Iterator
from pathlib import Path

from lets.audit.case import Case
from lets.audit.findings import Check
from lets.commands import command


def check_endings(case: Case) -> Check:
    """Warn of texts whose lines end as on Windows: every other check reads them as they were written."""
    texts = [path for path in _texts(case) if path.is_file()]
    changed = [path for path in texts if b"\r\n" in path.read_bytes()]
    warnings = [_warning(case, changed)] if changed else []
    return Check(
        "endings", "text files whose lines end as they were written", len(texts), (), tuple(warnings)
    )


def _texts(case: Case) -> Iterator[Path]:
    layout = case.layout
    for record in case.complete():
        yield from (record.folder / name for name in record.files if not name.endswith(".safetensors"))
    for name in case.params.tables:
        yield from layout.tables(name)
    for name in case.params.figures:
        yield from (path for path in layout.figures(name) if path.suffix != ".png")
    yield from (layout.claims, layout.claims_csv, layout.summary, layout.long_table)
    yield from (layout.quoted, layout.paper_claims)  # published.csv came with such lines


def _warning(case: Case, changed: list[Path]) -> str:
    """Files unpacked from git replace those that are there: a checkout leaves alone what git thinks has not changed."""
    folders = (case.layout.runs, case.layout.reports, case.layout.quoted.parent)
    trees = [tree for tree in folders if any(tree in path.parents for path in changed)]
    unpack, refresh = command("git", "archive", "HEAD", *trees), command("git", "add", "--update", *trees)
    return (
        f"the lines of {len(changed)} text files end as on Windows, not as they were written, and nothing else is "
        f"wrong with that: git changed them when it checked them out; to have them back:  "
        f"git config core.autocrlf false && {unpack} | tar -x && {refresh}"
    )
