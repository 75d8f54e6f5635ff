"""The label-noise part of a run: `clean`, `symmetric-40` or `symmetric-40-exclude-true` (paper §4.5)."""

import re
from dataclasses import dataclass

from lets.errors import SpecError

_PATTERN = re.compile(r"symmetric-(?P<percent>[1-9]\d?|100)(?P<exclude>-exclude-true)?")


@dataclass(frozen=True)
class Noise:
    """Symmetric label noise: a share `rate` of the training labels is drawn anew."""

    name: str
    rate: float
    exclude_true: bool

    @classmethod
    def parse(cls, name: str) -> "Noise":
        """Read a noise label; raises SpecError with an example when it is none."""
        if name == "clean":
            return cls(name, 0.0, False)
        match = _PATTERN.fullmatch(name)
        if not match:
            raise SpecError(
                f"noise {name!r} – want clean, or symmetric- and a percentage – "
                "write  noise: [clean, symmetric-40]"
            )
        return cls(name, int(match["percent"]) / 100, match["exclude"] is not None)
