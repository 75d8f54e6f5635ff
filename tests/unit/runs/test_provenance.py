"""What provenance says of the container image."""

from pathlib import Path

import pytest

from lets.runs.provenance import Machine, Provenance, image, machine

RECORD = {
    "run": "r",
    "files": {},
    "code": "0",
    "data": {},
    "seeds": {},
    "packages": {},
    "machine": {},
    "started": "2026-01-01T00:00:00+00:00",
    "seconds": 1.0,
    "resumed": 0,
    "samples_per_second": 1.0,
    "peak_memory_mib": 1.0,
}
"""a provenance.json as it was before there was an image"""


def test_records_of_old_are_read() -> None:
    assert Provenance.model_validate(RECORD).image is None


@pytest.mark.parametrize("variable", ["APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"])
def test_the_digest_beside_the_image_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "lets.sif.sha256").write_text("abc123  lets.sif\n")
    assert image() is None  # outside
    monkeypatch.setenv(variable, str(tmp_path / "lets.sif"))
    assert image() == "abc123"
    monkeypatch.setenv(variable, str(tmp_path / "other.sif"))
    assert image() is None


HERE = Machine(
    device="cpu",
    cpu="AMD EPYC",
    cpu_family=25,
    cpu_model=1,
    cpu_stepping=1,
    cpu_capability="AVX2",
    threads=1,
)


def test_equal_machines_round_alike() -> None:
    assert HERE.rounds_like(HERE.model_copy(update={"system": "another", "container": "/lets.sif"}))


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("device", "NVIDIA H100"),
        ("cpu", "Intel Xeon"),
        ("cpu_family", 26),
        ("cpu_model", 17),
        ("cpu_stepping", 0),
        ("cpu_capability", "AVX512"),
        ("threads", 2),
    ],
)
def test_machines_that_differ_or_are_not_known_do_not_round_alike(field: str, other: object) -> None:
    unknown, another = HERE.model_copy(update={field: None}), HERE.model_copy(update={field: other})
    assert not HERE.rounds_like(another)
    assert not HERE.rounds_like(unknown)
    assert not unknown.rounds_like(unknown)


X86 = "processor : 0\ncpu family : 25\nmodel : 1\nmodel name : AMD EPYC\nstepping : 0\n\nprocessor : 1\nmodel : 2\n"
ARM = "processor : 0\nCPU implementer : 0x41\nCPU variant : 0x3\nCPU part : 0xd0c\nCPU revision : 1\n"


@pytest.mark.parametrize(
    ("cpuinfo", "facts"), [(X86, (25, 1, 0)), (ARM, (0x41, 0xD0C, 3)), ("", (None, None, None))]
)
def test_family_model_and_stepping_come_from_the_system(
    monkeypatch: pytest.MonkeyPatch, cpuinfo: str, facts: tuple[int | None, ...]
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda path: cpuinfo)
    found = machine("cpu", 1, "AVX2")
    assert (found.cpu_family, found.cpu_model, found.cpu_stepping) == facts
    assert found.cpu
    assert (found.processor is None) == (None in facts)


def test_a_machine_of_old_is_read() -> None:
    old = {
        "device": "cpu",
        "cpu": "AMD EPYC",
        "threads": 1,
        "system": "Linux",
        "container": None,
        "python": "cpython",
    }
    found = Provenance.model_validate(RECORD | {"machine": old}).machine
    assert (found.threads, found.processor) == (1, None)
