"""What trainings ask of a cluster: told per architecture, and no part of what a run is."""

from pathlib import Path

import pytest

from lets.errors import SpecError
from lets.project import expand, load_params

GOOD = (Path(__file__).parents[1] / "config" / "params.yaml").read_text()


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(GOOD + text)
    return path


def test_an_architecture_asks_for_what_it_says_and_the_others_for_the_usual(tmp_path: Path) -> None:
    params = load_params(written(tmp_path, "resources: {vit-small: {minutes: 20}}\n"))
    asked = {run.architecture: params.asks(run) for run in expand(params).runs.values()}
    assert (asked["vit-small"].minutes, asked["vit-small"].memory_mb) == (20, 16_000)
    assert (asked["resnet-small"].minutes, asked["resnet-small"].memory_mb) == (24 * 60, 16_000)


def test_runs_keep_their_ids(tmp_path: Path) -> None:
    before = expand(load_params(written(tmp_path, ""))).runs
    asked = "resources: {vit-small: {minutes: 20, memory_mb: 1000}, resnet-small: {minutes: 3}}\n"
    assert list(expand(load_params(written(tmp_path, asked))).runs) == list(before)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resources: {vit-smal: {minutes: 20}}\n", r"resources\.vit-smal is 'vit-smal' – .*vit-small"),
        ("resources: {vit-small: {minutes: 0}}\n", r"resources\.vit-small\.minutes is 0 – "),
        ("resources: {vit-small: {hours: 2}}\n", r"resources\.vit-small\.hours is an unknown key"),
    ],
)
def test_a_typo_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=message):
        load_params(written(tmp_path, text))
