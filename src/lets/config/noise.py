"""The label-noise part of a run: `clean`, `symmetric-40`, `symmetric-40-exclude-true`, `human-worse`."""

import re
from dataclasses import dataclass
from difflib import get_close_matches

from lets.data.catalogue import DATASETS, HUMAN_LABELS, DatasetInfo
from lets.errors import SpecError

_PATTERN = re.compile(r"symmetric-(?P<percent>[1-9]\d?|100)(?P<exclude>-exclude-true)?")


@dataclass(frozen=True)
class Noise:
    """Wrong training labels: a share `rate` of them is drawn anew (symmetric), or was given wrongly by people."""

    name: str
    rate: float
    exclude_true: bool

    @classmethod
    def parse(cls, name: str) -> "Noise":
        """Read a noise label; raises SpecError with an example when it is none."""
        if name == "clean":
            return cls(name, 0.0, False)
        if name in HUMAN_LABELS:
            return cls(name, HUMAN_LABELS[name].rate, False)
        match = _PATTERN.fullmatch(name)
        if not match:
            raise SpecError(
                f"noise {name!r} – want clean, or symmetric- and a percentage, or one of "
                f"{', '.join(HUMAN_LABELS)} – write  noise: [clean, {_near(name)}]"
            )
        return cls(name, int(match["percent"]) / 100, match["exclude"] is not None)

    @property
    def human(self) -> bool:
        """Whether people gave these labels."""
        return self.name in HUMAN_LABELS

    def check(self, dataset: DatasetInfo) -> None:
        """Raise SpecError when there are no such labels of a data set."""
        if self.rate and (dataset.pictures or dataset.vocabulary):
            raise SpecError(
                f"noise {self.name!r} – {dataset.title} is trained on with its own labels – write  noise: [clean]"
            )
        if self.human and not dataset.human_labels:
            labelled = ", ".join(info.title for info in DATASETS.values() if info.human_labels)
            raise SpecError(
                f"noise {self.name!r} – people labelled {labelled} anew, not {dataset.title} – "
                "write  noise: [clean, symmetric-40]"
            )


def _near(name: str) -> str:
    near = get_close_matches(name, ["symmetric-40-exclude-true", *HUMAN_LABELS], n=1)
    return near[0] if near else "symmetric-40"
