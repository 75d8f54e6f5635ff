"""The digest of the code: it changes with what can change a number, and with nothing else."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import lets
from lets.config import RunSpec
from lets.data import catalogue as data
from lets.models import catalogue as models
from lets.optim import catalogue as optim
from lets.project import expand, load_params
from lets.runs import code
from lets.runs.code import Source

PROJECT = Path(lets.__path__[0]).parents[1]
IN_GIT = ("cifar-small", "cifar-memorise")
"""profiles whose records are in git"""


@pytest.fixture(scope="module")
def spec() -> RunSpec:
    runs = expand(load_params(PROJECT / "params/cifar-small.yaml")).runs
    return next(run for run in runs.values() if run.method == "lets-sam")


def closure(root: Path) -> list[str]:
    source = Source(root, code.CATALOGUES | code.BOOKKEEPING)
    return source.closure(code.ENTRY, models.describe("resnet8").builder)


@pytest.fixture(scope="module")
def unchanged() -> list[str]:
    return closure(Path(lets.__path__[0]))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package, to be edited."""
    leave = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(lets.__path__[0], tmp_path / "lets", ignore=leave))


def edit(root: Path, pattern: str, new: str, among: str = "**/*.py") -> None:
    """Replace the first match of a regular expression in the one file that has it."""
    files = [file for file in root.glob(among) if re.search(pattern, file.read_text(), re.MULTILINE)]
    assert len(files) == 1, (pattern, files)
    files[0].write_text(re.sub(pattern, new, files[0].read_text(), count=1, flags=re.MULTILINE))


NUMBERS = {
    "the mean of a batch": (r"1 / n, requires_grad=False", "1.1 / n, requires_grad=False"),
    "a constant": (r"^CHUNK = 2\*\*14", "CHUNK = 2**15"),
    "an operator": (r"blocks = tuple\(a - b for", "blocks = tuple(a + b for"),
    "a comparison": (r"key=lambda row: row.test_accuracy", "key=lambda row: -row.test_accuracy"),
    "what metrics.json says": (r"test_loss=last.test_loss,", "test_loss=last.train_loss,"),
    "the precision of a csv": (r"def _written\(", "def _written(digits=3, *, value=None, "),
    "a seed": (r'"order": seed_for\("order"', '"order": seed_for("init"'),
    "how seeds are derived": (r"(def seed_for(.|\n)*?)\bsha256\b", r"\1sha512"),
    "a network": (r"^class PaddedShortcut\(nn.Module\):(.|\n)*?def forward", r"\g<0>_other"),
    "the class that is called": (r"return AdaptiveAscent\(model", "return Masked(model"),
    "where a name comes from": (
        r"^from \.radius import Learned, Radius$",
        "from .radius import Radius, Radius as Learned",
    ),
    "an attribute of one of ours": (
        r"METHODS\[self.spec.method\].hyperparameters",
        "METHODS[self.spec.method].x",
    ),
    "a default": (r"label_smoothing: float = 0.0", "label_smoothing: float = 0.1"),
    "a decorator": (r"    @torch.no_grad\(\)\n    def losses", "    def losses"),
    "a statement at import": (
        r"^CHECKPOINT_INTERVAL = 500",
        "torch.set_num_threads(3)\nCHECKPOINT_INTERVAL = 500",
    ),
    "the resume state": (r'"trace": self.trace.state_dict\(\),', ""),
    "determinism": (r'set_deterministic_debug_mode\("error"\)', 'set_deterministic_debug_mode("warn")'),
}


def differs(root: Path, unchanged: list[str]) -> bool:
    return closure(root) != unchanged


@pytest.mark.parametrize("name", NUMBERS)
def test_what_can_change_a_number_changes_the_digest(name: str, copy: Path, unchanged: list[str]) -> None:
    pattern, new = NUMBERS[name]
    files = [file for file in copy.rglob("*.py") if re.search(pattern, file.read_text(), re.MULTILINE)]
    assert files, "the test edits nothing"
    changed = 0
    for file in files:
        before = file.read_text()
        file.write_text(re.sub(pattern, new, before, count=1, flags=re.MULTILINE))
        changed += differs(copy, unchanged)
        file.write_text(before)
    assert changed


def comments(root: Path) -> None:
    for file in root.rglob("*.py"):
        file.write_text(f"# a comment\n{file.read_text()}\n# another\n")


def docstrings(root: Path) -> None:
    for file in root.rglob("*.py"):
        text = re.sub(r'^( *)"""[A-Z]', r'\1"""Reworded: ', file.read_text(), flags=re.MULTILINE)
        file.write_text(text)


def documented(root: Path) -> None:
    """A function gets its first docstring."""
    edit(root, r"^def _first_line\(.*\n", '\\g<0>    """The first line."""\n', "train/job.py")


def annotation(root: Path) -> None:
    edit(root, r"def mean_loss\(self, start: int, stop: int\) -> float:", "def mean_loss(self, start, stop):")


def wording(root: Path) -> None:
    edit(root, r"torch finds no GPU on this machine", "there is no GPU")
    edit(root, r"it must return one loss per ", "must be one loss per ")


def elsewhere(root: Path) -> None:
    for name in (
        "tables/published.py",
        "tables/table.py",
        "audit/cells.py",
        "stats/paired.py",
        "cli/status.py",
    ):
        file = root / name
        file.write_text(file.read_text().replace("return", "assert True\n    return", 1) + "\nOTHER = 1\n")


def renamed(root: Path) -> None:
    """A file gets another name; who imports it follows."""
    (root / "train/tasks.py").rename(root / "train/work.py")
    for file in root.rglob("*.py"):
        file.write_text(file.read_text().replace("lets.train.tasks", "lets.train.work"))


def merged(root: Path) -> None:
    """Two files become one, in another package."""
    both = [root / "data/loader.py", root / "train/device.py"]
    (root / "runs/both.py").write_text("\n".join(file.read_text() for file in both))
    for file in both:
        file.unlink()
    for file in root.rglob("*.py"):
        text = re.sub(r"lets\.(data\.loader|train\.device)\b", "lets.runs.both", file.read_text())
        file.write_text(text)


def imported_otherwise(root: Path) -> None:
    """The same function under another name, or as an attribute of its module."""
    edit(root, r"\bautocast, evaluating$", "autocast", "train/tasks.py")
    edit(root, r"^import torch$", "import torch\nfrom lets.train import device as modes", "train/tasks.py")
    edit(root, r"with evaluating\(model\)", "with modes.evaluating(model)", "train/tasks.py")
    edit(
        root,
        r"\bBatch, evaluate, in_precision\b",
        "Batch, evaluate as measure, in_precision",
        "train/loop.py",
    )
    edit(root, r"\bevaluate\(self.model", "measure(self.model", "train/loop.py")


def imported_within(root: Path) -> None:
    """An import moves from the top of a file into the function that needs it, and another one out of it."""
    line = "from lets.data.noisy_labels import read_noisy_labels\n"
    edit(root, f"^{line}", "", "train/run_data.py")
    edit(root, r"^( *)(named = spec.dataset)", rf"\1{line}\1\2", "train/run_data.py")
    line = "from lets.data.pictures import Pictures, Readers, default_workers\n"
    edit(root, f"^ +{line}\n", "", "train/run_data.py")
    edit(root, r"^import torch$", f"import torch\n{line}", "train/run_data.py")


def split(root: Path) -> None:
    """A function moves into a file of its own."""
    pattern = r"^def _contiguous(.|\n)*?\n\n\n"
    edit(root, pattern, "from lets.train.contiguous import _contiguous\n", "train/job.py")
    text = (Path(lets.__path__[0]) / "train/job.py").read_text()
    body = re.search(pattern, text, re.MULTILINE)
    assert body
    (root / "train/contiguous.py").write_text(f"import torch\n\n{body[0]}")


def unused(root: Path) -> None:
    """New functions, classes and methods that nobody calls."""
    for name in ("train/job.py", "optim/method.py", "runs/metrics.py", "models/resnet.py"):
        file = root / name
        file.write_text(
            f"{file.read_text()}\n\ndef unheard_of() -> int:\n    return 1\n\n\nclass Unheard:\n    x = 1\n"
        )
    edit(
        root,
        r"    def inspect\(self, step",
        "    def unheard_of(self):\n        return 1\n\n\\g<0>",
        "optim/undo.py",
    )


def rows(root: Path) -> None:
    """A new architecture, data set and method."""
    edit(
        root,
        r'^    _wide_resnet\("wrn-small"',
        '    _resnet("resnet9", "", widths=(1,), blocks=(1,), shortcut="x"),\n\\g<0>',
    )
    edit(root, r'^    _glue\("mrpc"', '    _glue("new", "New", 1, 1),\n\\g<0>')
    edit(
        root,
        r"^_BASES = \(",
        '_BASES = (_row("new", "New", ("always", "l2", "perturbed", "fixed"), ""),',
        "optim/catalogue.py",
    )


def paths(root: Path) -> None:
    """Where runs lie, and what provenance.json says of who made them."""
    edit(root, r'"results" / self.profile / "runs"', '"elsewhere" / self.profile / "runs"')
    edit(root, r"^    peak_memory_mib: .*$", "\\g<0>\n    more: str = ''", "runs/provenance.py")


@pytest.mark.parametrize(
    "change",
    [
        comments,
        docstrings,
        documented,
        annotation,
        wording,
        elsewhere,
        renamed,
        merged,
        imported_otherwise,
        imported_within,
        split,
        unused,
        rows,
        paths,
    ],
)
def test_what_cannot_change_a_number_leaves_the_digest(
    change: Callable[[Path], None], copy: Path, unchanged: list[str]
) -> None:
    change(copy)
    assert not differs(copy, unchanged)


def test_rows_count_by_value(spec: RunSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    before = code.code_digest(spec)
    network, images = models.ARCHITECTURES["resnet8"], data.DATASETS["cifar10"]
    monkeypatch.setitem(models.ARCHITECTURES, "resnet9", replace(network, name="resnet9"))
    monkeypatch.setitem(models.ARCHITECTURES, "resnet8", replace(network, title="New title", paper=""))
    monkeypatch.setitem(data.DATASETS, "cifar10", replace(images, title="New title"))
    assert code.code_digest(spec) == before
    monkeypatch.setitem(
        models.ARCHITECTURES,
        "resnet8",
        replace(network, arguments={**network.arguments, "widths": (1, 2, 3)}),
    )
    assert code.code_digest(spec) != before
    monkeypatch.setitem(models.ARCHITECTURES, "resnet8", network)
    monkeypatch.setitem(data.DATASETS, "cifar10", replace(images, mean=(0.0, 0.0, 0.0)))
    assert code.code_digest(spec) != before


def test_methods_and_networks_have_digests_of_their_own(spec: RunSpec) -> None:
    others = [spec.model_copy(update={"method": name}) for name in optim.METHODS]
    parts = {(m.policy, m.ascent, m.descent, m.radius) for m in optim.METHODS.values()}
    assert len({code.code_digest(run) for run in others}) == len(parts)
    networks = [spec.model_copy(update={"architecture": name}) for name in ("resnet8", "resnet18", "vit-s16")]
    assert len({code.code_digest(run) for run in networks}) == 3


def test_every_table_left_out_is_there() -> None:
    """A renamed table would be digested whole, without a word."""
    text = "\n".join(file.read_text() for file in Path(lets.__path__[0]).rglob("*.py"))
    for name in code.CATALOGUES | code.BOOKKEEPING:
        assert len(re.findall(rf"^(?:class |def )?{name}\b(?:\(|:)", text, re.MULTILINE)) == 1, name


def test_listed_digests_stand_for_the_same_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "_listed", lambda: {("a", "b"), ("b", "c"), ("a", "d")})
    assert [code.same_code("a", x) for x in "abcd"] == [True, True, False, True]
    assert not code.same_code("b", "a")


def test_committed_records_are_of_this_code() -> None:
    """If only the code has changed and no number, the rows that are missing belong into codes.csv, with evidence."""
    runs = [file.parent for name in IN_GIT for file in (PROJECT / f"results/{name}").rglob("run.json")]
    specs = [RunSpec.model_validate_json((run / "run.json").read_text()) for run in runs]
    made = [json.loads((run / "provenance.json").read_text())["code"] for run in runs]
    now = [code.code_digest(spec) for spec in specs]
    rows = zip(made, now, (spec.method for spec in specs), strict=True)
    missing = sorted(
        {f"{old},{new},{method}: …" for old, new, method in rows if not code.same_code(old, new)}
    )
    assert not missing, "\n".join(["codes.csv lacks", *missing])
    assert len(runs) >= 36
