"""What is refused before the first job, on machines that lack something."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lets.config.matrix import Matrix
from lets.config.params import expand
from lets.config.paths import Layout
from lets.errors import DataError, SpecError, StorageError
from lets.files import digest_file
from lets.project.params import ParamsFile
from lets.project.workflow import (
    LOCK,
    forget_stale_locks,
    let_into_containers,
    refuse_unwritable,
    refuse_without_image,
    refuse_without_packages,
    refuse_without_weights,
)

IN_CONTAINERS = [SimpleNamespace(name="APPTAINER")]
"""as Snakemake tells the deployment that --use-singularity asks for"""


def matrix(dataset: str, architecture: str) -> Matrix:
    training = {
        "epochs": 1,
        "batch_size": 32,
        "optimizer": {"name": "adam", "lr": 0.001},
        "schedule": {"name": "cosine"},
    }
    experiment = {"datasets": [dataset], "architectures": [architecture], "methods": ["erm", "sam"]}
    values = {"profile": "p", "seeds": [0, 1], "training": training, "experiments": {"one": experiment}}
    return expand(ParamsFile.model_validate(values))


@pytest.mark.parametrize(
    ("dataset", "architecture", "absent", "message"),
    [
        (
            "sst2",
            "deberta-small",
            ["tokenizers", "transformers"],
            "'sst2' – needs tokenizers, transformers, not",
        ),
        ("multi30k", "transformer-small", ["sacrebleu"], "'multi30k' – needs sacrebleu, not installed"),
        (
            "emoji",
            "transformer-small",
            ["emoji"],
            "'emoji' – needs emoji, not .*install 'lets-repro.language.'$",
        ),
    ],
)
def test_texts_need_their_packages(
    dataset: str, architecture: str, absent: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_without_packages(matrix(dataset, architecture))
    for package in absent:
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SpecError, match=message):
        refuse_without_packages(matrix(dataset, architecture))


@pytest.mark.parametrize(
    ("dataset", "architecture", "absent"),
    [
        ("digits", "resnet-small", ["tokenizers", "transformers", "sacrebleu", "emoji"]),
        ("multi30k", "transformer-small", ["emoji", "huggingface_hub"]),
    ],
)
def test_nobody_needs_the_packages_of_others(
    dataset: str, architecture: str, absent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in absent:
        monkeypatch.setitem(sys.modules, package, None)
    refuse_without_packages(matrix(dataset, architecture))


@pytest.mark.parametrize(
    ("files", "missing"),
    [
        ((), "model.safetensors"),
        (("pytorch_model.bin", "vocab.json", "merges.txt"), "model.safetensors"),
        (("model.safetensors", "vocab.json"), "merges.txt"),
        (("model.safetensors", "vocab.json", "merges.txt"), ""),
    ],
)
def test_pretrained_networks_need_their_weights(
    files: tuple[str, ...], missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pickle is not trained from; the command makes the other file of it without a network."""
    monkeypatch.setenv("LETS_DATA", str(tmp_path))
    folder = tmp_path / "microsoft--deberta-base"
    folder.mkdir()
    for name in files:
        (folder / name).touch()
    if missing:
        command = "run  lets data weights microsoft/deberta-base --download"
        with pytest.raises(DataError, match=f"deberta-base/{missing} – missing, .*{command}"):
            refuse_without_weights(matrix("mrpc", "deberta-base"))
    else:
        refuse_without_weights(matrix("mrpc", "deberta-base"))


def test_weights_are_looked_for_in_data_raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LETS_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    refuse_without_weights(matrix("mrpc", "deberta-small"))  # starts at random
    with pytest.raises(DataError, match=r"^data/raw/microsoft--deberta-base/model\.safetensors"):
        refuse_without_weights(matrix("mrpc", "deberta-base"))


@pytest.mark.parametrize("folder", ["data/processed", "results/p/runs", "reports/p", "work/p/logs"])
def test_folders_are_written_into_before_the_first_job(tmp_path: Path, folder: str) -> None:
    """Root may write everywhere: a file in the place of the folder stands for a read-only disk."""
    refuse_unwritable(Layout("p", tmp_path))
    whole = tmp_path / folder
    shutil.rmtree(whole)
    whole.write_text("")
    with pytest.raises(StorageError, match=f"^{whole}.* – "):
        refuse_unwritable(Layout("p", tmp_path))


@pytest.mark.parametrize("made", ["a file in place of the folder", "a folder in place of the lock"])
def test_who_is_at_work_can_be_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    """As in a clone that is read-only, where Snakemake --quiet ends without a word."""
    monkeypatch.chdir(tmp_path)
    if made.startswith("a file"):
        Path(".snakemake").touch()
    else:
        LOCK.mkdir(parents=True)
    with pytest.raises(StorageError, match="cannot be written"):
        forget_stale_locks()


def test_looking_imports_none_of_them() -> None:
    code = (
        "import sys; from lets.project import expand, load_params\n"
        "from lets.project.workflow import refuse_without_packages\n"
        "refuse_without_packages(expand(load_params(sys.argv[1])))\n"
        "sys.exit(str({'torch', 'transformers', 'tokenizers', 'sacrebleu', 'emoji'} & {*sys.modules} or ''))"
    )
    params = Path(__file__).parents[3] / "params" / "language.yaml"
    done = subprocess.run([sys.executable, "-c", code, params], capture_output=True, text=True)
    assert done.stderr.strip() == ""


def test_an_image_is_there_when_its_digest_is(tmp_path: Path) -> None:
    layout = Layout("demo", tmp_path)
    refuse_without_image(layout, [])
    layout.image.parent.mkdir()
    for path in (layout.image, digest_file(layout.image)):
        with pytest.raises(
            SpecError, match=r"no image .*containers/lets\.sif – build it with  make image,  or"
        ):
            refuse_without_image(layout, IN_CONTAINERS)
        path.touch()
    refuse_without_image(layout, IN_CONTAINERS)


def test_what_of_the_host_gets_into_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path / "link")
    host = {
        "LETS_DATA": "data",
        "LETS_SLOTS_PER_GPU": "2",
        "CUDA_VISIBLE_DEVICES": "",
        "APPTAINER_BIND": "/scratch",
        "PYTHONPATH": "elsewhere",
        "PWD": str(tmp_path / "link"),
    }
    monkeypatch.setattr(os, "environ", dict(host))
    let_into_containers([])
    assert os.environ == host
    let_into_containers(IN_CONTAINERS)
    assert os.environ == {
        **host,
        "PWD": str(tmp_path),
        "APPTAINERENV_LETS_DATA": str(tmp_path / "data"),
        "APPTAINERENV_LETS_SLOTS_PER_GPU": "2",
        "APPTAINERENV_CUDA_VISIBLE_DEVICES": "",
        "APPTAINER_BIND": f"/scratch,{tmp_path}/data",
    }


def test_a_data_root_that_is_not_there_cannot_be_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {"LETS_DATA": f"{tmp_path}/data"})
    let_into_containers([])
    with pytest.raises(
        SpecError, match=f"LETS_DATA={tmp_path}/data – no such folder.*mkdir -p {tmp_path}/data$"
    ):
        let_into_containers(IN_CONTAINERS)
