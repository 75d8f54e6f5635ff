"""What provenance says of the container image."""

from pathlib import Path

import pytest

from lets.records.provenance import Provenance, image

RECORD = {
    "run": "r",
    "files": {},
    "code": "0",
    "data": {},
    "seeds": {},
    "packages": {},
    "machine": {},
    "started": "",
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
