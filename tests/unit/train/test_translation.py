"""Losses, counts and BLEU of translations against sums written out and against sacrebleu's command line."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lets.data.corpus import read_corpus
from lets.data.parallel import EOS, PAD, Bpe, learn_merges
from lets.data.tokens import Pairs, SentencePairs, Tokens
from lets.models.transformer import Transformer
from lets.train.device import Ranks
from lets.train.translation import Decoding, bleu_scores, detokenise, losses, tally, translate

VOCABULARY = 12
BATCH = (
    torch.tensor([[4, 5, 1, 0], [6, 7, 8, 1], [9, 1, 0, 0]]),
    torch.tensor([[3, 4, 5, 6, 1], [7, 8, 1, 0, 0], [9, 1, 0, 0, 0]]),
)
LENGTHS = (5, 3, 2)


@pytest.fixture
def model() -> Transformer:
    torch.manual_seed(0)
    return Transformer(0, (VOCABULARY,), width=16, heads=2, hidden=16, depth=1, dropout=0.0).eval()


@torch.no_grad()
def log_probabilities(model: nn.Module, i: int) -> Tensor:
    """log p of every token at every place of sentence i of the batch, alone and without padding, float64."""
    source, target = BATCH[0][i], BATCH[1][i][: LENGTHS[i]]
    read = torch.cat([torch.tensor([EOS]), target[:-1]])
    return model(source[source != PAD][None], read[None])[0].double().log_softmax(1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_losses(model: Transformer, smoothing: float) -> None:
    expected = []
    for i, length in enumerate(LENGTHS):
        log_p, total = log_probabilities(model, i), 0.0
        for place, true in enumerate(BATCH[1][i][:length].tolist()):
            smooth = sum(log_p[place].tolist()) / VOCABULARY
            total -= (1 - smoothing) * float(log_p[place, true]) + smoothing * smooth
        expected.append(total)
    found = losses(model, BATCH, smoothing)
    mean_length = sum(LENGTHS) / 3
    assert found.detach().tolist() == pytest.approx([one / mean_length for one in expected], rel=1e-5)
    # the mean over sentences is that over tokens
    assert found.mean().item() == pytest.approx(sum(expected) / sum(LENGTHS), rel=1e-5)


def test_a_part_of_a_batch_is_a_batch(model: Transformer) -> None:
    """ESAM's: the losses are those of the sentences, over the mean length of the part."""
    whole, index = losses(model, BATCH), torch.tensor([2, 0])
    part = losses(model, (BATCH[0][index], BATCH[1][index]))
    torch.testing.assert_close(part * (7 / 2), whole[index] * (10 / 3))


@torch.no_grad()
def test_tally(model: Transformer) -> None:
    loss, right = 0.0, 0
    for i, length in enumerate(LENGTHS):
        log_p, true = log_probabilities(model, i), BATCH[1][i][:length]
        loss -= float(log_p[torch.arange(length), true].sum())
        right += int((log_p.argmax(1) == true).sum())
    found = tally(model, BATCH)
    assert found.dtype == torch.float64
    assert found.tolist() == pytest.approx([loss, right, 10], rel=1e-5)
    always = torch.zeros(3, 5, VOCABULARY)
    always[:, :, PAD] = 9.0
    assert tally(lambda source, target: always, BATCH)[1] == 0  # to foresee padding is no merit


class Parrot(nn.Module):
    """Repeats the source, but says some words for others: the next one instead."""

    def encode(self, source: Tensor) -> tuple[Tensor, ...]:
        return (source,)

    def next_logits(self, target: Tensor, source: Tensor) -> Tensor:
        step = target.shape[1] - 1
        said = torch.nn.functional.pad(source, (0, 60), value=EOS)
        word = torch.where(
            (said[:, step] % 41 == 3) & (said[:, step + 1] > EOS), said[:, step + 1], said[:, step]
        )
        word = torch.where(word == PAD, EOS, word)
        # The end is less probable than any wrong word: were they equal, topk's choice among equals, which differs
        # between processors, would decide whether a translation ends early.
        end = nn.functional.one_hot(torch.full_like(word, EOS), 4_000)
        return (16 * nn.functional.one_hot(word, 4_000) - 8 * end).float()


@pytest.fixture(scope="module")
def spoken(parallel_root: Path) -> tuple[SentencePairs, list[str], Bpe]:
    """The first 300 English test sentences of IWSLT'14, "translated" from themselves."""
    corpus = read_corpus("iwslt14", parallel_root, partial=True)
    lines = corpus.splits["test"].target[:300]
    bpe = Bpe.of(lines, learn_merges(lines, 2_000), 4_000)
    side = Tokens.of(bpe.encode(lines))
    return SentencePairs(Pairs(side, side), batch_size=2_000), lines, bpe


def command_line(folder: Path, hypotheses: list[str], references: list[str], *options: str) -> float:
    (folder / "hypotheses").write_text("".join(f"{line}\n" for line in hypotheses))
    (folder / "references").write_text("".join(f"{line}\n" for line in references))
    command = [sys.executable, "-m", "sacrebleu", folder / "references", "-i", folder / "hypotheses"]
    ran = subprocess.run([*command, "-b", "-w", "12", *options], capture_output=True, text=True, check=True)
    return float(ran.stdout)


def test_bleu_is_that_of_the_command_line(
    spoken: tuple[SentencePairs, list[str], Bpe], tmp_path: Path
) -> None:
    pairs, references, bpe = spoken
    found = bleu_scores(Parrot(), pairs, references, bpe, Decoding(beam=2))
    hypotheses = translate(Parrot(), pairs, bpe, Decoding(beam=2))
    in_order = [""] * len(references)
    for place, line in zip(pairs.plain_order.tolist(), hypotheses, strict=True):
        in_order[place] = line
    assert sum(line[:15] == true[:15] for line, true in zip(in_order, references, strict=True)) > 10
    expected: Mapping[str, float] = {
        "bleu": command_line(tmp_path, in_order, references, "--tokenize", "none", "--force"),
        "sacrebleu": command_line(tmp_path, [*map(detokenise, in_order)], [*map(detokenise, references)]),
    }
    assert found == pytest.approx(expected, abs=1e-9)
    assert 5 < found["bleu"] < 95
    assert abs(found["bleu"] - found["sacrebleu"]) > 0.1


class Recording(Ranks):
    """Keeps what it should sum."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "seen", [])

    def sum(self, values: Tensor) -> Tensor:
        self.seen.append(values.clone())
        return values


class Adding(Ranks):
    """Has the sums ready."""

    def __init__(self, sums: list[Tensor]) -> None:
        super().__init__()
        object.__setattr__(self, "sums", iter(sums))

    def sum(self, values: Tensor) -> Tensor:
        return next(self.sums)


def test_ranks_score_the_whole(spoken: tuple[SentencePairs, list[str], Bpe], parallel_root: Path) -> None:
    """Each rank translates its part; added up, their counts are those of the whole."""
    whole, references, bpe = spoken
    side = Tokens.of(bpe.encode(references))
    parts = [SentencePairs(Pairs(side, side), batch_size=2_000, rank=rank, ranks=2) for rank in (0, 1)]
    recorded = [Recording(), Recording()]
    for part, ranks in zip(parts, recorded, strict=True):
        bleu_scores(Parrot(), part, references, bpe, Decoding(beam=1), ranks=ranks)
    sums = [a + b for a, b in zip(*(ranks.seen for ranks in recorded), strict=True)]
    both = bleu_scores(Parrot(), parts[1], references, bpe, Decoding(beam=1), ranks=Adding(sums))
    assert both == bleu_scores(Parrot(), whole, references, bpe, Decoding(beam=1))
