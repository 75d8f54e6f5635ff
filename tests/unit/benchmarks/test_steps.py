"""What is compared with a step are its own passes: their number is known from the definition of every method."""

import pytest
import torch
from benchmarks.problem import POOL, Problem, tiny
from benchmarks.steps import Case, costs, make_bare, rehearse, side_by_side

CPU = torch.device("cpu")
# passes that a step differentiates, and those that it only scores: perturbed, not perturbed
PASSES = {
    "erm": (None, (1, 0)),
    "sam": ((2, 0), None),
    "esam": ((1.5, 1), None),  # half of the batch, chosen by a forward pass of all of it (gamma = .5)
    "rst": ((2, 0), (1, 0)),
    "looksam": ((2, 0), (1, 0)),
    "ae-sam": ((2, 0), (1, 0)),
    "gsam": ((2, 0), None),
    "lets-sam": ((4, 0), None),
    "lets-looksam": ((4, 0), (1, 0)),
}


def spent(case, steps=24):
    calls, taken = rehearse(case, steps)
    kinds = []
    for kind in (True, False):
        of_kind = [step for step, (perturbed, _) in zip(calls, taken, strict=True) if perturbed is kind]
        found = costs(of_kind[1:], case.batch_size) if of_kind else None
        kinds.append(found and (found["differentiated"], found["forward_only"]))
    return tuple(kinds)


@pytest.mark.parametrize("method", PASSES)
def test_passes_of_a_step(method):
    assert spent(Case(method, False, "tiny", 32, CPU)) == PASSES[method]


def test_a_reused_gradient_saves_a_pass():
    assert spent(Case("lets-sam", True, "tiny", 32, CPU)) == ((3, 0), None)


def test_a_bare_pass_is_of_as_many_samples_and_steps_nowhere():
    problem = Problem("tiny", 8, CPU)
    before = [p.detach().clone() for p in problem.model.parameters()]
    seen = []
    problem.model.register_forward_hook(
        lambda _, x, y: seen.append((len(x[0]), torch.is_grad_enabled(), y.requires_grad))
    )
    make_bare(problem, problem.pairs()[0][0], [(8, True), (8, False), (4, True)])
    assert seen == [(8, True, True), (8, False, False), (4, True, True)]
    assert all(torch.equal(a, b) for a, b in zip(before, problem.model.parameters(), strict=True))
    assert all(p.grad is not None for p in problem.model.parameters())


def test_half_of_the_steps_are_perturbed_where_a_policy_decides():
    for method in ("looksam", "rst", "ae-sam", "ae-looksam"):
        _, taken = rehearse(Case(method, False, "tiny", 32, CPU), 60)
        assert 15 <= sum(perturbed for perturbed, _ in taken) <= 45, method


def test_rows_of_both_kinds_and_enough_rounds():
    rows = list(side_by_side(Case("looksam", False, "tiny", 4, CPU), 3))
    assert [row["variant"] for row, _ in rows] == ["looksam, perturbed", "looksam, not perturbed"]
    assert [row["rounds"] for row, _ in rows] == [3, 3]
    assert all(row["against"] == "its passes" for row, _ in rows)
    assert [control["variant"] for _, control in rows] == [row["variant"] for row, _ in rows]


def test_steps_that_go_another_way_than_rehearsed_are_refused(monkeypatch):
    monkeypatch.setattr(
        "benchmarks.steps.rehearse", lambda case, steps: ([[(4, True)]] * steps, [(True, 2)] * steps)
    )
    with pytest.raises(RuntimeError, match="another way"):
        list(side_by_side(Case("erm", False, "tiny", 4, CPU), 2))


def test_networks_are_as_described():
    assert len(list(tiny().parameters())) == 11
    assert sum(p.numel() for p in Problem("resnet8", 2, CPU).model.parameters()) == 78_042


def test_a_batch_comes_again_as_the_same_object():
    pairs = Problem("tiny", 2, CPU).pairs(next_validates=True)
    assert len(pairs) == POOL
    assert all(pairs[i][1] is pairs[(i + 1) % POOL][0] for i in range(POOL))
    apart = Problem("tiny", 2, CPU).pairs()
    assert all(validation is not train for _, validation in apart for train, _ in apart)
