"""One training: what it is, and the id that names it."""

import hashlib
import json
from typing import Any

from lets.config.seeds import seed_for
from lets.config.strict import Scalar, Strict
from lets.config.training import TrainingSpec


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
