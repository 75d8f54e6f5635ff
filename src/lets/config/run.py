"""One run: what it is and the id that names it, the noise of its labels, and its seeds."""

import hashlib
import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from lets.config.strict import Scalar, Strict
from lets.config.training import TrainingSpec
from lets.data.catalogue import DATASETS, HUMAN_LABELS, DatasetInfo
from lets.errors import SpecError


class RunSpec(Strict):
    """Data set × noise × architecture × method × seed, with every hyper-parameter resolved."""

    dataset: str
    noise: str
    architecture: str
    method: str
    hyperparameters: dict[str, Scalar]
    training: TrainingSpec
    seed: int

    @property
    def id(self) -> str:
        """Readable path and 8 hex of the canonical spec: `digits/clean/resnet-small/sam/seed-0-1a2b3c4d`."""
        digest = hashlib.sha256(self.canonical().encode()).hexdigest()[:8]
        return f"{self.dataset}/{self.noise}/{self.architecture}/{self.method}/seed-{self.seed}-{digest}"

    def canonical(self) -> str:
        """JSON with sorted keys: equal for equal runs, whatever params file they come from."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)

    @property
    def unseeded(self) -> "RunSpec":
        """The run with the seed 0: equal for runs that differ in their seed alone."""
        return self.model_copy(update={"seed": 0})

    def repeats(self, other: "RunSpec") -> bool:
        """Return whether the runs differ in their seed at most."""
        return all(getattr(self, name) == getattr(other, name) for name in _UNSEEDED)

    @property
    def setting(self) -> tuple[str, str, str]:
        """Data set, noise, architecture: what methods are compared in."""
        return self.dataset, self.noise, self.architecture

    @property
    def variant(self) -> dict[str, Any]:
        """The run without its seed, as a flat row: the columns that tables and figures pivot on."""
        named = {"dataset": self.dataset, "noise": self.noise, "architecture": self.architecture}
        return {**named, "method": self.method, **self.hyperparameters}

    def seeds(self) -> dict[str, int]:
        """The seed of every role; equal across methods, so that runs differ in their method alone."""
        seeds = {
            "init": seed_for("init", self.architecture, self.seed),
            "order": seed_for("order", self.dataset, self.seed),
            "validation": seed_for("validation", self.dataset, self.seed),
            "method": seed_for("method", self.method, self.seed),
            "dropout": seed_for("dropout", self.architecture, self.seed),
            "noise": seed_for("noise", self.dataset),
        }
        return seeds | ({"subset": seed_for("subset", self.dataset)} if self.training.train_samples else {})


_UNSEEDED = tuple(name for name in RunSpec.model_fields if name != "seed")
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


Role = Literal[
    "init",
    "order",
    "validation",
    "held-out",
    "noise",
    "subset",
    "method",
    "landscape",
    "sharpness",
    "audit",
    "dropout",
    "measured",
]


def seed_for(role: Role, *parts: object) -> int:
    """Derive a 63-bit seed from a role and whatever that role's randomness may depend on.

    The noisy labels depend on the data set alone, the initial weights on architecture and seed alone:
    methods are compared on equal terms.
    """
    text = "/".join([role, *map(str, parts)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
