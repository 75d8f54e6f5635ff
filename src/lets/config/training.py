"""How a run is trained, apart from its method: optimizer, schedule, batches (paper §4.1)."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lets.config.strict import Count, NonNegative, Positive, Share, Strict

# Settings that came later: where they are not given, run.json and the id of a run are those from before them.
Absent = Field(exclude_if=lambda value: value is None)
Once = Field(exclude_if=lambda value: value == 1)

Precision = Literal["float32", "tf32", "bfloat16"]
ValBatches = Literal["independent", "next", "held-out"]


def held_out(samples: int, batch_size: int) -> int:
    """Return how many of a training set are held out: about a tenth, in whole batches, one at least."""
    return batch_size * max(1, round(samples / 10 / batch_size))


class Sgd(Strict):
    """Stochastic gradient descent in torch's form; weight decay acts on the unperturbed weights."""

    name: Literal["sgd"]
    lr: Positive = Field(examples=[0.1])
    momentum: Share = 0.0
    weight_decay: NonNegative = 0.0
    nesterov: bool = False

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> "Sgd":
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0 – write  momentum: 0.9")
        return self


class Adam(Strict):
    """Adam, or AdamW with its decoupled weight decay."""

    name: Literal["adam", "adamw"]
    lr: Positive = Field(examples=[0.001])
    betas: Annotated[list[Share], Field(min_length=2, max_length=2)] = Field(default=[0.9, 0.999])
    eps: Positive = 1e-8
    weight_decay: NonNegative = 0.0


Optimizer = Annotated[Sgd | Adam, Field(discriminator="name")]


class Schedule(Strict):
    """The course of the learning rate, moved once per epoch or once per step."""

    name: Literal["constant", "cosine", "exponential", "linear", "inverse-sqrt"]
    per: Literal["epoch", "step"] = "epoch"
    warmup: Annotated[int, Field(ge=0)] = 0
    """epochs or steps of linear rise to the full rate; inverse-sqrt falls from there"""
    gamma: Annotated[float, Field(gt=0, le=1)] = 1.0
    """factor per epoch or step; only the exponential schedule reads it"""

    @model_validator(mode="after")
    def _fits_its_name(self) -> "Schedule":
        if self.gamma != 1.0 and self.name != "exponential":
            raise ValueError(
                f"gamma belongs to the exponential schedule, not to {self.name!r} – delete gamma"
            )
        if self.name == "inverse-sqrt" and not self.warmup:
            raise ValueError("inverse-sqrt falls from the end of its warm-up – write  warmup: 4000")
        return self


class TrainingSpec(Strict):
    """Everything about a training that is the same for all methods."""

    epochs: Count = Field(examples=[10])
    batch_size: Count = Field(examples=[128])
    optimizer: Optimizer = Field(examples=[{"name": "sgd", "lr": 0.1, "momentum": 0.9}])
    schedule: Schedule = Field(examples=[{"name": "cosine"}])
    train_samples: Annotated[Count | None, Absent] = None
    """so many images only, of each class its share, the same ones in every run on a data set; by default all"""
    augmentation: Literal["none", "crop-flip", "crop-flip-cutout"] = "none"
    """of pictures on disk (ImageNet), crop-flip is a random part of random size, resized, and a flip"""
    label_smoothing: Share = 0.0
    val_batches: ValBatches = "independent"
    """independent: a second shuffled loader (the paper); next: the next training batch, LETS in 3 passes;
    held-out: a tenth of the training set, which nobody trains on then, whatever the method"""
    precision: Precision = "float32"
    """of matrix products: float32; tf32 on GPUs that have it; bfloat16 in the forward pass, weights in float32"""
    channels_last: bool = False
    """images and convolutions with the channel running fastest: faster on GPUs, other roundings"""
    compile: bool = False
    """the forward pass through torch.compile: a minute before the first step, faster steps, other roundings"""
    clip: NonNegative = 0.0
    """longest gradient that the base optimizer is given, by its norm over all weights; 0: any"""
    dropout: Literal["fresh", "same"] = "fresh"
    """fresh: every pass of a step draws its own masks; same: all passes of a step have the same"""
    measure_every: Annotated[Count, Once] = 1
    """epochs from one measurement of losses and accuracies to the next; history.csv has a line for each"""
    ranks: Count = 1
    """processes, one per GPU, that share each batch; every one climbs along its own part of it:
    m-sharpness with m = batch_size / ranks (Foret et al., 2021)"""
