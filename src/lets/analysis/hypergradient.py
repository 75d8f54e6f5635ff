"""How far LETS's surrogates are from the true hyper-gradient, along a whole training."""

import torch

from lets.analysis.ways import AllWays, Taken
from lets.optim import DivergenceError
from lets.records.probes import probes_of, probes_text
from lets.spec import Layout, RunSpec
from lets.train.data import RunData
from lets.train.startup import leave_out_the_compiler
from lets.train.training import Training


def compare_hypergradients(spec: RunSpec, layout: Layout, *, every: int, device: str) -> str:
    """Train a lets-* run once more, without its folder, and return the csv of its probes (`lets.records.probes`).

    Probes are taken at the steps 0, `every`, 2 `every`, … that perturb. The training is the run's own to
    the last bit; where it diverged, the csv ends.
    """
    leave_out_the_compiler()
    where = torch.device(device)
    training = Training(spec, RunData.read(spec, layout, where), where)
    ways = AllWays(training.method, training.model, every)
    taken = ways.taken
    try:
        while not training.finished:
            training.run_epoch()
    except DivergenceError as error:
        taken = [one for one in taken if one.step < error.step]
    return _csv(taken, training.steps_per_epoch)


def _csv(taken: list[Taken], steps_per_epoch: int) -> str:
    groups = [probes_of(one.step, one.step // steps_per_epoch + 1, one.rho, one.ways) for one in taken]
    return probes_text([probe for group in groups for probe in group])
