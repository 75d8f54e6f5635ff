"""Who may import whom, read from the source; and who must start without torch."""

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import lets

ROOT = Path(lets.__path__[0])
FILES = sorted(ROOT.rglob("*.py"))

CATALOGUES = ("optim.catalogue", "models.catalogue", "data.catalogue")
RECORDED = ("errors", "config", "runs", "stats", "tables")
"""what nearly everything stands on that reads records and prints"""

ALLOWED = {
    "__main__": {"cli"},
    "errors": {"optim.errors"},
    "commands": set(),
    "files": {"commands", "errors"},
    "own": {"errors"},
    "optim": set(),  # liftable: torch and the standard library, nothing else
    "integrations": {"optim"},
    "config": {
        "commands",
        "errors",
        "own",
        *CATALOGUES,
        "optim.hyperparameters",
    },
    "runs": {
        "own",
        "files",
        "commands",
        "errors",
        "config",
        *CATALOGUES,
    },
    "data": {"errors", "files", "own"},
    "models": {"errors", "own"},
    "train": {"files", "errors", "config", "runs", "data", "models", "optim"},
    "stats": set(),
    "tables": {
        "files",
        "commands",
        "errors",
        "config",
        "runs",
        "stats",
        *CATALOGUES,
    },
    "figures": {"files", "errors", "config", "runs", "stats", "tables"},
    "analyses": {
        "errors",
        "config",
        "runs",
        "stats",
        "tables",
        "figures",
        "optim.catalogue",
        "data.catalogue",
    },
    "analyses.compute": {"config", "data", "models", "optim", "train", "analyses"},
    "project": {
        "own",
        "files",
        "commands",
        "errors",
        "config",
        "runs",
        "tables",
        "figures",
        "analyses",
        "optim.catalogue",
        "optim.hyperparameters",
        "models.catalogue",
        "data.catalogue",
        "data.sources",
    },
    "claims": {
        "files",
        *RECORDED,
        "project",
        "analyses",
        *CATALOGUES,
    },
    "page": {
        "files",
        "commands",
        *RECORDED,
        "project",
        "figures",
        "claims",
    },
    "compare": {
        "files",
        "commands",
        *RECORDED,
        "project",
        "claims",
        "page",
    },
    "audit": {
        "own",
        "files",
        "commands",
        *RECORDED,
        "project",
        "figures",
        "analyses",
        "claims",
        "page",
        "optim.catalogue",
        "data.catalogue",
    },
    "cli": {
        "own",
        "commands",
        "errors",
        "files",
        "config",
        "runs",
        "data",
        "models",
        "optim",
        "train",
        "project",
        "tables",
        "figures",
        "analyses",
        "claims",
        "page",
        "compare",
        "audit",
    },
}
"""package → the packages, or modules of them, that it may import while it is imported"""

LAZILY = {
    "audit": {"data", "train", "analyses.compute"},
    "config": {"data.own"},
    "project": {"models.own"},
}
"""package → what it may import inside functions besides: the audit draws noise and computes from weights again; what is
the user's own is called with torch"""

WITHOUT_TORCH = ("config", "runs", "stats", "tables", "figures", "analyses", "project", "claims", "page")


def package_of(file: Path) -> str:
    if file.is_relative_to(ROOT / "analyses" / "compute"):
        return "analyses.compute"
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[tuple[str, bool]]:
    """Yield (absolute name, lazily) of every import; those for type checkers alone do not count."""
    yield from _walk(ast.parse(file.read_text()), file, lazily=False)


def _walk(node: ast.AST, file: Path, lazily: bool) -> Iterator[tuple[str, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from ((alias.name, lazily) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from ((name, lazily) for name in _from(child, file))
        else:
            yield from _walk(child, file, lazily or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))


def _from(node: ast.ImportFrom, file: Path) -> list[str]:
    """`from lets import optim` imports lets.optim; a relative import is made absolute."""
    above = ["lets", *file.relative_to(ROOT).parts[: -node.level]] if node.level else []
    module = ".".join([*above, *([node.module] if node.module else [])])
    return [f"{module}.{alias.name}" for alias in node.names] if module == "lets" else [module]


def ours(file: Path) -> Iterator[tuple[str, bool]]:
    """Yield the imports of other packages of ours, without the leading `lets.`."""
    for name, lazily in imports(file):
        if name.startswith("lets.") and not within(name.removeprefix("lets."), {package_of(file)}):
            yield name.removeprefix("lets."), lazily


def within(name: str, allowed: set[str]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in allowed)


def test_every_package_has_a_rule() -> None:
    packages = {package_of(file) for file in FILES if file.parent != ROOT or file.name != "__init__.py"}
    assert packages == set(ALLOWED)


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_what_it_may(package: str) -> None:
    wrong = []
    for file in FILES:
        if package_of(file) == package:
            for name, lazily in ours(file):
                if not within(name, ALLOWED[package] | (LAZILY.get(package, set()) if lazily else set())):
                    wrong.append(f"{file.relative_to(ROOT)} imports lets.{name}")
    assert wrong == []


def test_optim_needs_torch_and_the_standard_library_alone() -> None:
    foreign = {
        name.split(".")[0]
        for file in FILES
        if package_of(file) == "optim"
        for name, _ in imports(file)
        if name.split(".")[0] not in sys.stdlib_module_names
    }
    assert foreign - {"lets"} == {"torch"}


@pytest.mark.parametrize("package", WITHOUT_TORCH)
def test_no_torch_in_the_source(package: str) -> None:
    heavy = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in FILES
        if package_of(file) == package
        for name, _ in imports(file)
        if name.split(".")[0] in ("torch", "torchvision", "timm") or name.endswith(".torch")
    ]
    assert heavy == []


def test_the_reader_of_imports_sees_what_it_should(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    file = tmp_path / "optim" / "sam.py"
    file.parent.mkdir()
    file.write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numpy\n"
        "from ..config import RunSpec\nfrom . import rho\nfrom lets import data\n"
        "def f():\n    import lets.train.loop\n"
    )
    assert list(imports(file)) == [
        ("typing", False),
        ("lets.config", False),
        ("lets.optim", False),
        ("lets.data", False),
        ("lets.train.loop", True),
    ]
    assert list(ours(file)) == [("config", False), ("data", False), ("train.loop", True)]


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter, on the same source."""
    command = [sys.executable, "-c", code, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT.parent)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


VERBS = (
    "--help",
    "status",
    "status --runs",
    "list methods",
    "list datasets",
    "list architectures",
    f"plan {ROOT.parents[1] / 'params/paper.yaml'}",
)


def test_verbs_start_without_torch() -> None:
    code = (
        "import sys; from lets.cli.main import app\n"
        "for verb in sys.argv[1:]:\n"
        "    app(verb.split(), standalone_mode=False)\n"
        "    heavy = {'torch', 'pandas', 'matplotlib', 'sklearn', 'torchvision', 'timm'} & set(sys.modules)\n"
        "    if heavy: sys.exit(f'{verb} imported {heavy}')"
    )
    done = python(code, *VERBS)
    assert done.returncode == 0, done.stderr


def test_help_imports_the_command_line_alone() -> None:
    """A fifth of a second: the package of the command line is there, none of those that the verbs need."""
    code = (
        "import sys; from lets.cli.main import app; app(['--help'], standalone_mode=False); "
        "heavy = {'torch', 'numpy', 'pandas', 'scipy', 'matplotlib', 'sklearn', 'timm', 'torchvision', 'transformers', "
        "'pydantic', 'yaml', 'safetensors', 'jinja2', 'filelock', 'asyncio', 'rich', 'snakemake', 'dvc', "
        "'lets.config', 'lets.runs'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy or 'typer' not in sys.modules else 0)"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr


TRAINING = """
profile: test
device: cpu
seeds: [0]
training: {epochs: 1, batch_size: 512, optimizer: {name: sgd, lr: 0.1}, schedule: {name: cosine}}
experiments: {one: {datasets: [digits], architectures: [resnet-small], methods: [erm]}}
"""


def test_a_training_of_images_imports_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(TRAINING)
    verb = "import sys; from lets.cli.main import app; app(sys.argv[1:], standalone_mode=False); "
    assert python(verb, "data", "prepare", "digits").returncode == 0
    code = (
        f"{verb}heavy = {{'torchvision', 'timm', 'transformers', 'tokenizers', 'sacrebleu', 'scipy', 'pandas', "
        "'matplotlib', 'sklearn', 'sympy', 'filelock', 'lets.claims', 'lets.page', 'lets.analyses.compute', "
        "'lets.audit', 'torch._dynamo.convert_frame', 'torch._inductor'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy or 'torch' not in sys.modules else 0)"
    )
    done = python(code, "train", "--params", "params.yaml", "--run", "digits/")
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.rglob("metrics.json"))


TORCHLESS = (
    "lets",
    "lets.config",
    "lets.runs",
    "lets.project",
    "lets.claims.document",
    "lets.page.page",
    "lets.audit",
    "lets.train",
)


def test_packages_are_imported_without_torch() -> None:
    code = (
        "import importlib, sys\n"
        "for module in sys.argv[1:]:\n"
        "    importlib.import_module(module)\n"
        "    if 'torch' in sys.modules: sys.exit(f'{module} imported it')"
    )
    done = python(code, *TORCHLESS)
    assert done.returncode == 0, done.stderr


LANGUAGE = ("transformers", "tokenizers", "sacrebleu", "huggingface_hub")
"""packages of the extra: who trains on images need not have them"""


def test_only_the_network_made_of_it_imports_the_language_packages_at_once() -> None:
    wrong = {
        f"{file.relative_to(ROOT)} imports {name}"
        for file in FILES
        for name, lazily in imports(file)
        if not lazily and name.split(".")[0] in LANGUAGE
    }
    assert {one.split()[0] for one in wrong} <= {"models/deberta.py", "integrations/transformers.py"}


def test_images_come_without_the_language_packages() -> None:
    code = (
        f"import sys; blocked = {LANGUAGE[:3]!r}\n"
        "for name in blocked: sys.modules[name] = None\n"
        "import lets.data, lets.models, lets.train.job, lets.analyses.compute, lets.cli.main, torch\n"
        "from lets.train.tasks import task_of\n"
        "digits, info = lets.data.load('digits'), lets.data.describe('digits')\n"
        "batches = lets.data.Batches(\n"
        "    digits.train.images, digits.train.labels, batch_size=8, mean=info.mean, std=info.std)\n"
        "images = next(batches.epoch(0))[0]\n"
        "for name in ('resnet-small', 'vit-small'):\n"
        "    lets.models.create(name, image=digits.image)(images)\n"
        "lets.data.names(), lets.models.names(), task_of('digits')\n"
        "loaded = {name for name in blocked if sys.modules.get(name)}\n"
        "sys.exit(f'imported {loaded}' if loaded else 0)"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr


def test_an_installed_package_has_every_file_that_is_not_python() -> None:
    project = tomllib.loads((ROOT.parents[1] / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["lets"]
    packaged = {file for pattern in patterns for file in ROOT.glob(pattern)}
    files = {file for file in ROOT.rglob("*") if file.is_file() and file.parent.name != "__pycache__"}
    assert files - set(FILES) == packaged - set(FILES)
