"""Which pictures a folder holds, and what is refused."""

import shutil
import tarfile
from pathlib import Path

import pytest
from torchvision.datasets import ImageFolder, Imagenette

from lets.data import download as downloads
from lets.data.catalogue import DatasetInfo, describe
from lets.data.folder import find_pictures, scan
from lets.data.sources import source
from lets.errors import DataError


@pytest.fixture
def root(pictures_root: Path, tmp_path: Path) -> Path:
    """A copy of the pictures, to be damaged."""
    return Path(shutil.copytree(pictures_root, tmp_path / "root"))


def test_the_pictures_are_those_of_torchvisions_image_folder(pictures_root: Path) -> None:
    folder = pictures_root / "imagenette2-320"
    index = scan("imagenette", folder)
    for split, pictures in (("train", index.train), ("val", index.test)):
        reference = ImageFolder(folder / split)
        assert [(str(folder / one.path), one.label) for one in pictures] == reference.samples
        assert list(index.class_names) == reference.classes
        assert [one.bytes for one in pictures] == [Path(path).stat().st_size for path, _ in reference.samples]


def test_imagenette_is_torchvisions(pictures_root: Path) -> None:
    reference = Imagenette(str(pictures_root), split="train", size="320px")
    index = scan("imagenette", pictures_root / "imagenette2-320")
    assert [one.label for one in index.train] == [label for _, label in reference._samples]
    assert describe("imagenette").pictures == tuple(Path(url).stem for url, _ in reference._ARCHIVES.values())
    ours = source("imagenette").archive
    assert ours is not None
    assert (ours.url, ours.md5) == reference._ARCHIVES["320px"]
    assert describe("imagenette").classes == len(reference._WNID_TO_CLASS)


def test_a_whole_set_is_found_through_a_link(pictures_root: Path, tmp_path: Path, tiny: DatasetInfo) -> None:
    (tmp_path / "imagenette2").symlink_to(pictures_root / "imagenette2-320")
    index = find_pictures("imagenette", tmp_path)
    assert (index.folder, index.missing, len(index.train), len(index.test)) == ("imagenette2", (), 21, 9)


def test_a_part_is_refused_unless_asked_for(root: Path) -> None:
    missing = "3 of 10 classes, 21 of 9469 training pictures, 9 of 3925 test pictures"
    with pytest.raises(
        DataError, match=f"not all of Imagenette: {missing} – .*lets data prepare imagenette --partial$"
    ):
        find_pictures("imagenette", root)
    assert find_pictures("imagenette", root, partial=True).missing == tuple(missing.split(", "))


def test_one_picture_less_is_noticed_and_one_more_too(root: Path, tiny: DatasetInfo) -> None:
    first = root / "imagenette2-320" / "train" / "n01440764" / "n01440764_100.JPEG"
    shutil.copy(first, first.with_name("again.jpg"))
    for partial in (False, True):
        with pytest.raises(DataError, match=r"more than Imagenette: 22 of 21 training pictures – remove it"):
            find_pictures("imagenette", root, partial)
    first.with_name("again.jpg").unlink()
    first.unlink()
    with pytest.raises(DataError, match=r"not all of Imagenette: 20 of 21 training pictures – "):
        find_pictures("imagenette", root)


def test_other_files_and_stray_folders_of_pictures_do_not_count(root: Path, tiny: DatasetInfo) -> None:
    folder = root / "imagenette2-320"
    (folder / "noisy_imagenette.csv").write_text("path\n")
    (folder / "train" / "n01440764" / "Thumbs.db").write_text("x")
    (folder / "train" / "README").write_text("x")
    assert find_pictures("imagenette", root).sha256 == find_pictures("imagenette", root).sha256
    assert len(find_pictures("imagenette", root).train) == 21


def test_empty_pictures(root: Path) -> None:
    path = root / "imagenette2-320" / "val" / "n02102040" / "n02102040_93.JPEG"
    path.write_bytes(b"")
    with pytest.raises(
        DataError, match=r"1 empty pictures: val/n02102040/n02102040_93\.JPEG – copy them once more"
    ):
        find_pictures("imagenette", root, partial=True)


def test_flat_validation_pictures(root: Path) -> None:
    val = root / "imagenette2-320" / "val"
    for path in val.glob("*/*"):
        path.rename(val / path.name)
    for folder in val.iterdir():
        if folder.is_dir():
            folder.rmdir()
    with pytest.raises(DataError, match=r"val – has no class folders, .* valprep\.sh .*torchvision"):
        find_pictures("imagenette", root, partial=True)


def test_splits_with_different_classes(root: Path) -> None:
    shutil.rmtree(root / "imagenette2-320" / "val" / "n02979186")
    with pytest.raises(DataError, match=r"train/ and val/ have different classes: n02979186 – "):
        find_pictures("imagenette", root, partial=True)


def test_a_missing_split(root: Path) -> None:
    shutil.rmtree(root / "imagenette2-320" / "val")
    with pytest.raises(DataError, match=r"val – missing – the folder of imagenette holds train/CLASS/"):
        find_pictures("imagenette", root, partial=True)


def test_a_missing_folder_says_where_to_get_it_and_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"run  lets data prepare imagenette --download; .*ln -s FOLDER .*imagenette2 "
    ):
        find_pictures("imagenette", tmp_path)
    with pytest.raises(
        DataError, match=r"imagenet – missing.*get it from https://www\.image-net\.org.*set LETS_DATA to"
    ):
        find_pictures("imagenet", tmp_path, download=True)
    assert list(tmp_path.iterdir()) == []


def test_download_unpacks_the_folder_whole_or_not_at_all(
    pictures_root: Path, tmp_path: Path, tiny: DatasetInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pack(_: object, target: Path) -> None:
        with tarfile.open(target, "w:gz") as tar:
            tar.add(pictures_root / "imagenette2-320", "imagenette2-320")

    monkeypatch.setattr(downloads, "download", pack)
    index = find_pictures("imagenette", tmp_path, download=True)
    assert index == scan("imagenette", pictures_root / "imagenette2-320")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["imagenette2-320", "imagenette2-320.tgz"]

    def refuse(*_: object) -> None:
        raise AssertionError("fetched again")

    monkeypatch.setattr(downloads, "download", refuse)
    assert find_pictures("imagenette", tmp_path, download=True) == index


def test_an_archive_that_climbs_out_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pack(_: object, target: Path) -> None:
        with tarfile.open(target, "w:gz") as tar:
            tar.addfile(tarfile.TarInfo("../escape"))

    monkeypatch.setattr(downloads, "download", pack)
    (tmp_path / "root").mkdir()
    with pytest.raises(DataError, match="cannot be unpacked"):
        find_pictures("imagenette", tmp_path / "root", download=True)
    assert [path.name for path in tmp_path.iterdir()] == ["root"]
