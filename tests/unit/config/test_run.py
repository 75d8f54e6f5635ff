"""A run's identity: readable, stable, and different for different runs."""

import hashlib
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lets.config import RunSpec

PLAIN: dict[str, Any] = {
    "dataset": "digits",
    "noise": "clean",
    "architecture": "resnet-small",
    "method": "sam",
    "hyperparameters": {"rho": 0.05, "bn_stats": "first"},
    "training": {
        "epochs": 12,
        "batch_size": 128,
        "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4},
        "schedule": {"name": "cosine"},
    },
    "seed": 0,
}


CANONICAL = (
    '{"architecture": "resnet-small", "dataset": "digits", '
    '"hyperparameters": {"bn_stats": "first", "rho": 0.05}, "method": "sam", "noise": "clean", "seed": 0, '
    '"training": {"augmentation": "none", "batch_size": 128, "channels_last": false, "clip": 0.0, '
    '"compile": false, "dropout": "fresh", "epochs": 12, '
    '"label_smoothing": 0.0, '
    '"optimizer": {"lr": 0.1, "momentum": 0.9, "name": "sgd", "nesterov": false, "weight_decay": 0.0005}, '
    '"precision": "float32", "ranks": 1, '
    '"schedule": {"gamma": 1.0, "name": "cosine", "per": "epoch", "warmup": 0}, "val_batches": "independent"}}'
)


def spec(**changes: Any) -> RunSpec:
    return RunSpec.model_validate({**PLAIN, **changes})


def training(**changes: Any) -> dict[str, Any]:
    return {**PLAIN["training"], **changes}


DIFFERENT = [
    spec(),
    spec(dataset="cifar10"),
    spec(noise="symmetric-20"),
    spec(architecture="wrn-small"),
    spec(method="asam"),
    spec(seed=1),
    spec(hyperparameters={"rho": 0.1, "bn_stats": "first"}),
    spec(hyperparameters={"rho": 0.05, "bn_stats": "all"}),
    spec(hyperparameters={"rho": 0.05}),
    spec(training=training(epochs=13)),
    spec(training=training(batch_size=64)),
    spec(training=training(label_smoothing=0.1)),
    spec(training=training(precision="tf32")),
    spec(training=training(precision="bfloat16")),
    spec(training=training(channels_last=True)),
    spec(training=training(compile=True)),
    spec(training=training(clip=1.0)),
    spec(training=training(dropout="same")),
    spec(training=training(ranks=2)),
    spec(training=training(train_samples=500)),
    spec(training=training(train_samples=501)),
    spec(training=training(measure_every=2)),
    spec(training=training(val_batches="next")),
    spec(training=training(augmentation="crop-flip")),
    spec(training=training(schedule={"name": "constant"})),
    spec(training=training(schedule={"name": "cosine", "per": "step"})),
    spec(training=training(optimizer={"name": "sgd", "lr": 0.1})),
    spec(training=training(optimizer={"name": "adam", "lr": 0.1})),
    spec(training=training(optimizer={"name": "adamw", "lr": 0.1})),
]


def test_the_id_is_pinned() -> None:
    """Whoever changes this orphans every trained run: only with a reason."""
    assert spec().id == "digits/clean/resnet-small/sam/seed-0-a74735bc"
    assert hashlib.sha256(CANONICAL.encode()).hexdigest().startswith("a74735bc")


@pytest.mark.parametrize("later", ["train_samples", "measure_every"])
def test_a_setting_that_came_later_is_not_there_unless_it_is_given(later: str) -> None:
    """So that runs from before it keep their id, and the bytes of their run.json."""
    assert later not in spec().model_dump(mode="json")["training"]
    changed = spec(training=training(**{later: 7})).model_dump(mode="json")
    assert changed["training"][later] == 7
    assert RunSpec.model_validate(changed) == spec(training=training(**{later: 7}))


def test_the_id_is_readable() -> None:
    run = spec(noise="symmetric-40", seed=2)
    assert re.fullmatch(r"digits/symmetric-40/resnet-small/sam/seed-2-[0-9a-f]{8}", run.id)


def test_every_field_is_part_of_the_id() -> None:
    assert len({run.id for run in DIFFERENT}) == len(DIFFERENT)


def test_a_changed_copy_has_an_id_of_its_own() -> None:
    run = spec()
    assert run.id != run.model_copy(update={"seed": 1}).id == spec(seed=1).id


def shuffled(value: Any, order: Any) -> Any:
    if not isinstance(value, dict):
        return value
    keys = list(value)
    order.shuffle(keys)
    return {key: shuffled(value[key], order) for key in keys}


@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(order: Any) -> None:
    assert RunSpec.model_validate(shuffled(PLAIN, order)).canonical() == spec().canonical()


scalars = (
    st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab-1 ", max_size=3)
)
values = st.dictionaries(st.sampled_from(["rho", "p", "k"]), scalars | st.lists(st.floats(0, 9), max_size=2))


@given(values, values)
def test_canonical_is_injective(one: dict[str, Any], other: dict[str, Any]) -> None:
    """`repr` tells 1 from 1.0 and True, and -0.0 from 0.0, as the canonical text must."""
    same = repr(sorted(one.items())) == repr(sorted(other.items()))
    assert (spec(hyperparameters=one).canonical() == spec(hyperparameters=other).canonical()) is same


@given(values, st.integers(0, 9))
def test_run_json_reads_back(hyperparameters: dict[str, Any], seed: int) -> None:
    run = spec(hyperparameters=hyperparameters, seed=seed)
    back = RunSpec.model_validate(json.loads(json.dumps(run.model_dump(mode="json"))))
    assert back == run
    assert back.id == run.id


def test_a_run_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        spec().seed = 1  # type: ignore[misc]


def test_the_variant_is_the_run_without_its_seed() -> None:
    assert (
        spec().variant
        == spec(seed=1).variant
        == {
            "dataset": "digits",
            "noise": "clean",
            "architecture": "resnet-small",
            "method": "sam",
            "rho": 0.05,
            "bn_stats": "first",
        }
    )
