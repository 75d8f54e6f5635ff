"""Runs made in a container image: is it the one that is here, and is that the one that was built?"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lets.files import digest_file, sha256_bytes


@pytest.fixture
def made_in(project: Any, write_run: Any) -> Callable[..., None]:
    """Make runs again, in images of these contents."""

    def make(*images: bytes) -> None:
        for spec, image in zip(project.matrix.runs.values(), images, strict=False):
            data = project.data(spec.noise)
            write_run(project.layout, spec, data, image=sha256_bytes(image))
        project.report()

    return make


@pytest.fixture
def put(project: Any) -> Callable[[bytes, bytes], Path]:
    """Put an image here, with the digest that these bytes had when they were built."""

    def write(image: bytes, built: bytes) -> Path:
        path: Path = project.layout.image
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(image)
        digest_file(path).write_text(f"{sha256_bytes(built)}  lets.sif\n")
        return path

    return write


def found(project: Any) -> tuple[int, list[str], tuple[str, ...]]:
    audit = project.audit()
    (check,) = (check for check in audit.checks if check.name == "image")
    assert audit.warnings == check.warnings
    return check.examined, [failure.reason for failure in check.failures], check.warnings


def test_the_image_that_is_here(project: Any, made_in: Any, put: Any) -> None:
    made_in(b"one", b"one")
    put(b"one", b"one")
    assert found(project) == (2, [], ())


def test_an_image_that_is_not_here_changes_no_audit(project: Any, made_in: Any, put: Any) -> None:
    """A clone has none; its audit must be the same bytes."""
    made_in(b"one")
    assert found(project) == (1, [], ())


def test_another_image_is_a_warning(project: Any, made_in: Any, put: Any) -> None:
    made_in(b"one", b"two", b"one")
    put(b"two", b"two")
    one = sha256_bytes(b"one")[:8]
    warning = f"2 of 3 runs were made in another image than containers/lets.sif: 2 in {one}"
    assert found(project) == (3, [], (warning,))


@pytest.mark.parametrize("written", [b"one", None])
def test_an_image_that_is_not_what_was_built_fails(
    project: Any, made_in: Any, put: Any, written: bytes | None
) -> None:
    made_in(b"one")
    path = put(b"two", b"one")
    if written is None:
        digest_file(path).unlink()
    (failure,) = project.audit().failures
    assert failure.subject == "containers/lets.sif"
    assert "not the image that was built" in failure.reason
    assert failure.command == "make image"


def test_nobody_reads_gigabytes_that_no_run_was_made_in(project: Any, put: Any) -> None:
    put(b"two", b"one")
    assert found(project) == (0, [], ())
