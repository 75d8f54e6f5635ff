"""`lets data`: fetch, verify and prepare data sets and noisy labels."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lets.cli.options import InProject
from lets.own import is_own

if TYPE_CHECKING:
    from torch import Tensor

    from lets.data.dataset import Dataset as Images
    from lets.data.parallel import Translation
    from lets.data.texts import TextDataset

data = typer.Typer(help="Fetch, verify and prepare data sets and noisy labels.", no_args_is_help=True)

Dataset = Annotated[str, typer.Argument(help="module:function of your own, or a name of: lets list datasets")]
Root = Annotated[
    Path | None, typer.Option(help="folder in torchvision's layout; default: $LETS_DATA or data/raw")
]
Download = Annotated[bool, typer.Option("--download", help="fetch what is missing")]


@data.command(cls=InProject)
def prepare(
    dataset: Dataset,
    root: Root = None,
    download: Download = False,
    partial: Annotated[
        bool,
        typer.Option(
            "--partial", help="of pictures or sentence pairs, take what is there; no audit accepts it"
        ),
    ] = False,
) -> None:
    """Verify a data set and write it to data/processed/<dataset>/.

    That is its arrays, the list of its pictures, or its sentence pairs in BPE. The function of a data set of your own
    is called again.
    """
    from lets.config.paths import Layout
    from lets.data import own
    from lets.data.catalogue import describe

    layout = Layout("")
    path = layout.arrays(dataset) if is_own(dataset) else layout.prepared(dataset)
    if is_own(dataset):
        own.prepare(dataset, path)
    elif describe(dataset).pictures:
        _list_pictures(dataset, root, partial, download, path)
    else:
        _write(_read(dataset, root, partial, download), path)
    print(f"data: {path}")


@data.command(cls=InProject)
def weights(
    repository: Annotated[str, typer.Argument(help="microsoft/deberta-base")],
    root: Root = None,
    download: Download = False,
) -> None:
    """Make pretrained weights and their tokenizer ready, as safetensors below the data root."""
    from lets.data.pretrained import fetch_pretrained
    from lets.data.sources import REVISIONS, default_root, pretrained_folder
    from lets.errors import SpecError

    if repository not in REVISIONS:
        raise SpecError(
            f"{repository} – no weights that anything starts from – choose from: {', '.join(REVISIONS)}"
        )
    found = fetch_pretrained(repository, root or default_root(), download)
    print(f"weights: {pretrained_folder(repository, root or default_root())} (sha256 {found.sha256})")


@data.command(cls=InProject)
def subset(
    dataset: Dataset,
    samples: Annotated[int, typer.Argument(min=1, help="train_samples of a params file, for example 5000")],
) -> None:
    """Draw so many training images of a prepared data set, of each class its share."""
    from lets.config import seed_for
    from lets.config.paths import Layout
    from lets.data.dataset import draw_subset, write_subset

    path, seed = Layout("").subset(dataset, samples), seed_for("subset", dataset)
    write_subset(draw_subset(_true_labels(dataset), samples, seed), dataset, seed, path)
    print(f"data: {path}")


@data.command(cls=InProject)
def noise(
    dataset: Dataset,
    name: Annotated[
        str, typer.Argument(help="for example symmetric-40, symmetric-40-exclude-true or human-worse")
    ],
    root: Root = None,
    download: Download = False,
    train_samples: Annotated[
        int | None, typer.Option(min=1, help="of so many training images that lets data subset drew")
    ] = None,
) -> None:
    """Make the noisy training labels of a prepared data set; the card beside them says how noisy they are.

    Symmetric noise is drawn from a seed; the labels that people gave (CIFAR-10N) are read from their file.
    """
    from lets.config import seed_for
    from lets.config.own import dataset as describe
    from lets.config.paths import Layout
    from lets.config.run import Noise
    from lets.data.cifar import human_labels_file
    from lets.data.dataset import read_processed, read_subset
    from lets.data.noisy_labels import make_labels, write_noisy_labels

    layout, wanted = Layout(""), Noise.parse(name)
    wanted.check(describe(dataset))
    clean = read_processed(layout.arrays(dataset))
    people = human_labels_file(dataset, root, download) if wanted.human else None
    chosen = read_subset(layout.subset(dataset, train_samples)) if train_samples else None
    labels, card = make_labels(
        clean,
        name,
        rate=wanted.rate,
        exclude_true=wanted.exclude_true,
        seed=seed_for("noise", dataset),
        people=people,
        subset=chosen,
    )
    path = layout.labels(dataset, name, train_samples)
    write_noisy_labels(labels, card, path, layout.noise_card(dataset, name, train_samples))
    print(f"data: {path} ({100 * card.realised_rate:.1f} % of the labels changed)")


def _true_labels(dataset: str) -> "Tensor":
    """The true labels of a prepared training set of images, in its order."""
    from lets.config.own import dataset as describe
    from lets.config.paths import Layout
    from lets.data.dataset import read_processed
    from lets.data.folder import read_index
    from lets.errors import SpecError

    info, path = describe(dataset), Layout("").prepared(dataset)
    if info.vocabulary:
        raise SpecError(
            f"{dataset} – only images are trained on in part – choose digits, cifar10 or the like"
        )
    if info.pictures:
        return read_index(path).labels
    return read_processed(path).train.labels


def _read(
    dataset: str, root: Path | None, partial: bool, download: bool
) -> "Images | TextDataset | Translation":
    from lets.data import load
    from lets.data.corpus import CORPORA
    from lets.data.parallel import read
    from lets.data.sources import default_root, source
    from lets.errors import SpecError

    if not partial:
        return load(dataset, root=root, download=download)
    if dataset not in CORPORA:
        raise SpecError(f"--partial – {dataset} is whole or it is not read – leave it out")
    return read(source(dataset), root or default_root(), download, partial)


def _write(loaded: "Images | TextDataset | Translation", path: Path) -> None:
    from lets.data.dataset import Dataset as Images
    from lets.data.dataset import write_processed
    from lets.data.parallel import Translation

    if isinstance(loaded, Images):
        return write_processed(loaded, path)
    loaded.write(path)
    if isinstance(loaded, Translation):
        _note_missing_pairs(loaded)
    else:
        _note_cut_texts(path)


def _note_cut_texts(path: Path) -> None:
    from lets.data.texts import LONGEST, TextDataset, truncated

    dataset = TextDataset.read(path)
    for split, texts in dataset.splits.items():
        if cut := truncated(texts.rows, dataset.tokenizer):
            print(
                f"note: {cut} of {len(texts)} texts of {split} are longer than {LONGEST} tokens, "
                "the rest of them is not read",
                file=sys.stderr,
            )


def _note_missing_pairs(translation: "Translation") -> None:
    from lets.data.parallel import LONGEST_TRAINED

    for missing in translation.missing:
        print(f"note: not all of {translation.name}: {missing}", file=sys.stderr)
    if translation.dropped:
        print(
            f"note: {translation.dropped} training pairs left out, longer than {LONGEST_TRAINED} tokens",
            file=sys.stderr,
        )


def _list_pictures(dataset: str, root: Path | None, partial: bool, download: bool, path: Path) -> None:
    from lets.data.folder import find_pictures, write_index
    from lets.data.sources import default_root

    index = find_pictures(dataset, root or default_root(), partial, download)
    write_index(index, path)
    for missing in index.missing:
        print(f"note: a part of {dataset}: {missing}", file=sys.stderr)
    if root and root.resolve() != default_root().resolve():
        print(f"note: trainings read the pictures where LETS_DATA says: set it to {root}", file=sys.stderr)
