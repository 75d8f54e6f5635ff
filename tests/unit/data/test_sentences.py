import pytest
import torch

from lets.data.tokens import PAD, Sentences, Tokens
from lets.errors import SpecError

COUNT = 23


def made(count: int = COUNT) -> tuple[list[list[int]], torch.Tensor]:
    """Texts that tell who they are: 1, their number + 10 a few times, 2."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 9, (count,), generator=generator).tolist()
    return [[1, *[10 + i] * length, 2] for i, length in enumerate(lengths)], torch.arange(count)


def loader(count: int = COUNT, **arguments: object) -> Sentences:
    rows, labels = made(count)
    return Sentences(Tokens.of(rows), labels, **{"batch_size": 5, **arguments})


def unpadded(ids: torch.Tensor) -> list[list[int]]:
    return [[id_ for id_ in row if id_ != PAD] for row in ids.tolist()]


def test_plain_is_every_text_in_its_order_padded_to_the_longest_of_the_batch() -> None:
    rows, labels = made()
    seen = []
    for ids, y in loader().plain(4):
        assert ids.dtype == torch.int64
        assert y.tolist() == labels[len(seen) : len(seen) + 4].tolist()
        expected = rows[len(seen) : len(seen) + 4]
        width = max(map(len, expected))
        assert ids.tolist() == [row + [PAD] * (width - len(row)) for row in expected]
        seen += expected
    assert seen == rows
    assert loader().size == (max(map(len, rows)),) * 2


def test_an_epoch_is_every_text_once_with_its_label() -> None:
    rows, _ = made()
    batches = loader(seed=3)
    found = [pair for ids, y in batches.epoch(0) for pair in zip(unpadded(ids), y.tolist(), strict=True)]
    assert sorted(label for _, label in found) == [*range(COUNT)]
    assert all(rows[label] == text for text, label in found)
    assert [len(y) for _, y in batches.epoch(0)] == [5, 5, 5, 5, 3]
    assert len(batches) == 5


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    def order(batches: Sentences, epoch: int) -> list[int]:
        return [label for _, y in batches.epoch(epoch) for label in y.tolist()]

    one = loader(seed=3)
    assert order(one, 0) == order(loader(seed=3, batch_size=4), 0)
    assert len({tuple(order(one, 0)), tuple(order(one, 1)), tuple(order(one.with_seed(4), 0))}) == 3
    assert order(one.with_seed(4), 1) == order(loader(seed=4), 1)


def test_a_stretch_is_a_part_of_the_epoch() -> None:
    batches = loader(seed=1)
    whole = [*batches.epoch(2)]
    part = [*batches.epoch(2, 1, 3)]
    assert len(part) == 2
    for (ids, y), (same, again) in zip(part, whole[1:3], strict=True):
        assert ids.equal(same)
        assert y.equal(again)
    assert [*batches.epoch(2, 3, 3)] == []


def test_ranks_share_a_batch_and_leave_a_small_rest_out() -> None:
    alone = [set(y.tolist()) for _, y in loader(21, seed=1).epoch(0)]
    parts = [[*loader(21, seed=1, rank=rank, ranks=2).epoch(0)] for rank in range(2)]
    assert [len(part) for part in parts] == [4, 4]  # the 21st text is no batch for two
    for batch, (_, first), (_, second) in zip(alone, *parts, strict=False):
        assert set(first.tolist()) | set(second.tolist()) == batch
        assert (len(first), len(second)) == (3, 2)
    plain = [y.tolist() for rank in range(2) for _, y in loader(21, rank=rank, ranks=2).plain(100)]
    assert plain == [[*range(0, 21, 2)], [*range(1, 21, 2)]]


def test_scores_stay_numbers() -> None:
    tokens = Tokens.of([[1, 5, 2], [1, 2]])
    ((ids, y),) = Sentences(tokens, torch.tensor([4.25, 0.5]), batch_size=2).plain()
    assert ids.tolist() == [[1, 5, 2], [1, 2, 0]]
    assert (y.dtype, y.tolist()) == (torch.float32, [4.25, 0.5])


@pytest.mark.parametrize(
    ("ends", "labels"), [([3, 5], [0]), ([3, 4], [0, 1]), ([], []), ([3, 5], [[0], [1]])]
)
def test_what_does_not_fit_is_refused(ends: list[int], labels: list[int]) -> None:
    tokens = Tokens(torch.tensor([1, 5, 2, 1, 2], dtype=torch.int32), torch.tensor(ends))
    with pytest.raises(SpecError, match=r"5 ids, ends of \d texts"):
        Sentences(tokens, torch.tensor(labels), batch_size=2)
