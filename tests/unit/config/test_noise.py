"""Names of label noise, and which data sets have it."""

import pytest

from lets.config import RunSpec
from lets.config.run import Noise
from lets.data.catalogue import HUMAN_LABELS, describe
from lets.errors import SpecError
from lets.project.checks import conflicts


@pytest.mark.parametrize("name", HUMAN_LABELS)
def test_peoples_labels(name: str) -> None:
    noise = Noise.parse(name)
    assert noise.human
    assert (noise.name, noise.rate, noise.exclude_true) == (name, HUMAN_LABELS[name].rate, False)
    assert not Noise.parse("symmetric-40").human


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("human-worst", "human-worse"),
        ("human-aggregate", "human-aggre"),
        ("human-random4", "human-random"),
        ("symmetric-40-exclude", "symmetric-40-exclude-true"),
        ("uniform", "symmetric-40"),
    ],
)
def test_a_wrong_name_is_answered_with_a_near_one(name: str, near: str) -> None:
    with pytest.raises(
        SpecError, match=rf"noise '{name}' – want clean, .* human-worse – write  noise: \[clean, {near}"
    ):
        Noise.parse(name)


def test_which_data_sets_have_which_noise() -> None:
    human, symmetric, clean = (Noise.parse(name) for name in ("human-worse", "symmetric-40", "clean"))
    human.check(describe("cifar10"))
    for dataset in ("digits", "cifar10", "cifar100"):
        symmetric.check(describe(dataset))
        clean.check(describe(dataset))
    clean.check(describe("imagenet"))
    for dataset, title in (("digits", "Digits"), ("cifar100", "CIFAR-100")):
        with pytest.raises(
            SpecError, match=f"'human-worse' – people labelled CIFAR-10 anew, not {title} – write"
        ):
            human.check(describe(dataset))
    for noise in (symmetric, human):
        with pytest.raises(
            SpecError, match=f"'{noise.name}' – ImageNet is trained on with its own labels – wr"
        ):
            noise.check(describe("imagenet"))


def test_a_run_asks_for_what_its_data_set_has(make_run) -> None:
    def problems(**changes: object) -> list[str]:
        run: RunSpec = make_run("sam", training={"augmentation": changes.pop("augmentation", "none")})
        return [text for _, text in conflicts(run.model_copy(update=changes))]

    assert problems() == problems(dataset="cifar10", noise="human-worse") == []
    assert problems(dataset="imagenet", augmentation="crop-flip") == []
    (text,) = problems(noise="human-worse")
    assert text.startswith("noise 'human-worse' – people labelled CIFAR-10 anew, not Digits – write  noise: ")
    (text,) = problems(dataset="imagenette", noise="symmetric-20")
    assert (
        text == "noise 'symmetric-20' – Imagenette is trained on with its own labels – write  noise: [clean]"
    )
    (text,) = problems(dataset="imagenet", augmentation="crop-flip-cutout")
    assert text.startswith("'crop-flip-cutout' on ImageNet – cutout is for data sets in memory – write  augm")
