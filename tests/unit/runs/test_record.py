"""A run folder in every state a crash can leave it in."""

from pathlib import Path

import pytest

from lets.config import RunSpec
from lets.config.paths import RUN_FILES, Layout
from lets.config.training import Schedule, Sgd, TrainingSpec
from lets.errors import RecordError
from lets.files import sha256_file, write_bytes, write_json, write_text
from lets.runs import Divergence, Metrics, RunRecord, Status
from lets.runs.history import HistoryRow, history_text
from lets.runs.provenance import Provenance

SPEC = RunSpec(
    dataset="digits",
    noise="clean",
    architecture="resnet-small",
    method="sam",
    hyperparameters={"rho": 0.05, "bn_stats": "first"},
    training=TrainingSpec(
        epochs=1, batch_size=128, optimizer=Sgd(name="sgd", lr=0.1), schedule=Schedule(name="cosine")
    ),
    seed=0,
)
HISTORY = [HistoryRow(1, 12, 24, 12, 0.1, 0.05, 2.0, 1.0, 50.0, 1.5, 40.0)]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout("demo", tmp_path)


def write(layout: Layout, divergence: Divergence | None = None) -> RunRecord:
    def file(name: str) -> Path:
        return layout.run_file(SPEC.id, name)

    write_json(file("run.json"), SPEC.model_dump(mode="json"))
    write_text(file("history.csv"), history_text(HISTORY))
    for name in ("trace.safetensors", "weights.safetensors"):
        write_bytes(file(name), b"")
    write_json(file("metrics.json"), Metrics.of(SPEC.id, HISTORY, divergence).model_dump(mode="json"))
    others = [name for name in RUN_FILES if name != "provenance.json"]
    provenance = Provenance(
        run=SPEC.id,
        files={name: sha256_file(file(name)) for name in others},
        code="0",
        data={},
        seeds=SPEC.seeds(),
        packages={},
        machine={},
        started="2026-01-01T00:00:00+00:00",
        seconds=1.0,
        resumed=0,
        samples_per_second=1.0,
        peak_memory_mib=1.0,
    )
    write_json(file("provenance.json"), provenance.model_dump(mode="json"))
    return RunRecord.at(layout, SPEC.id)


def test_missing(layout: Layout) -> None:
    assert RunRecord.at(layout, SPEC.id).status is Status.MISSING
    layout.run(SPEC.id).mkdir(parents=True)
    assert RunRecord.at(layout, SPEC.id).status is Status.MISSING


@pytest.mark.parametrize("name", RUN_FILES)
def test_without_one_of_its_files_it_is_partial(layout: Layout, name: str) -> None:
    write(layout)
    layout.run_file(SPEC.id, name).unlink()
    assert RunRecord.at(layout, SPEC.id).status is Status.PARTIAL


def test_finished_and_read_back(layout: Layout) -> None:
    record = write(layout)
    assert record.status is Status.FINISHED
    assert record.spec == SPEC
    assert record.spec.id == record.id
    assert record.history == HISTORY
    assert record.metrics.test_accuracy == 40.0
    assert record.provenance.run == SPEC.id


def test_diverged(layout: Layout) -> None:
    record = write(layout, Divergence(step=3, rho=0.05, norms={"loss": "nan"}))
    assert record.status is Status.DIVERGED
    assert record.metrics.test_accuracy is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("metrics.json", "", r"metrics\.json – is not JSON .* – delete its folder and make the run again"),
        ("metrics.json", "[]", r"metrics\.json – : Input should be a valid dictionary.* – delete its folder"),
        ("metrics.json", "{}", r"metrics\.json – run: Field required – delete its folder"),
        ("run.json", '{"dataset": "digits"}', r"run\.json – noise: Field required – delete its folder"),
        ("run.json", "{", r"run\.json – is not JSON"),
        (
            "provenance.json",
            '{"run": 1}',
            r"provenance\.json – run: Input should be a valid string – delete its folder",
        ),
    ],
)
def test_a_damaged_file_is_named(layout: Layout, name: str, content: str, message: str) -> None:
    write(layout)
    write_text(layout.run_file(SPEC.id, name), content)
    record = RunRecord.at(layout, SPEC.id)
    with pytest.raises(RecordError, match=message):
        _ = (record.status, record.spec, record.provenance)


def test_an_unknown_status_is_damage(layout: Layout) -> None:
    write(layout)
    path = layout.run_file(SPEC.id, "metrics.json")
    path.write_text(path.read_text().replace('"finished"', '"missing"'))
    with pytest.raises(RecordError, match="status: Input should be 'finished' or 'diverged'"):
        _ = RunRecord.at(layout, SPEC.id).status
