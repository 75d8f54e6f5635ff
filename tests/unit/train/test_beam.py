"""Beam search against exhaustive search and against its rules written out, on a vocabulary of five tokens."""

import math
from itertools import product

import pytest
import torch
from torch import Tensor

from lets.data.parallel import EOS, PAD
from lets.train import translation as module
from lets.train.translation import beam_search

WORDS = (2, 3, 4)
SOURCES = torch.tensor([[3, 1, 0], [4, 2, 1], [2, 2, 1], [4, 1, 0], [2, 1, 0], [3, 3, 1]])


class Toy:
    """Random logits that depend on all of the source and of the target so far."""

    def __init__(self, spread: float = 1.5, ending: float = 0.0) -> None:
        self.spread, self.ending = spread, ending

    def encode(self, source: Tensor) -> tuple[Tensor, ...]:
        return source, source == PAD

    def next_logits(self, target: Tensor, *encoded: Tensor) -> Tensor:
        source, padding = encoded
        assert torch.equal(padding, source == PAD)
        return torch.stack([self.row(t, s) for t, s in zip(target.tolist(), source.tolist(), strict=True)])

    def row(self, target: list[int], source: list[int]) -> Tensor:
        text = [*(i for i in source if i), *target]
        seed = sum(token * 7**i for i, token in enumerate(text))
        logits = self.spread * torch.randn(5, generator=torch.Generator().manual_seed(seed))
        logits[EOS] += self.ending
        return logits

    def log_p(self, source: list[int], words: tuple[int, ...]) -> Tensor:
        """Log-probabilities of all tokens after `words`, of which the first is not EOS, and none is PAD."""
        return self.row([EOS, *words], source).log_softmax(0)

    def score(self, source: list[int], words: tuple[int, ...], penalty: float) -> float:
        sequence = (*words, EOS)
        log_p = sum(float(self.log_p(source, sequence[:i])[token]) for i, token in enumerate(sequence))
        return log_p / len(sequence) ** penalty


def words_of(source: Tensor) -> list[int]:
    return [token for token in source.tolist() if token]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 3 words for a source of one, 4 for one of two."""
    monkeypatch.setattr(module, "LENGTH_OFFSET", 2)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("penalty", [0.0, 1.0, 2.0])
def test_a_beam_as_wide_as_all_finds_the_best_of_all(penalty: float) -> None:
    model = Toy()
    found = beam_search(model, SOURCES, beam=200, length_penalty=penalty)
    for source, translation in zip(SOURCES, found, strict=True):
        limit = {1: 3, 2: 4}[len(words_of(source)) - 1]
        everything = [words for n in range(1, limit + 1) for words in product(WORDS, repeat=n)]
        best = max(everything, key=lambda words: model.score(words_of(source), words, penalty))
        assert tuple(translation) == best
    assert len({len(one) for one in found}) > 1
    narrow = beam_search(model, SOURCES, beam=1, length_penalty=penalty)
    assert narrow != found


def straight(model: Toy, source: list[int], width: int, penalty: float, limit: int) -> list[int]:
    """The rules of fairseq's generator for one sentence."""
    beams, finished = [((), 0.0)], []
    while len(finished) < width:
        length = len(beams[0][0]) + 1
        candidates = []
        for words, score in beams:
            log_p = model.log_p(source, words)
            allowed = (EOS,) if length > limit else WORDS if length == 1 else (EOS, *WORDS)
            candidates += [((*words, token), score + float(log_p[token])) for token in allowed]
        candidates = sorted(candidates, key=lambda one: -one[1])[: 2 * width]
        ended = [one for one in candidates[:width] if one[0][-1] == EOS]
        finished += [(score / length**penalty, words[:-1]) for words, score in ended]
        beams = [one for one in candidates if one[0][-1] != EOS][:width]
        if length > limit:
            break
    return list(max(finished)[1])


@pytest.mark.parametrize("width", [1, 2, 3, 5])
@pytest.mark.parametrize("ending", [-2.0, 0.0, 1.0])
def test_narrow_beams_follow_the_rules(width: int, ending: float) -> None:
    model = Toy(ending=ending)
    found = beam_search(model, SOURCES, beam=width)
    limits = [math.floor(1.2 * (len(words_of(source)) - 1) + 10) for source in SOURCES]
    assert found == [
        straight(model, words_of(source), width, 1.0, limit)
        for source, limit in zip(SOURCES, limits, strict=True)
    ]


def test_the_same_alone_in_another_batch_and_again() -> None:
    model, found = Toy(), beam_search(Toy(), SOURCES)
    assert beam_search(model, SOURCES) == found
    assert [beam_search(model, source[None]) for source in SOURCES] == [[one] for one in found]
    wider = torch.nn.functional.pad(SOURCES.flip(0), (0, 4))
    assert beam_search(model, wider) == found[::-1]


def test_length_is_bounded_and_never_zero() -> None:
    endless = beam_search(Toy(ending=-50.0), SOURCES)
    assert [len(one) for one in endless] == [11, 12, 12, 11, 11, 12]  # 1.2 S + 10
    assert [len(one) for one in beam_search(Toy(ending=50.0), SOURCES)] == [1] * 6


def test_a_greater_penalty_prefers_longer_translations() -> None:
    total = [sum(map(len, beam_search(Toy(), SOURCES, length_penalty=p))) for p in (0.0, 1.0, 3.0)]
    assert total == sorted(total)
    assert total[0] < total[2]


def test_no_padding_is_ever_chosen() -> None:
    class Padder(Toy):
        def row(self, target: list[int], source: list[int]) -> Tensor:
            logits = super().row(target, source)
            logits[PAD] = 30.0
            return logits

    assert all(PAD not in one for one in beam_search(Padder(), SOURCES))
