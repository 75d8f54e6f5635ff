"""The one way in which everything is timed: variants side by side, round by round, one of them twice.

Machines are shared and change their speed. So every round runs every variant once, in another order, and what is
compared are the two times of one round: the median of these ratios, with its quartiles. The reference runs twice
a round, as if it were another variant: how far its ratio to itself is from 1 says what all the others are worth.
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from statistics import median, quantiles
from time import perf_counter

from .result import Row

Action = Callable[[int], object]
"""does once what is timed; is told the number of the round, warm-up included"""

WARM_UP = 2
AGAIN = " (again)"


class Times:
    """Seconds of every variant in every round, warm-up left out."""

    def __init__(self, seconds: Mapping[str, Sequence[float]], reference: str) -> None:
        self.seconds, self.reference = seconds, reference

    def only(self, rounds: Sequence[int]) -> "Times":
        """Some of the rounds."""
        chosen = {name: [times[i] for i in rounds] for name, times in self.seconds.items()}
        return Times(chosen, self.reference)

    def row(self, variant: str, against: str = "", **facts: str | int | float | bool) -> Row:
        """Median seconds of a variant, and its ratio to another one: median and quartiles over the rounds."""
        against = against or self.reference
        ratios = [a / b for a, b in zip(self.seconds[variant], self.seconds[against], strict=True)]
        low, middle, high = quantiles(ratios, method="inclusive") if len(ratios) > 1 else ratios * 3
        return {
            "variant": variant,
            **facts,
            "rounds": len(ratios),
            "seconds": rounded(median(self.seconds[variant])),
            "against": against,
            "ratio": round(middle, 4),
            "low": round(low, 4),
            "high": round(high, 4),
        }

    def control(self, **facts: str | int | float | bool) -> Row:
        """The reference against itself."""
        return self.row(self.reference + AGAIN, "", **facts)


def interleave(
    variants: Mapping[str, Action],
    reference: str,
    rounds: int,
    clock: Callable[[], float] = perf_counter,
    warm_up: int = WARM_UP,
) -> Times:
    """Time every variant once a round, and the reference twice."""
    actions = {**variants, reference + AGAIN: variants[reference]}
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    with garbage_left_alone():
        for turn in range(warm_up + rounds):
            for name in order(list(actions), turn):
                start = clock()
                actions[name](turn)
                seconds[name].append(clock() - start)
            gc.collect()
    return Times({name: times[warm_up:] for name, times in seconds.items()}, reference)


def order(names: Sequence[str], turn: int) -> list[str]:
    """Any, but always the same in the same round.

    A cycle of orders would go in step with a policy that perturbs every second turn, and give one of two equal
    variants the better place in all turns of a kind.
    """
    return Random(turn).sample(names, len(names))


@contextmanager
def garbage_left_alone() -> Iterator[None]:
    """Nothing is collected but between rounds, and what was there before is not looked at then."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def rounded(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")
