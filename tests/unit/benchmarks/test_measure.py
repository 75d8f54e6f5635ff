"""The measuring core on a clock that we turn ourselves: every number is worked out by hand."""

import gc
from itertools import combinations

import pytest
from benchmarks.measure import AGAIN, Times, interleave, order
from benchmarks.result import Findings


class Clock:
    """Stands still but for what the actions take."""

    def __init__(self):
        self.now = 0.0
        self.called = []

    def __call__(self):
        return self.now

    def action(self, name, *seconds):
        """Takes these seconds in the rounds, the last one for ever."""

        def act(turn):
            self.called.append((turn, name))
            self.now += seconds[min(turn, len(seconds) - 1)]

        return act


def test_ratios_are_those_of_the_rounds_and_not_of_the_medians():
    clock = Clock()
    actions = {"a": clock.action("a", 1, 2, 10), "b": clock.action("b", 3, 1, 20)}
    row = interleave(actions, "a", 3, clock, warm_up=0).row("b")
    # rounds: 3/1, 1/2, 20/10; medians: 3 s over 2 s
    assert (row["seconds"], row["ratio"], row["low"], row["high"]) == (3, 2.0, 1.25, 2.5)
    assert (row["variant"], row["against"], row["rounds"]) == ("b", "a", 3)


def test_warm_up_does_not_count():
    clock = Clock()
    times = interleave(
        {"a": clock.action("a", 9, 9, 1), "b": clock.action("b", 1, 99, 2)}, "a", 4, clock, warm_up=2
    )
    assert times.seconds == {"a": [1] * 4, "b": [2] * 4, "a" + AGAIN: [1] * 4}
    assert len([turn for turn, name in clock.called if name == "b"]) == 6


def test_a_round_runs_everything_once_and_the_reference_twice():
    clock = Clock()
    interleave({name: clock.action(name, 1) for name in "abc"}, "b", 8, clock, warm_up=0)
    for turn in range(8):
        assert sorted(name for t, name in clock.called if t == turn) == ["a", "b", "b", "c"]


@pytest.mark.parametrize("every", [1, 2, 3, 6])
def test_among_the_turns_of_any_policy_nobody_has_a_better_place(every):
    """Binomial, n = 600, p = 1/2: the standard deviation is 12."""
    orders = [order("abc", turn) for turn in range(0, 600 * every, every)]
    for one, other in combinations("abc", 2):
        assert abs(sum(x.index(one) < x.index(other) for x in orders) - 300) < 4 * 12
    assert order("abc", 7) == order("abc", 7)


def test_a_reference_that_is_not_like_itself_makes_the_result_invalid():
    control = Times({"a": [1.0] * 5, "a" + AGAIN: [1.03] * 5}, "a").control()
    assert control["ratio"] == 1.03
    findings = Findings("", [], [control])
    assert findings.doubts() == ["a (again) against itself: 1.03"]


@pytest.mark.parametrize(("ratio", "valid"), [(1.02, True), (0.98, True), (1.021, False), (0.979, False)])
def test_two_percent_are_the_limit(ratio, valid):
    row = {"variant": "a (again)", "ratio": ratio}
    assert (Findings("", [], [row]).doubts() == []) is valid


def test_without_a_control_nothing_that_is_timed_is_valid():
    assert Findings("", []).doubts() == ["no variant was measured against itself"]
    assert Findings("", [], timed=False).doubts() == []


def test_garbage_is_left_alone_while_the_clock_runs():
    enabled = []
    interleave({"a": lambda _: enabled.append(gc.isenabled())}, "a", 2)
    assert enabled == [False] * 8
    assert gc.isenabled()


def test_garbage_is_collected_again_after_an_error():
    with pytest.raises(ZeroDivisionError):
        interleave({"a": lambda _: 1 / 0}, "a", 1)
    assert gc.isenabled()


def test_some_of_the_rounds():
    times = Times({"a": [1, 2, 4], "b": [3, 3, 3]}, "a").only([0, 2])
    assert times.seconds == {"a": [1, 4], "b": [3, 3]}
