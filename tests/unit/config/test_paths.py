"""One place that builds paths."""

from pathlib import Path

import pytest

from lets.config.matrix import Matrix
from lets.config.paths import Layout
from lets.config.run import Noise
from lets.errors import SpecError

RUN = "digits/clean/resnet-small/sam/seed-0-3ee3a226"


def test_every_path_lies_below_the_root_and_none_twice() -> None:
    layout = Layout("demo", Path("/project"))
    paths = [
        *layout.run_files(RUN),
        layout.landscape(RUN),
        layout.hypergradient(RUN),
        layout.sharpness(RUN),
        layout.memory,
        layout.state(RUN),
        layout.log("train", RUN),
        layout.raw,
        layout.arrays("digits"),
        layout.index("imagenet"),
        layout.labels("digits", "symmetric-40"),
        layout.noise_card("digits", "symmetric-40"),
        layout.subset("digits", 500),
        layout.labels("digits", "symmetric-40", 500),
        layout.noise_card("digits", "symmetric-40", 500),
        *layout.tables("table1"),
        *layout.figures("figure1"),
        layout.page,
        layout.summary,
        layout.audit,
        layout.audit_text,
        layout.published,
    ]
    assert len(set(paths)) == len(paths)
    assert all(path.is_relative_to("/project") for path in paths)


def test_profiles_do_not_meet_but_share_their_data() -> None:
    demo, paper = Layout("demo"), Layout("paper")
    assert demo.run(RUN) == Path("results/demo/runs") / RUN
    assert demo.run(RUN) != paper.run(RUN)
    assert demo.arrays("digits") == paper.arrays("digits")


def test_what_is_prepared_of_a_data_set_follows_from_the_catalogue(make_run) -> None:
    layout = Layout("demo")
    assert layout.prepared("digits") == layout.arrays("digits")
    assert layout.prepared("imagenet") == layout.index("imagenet") != layout.arrays("imagenet")
    run = make_run("erm")
    assert layout.inputs(run) == [layout.arrays("digits")]
    assert layout.inputs(run.model_copy(update={"dataset": "imagenet"})) == [layout.index("imagenet")]


def test_a_subset_lies_in_the_folder_of_its_data_set_which_is_tracked_as_one(make_run) -> None:
    layout, whole = Layout("demo"), make_run("erm")
    part = make_run("erm", training={"train_samples": 500}).model_copy(update={"noise": "symmetric-40"})
    assert layout.inputs(part) == [
        layout.arrays("digits"),
        layout.subset("digits", 500),
        layout.labels("digits", "symmetric-40", 500),
        layout.noise_card("digits", "symmetric-40", 500),
    ]
    matrix = Matrix({run.id: run for run in (whole, part)}, {})
    assert layout.data_folders(matrix) == [layout.arrays("digits").parent]


def test_a_run_has_no_other_files() -> None:
    with pytest.raises(AssertionError, match=r"weights\.pt"):
        Layout("demo").run_file(RUN, "weights.pt")


@pytest.mark.parametrize(
    ("name", "rate", "exclude_true"),
    [
        ("clean", 0.0, False),
        ("symmetric-5", 0.05, False),
        ("symmetric-40-exclude-true", 0.4, True),
        ("symmetric-100", 1.0, False),
    ],
)
def test_noise(name: str, rate: float, exclude_true: bool) -> None:
    assert Noise.parse(name) == Noise(name, rate, exclude_true)


@pytest.mark.parametrize(
    "name", ["", "symmetric", "symmetric-0", "symmetric-05", "symmetric-101", "symmetric-40-exclude", "Clean"]
)
def test_what_is_no_noise(name: str) -> None:
    with pytest.raises(
        SpecError, match=r"want clean, or symmetric- and a percentage, or one of .* – write  noise: "
    ):
        Noise.parse(name)
