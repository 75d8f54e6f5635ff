"""Every method trains a translation, and a small Transformer learns a real one."""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
import torch

import lets
import lets.models
from lets.data.corpus import Lines, read_corpus
from lets.data.parallel import EOS, Bpe, learn_merges
from lets.data.tokens import Pairs, SentencePairs, Tokens
from lets.models.transformer import Transformer
from lets.train.translation import Decoding, bleu_scores, losses, tally

VOCABULARY, STEPS = 24, 6


def toy_pairs() -> Pairs:
    """Reversed digits, of several lengths."""
    generator = torch.Generator().manual_seed(0)
    sources = [torch.randint(3, VOCABULARY, (1 + i % 5,), generator=generator).tolist() for i in range(60)]
    sides = ([[*line, EOS] for line in sources], [[*reversed(line), EOS] for line in sources])
    return Pairs(*map(Tokens.of, sides))


@pytest.mark.parametrize("name", lets.methods())
def test_every_method_takes_steps(name: str) -> None:
    torch.manual_seed(0)
    model = Transformer(0, (VOCABULARY,), width=16, heads=2, hidden=16, depth=1, dropout=0.1)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, betas=(0.9, 0.98))
    method = lets.create(name, model, optimizer, total_steps=STEPS)
    train = SentencePairs(toy_pairs(), batch_size=48, seed=1)
    validation = train.with_seed(2)
    steps = list(zip(train.epoch(0), validation.epoch(0), strict=True))[:STEPS]
    assert len(steps) == STEPS
    assert any(batch[0].shape != val_batch[0].shape for batch, val_batch in steps)
    weights = [parameter.detach().clone() for parameter in model.parameters()]
    loss = partial(losses, model, label_smoothing=0.1)
    for batch, val_batch in steps:
        stats = method.step(loss, batch, val_batch)
        learned = stats.perturbed and method.info.needs_validation
        assert stats.passes == 1 + bool(stats.perturbed) + 2 * bool(learned)
        assert math.isfinite(float(stats.loss))
    moved = [not torch.equal(a, b) for a, b in zip(weights, model.parameters(), strict=True)]
    assert all(moved)


@pytest.mark.parametrize("name", ["erm", "esam", "lets-sam"])
def test_methods_reduce_the_loss(name: str) -> None:
    torch.manual_seed(0)
    model = Transformer(0, (VOCABULARY,), width=16, heads=2, hidden=16, depth=1, dropout=0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    method = lets.create(name, model, optimizer, total_steps=40)
    train = SentencePairs(toy_pairs(), batch_size=400)
    batch, val_batch = next(train.epoch(0)), next(train.with_seed(3).epoch(0))
    before = tally(model, batch)
    for _ in range(40):
        method.step(partial(losses, model), batch, val_batch)
    after = tally(model, batch)
    assert after[0] < 0.7 * before[0]
    assert after[2] == before[2]


def _short(lines: Lines, words: int) -> tuple[list[str], list[str]]:
    both = zip(lines.source, lines.target, strict=True)
    short = [pair for pair in both if max(line.count(" ") for line in pair) < words]
    return [source for source, _ in short], [target for _, target in short]


def _pairs(bpe: Bpe, sides: Sequence[Sequence[str]]) -> Pairs:
    return Pairs(*(Tokens.of(bpe.encode(side)) for side in sides))


def test_a_small_transformer_learns_short_captions(parallel_root: Path) -> None:
    """400 steps of Adam on the 4,244 captions of Multi30k with at most 9 words; test captions are new to it."""
    corpus, vocabulary, steps = read_corpus("multi30k", parallel_root), 1_000, 400
    train, test = (_short(corpus.splits[split], 9) for split in ("train", "test"))
    assert (len(train[0]), len(test[0])) == (4_244, 158)
    text = [*train[0], *train[1]]
    bpe = Bpe.of(text, learn_merges(text, vocabulary), vocabulary)
    batches = SentencePairs(_pairs(bpe, train), batch_size=512)
    torch.manual_seed(0)
    model = lets.models.create("transformer-small", 0, (vocabulary,))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / 80, (steps - step) / (steps - 80))
    )
    per_epoch = len(batches)
    for step in range(0, steps, per_epoch):
        for batch in batches.epoch(step // per_epoch, 0, min(per_epoch, steps - step)):
            optimizer.zero_grad()
            losses(model, batch, 0.1).mean().backward()
            optimizer.step()
            schedule.step()
    greedy = Decoding(beam=1)
    pairs = SentencePairs(_pairs(bpe, test), batch_size=2_048)
    found = bleu_scores(model, pairs, test[1], bpe, greedy)["bleu"]
    # to say for each caption what another one's source was translated to: what is learned without reading
    others = SentencePairs(_pairs(bpe, ([*test[0][1:], test[0][0]], test[1])), batch_size=2_048)
    without_reading = bleu_scores(model, others, test[1], bpe, greedy)["bleu"]
    copied = _bleu_of_copies(test)
    assert copied < 2
    assert found > 7 > 3 * copied
    assert found > 3 * without_reading


def _bleu_of_copies(sides: tuple[list[str], list[str]]) -> float:
    import sacrebleu

    return sacrebleu.corpus_bleu(sides[0], [sides[1]], tokenize="none", force=True).score
