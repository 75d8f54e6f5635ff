"""Steps launched from real CUDA graphs against the same steps taken one by one; `test_captured.py` has tapes."""

import pytest
import torch
from tests.unit.optim.test_captured import EPOCH, STEPS, VARIANTS, both, same_rate, spoiled
from torch import Tensor
from torch.utils._pytree import tree_map_only

import lets

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture
def on_gpu(network, draw):
    """The network and the batches of the other tests, on the GPU."""

    def moved(make):
        return lambda *given: tree_map_only((Tensor, torch.nn.Module), lambda x: x.cuda(), make(*given))

    return moved(network), moved(draw)


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_launched_steps_are_the_steps(name, options, on_gpu):
    eager, launched = both(*on_gpu, name, **options)
    for t in range(STEPS):
        expected, got = eager.step(t).numbers(), launched.step(t).numbers()
        assert got == pytest.approx(expected, rel=1e-9)
        if t % EPOCH == EPOCH - 1:
            eager.method.end_epoch(), launched.method.end_epoch()
        torch.testing.assert_close(launched.everything(), eager.everything(), rtol=1e-9, atol=1e-12)
    assert any(kind.recorded for kind in launched.captured._kinds)


def test_a_launched_step_that_diverges_is_undone(on_gpu):
    eager, launched = both(*on_gpu, "lets-sam")
    for t in range(12):
        eager.step(t), launched.step(t)
    before = launched.everything()
    launched.batches[12] = spoiled(launched.batch(12))
    with pytest.raises(lets.DivergenceError, match="step 12"):
        launched.step(12), launched.step(13)
    same_rate(launched, eager)
    torch.testing.assert_close(launched.everything(), before, rtol=0, atol=0)
