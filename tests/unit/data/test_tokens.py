"""Token ids of many texts: put together, chosen from, made into batches."""

import torch

from lets.data.tokens import Tokens

TEXTS = [[5, 6, 7], [8], [], [9, 4]]


def test_one_after_the_other() -> None:
    tokens = Tokens.of(TEXTS)
    assert (tokens.ids.dtype, tokens.ids.tolist()) == (torch.int32, [5, 6, 7, 8, 9, 4])
    assert (tokens.ends.dtype, tokens.ends.tolist()) == (torch.int64, [3, 4, 4, 6])
    assert (tokens.starts.tolist(), tokens.lengths.tolist()) == ([0, 3, 4, 4], [3, 1, 0, 2])
    assert (len(tokens), len(Tokens.of([]))) == (4, 0)
    assert Tokens.of([]).lengths.tolist() == []


def test_some_of_them() -> None:
    tokens = Tokens.of(TEXTS).some(torch.tensor([3, 2, 0]))
    assert (tokens.ids.dtype, tokens.ids.tolist()) == (torch.int32, [9, 4, 5, 6, 7])
    assert (tokens.ends.dtype, tokens.ends.tolist()) == (torch.int64, [2, 2, 5])


def test_a_batch_ends_in_padding() -> None:
    """Behind the last text there is nothing to be read, behind the others there are other texts."""
    batch = Tokens.of(TEXTS).padded(torch.tensor([3, 1, 0, 2]), 4)
    assert batch.dtype == torch.int64
    assert batch.tolist() == [[9, 4, 0, 0], [8, 0, 0, 0], [5, 6, 7, 0], [0, 0, 0, 0]]


def test_on_another_device() -> None:
    tokens = Tokens.of(TEXTS).to("meta")
    batch = tokens.padded(torch.tensor([1], device="meta"), 3)
    assert (batch.device.type, batch.shape, tokens.starts.device.type) == ("meta", (1, 3), "meta")
