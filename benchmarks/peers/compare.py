"""Our steps against other people's: first that both take the same steps, then how long."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle

import torch

from ..measure import Times, interleave
from ..problem import TITLES, Problem, clock
from ..result import Conditions, Findings, Row
from ..text import table
from .loops import RHO, Step, find_peers, ours, plain_loop, their_gsam, their_looksam, their_sam, two_step_sam

HOW = """\
{network}, batch {batch}, threads: {threads}; all with SGD, momentum, weight decay, fused. Ours is
`lets.optimizer`, stepped with a closure. *a plain loop*: a bare pass and the optimizer's step. *davda54/sam*
is written anew here (`benchmarks/peers/sam.py`), SAM, GSAM and LookSAM are those of pytorch_optimizer 4.1.0
with their defaults but `rho` and `k=5`, used as their documentation says. What is timed is {steps} steps in a
row, as in a training: whole cycles of LookSAM, which perturbs every fifth. *its passes*: as many bare passes
as the peer makes in them, counted: {passes}. Before anything is timed, both sides train the tiny network in
float64 from the same start; how far they are apart after {compared} steps, relative to how far they went:
{apart}. What is left: pytorch_optimizer takes the norm of the gradient in single
precision, and its LookSAM adds 1e-8 to the norm of the part that it keeps. LookSAM's norms are theirs per
tensor, ours over all tensors by default: compared with `scope="per-tensor"`, timed with the default. The
learning rate is constant on both sides."""
PASSES = "its passes"
BATCH = 32
COMPARED = 20
"""steps after which both sides must be in one place"""


@dataclass(frozen=True)
class Pair:
    """Ours and theirs. `alike` is ours as it equals theirs, up to `tolerance`."""

    name: str
    peer: str
    ours: Callable[[Problem], Step]
    theirs: Callable[[Problem], Step]
    alike: Callable[[Problem], Step]
    tolerance: float


_LOOKSAM = {"rho": RHO, "k": 5}
PAIRS = (
    Pair("erm", "a plain loop", ours("erm"), plain_loop, ours("erm"), 1e-10),
    Pair("sam", "davda54/sam", ours("sam", rho=RHO), two_step_sam, ours("sam", rho=RHO), 1e-10),
    Pair(
        "sam beside pytorch_optimizer",
        "pytorch_optimizer SAM",
        ours("sam", rho=RHO),
        their_sam,
        ours("sam", rho=RHO),
        1e-5,
    ),
    Pair("gsam", "pytorch_optimizer GSAM", ours("gsam", rho=RHO), their_gsam, ours("gsam", rho=RHO), 1e-5),
    Pair(
        "looksam",
        "pytorch_optimizer LookSAM",
        ours("looksam", **_LOOKSAM),
        their_looksam,
        ours("looksam", scope="per-tensor", **_LOOKSAM),
        1e-4,
    ),
)


def measure(architecture: str, steps: int, given: Conditions) -> Findings:
    """One row for each of ours against its peer, one for each peer against its own passes."""
    find_peers()
    device, rows, controls, wrong = given.place, list[Row](), list[Row](), list[str]()
    passes, distances = dict[str, int](), dict[str, float]()
    for pair in PAIRS:
        passes[pair.peer], distances[pair.peer] = passes_of(pair, steps, device), apart(pair, device)
        if not distances[pair.peer] <= pair.tolerance:
            wrong.append(f"{pair.name} and {pair.peer} take other steps: {distances[pair.peer]:.1e} apart")
        timed = Timed(architecture, steps, passes[pair.peer], device)
        times = timed.side_by_side(pair, given.rounds)
        rows += [times.row(pair.name, pair.peer), times.row(pair.peer, PASSES)]
        controls.append(times.control())
        print(*table(rows[-2:]).splitlines()[-2:], sep="\n", file=sys.stderr, flush=True)
    how = HOW.format(
        network=TITLES[architecture],
        batch=BATCH,
        threads=given.threads,
        steps=steps,
        compared=COMPARED,
        passes=", ".join(f"{peer} {count}" for peer, count in passes.items()),
        apart=", ".join(f"{peer} {distance:.0e}" for peer, distance in distances.items()),
    )
    return Findings(how, rows, controls, wrong)


def apart(pair: Pair, device: torch.device) -> float:
    """The largest difference between the weights of both sides, relative to the largest change of a weight."""
    start = weights(Problem("tiny", BATCH, device, torch.float64))
    ends = []
    for side in (pair.alike, pair.theirs):
        problem = Problem("tiny", BATCH, device, torch.float64)
        _repeated(side(problem), problem, COMPARED)(0)
        ends.append(weights(problem))
    return float((ends[0] - ends[1]).abs().max() / (ends[0] - start).abs().max())


def weights(problem: Problem) -> torch.Tensor:
    """All weights in one vector."""
    return torch.cat([p.detach().flatten().clone() for p in problem.model.parameters()])


def passes_of(pair: Pair, steps: int, device: torch.device) -> int:
    """How often the peer calls the network in so many steps."""
    problem, calls = Problem("tiny", BATCH, device), list[int]()
    problem.model.register_forward_hook(lambda *_: calls.append(1))
    _repeated(pair.theirs(problem), problem, steps)(0)
    return len(calls)


@dataclass(frozen=True)
class Timed:
    """What is timed: `steps` steps in a row, in which the peer makes so many passes."""

    architecture: str
    steps: int
    passes: int
    device: torch.device

    def side_by_side(self, pair: Pair, rounds: int) -> Times:
        """Time ours, theirs, and the bare passes of theirs."""
        bare = self._problem()
        variants = {
            pair.peer: self._steps(pair.theirs),
            pair.name: self._steps(pair.ours),
            PASSES: _repeated(bare.one_pass, bare, self.passes),
        }
        return interleave(variants, pair.peer, rounds, clock(self.device))

    def _steps(self, side: Callable[[Problem], Step]) -> Callable[[int], None]:
        problem = self._problem()
        return _repeated(side(problem), problem, self.steps)

    def _problem(self) -> Problem:
        return Problem(self.architecture, BATCH, self.device)


def _repeated(step: Step, problem: Problem, count: int) -> Callable[[int], None]:
    batches = cycle(batch for batch, _ in problem.pairs())

    def repeated(_: int) -> None:
        for _ in range(count):
            step(next(batches))

    return repeated
