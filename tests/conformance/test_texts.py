"""Every method on batches of texts, classified and scored; and a small DeBERTa that learns real sentences."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

import lets
import lets.data
import lets.models
from lets.data.texts import TextDataset, encode
from lets.data.tokens import Sentences, Tokens
from lets.models.deberta import Deberta
from lets.train.tasks import Batch, glue_scores, task_of

STEPS = 3


def texts(dataset: str) -> Sentences:
    """Ids of 12 texts of different lengths, with labels that the task wants."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(2, 9, (12,), generator=generator)
    ids = torch.randint(1, 30, (int(lengths.sum()),), generator=generator, dtype=torch.int32)
    classes = torch.randint(0, 2, (12,), generator=generator)
    labels = classes * 2.5 if dataset == "stsb" else classes
    return Sentences(Tokens(ids, lengths.cumsum(0)), labels, batch_size=6)


class Run:
    def __init__(self, method: str, dataset: str) -> None:
        torch.manual_seed(0)
        classes = lets.data.describe(dataset).classes
        self.model = Deberta(classes, (30,), width=16, depth=1, heads=2, longest=16, dropout=0.1)
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3, eps=1e-6)
        self.method = lets.create(method, self.model, self.optimizer, total_steps=STEPS)
        self.task = task_of(dataset)

    def losses(self, batch: Batch) -> Tensor:
        return self.task.losses(self.model, batch, 0.0)

    def weights(self) -> list[Tensor]:
        return [parameter.detach().clone() for parameter in self.model.parameters()]


def batches(dataset: str) -> list[Batch]:
    loader = texts(dataset)
    return [batch for epoch in range(STEPS) for batch in loader.epoch(epoch)]


@pytest.mark.parametrize("dataset", ["sst2", "stsb"])
@pytest.mark.parametrize("name", lets.methods())
def test_a_method_trains_on_texts(name: str, dataset: str) -> None:
    run, drawn = Run(name, dataset), batches(dataset)
    first = [run.losses(batch) for batch in drawn[:2]]
    assert all(losses.shape == (6,) and losses.isfinite().all() for losses in first)
    before, widths = run.weights(), {batch[0].shape[1] for batch in drawn}
    assert len(widths) > 1  # validation batches are of other lengths than training batches
    info = run.method.info
    for step in range(STEPS):
        stats = run.method.step(run.losses, drawn[step], drawn[STEPS + step])
        learned = stats.perturbed and info.needs_validation
        assert stats.passes == 1 + stats.perturbed + 2 * learned
        assert torch.isfinite(stats.loss)
    after = run.weights()
    assert all(weight.isfinite().all() for weight in after)
    assert all(not torch.equal(x, y) for x, y in zip(before, after, strict=True) if y.numel() > 300)
    assert run.model.training


@pytest.mark.parametrize("name", lets.methods())
def test_it_is_the_same_again(name: str) -> None:
    ends = []
    for _ in range(2):
        run = Run(name, "stsb")
        for batch, other in zip(batches("stsb")[:STEPS], batches("stsb")[STEPS:], strict=True):
            run.method.step(run.losses, batch, other)
        ends.append(run.weights())
    assert all(torch.equal(x, y) for x, y in zip(*ends, strict=True))


@pytest.mark.slow
def test_a_small_deberta_learns_real_sentences(glue_root: Path) -> None:
    """One epoch over 4,000 sentences of SST-2, from random weights: far above the majority's 50.9 %."""
    data = lets.data.load("sst2", root=glue_root)
    assert isinstance(data, TextDataset)
    train = Sentences(encode(data.train.rows[:4000], data.tokenizer), data.train.labels[:4000], batch_size=16)
    test = Sentences(encode(data.test.rows, data.tokenizer), data.test.labels, batch_size=218)
    torch.manual_seed(0)
    network = lets.models.create("deberta-small", data.classes, (lets.data.describe("sst2").vocabulary,))
    optimizer, steps = torch.optim.Adam(network.parameters(), 2e-3, eps=1e-6), len(train)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: min((t + 1) / 20, 1 - t / steps))
    for x, y in train.epoch(0):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x), y).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        outputs = torch.cat([network.eval()(x) for x, _ in test.plain()])
    majority = 100 * float(data.test.labels.bincount().max()) / len(data.test)
    assert majority == pytest.approx(50.9, abs=0.05)
    # 4 standard errors of chance are 6.8 points
    assert glue_scores("sst2", outputs, data.test.labels)["accuracy"] > majority + 12
