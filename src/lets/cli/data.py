"""`lets data`: fetch, verify and prepare data sets and noisy labels."""

from pathlib import Path
from typing import Annotated

import typer

data = typer.Typer(help="Fetch, verify and prepare data sets and noisy labels.", no_args_is_help=True)

Dataset = Annotated[str, typer.Argument(help="a name of: lets list datasets")]
Root = Annotated[
    Path | None, typer.Option(help="folder in torchvision's layout; default: $LETS_DATA or data/raw")
]


@data.command()
def prepare(
    dataset: Dataset,
    root: Root = None,
    download: Annotated[bool, typer.Option("--download", help="fetch what is missing")] = False,
) -> None:
    """Verify a data set and write its arrays to data/processed/<dataset>/."""
    from lets.data import load
    from lets.data.processed import write_processed
    from lets.spec import Layout

    path = Layout("").arrays(dataset)
    write_processed(load(dataset, root=root, download=download), path)
    print(f"data: {path}")


@data.command()
def noise(
    dataset: Dataset,
    name: Annotated[str, typer.Argument(help="for example symmetric-40 or symmetric-40-exclude-true")],
) -> None:
    """Draw the noisy training labels of a prepared data set; the card beside them says how noisy they are."""
    from lets.data.noisy_labels import make_noisy_labels, write_noisy_labels
    from lets.data.processed import read_processed
    from lets.spec import Layout, seed_for
    from lets.spec.noise import Noise

    layout, wanted = Layout(""), Noise.parse(name)
    clean = read_processed(layout.arrays(dataset))
    labels, card = make_noisy_labels(
        clean.train.labels,
        dataset=dataset,
        noise=name,
        rate=wanted.rate,
        exclude_true=wanted.exclude_true,
        classes=clean.classes,
        seed=seed_for("noise", dataset),
    )
    path = layout.labels(dataset, name)
    write_noisy_labels(labels, card, path, layout.noise_card(dataset, name))
    print(f"data: {path} ({100 * card.realised_rate:.1f} % of the labels changed)")
