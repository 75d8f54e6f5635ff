from collections import Counter
from pathlib import Path

import pytest
from tests.golden.factory import PUBLISHED

from lets.config import RunSpec
from lets.config.training import Schedule, Sgd, TrainingSpec
from lets.errors import RecordError
from lets.optim.catalogue import resolve
from lets.tables.pivot import PAPER_TABLES
from lets.tables.published import Published, find_published, read_published

ELEVEN = (
    "erm",
    "esam",
    "rst",
    "ae-sam",
    "looksam",
    "ae-looksam",
    "gsam",
    "sam",
    "lets-sam",
    "asam",
    "lets-asam",
)
FOUR = ("resnet18", "wrn28-10", "pyramidnet110", "vit-s16")
NOISES = tuple(f"symmetric-{rate}" for rate in (20, 40, 60, 80))


def spec(dataset: str, noise: str, architecture: str, method: str, **given: object) -> RunSpec:
    values = {**resolve(method, {}), **given}
    return RunSpec(
        dataset=dataset,
        noise=noise,
        architecture=architecture,
        method=method,
        hyperparameters={n: list(v) if isinstance(v, tuple) else v for n, v in values.items() if n != "seed"},
        training=TrainingSpec(
            epochs=1, batch_size=1, optimizer=Sgd(name="sgd", lr=0.1), schedule=Schedule(name="cosine")
        ),
        seed=0,
    )


def table_structure(table: int) -> list[RunSpec]:
    """The cells of each table as the paper draws them."""
    match table:
        case 1 | 2:
            dataset = {1: "cifar10", 2: "cifar100"}[table]
            return [spec(dataset, "clean", architecture, m) for m in ELEVEN for architecture in FOUR]
        case 3:
            return [spec("imagenet", "clean", "resnet50", m) for m in ELEVEN]
        case 4:
            nets = ("resnet18", "resnet32")
            return [spec("cifar10", noise, a, m) for a in nets for m in ELEVEN for noise in NOISES]
        case 5:
            starts = (0.01, 0.05, 0.1, 0.5, 1, 1.5, 2.0)  # 1 and 2.0: as written in YAML, either way
            return [
                spec(d, "clean", "resnet18", "lets-asam", rho=r)
                for r in starts
                for d in ("cifar10", "cifar100")
            ]
        case _:
            metrics = ("validation-loss", "gap", "half-squared-gap")
            return [
                spec(d, "clean", "resnet18", "lets-sam", metric=m)
                for m in metrics
                for d in ("cifar10", "cifar100")
            ]


def test_all_207_numbers_are_reached_by_the_structure_of_the_tables() -> None:
    numbers = read_published(PUBLISHED)
    found = [
        find_published(numbers, table, run, {}) for table in range(1, 7) for run in table_structure(table)
    ]
    assert None not in found
    assert sorted(map(numbers.index, found)) == list(range(207))
    assert Counter(number.table for number in numbers) == {1: 44, 2: 44, 3: 11, 4: 88, 5: 14, 6: 6}


@pytest.mark.parametrize(
    ("table", "run", "mean", "sd"),
    [  # read off the paper's pages
        (1, spec("cifar10", "clean", "vit-s16", "lets-asam"), 90.75, 0.37),
        (2, spec("cifar100", "clean", "wrn28-10", "lets-sam"), 84.78, 0.27),
        (3, spec("imagenet", "clean", "resnet50", "gsam"), 77.20, 0.00),
        (4, spec("cifar10", "symmetric-80", "resnet32", "esam"), 10.09, 0.10),
        (5, spec("cifar100", "clean", "resnet18", "lets-asam", rho=1.5), 81.65, 0.06),
        (6, spec("cifar10", "clean", "resnet18", "lets-sam", metric="gap"), 96.75, 0.18),
    ],
)
def test_spot_checks(table: int, run: RunSpec, mean: float, sd: float) -> None:
    number = find_published(read_published(PUBLISHED), table, run, {})
    assert number is not None
    assert (number.mean, number.sd, number.n) == (mean, sd, 3)


def test_stand_ins_are_followed_for_data_set_and_architecture() -> None:
    numbers = read_published(PUBLISHED)
    small = spec("digits", "clean", "resnet-small", "sam")
    stand_ins = {"digits": "cifar100", "resnet-small": "resnet18"}
    assert find_published(numbers, 2, small, stand_ins) == find_published(
        numbers, 2, spec("cifar100", "clean", "resnet18", "sam"), {}
    )
    assert find_published(numbers, 2, small, {"digits": "cifar100"}) is None


@pytest.mark.parametrize(
    ("table", "run"),
    [
        (None, spec("cifar10", "clean", "resnet18", "sam")),
        (7, spec("cifar10", "clean", "resnet18", "sam")),
        (1, spec("cifar100", "clean", "resnet18", "sam")),
        (5, spec("cifar10", "clean", "resnet18", "lets-asam", rho=0.2)),
        (5, spec("cifar10", "clean", "resnet18", "lets-sam", rho=0.05)),
        (4, spec("cifar10", "symmetric-40-exclude-true", "resnet18", "sam")),
    ],
)
def test_what_the_paper_does_not_print_has_no_number(table: int | None, run: RunSpec) -> None:
    assert find_published(read_published(PUBLISHED), table, run, {}) is None


def test_an_ambiguous_number_is_none() -> None:
    place = (1, "cifar10", "clean", "resnet18", "sam")
    numbers = [Published(*place, "", 1.0, 0.1, 3), Published(*place, "rho=0.05", 2.0, 0.1, 3)]
    assert find_published(numbers, 1, spec("cifar10", "clean", "resnet18", "sam", rho=0.05), {}) is None


@pytest.mark.parametrize(
    ("line", "text", "says"),
    [
        (1, "table,dataset", ":1 – want the columns table,dataset,noise"),
        (3, "1,cifar10,clean,resnet18,sam,,96.52,0.12", ":3 – 8 values, want 9"),
        (3, "one,cifar10,clean,resnet18,sam,,96.52,0.12,3", ":3 – invalid literal"),
        (3, "1,cifar10,clean,resnet18,sam,,nan,0.12,3", ":3 – nan ± 0.12 over 3 runs is no accuracy"),
        (3, "1,cifar10,clean,resnet18,sam,,965.2,0.12,3", ":3 – 965.2 ± 0.12"),
        (3, "1,cifar10,clean,resnet18,sam,,96.52,-1,3", ":3 – 96.52 ± -1"),
        (3, "1,cifar10,dirty,resnet18,sam,,96.52,0.12,3", ":3 – noise 'dirty'"),
        (3, "1,cifar10,clean,resnet18,sam,0.05,96.52,0.12,3", ":3 – variant '0.05'"),
        (3, "1,cifar10,clean,resnet18,erm,,96.52,0.12,3", ":3 – duplicate"),
    ],
)
def test_damage_is_named_by_line(tmp_path: Path, line: int, text: str, says: str) -> None:
    lines = PUBLISHED.read_text().splitlines()
    lines[line - 1] = text
    path = tmp_path / "published.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(RecordError) as caught:
        read_published(path)
    assert f"{path}{says}" in str(caught.value)
    assert "git checkout" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"published\.csv – cannot be read"):
        read_published(tmp_path / "published.csv")


def test_a_params_file_may_name_every_table_of_the_paper() -> None:
    assert {one.table for one in read_published(PUBLISHED)} == set(range(1, PAPER_TABLES + 1))
