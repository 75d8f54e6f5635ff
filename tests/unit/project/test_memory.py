"""What Snakemake knows, kept and given back; its own code says where a record lies."""

from pathlib import Path

import pytest
from snakemake.persistence.file import FilePersistence

from lets.config.matrix import Matrix
from lets.config.params import expand
from lets.config.paths import Layout
from lets.errors import RecordError
from lets.project.params import ParamsFile
from lets.project.workflow import keep_memory, made_elsewhere, recall_memory

SHORT = Path("results/demo/runs/digits/clean/resnet-small/sam/seed-0-3ee3a226/metrics.json")
LONG = Path("results/demo") / ("long-" * 60) / "metrics.json"
OTHER = Path("results/paper/runs/metrics.json")


def record(root: Path, output: Path) -> Path:
    """Where Snakemake looks for what it knows about an output."""
    folder = root / ".snakemake" / "metadata"
    folder.mkdir(parents=True, exist_ok=True)
    persistence = FilePersistence.__new__(FilePersistence)
    persistence._max_len = None
    return Path(persistence._record_path(str(folder), str(output)))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    for output in (SHORT, LONG, OTHER):
        path = record(tmp_path / "here", output)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(output))
    return Layout("demo", tmp_path / "here")


def test_a_clone_remembers_what_it_was_told(layout: Layout, tmp_path: Path) -> None:
    assert len(record(layout.root, LONG).relative_to(layout.root).parts) > 3  # a name in parts
    keep_memory(layout, {SHORT, LONG})
    layout.memory.rename(tmp_path / "kept")
    clone = Layout("demo", tmp_path / "clone")
    clone.memory.parent.mkdir(parents=True)
    (tmp_path / "kept").rename(clone.memory)
    recall_memory(clone)
    assert record(clone.root, SHORT).read_text() == str(SHORT)
    assert record(clone.root, LONG).read_text() == str(LONG)
    assert not record(clone.root, OTHER).exists()


def test_what_is_no_longer_asked_for_is_forgotten(layout: Layout) -> None:
    keep_memory(layout, {SHORT, LONG})
    keep_memory(layout, {LONG})
    assert [path.read_text() for path in layout.memory.rglob("*") if path.is_file()] == [str(LONG)]


def test_other_records_stay(layout: Layout) -> None:
    keep_memory(layout, {SHORT})
    record(layout.root, SHORT).write_text("of another run")
    recall_memory(layout)
    assert record(layout.root, SHORT).read_text() == str(SHORT)
    assert record(layout.root, OTHER).read_text() == str(OTHER)


def test_nothing_to_recall(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="run  lets track"):
        recall_memory(Layout("demo", tmp_path))


@pytest.fixture
def matrix() -> Matrix:
    training = {
        "epochs": 1,
        "batch_size": 32,
        "optimizer": {"name": "adam", "lr": 0.001},
        "schedule": {"name": "cosine"},
    }
    experiment = {"datasets": ["digits"], "architectures": ["resnet-small"], "methods": ["erm"]}
    values = {"profile": "demo", "seeds": [0, 1, 2], "training": training, "experiments": {"one": experiment}}
    return expand(ParamsFile.model_validate(values))


def test_whole_runs_without_a_record_were_made_elsewhere(
    matrix: Matrix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three runs one is whole, one lacks a file, one was made here."""
    monkeypatch.chdir(tmp_path)
    layout, (whole, half, ours) = Layout("demo"), matrix.runs
    for run in matrix.runs:
        for path in layout.run_files(run):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    layout.run_files(half)[0].unlink()
    made = record(Path(), layout.run_files(ours)[0])
    made.parent.mkdir(parents=True, exist_ok=True)
    made.touch()
    assert made_elsewhere(layout, matrix) == {whole}
