"""A `LetsTrainer`: right numbers with accumulation, clipping and a schedule, checkpoints, refusals."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.unit.integrations import problem
from tests.unit.integrations.problem import BATCHES, MAX_NORM, NAMES, SIZE, STEPS, assert_is_the_line
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset

from lets.optim import MethodOptimizer

pytest.importorskip("accelerate", reason="accelerate, which a Trainer needs, comes with `make integrations`")
from transformers import TrainingArguments

from lets.integrations.transformers import LetsTrainer

pytestmark = pytest.mark.filterwarnings("ignore")


class Samples(Dataset[dict[str, Tensor]]):
    def __init__(self, inputs: Tensor = problem.INPUTS, targets: Tensor = problem.TARGETS) -> None:
        self.inputs, self.targets = inputs, targets

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"inputs": self.inputs[index], "labels": self.targets[index]}


class Model(problem.Losses):
    """Returns what a Trainer wants."""

    def forward(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        logits = self.network(inputs)
        return {"loss": cross_entropy(logits, labels), "logits": logits}


class ByFormer(LetsTrainer):
    """Validates on the next batch, as the straight line does."""

    def _validation_parts(self, sizes: Any) -> Any:
        inputs, targets = problem.FOLLOWING[self.state.global_step % STEPS]
        mine = slice(self.args.process_index, None, self.args.world_size)
        parts = zip(inputs[mine].split(sizes), targets[mine].split(sizes), strict=True)
        return [({"inputs": x, "labels": y}, None) for x, y in parts]


def trainer(
    name: str,
    folder: Path,
    kind: type[LetsTrainer] = ByFormer,
    model: nn.Module | None = None,
    **arguments: Any,
) -> LetsTrainer:
    model = model or Model()
    base = problem.sgd(model)
    given = {
        "output_dir": str(folder),
        "per_device_train_batch_size": SIZE,
        "num_train_epochs": 1,
        "max_grad_norm": 0.0,
        "use_cpu": True,
        "report_to": [],
        "save_strategy": "no",
        "disable_tqdm": True,
        "train_sampling_strategy": "sequential",
        **arguments,
    }
    return kind(
        model,
        TrainingArguments(**given),
        train_dataset=Samples(),
        optimizers=(base, problem.schedule(base)),
        method=name,
        hyperparameters=problem.settings_of(name),
    )


def method_of(trained: LetsTrainer) -> MethodOptimizer:
    return trained.optimizer.optimizer


@pytest.mark.parametrize("parts", [1, 4])
@pytest.mark.parametrize("max_norm", [0.0, MAX_NORM])
@pytest.mark.parametrize("name", NAMES)
def test_a_training_is_the_straight_line(name: str, max_norm: float, parts: int, tmp_path: Path) -> None:
    trained = trainer(
        name,
        tmp_path,
        max_grad_norm=max_norm,
        per_device_train_batch_size=SIZE // parts,
        gradient_accumulation_steps=parts,
    )
    loss = trained.train().training_loss
    assert_is_the_line(name, trained.model, method_of(trained), max_norm=max_norm or None)
    assert trained.state.global_step == STEPS
    line = problem.LINE["straight_line"](
        name, problem.Losses(), BATCHES, problem.FOLLOWING, problem.RATES, max_norm=max_norm or None
    )
    thetas, model, losses = [problem.flat(Model()), *(theta for theta, *_ in line)], problem.Losses(), []
    for theta, batch in zip(thetas, BATCHES, strict=False):
        torch.nn.utils.vector_to_parameters(theta, model.parameters())
        losses.append(model(batch).mean().item())
    assert loss == pytest.approx(sum(losses) / STEPS)


@pytest.mark.parametrize("name", ["asam", "lets-sam"])
def test_a_checkpoint_goes_on_to_the_bit(name: str, tmp_path: Path) -> None:
    """Validation samples are those of a real draw, which a resumed training repeats."""
    saving = {
        "save_strategy": "steps",
        "save_steps": 4,
        "num_train_epochs": 2,
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 2,
    }
    whole = trainer(name, tmp_path / "whole", LetsTrainer, **saving)
    whole.train()
    resumed = trainer(name, tmp_path / "resumed", LetsTrainer, **saving)
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole/checkpoint-4"))
    assert whole.state.global_step == resumed.state.global_step == 2 * STEPS
    assert torch.equal(problem.flat(whole.model), problem.flat(resumed.model))
    assert method_of(whole).rho == method_of(resumed).rho
    assert (method_of(whole).rho != problem.GIVEN["rho"]) == name.startswith("lets")


def test_validation_samples_are_as_many_and_others_at_each_step(tmp_path: Path) -> None:
    trained, seen = trainer("lets-sam", tmp_path, LetsTrainer), []
    for trained.state.global_step in (0, 1, 0):
        parts = trained._validation_parts([3, 2])
        assert [len(inputs["labels"]) for inputs, _ in parts] == [3, 2]
        assert all(
            any(torch.equal(x, y) for y in problem.INPUTS) for inputs, _ in parts for x in inputs["inputs"]
        )
        seen.append(torch.cat([inputs["inputs"] for inputs, _ in parts]))
    assert torch.equal(seen[0], seen[2])
    assert not torch.equal(seen[0], seen[1])


def test_means_over_tokens_are_those_of_the_whole_batch(tmp_path: Path) -> None:
    """A model that divides by the number of labels in the whole batch, ignored ones left out, as language models do."""

    class Tokens(problem.Losses):
        accepts_loss_kwargs = True

        def forward(
            self, inputs: Tensor, labels: Tensor, num_items_in_batch: Any = None
        ) -> dict[str, Tensor]:
            total = cross_entropy(self.network(inputs), labels, reduction="sum", ignore_index=-100)
            return {"loss": total / num_items_in_batch}

    targets = problem.TARGETS.clone()
    targets[::3] = -100
    ends = []
    for parts in (1, 4):
        trained = trainer(
            "lets-sam",
            tmp_path,
            LetsTrainer,
            Tokens(),
            per_device_train_batch_size=SIZE // parts,
            gradient_accumulation_steps=parts,
        )
        trained.train_dataset = trained.validation_dataset = Samples(targets=targets)
        trained.train()
        ends.append([*trained.model.parameters(), torch.tensor(method_of(trained).rho)])
    for whole, accumulated in zip(*ends, strict=True):
        torch.testing.assert_close(whole, accumulated, rtol=1e-10, atol=1e-12)


def test_a_trainer_makes_the_base_itself(tmp_path: Path) -> None:
    arguments = TrainingArguments(str(tmp_path), max_steps=3, use_cpu=True, report_to=[], save_strategy="no")
    trained = LetsTrainer(Model(), arguments, train_dataset=Samples(), method="ae-sam")
    trained.train()
    assert isinstance(method_of(trained).base, torch.optim.AdamW)
    assert method_of(trained).method._steps == 3


@pytest.mark.parametrize("setting", ["args.fp16", "is_deepspeed_enabled", "is_fsdp_enabled"])
def test_what_moves_weights_itself_is_refused(setting: str, tmp_path: Path) -> None:
    trained = trainer("sam", tmp_path)
    *owner, name = setting.split(".")
    setattr(trained.args if owner else trained, name, True)
    with pytest.raises(ValueError, match="set bf16=True, fp16=False, no deepspeed and no fsdp"):
        trained.create_optimizer()


def test_samples_that_cannot_be_drawn_are_refused(tmp_path: Path) -> None:
    trained = trainer("lets-sam", tmp_path, LetsTrainer)
    trained.validation_dataset = iter(())
    with pytest.raises(TypeError, match=r"has no len\(\) – give LetsTrainer\(validation_dataset"):
        trained.train()
