"""The distribution without extras is the library: torch is enough for it, and the rest says what is missing."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

import lets

ROOT = Path(__file__).parents[2]
BUILD = "import sys; from setuptools import build_meta; build_meta.build_{}(sys.argv[1])"
LIBRARY = """
import torch, lets
x, y = torch.randn(8, 4), torch.randint(0, 3, (8,))
for name in lets.methods():
    model = torch.nn.Linear(4, 3)
    method = lets.create(name, model, torch.optim.SGD(model.parameters(), lr=0.1), total_steps=9)
    before = model.weight.clone()
    method.step(lambda b: torch.nn.functional.cross_entropy(model(b[0]), b[1], reduction="none"), (x, y), (x, y))
    assert not torch.equal(before, model.weight), name
def told(module):
    try:
        __import__("importlib").import_module(module)
    except ImportError as error:
        return str(error)
for extra in ("accelerate", "lightning", "transformers"):
    assert told(f"lets.integrations.{extra}").endswith(f"run  pip install 'lets-repro[{extra}]'")
try:
    lets.models.create("resnet18")
except ImportError as error:
    assert str(error).endswith("is not installed – run  pip install 'lets-repro[pipeline]'"), error
print(lets.__version__, len(lets.methods()))
"""


def needed(name: str) -> set[str]:
    """Return a package that is installed here and all that it needs, extras apart."""
    found, waiting = set[str](), [name]
    while waiting:
        one = waiting.pop()
        try:
            wanted = [Requirement(line) for line in requires(one) or ()]
        except PackageNotFoundError:
            continue
        found.add(one)
        there = [r.name for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
        waiting += set(there) - found
    return found


def build(kind: str, source: Path, folder: Path) -> Path:
    command = [sys.executable, "-c", BUILD.format(kind), str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (made,) = folder.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A wheel, and one built from the source distribution."""
    pytest.importorskip(
        "setuptools", minversion="77", reason="building needs setuptools >= 77, as make installs it"
    )
    folder = tmp_path_factory.mktemp("dist")
    source = folder / "source"
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for made in ("first", "sdist", "second"):
        (folder / made).mkdir()
    sdist = build("sdist", source, folder / "sdist")
    shutil.unpack_archive(sdist, folder / "unpacked")
    (again,) = (folder / "unpacked").iterdir()
    return build("wheel", source, folder / "first"), build("wheel", again, folder / "second")


def test_the_source_distribution_gives_the_same_wheel(dist: tuple[Path, Path]) -> None:
    names = [sorted(ZipFile(wheel).namelist()) for wheel in dist]
    assert names[0] == names[1]
    sources = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src/lets").rglob("*.py")}
    assert sources <= set(names[0])


def test_it_needs_torch_alone_and_any_new_one(dist: tuple[Path, Path]) -> None:
    with ZipFile(dist[0]) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith("/METADATA")]
        text = wheel.read(name).decode()
    plain = [line for line in re.findall(r"^Requires-Dist: (.*)$", text, re.M) if "extra ==" not in line]
    (torch,) = map(Requirement, plain)
    assert torch.name == "torch"
    assert torch.specifier.contains("99.0")
    assert f"\nVersion: {lets.__version__}\n" in text


@pytest.fixture(scope="module")
def light(dist: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content, and links to torch and what it needs: all that a Python in it can import."""
    site = tmp_path_factory.mktemp("site")
    ZipFile(dist[0]).extractall(site)
    for name in needed("torch"):
        one = distribution(name)
        for top in {file.parts[0] for file in one.files or () if file.parts[0] not in ("..", "__pycache__")}:
            link, there = site / top, Path(str(one.locate_file(top)))
            if there.exists() and not link.exists():
                link.symlink_to(there)
    return site


def python(site: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    begin = f"import sys; sys.path.append({str(site)!r}); "
    command = [sys.executable, "-I", "-S", "-c", begin + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_every_method_steps_and_the_rest_names_its_extra(light: Path) -> None:
    done = python(light, f"exec({LIBRARY!r})")
    assert done.stdout == f"{lets.__version__} {len(lets.methods())}\n", done.stderr


def test_the_command_says_in_a_sentence_what_it_lacks(light: Path) -> None:
    done = python(light, "from lets.cli.main import main; main()", "status")
    assert done.returncode == 2
    assert done.stderr == (
        "error: typer – is not installed, and the library alone has no commands – run  "
        "pip install 'lets-repro[pipeline]'\n"
    )
