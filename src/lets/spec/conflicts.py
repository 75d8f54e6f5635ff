"""What one run cannot be: values that are fine alone and impossible together."""

from collections.abc import Iterator

import lets.data.catalogue
from lets.errors import SpecError
from lets.spec.noise import Noise
from lets.spec.run import RunSpec


def conflicts(run: RunSpec) -> Iterator[str]:
    """Yield every conflict of a run as *value – why – a line to paste*."""
    training, dataset = run.training, lets.data.catalogue.describe(run.dataset)
    try:
        Noise.parse(run.noise).check(dataset)
    except SpecError as error:
        yield str(error)
    if dataset.pictures and training.augmentation == "crop-flip-cutout":
        yield (
            f"{training.augmentation!r} on {dataset.title} – cutout is for data sets in memory – "
            "write  augmentation: crop-flip"
        )
    if training.ranks > training.batch_size:
        yield (
            f"{training.ranks} ranks – a batch of {training.batch_size} has no sample for each – "
            f"write  ranks: {training.batch_size}"
        )
    if training.compile and run.hyperparameters.get("hessian") == "exact":
        yield (
            "compile with hessian: exact – a compiled network cannot be differentiated twice – "
            "write  compile: false"
        )
