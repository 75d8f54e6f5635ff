"""Every error a user can meet, one class per kind of failure.

A message has three parts: the wrong value, why it is wrong, and what to paste or run.
The command line prints the message alone and ends with `exit_code`.
"""

from collections.abc import Collection
from difflib import get_close_matches

from lets.optim.errors import DivergenceError, RadiusWarning, StaleGradientError

__all__ = [
    "ChecksumError",
    "DataError",
    "DivergenceError",
    "LetsError",
    "MissingRunError",
    "RadiusWarning",
    "RecordError",
    "SpecError",
    "StaleGradientError",
    "StorageError",
    "no_such",
]


class LetsError(Exception):
    """Base class of what goes wrong outside the optimizer core; exit code 2 (bad input)."""

    exit_code = 2


class SpecError(LetsError, ValueError):
    """A params file, a run id or an option asks for something impossible."""


def no_such(kind: str, name: str, known: Collection[str]) -> SpecError:
    """An error for a name that a catalogue does not have: the names like it, and all that it has."""
    near = get_close_matches(name, known)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return SpecError(f"{kind} {name!r} – no such {kind}{hint} – choose from: {', '.join(known)}")


class DataError(LetsError):
    """A data set is missing, incomplete or cannot be fetched."""


class ChecksumError(DataError):
    """A file is there, but its bytes are not the ones it should have."""


class RecordError(LetsError):
    """A run folder is half-written, unreadable or contradicts itself."""


class MissingRunError(RecordError):
    """A report needs runs that have not been trained."""


class StorageError(LetsError):
    """The disk is full or a path cannot be written."""
