"""Measures of the house: how many files, how they hang together. `python -m tests.house` prints a table.

It counts what makes it easy or hard to find one's way. No test fails on it: a number that grows should have a reason.
"""

import ast
import textwrap
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from pathlib import Path
from statistics import median

from tests.unit.test_imports import FILES, ROOT, imports, package_of

TESTS = sorted(Path(__file__).parent.rglob("*.py"))
KINDS = ("tables", "figures", "analyses")
"""packages whose classes are kinds: who asks which one it has before him has to be changed for a new one"""
REGISTRIES = ("cli.app", "project.params", "analyses.compute", "audit.layers")
"""modules that list members: a verb, a table, an analysis, a layer of the audit has one importer, being one of many"""
WHY = (
    "More files and lines than the plan wanted: since it was made came lets.optimizer, sharded models, integrations, "
    "compare, gpu-check and own networks, 4,000 lines. A third of all lines are docstrings, which give shapes, "
    "units, errors and sources, and blank ones; functions would have to be longer for fewer.",
    "Files with one importer, but in no list: each holds one idea of 70 to 280 lines beside the one that uses it; "
    "merged, they would be files of 400.",
)
"""what the plan wanted and the house is not"""
EMPTY = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
Graph = Mapping[str, set[str]]


def module_of(file: Path) -> str:
    """Return the dotted name of a file, without `lets.`; of a package that of its folder."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def graph(lazily: bool) -> Graph:
    """Return module → modules of ours that it imports, with or without those imported inside functions."""
    modules = {module_of(file) for file in FILES}
    found: dict[str, set[str]] = defaultdict(set)
    for file in FILES:
        for name, lazy in imports(file):
            if name.startswith("lets.") and (lazily or not lazy):
                target = name.removeprefix("lets.")
                target = target if target in modules else target.rpartition(".")[0]
                found[module_of(file)] |= {target} & modules
    return found


def circles(edges: Graph) -> list[list[str]]:
    """Return the sets of modules or packages that import each other, directly or not."""
    reach = {one: _reached(one, edges) for one in edges}
    left, found = set(edges), []
    for one in sorted(edges):
        ring = {other for other in left & reach[one] if one in reach.get(other, ())}
        if one in left and len(ring | {one}) > 1:
            found.append(sorted(ring | {one}))
            left -= ring
    return found


def _reached(start: str, edges: Graph) -> set[str]:
    waiting, found = [start], set[str]()
    while waiting:
        new = edges.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def packages(edges: Graph) -> Graph:
    """Return the same between packages."""
    found: dict[str, set[str]] = defaultdict(set)
    names = {module_of(file): package_of(file) for file in FILES}
    for one, others in edges.items():
        found[names[one]] |= {names[other] for other in others} - {names[one]}
    return found


def ladders() -> Iterator[str]:
    """Yield every `isinstance` or `match` outside of a kind's own package that asks for a kind."""
    kinds = set(_kinds())
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if _asked(node) & kinds and package_of(file) not in KINDS:
                yield f"{file.relative_to(ROOT)}:{node.lineno}"  # type: ignore[attr-defined]


def _kinds() -> Iterator[str]:
    for file in (file for file in FILES if package_of(file) in KINDS):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef) and any(_names_it(one) for one in node.body):
                yield node.name


def _names_it(node: ast.stmt) -> bool:
    """Whether this is `kind: Literal[…]`, by which params files name the class."""
    return (
        isinstance(node, ast.AnnAssign)
        and ast.unparse(node.target) == "kind"
        and ast.unparse(node.annotation).startswith("Literal")
    )


def _asked(node: ast.AST) -> set[str]:
    """The names that an `isinstance` or a case pattern asks for."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
        return {one.id for one in ast.walk(node.args[1]) if isinstance(one, ast.Name)}
    return {ast.unparse(node.cls)} if isinstance(node, ast.MatchClass) else set()


def functions() -> list[int]:
    """Return the length of every function, in lines."""
    nodes = (node for file in FILES for node in ast.walk(ast.parse(file.read_text())))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [(node.end_lineno or 0) - node.lineno + 1 for node in nodes if isinstance(node, kinds)]


def measures() -> Iterator[tuple[str, object, str]]:
    """Yield what is measured, its value, and what is wanted."""
    at_import, every = graph(lazily=False), graph(lazily=True)
    importers = Counter(target for targets in every.values() for target in targets)
    listed = {target for registry in REGISTRIES for target in every[registry]}
    files = [(file, module_of(file)) for file in FILES if file.name != "__init__.py"]
    lonely = {one for _, one in files if importers[one] == 1}
    names = Counter({(package_of(file), file.name) for file, _ in files})
    shared = Counter(name for _, name in names)
    lengths = functions()
    yield "source files", len(FILES), "≤ 145"
    yield "lines", _lines(FILES), "≤ 17,500"
    yield "  of these code", sum(map(_code, FILES)), ""
    yield "files with only one importer", len(lonely), "≤ 20"
    yield "  of these in no list of verbs or kinds", len(lonely - listed), ""
    yield "file names in more than one package", sum(count > 1 for count in shared.values()), "≤ 5"
    yield "circles between packages", len(circles(packages(at_import))), "0"
    yield "circles between files", len(circles(at_import)), "≤ 1"
    yield "questions about a kind outside of its package", len([*ladders()]), "0"
    yield "median function, lines", median(lengths), "≤ 8"
    yield "longest function, lines", max(lengths), ""
    yield "files of tests", len(TESTS), ""
    yield "lines of tests", _lines(TESTS), ""


def _lines(files: Iterable[Path]) -> int:
    return sum(len(file.read_text().splitlines()) for file in files)


def _code(file: Path) -> int:
    """Count the lines that hold a token other than a comment or a docstring."""
    text = file.read_text()
    words = {
        line
        for token in tokenize.generate_tokens(StringIO(text).readline)
        if token.type not in EMPTY
        for line in range(token.start[0], token.end[0] + 1)
    }
    told = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or 0) + 1)
    }
    return len(words - told)


if __name__ == "__main__":
    print(f"{'':48}{'now':>8}   wanted")
    for about, value, wanted in measures():
        print(f"{about:48}{value!s:>8}   {wanted}")
    print("", *(textwrap.fill(reason, 100) for reason in WHY), sep="\n")
    for ring in [*circles(packages(graph(lazily=False))), *circles(graph(lazily=False))]:
        print(f"circle: {' ↔ '.join(ring)}")
