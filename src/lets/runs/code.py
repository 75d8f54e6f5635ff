"""Digest of the code that can change a number of a run, and of nothing else.

What counts are the definitions that `train_run` reaches by name, wherever they are written (`Source`), as text that
only what they compute can change. Moving, merging or renaming files, imports (at the top or within a function),
comments, docstrings, annotations of functions and the wording of an exception where it is raised leave it as it is; the
source is read, not imported. Of the three catalogues the rows that the run names count, by value: a new row leaves the
digest of every other run as it is. Of a network or data set of the user's own the bytes of its modules count.

A change of the code that leaves every number as it is gives a new digest all the same. Then `codes.csv` lists, for
records in git, the recorded digest beside the present one, and the evidence.
"""

import ast
import csv
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

import lets
from lets.config.run import RunSpec
from lets.data.catalogue import describe as describe_data
from lets.errors import StorageError
from lets.files import sha256_bytes, sha256_file, write_text
from lets.models.catalogue import describe as describe_network
from lets.optim.catalogue import describe as describe_method
from lets.own import digest, is_own

__all__ = ["Source", "code_digest", "same_code"]

ENTRY = "lets.train.job:train_run"
CATALOGUES = frozenset({"METHODS", "ARCHITECTURES", "DATASETS"})
"""tables whose rows are digested by value"""
BOOKKEEPING = frozenset(
    {"Machine", "Provenance", "Layout", "RunRecord", "code_digest", "image", "machine", "packages"}
)
"""where a run lies and who made it: no number depends on it (what is read is digested by content)"""
SAME_CODE = Path(__file__).with_name("codes.csv")


def code_digest(spec: RunSpec) -> str:
    """Return the hexadecimal SHA-256 of the code that trains `spec`, equal on every version of Python."""
    own = [digest(name) for name in (spec.architecture, spec.dataset) if is_own(name)]
    builder = [] if is_own(spec.architecture) else [describe_network(spec.architecture).builder]
    rows = json.dumps(_rows(spec), sort_keys=True)
    return sha256_bytes(" ".join([rows, _reached(*builder), *own]).encode())


def same_code(made: str, now: str) -> bool:
    """Return whether code with the digest `made` trained what code with the digest `now` trains."""
    return made == now or (made, now) in _listed()


def _rows(spec: RunSpec) -> dict[str, object]:
    """What a run takes from the catalogues: without titles, citations and places in the source."""
    method, network = describe_method(spec.method), describe_network(spec.architecture)
    data = asdict(describe_data(spec.dataset))
    return {
        "method": [method.policy, method.ascent, method.descent, method.radius],
        "network": [network.builder.partition(":")[2], dict(network.arguments), network.pretrained],
        "data": {name: value for name, value in data.items() if name not in ("title", "reader", "pictures")},
    }


@cache
def _reached(*builder: str) -> str:
    """Digest of every definition that training reaches, those of the network's `builder`, if it is ours, among them.

    Half a second of reading, so it is cached beside Python's own cache of the source until a byte of that changes.
    """
    root = Path(lets.__path__[0])
    sources = [sha256_file(file) for file in sorted(root.rglob("*.py"))]
    cached = root / "__pycache__" / f"code-{sha256_bytes(' '.join([*builder, *sources]).encode())}"
    if cached.is_file():
        return cached.read_text()
    found = Source(root, CATALOGUES | BOOKKEEPING).closure(ENTRY, *builder)
    digest = sha256_bytes("\n".join(found).encode())
    with suppress(StorageError):  # an installed package may be read-only
        write_text(cached, digest)
    return digest


@cache
def _listed() -> frozenset[tuple[str, str]]:
    with SAME_CODE.open(newline="") as file:
        return frozenset((row["recorded"], row["now"]) for row in csv.DictReader(file))


OWN_CALLS_ONLY = frozenset(
    {"BaseModel", "Enum", "StrEnum", "Protocol", "Exception", "ValueError", "ArithmeticError"}
)
"""foreign bases that call no method of a subclass by its name; torch.nn.Module calls `forward`"""
ACCESSORS = frozenset({"property", "cached_property", "classmethod", "staticmethod"})

Import = ast.Import | ast.ImportFrom
Function = ast.FunctionDef | ast.AsyncFunctionDef
Key = tuple[str, str]
"""module and name of a definition; of a method "Class.method" """


@dataclass
class _Module:
    """What the top level of a file binds: definitions, and imports as (module, name or "")."""

    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, Key] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)
    """statements that run at import and bind no name"""


@dataclass(frozen=True)
class _Text:
    """A definition as text, and what it names."""

    text: str
    references: frozenset[Key]
    hints: frozenset[Key]
    """classes that annotations name: their methods may be called"""
    words: frozenset[str]
    """attributes and strings, any of which may name a method"""


class Source:
    """The source below `root`, the folder of a package; files are parsed when a name leads there.

    Definitions named in `left_out` are not entered.
    """

    def __init__(self, root: Path, left_out: frozenset[str] = frozenset()) -> None:
        self.root, self.left_out = root, left_out
        self._modules: dict[str, _Module | None] = {}
        self._texts: dict[Key, _Text] = {}

    def closure(self, *entries: str) -> list[str]:
        """Return a line for each definition that the `entries` ("module:name") reach, sorted.

        A line holds the SHA-256 of the definition, and of each that it names. LookupError for an unknown entry.
        """
        reached = self._reached([self._entry(entry) for entry in entries])
        own = {key: hashlib.sha256(text.text.encode()).hexdigest() for key, text in reached.items()}
        return sorted(
            " ".join([own[key], *sorted(f"{at[1]}={own[at]}" for at in text.references)])
            for key, text in reached.items()
        )

    def _entry(self, entry: str) -> Key:
        module, _, name = entry.partition(":")
        if (found := self._definition(module, name)) is None:
            raise LookupError(f"{entry} is not defined below {self.root}")
        return found

    def _reached(self, waiting: list[Key]) -> dict[Key, _Text]:
        reached: dict[Key, _Text] = {}
        words: set[str] = set()
        while waiting:
            while waiting:
                key = waiting.pop()
                if key not in reached:
                    reached[key] = text = self._text(key)
                    words |= text.words
                    waiting += [*text.references, *text.hints, *self._effects(key[0])]
            methods = (method for key in reached for method in self._methods(key, words))
            waiting = [method for method in methods if method not in reached]
        return reached

    def _effects(self, module: str) -> Iterator[Key]:
        """What importing a module runs, and the packages above it."""
        parts = module.split(".")
        for name in (".".join(parts[: i + 1]) for i in range(len(parts))):
            if (found := self._module(name)) and found.effects:
                yield name, ""

    def _methods(self, key: Key, words: set[str]) -> Iterator[Key]:
        """The methods of a class that may be called."""
        module, name = key
        for statement in self._statements(key):
            if isinstance(statement, ast.ClassDef):
                foreign = self._inherits_calls(module, statement)
                for method in (one for one in statement.body if isinstance(one, Function)):
                    if foreign or method.name in words or _is_special(method):
                        yield module, f"{name}.{method.name}"

    def _inherits_calls(self, module: str, node: ast.ClassDef) -> bool:
        """Whether a class of another library, which may call any method, is among the bases."""
        return any(self._is_foreign(module, base) for base in node.bases)

    def _is_foreign(self, module: str, base: ast.expr) -> bool:
        name = _dotted(base.value if isinstance(base, ast.Subscript) else base)
        if (found := self._resolve(module, name.split("."))) is None:
            return name.rpartition(".")[2] not in OWN_CALLS_ONLY
        classes = (one for one in self._statements(found) if isinstance(one, ast.ClassDef))
        return any(self._inherits_calls(found[0], one) for one in classes)

    def _text(self, key: Key) -> _Text:
        if key not in self._texts:
            module, statements = key[0], self._statements(key)
            inside = [
                one for statement in statements for one in ast.walk(statement) if isinstance(one, Import)
            ]
            local = dict(_imports(inside, module, self._path(module).is_dir()))
            writer = _Writer(
                lambda name: self._resolve(module, name.split("."), local), methods="." in key[1]
            )
            text = "".join(writer.write(statement) for statement in statements)
            named, hinted = (self._entered(found) - {key} for found in (writer.references, writer.hints))
            self._texts[key] = _Text(text, named, hinted, frozenset(writer.words))
        return self._texts[key]

    def _entered(self, found: set[Key]) -> frozenset[Key]:
        return frozenset(key for key in found if key[1] not in self.left_out)

    def _statements(self, key: Key) -> list[ast.stmt]:
        module, (name, _, method) = self._module(key[0]), key[1].partition(".")
        if module is None:
            return []
        if not name:
            return module.effects
        found = module.definitions.get(name, [])
        if not method:
            return found
        bodies = (one.body for one in found if isinstance(one, ast.ClassDef))
        return [one for body in bodies for one in body if isinstance(one, Function) and one.name == method]

    def _resolve(self, module: str, parts: list[str], local: Mapping[str, Key] | None = None) -> Key | None:
        """The definition that a whole dotted name stands for in `module`; None if it is not one of ours."""
        here, (first, *rest) = self._module(module), parts
        if here is None:
            return None
        if found := (local or {}).get(first) or (
            None if first in here.definitions else here.imports.get(first)
        ):
            at, name = found
            return self._walk(at, [name, *rest] if name else rest)
        return (module, first) if first in here.definitions and not rest else None

    def _walk(self, module: str, names: list[str]) -> Key | None:
        """The definition at the end of a way from a module down through its subpackages."""
        *packages, last = names or [""]
        return self._definition(".".join([module, *packages]), last)

    def _definition(self, module: str, name: str) -> Key | None:
        here = self._module(module)
        if here is None or not name:
            return None
        if name in here.definitions:
            return module, name
        if name in here.imports:
            at, other = here.imports[name]
            return self._definition(at, other) if (at, other) != (module, name) else None
        return None

    def _path(self, module: str) -> Path:
        return self.root.joinpath(*module.split(".")[1:])

    def _module(self, name: str) -> _Module | None:
        if name not in self._modules:
            self._modules[name] = self._parsed(name)
        return self._modules[name]

    def _parsed(self, name: str) -> _Module | None:
        if name.partition(".")[0] != self.root.name:
            return None
        path = self._path(name)
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if not file.is_file():
            return None
        module = _Module()
        imports: list[Import] = []
        _bind(ast.parse(file.read_bytes()).body, module, imports)
        module.imports = dict(_imports(imports, name, path.is_dir()))
        return module


def _is_special(method: Function) -> bool:
    """Whether Python or a decorator may call a method although nobody names it."""
    decorators = {ast.unparse(one).split("(")[0] for one in method.decorator_list}
    return bool(re.fullmatch("__.+__", method.name)) or not decorators <= ACCESSORS


def _bind(body: list[ast.stmt], module: _Module, imports: list[Import]) -> None:
    for statement in body:
        if isinstance(statement, Import):
            imports.append(statement)
        elif isinstance(statement, Function | ast.ClassDef):
            module.definitions.setdefault(statement.name, []).append(statement)
        elif names := _targets(statement):
            for name in names:
                module.definitions.setdefault(name, []).append(statement)
        elif isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            _bind([one for one in statement.body if isinstance(one, Import)], module, imports)
        elif not _is_text(statement):
            module.effects.append(statement)


def _targets(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.Assign(targets=targets):
            pass
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            targets = [target]
        case _:
            return []
    return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]


def _imports(found: Iterable[Import], module: str, package: bool) -> Iterator[tuple[str, Key]]:
    """What import statements bind: name → (module, name in it); "" for the module itself."""
    for statement in found:
        for alias in statement.names:
            bound = alias.asname or alias.name.partition(".")[0]
            if isinstance(statement, ast.Import):
                yield bound, (alias.name if alias.asname else bound, "")
            else:
                yield bound, (_origin(statement, module, package), alias.name)


def _origin(statement: ast.ImportFrom, module: str, package: bool) -> str:
    """The absolute name of the module that is imported from."""
    parts = module.split(".")
    above = parts[: len(parts) - statement.level + package] if statement.level else []
    return ".".join([*above, *filter(None, [statement.module])])


def _is_text(node: object) -> bool:
    """A docstring, or a bare constant."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_silent(value: object) -> bool:
    """Return whether a statement computes nothing: an import, by which names are resolved, or a docstring."""
    return isinstance(value, Import) or _is_text(value)


def _dotted(node: ast.expr) -> str:
    """`a.b.c` as written; empty for anything but names and attributes."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (owner := _dotted(node.value)):
        return f"{owner}.{node.attr}"
    return ""


class _Writer:
    """Writes syntax as text without what cannot change a number, and collects what it names.

    What `resolve` finds for a name, however it is imported, is written by the name that it is defined with.
    """

    def __init__(self, resolve: Callable[[str], Key | None], methods: bool) -> None:
        self.references: set[Key] = set()
        self.hints: set[Key] = set()
        self.words: set[str] = set()
        self._resolve, self._methods = resolve, methods

    def write(self, node: ast.AST, raised: bool = False) -> str:
        """Return a node as text; of an exception that is `raised` here the words do not count."""
        if _is_silent(node):
            return ""
        if isinstance(node, ast.Attribute):
            self.words.add(node.attr)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            self.words.add(node.value)
        if isinstance(node, ast.Name | ast.Attribute) and (found := self._resolve(_dotted(node))):
            self.references.add(found)
            return f"@{found[1]}"
        raised = raised or isinstance(node, ast.Raise)
        written = ((name, self._value(value, raised)) for name, value in self._fields(node))
        return f"{type(node).__name__}({' '.join(f'{name}={text}' for name, text in written if text)})"

    def _fields(self, node: ast.AST) -> Iterator[tuple[str, object]]:
        for name, value in ast.iter_fields(node):
            if name == "returns" or (name == "annotation" and isinstance(node, ast.arg)):
                self._hint(value)
            elif name == "body" and isinstance(node, ast.ClassDef) and not self._methods:
                yield name, [one for one in node.body if not isinstance(one, Function)]
            elif name not in ("ctx", "kind", "type_comment"):
                yield name, value

    def _hint(self, annotation: ast.expr | None) -> None:
        if annotation:
            names = (
                _dotted(one) for one in ast.walk(annotation) if isinstance(one, ast.Name | ast.Attribute)
            )
            self.hints |= {found for name in names if (found := self._resolve(name))}

    def _value(self, value: object, raised: bool) -> str:
        if isinstance(value, ast.AST):
            return self.write(value, raised)
        if isinstance(value, list):
            heard = (one for one in value if not _is_silent(one))
            return f"[{' '.join(self._value(one, raised) for one in heard)}]" if value else ""
        return "" if value is None or (raised and isinstance(value, str)) else repr(value)
