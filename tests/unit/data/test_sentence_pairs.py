"""Batches of sentence pairs: which ones, in which order, padded how."""

import random

import pytest
import torch
from torch import Tensor

from lets.data.tokens import Pairs, SentencePairs, Tokens
from lets.errors import SpecError

COUNT = 300


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    """Pair i has the tokens 10 i + 3, 10 i + 4, … and lengths from 2 to 9."""
    lengths = random.Random(0)
    sides = [
        Tokens.of([[*range(10 * i + 3, 10 * i + 3 + lengths.randint(1, 8)), 1] for i in range(COUNT)])
        for _ in "de"
    ]
    return Pairs(*sides)


def numbers(batch: tuple[Tensor, Tensor]) -> list[int]:
    """Which pairs a batch holds, read from their first tokens."""
    source, target = batch
    assert torch.equal(source[:, 0], target[:, 0])
    return ((source[:, 0] - 3) // 10).tolist()


def test_every_pair_once_and_no_batch_too_long(pairs: Pairs) -> None:
    loader = SentencePairs(pairs, batch_size=64, seed=1)
    batches = list(loader.epoch(0))
    assert len(batches) == len(loader)
    assert sorted(i for batch in batches for i in numbers(batch)) == list(range(COUNT))
    assert max(max(side.numel() for side in batch) for batch in batches) <= 64
    assert sum(target.numel() for _, target in batches) == pytest.approx(int(loader.labels.sum()), rel=0.05)


def test_the_tokens_are_those_of_the_corpus(pairs: Pairs) -> None:
    for source, target in SentencePairs(pairs, batch_size=64).epoch(3):
        for batch, side in ((source, pairs.source), (target, pairs.target)):
            assert batch.dtype == torch.int64
            sentences = side.ids.split(side.lengths.tolist())
            for row in batch:
                sentence = sentences[(int(row[0]) - 3) // 10]
                assert row.tolist() == [*sentence.tolist(), *[0] * (len(row) - len(sentence))]
            assert (batch[:, -1] != 0).any()  # no wider than its longest


def test_cuts_by_hand() -> None:
    """Lengths (source, target) sorted by target, then source: (2,2) (3,2) (2,3) | (9,3) | (2,4) (4,4)."""
    lengths = [(9, 3), (2, 2), (4, 4), (2, 3), (3, 2), (2, 4)]
    sides = (Tokens.of([[5] * (pair[i] - 1) + [1] for pair in lengths]) for i in (0, 1))
    loader = SentencePairs(Pairs(*sides), batch_size=9)
    assert loader.cuts == [(0, 3), (3, 4), (4, 6)]
    assert sorted(tuple(x.shape) + tuple(y.shape) for x, y in loader.epoch(0)) == [
        (1, 9, 1, 3),
        (2, 4, 2, 4),
        (3, 3, 3, 3),
    ]
    assert [tuple(x.shape) for x, _ in loader.plain(9)] == [(2, 2), (2, 3), (1, 4), (1, 9)]


def test_order_depends_on_seed_and_epoch_alone(pairs: Pairs) -> None:
    loader = SentencePairs(pairs, batch_size=64, seed=1)
    order = [numbers(batch) for batch in loader.epoch(2)]
    torch.manual_seed(5)
    assert [numbers(batch) for batch in SentencePairs(pairs, batch_size=64, seed=1).epoch(2)] == order
    assert [numbers(batch) for batch in loader.epoch(2, 3, 7)] == order[3:7]
    for other in (loader.epoch(3), loader.with_seed(2).epoch(2)):
        found = [numbers(batch) for batch in other]
        assert found != order
        assert sorted(map(len, found)) == sorted(map(len, order))  # as many batches of the same sizes
        assert sorted(map(sorted, found)) != sorted(map(sorted, order))  # equal lengths change places


def test_batches_are_shuffled(pairs: Pairs) -> None:
    widths = [target.shape[1] for _, target in SentencePairs(pairs, batch_size=64).epoch(0)]
    assert widths not in (sorted(widths), sorted(widths, reverse=True))


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_share_every_batch(pairs: Pairs, ranks: int) -> None:
    whole = [numbers(batch) for batch in SentencePairs(pairs, batch_size=64).epoch(0)]
    parts = [SentencePairs(pairs, batch_size=64, rank=rank, ranks=ranks) for rank in range(ranks)]
    assert {len(part) for part in parts} == {len(whole)}
    for rank, part in enumerate(parts):
        assert [numbers(batch) for batch in part.epoch(0)] == [batch[rank::ranks] for batch in whole]
    seen = [i for part in parts for batch in part.plain() for i in numbers(batch)]
    assert sorted(seen) == list(range(COUNT))


def test_a_last_batch_too_small_for_the_ranks_is_left_out() -> None:
    side = Tokens.of([[5, 1]] * 7)
    assert len(SentencePairs(Pairs(side, side), batch_size=6)) == 3
    assert len(SentencePairs(Pairs(side, side), batch_size=6, ranks=2)) == 2


def test_plain_is_in_the_order_it_says(pairs: Pairs) -> None:
    for rank in (0, 1):
        loader = SentencePairs(pairs, batch_size=64, seed=4, rank=rank, ranks=2)
        batches = list(loader.plain(50))
        assert [i for batch in batches for i in numbers(batch)] == loader.plain_order.tolist()
        assert all(max(x.numel(), y.numel()) <= 50 for x, y in batches)
        lengths = pairs.source.lengths[loader.plain_order]
        assert torch.equal(lengths, lengths.sort().values)


def test_a_batch_that_cannot_hold_the_longest_sentence(pairs: Pairs) -> None:
    loader = SentencePairs(pairs, batch_size=17, ranks=2)
    with pytest.raises(
        SpecError, match="batch_size 17 – counts tokens here, and the longest sentence has 9, for"
    ):
        len(loader)
    assert sum(len(target) for _, target in loader.plain()) == COUNT // 2  # to evaluate, it may be too small
    assert len(SentencePairs(pairs, batch_size=18, ranks=2)) > 1
