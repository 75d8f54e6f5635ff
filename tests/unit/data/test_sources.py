from pathlib import Path

import pytest
import torchvision.datasets

from lets.data.catalogue import DATASETS
from lets.data.sources import SOURCES_FILE, source, sources
from lets.errors import SpecError

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("name", "reference"),
    [("cifar10", torchvision.datasets.CIFAR10), ("cifar100", torchvision.datasets.CIFAR100)],
)
def test_cifar_facts_are_torchvisions(name: str, reference: type[torchvision.datasets.CIFAR10]) -> None:
    ours = source(name)
    assert ours.archive is not None
    assert (ours.archive.url, ours.archive.file) == (reference.url, reference.filename)
    assert ours.archive.md5 == reference.tgz_md5
    assert ours.folder == reference.base_folder
    by_split = {
        split: [[file.name, file.md5] for file in ours.files if file.split == split]
        for split in ("train", "test", "classes")
    }
    assert by_split["train"] == reference.train_list
    assert by_split["test"] == reference.test_list
    assert by_split["classes"] == [[reference.meta["filename"], reference.meta["md5"]]]


def test_every_data_set_states_origin_licence_citation_and_role() -> None:
    assert sources().keys() == DATASETS.keys()
    for entry in sources().values():
        assert all((entry.role, entry.homepage.startswith("https://"), entry.licence, entry.citation)), (
            entry.name
        )


def test_params_show_the_same_file() -> None:
    assert (ROOT / "params" / "datasets.yaml").resolve() == SOURCES_FILE.resolve()


def test_a_misspelt_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "datasets.yaml"
    path.write_text("cifar10: {role: r, homepage: h, license: l, citation: c}\n")
    with pytest.raises(SpecError, match=r"cifar10 – .*'license'"):
        sources(path)
