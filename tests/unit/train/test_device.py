"""Which device a run gets, and that it computes the same thing every time."""

import pytest
import torch

from lets.errors import SpecError
from lets.train.device import choose_device, compute_deterministically


def test_auto_takes_a_gpu_where_there_is_one():
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert choose_device("cpu").type == "cpu"


@pytest.mark.parametrize("wanted", ["gpu", "cuda:9", ""])
def test_an_unknown_device_is_refused_by_name(wanted):
    with pytest.raises(SpecError, match=rf"device '{wanted}' – unknown – write  --device auto, cpu or cuda"):
        choose_device(wanted)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cuda_without_a_gpu_is_refused_with_the_way_out():
    with pytest.raises(SpecError, match=r"torch finds no GPU on this machine – use  --device cpu"):
        choose_device("cuda")


def test_more_ranks_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    chosen = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert choose_device("cuda") == torch.device("cuda", 1)
    assert chosen == [1]
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(
        SpecError, match=r"rank 2 – needs a GPU of its own, this machine has 2 – write  ranks: 2"
    ):
        choose_device("auto")


def test_nondeterministic_kernels_are_refused():
    before = torch.get_deterministic_debug_mode(), torch.get_num_threads()
    try:
        compute_deterministically(threads=1)
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_deterministic_debug_mode(before[0])
        torch.set_num_threads(before[1])
