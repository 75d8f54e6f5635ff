"""The data sets of the paper and the embedded one: names, shapes, normalisation. Imports no torch."""

from dataclasses import dataclass

from lets.errors import no_such

__all__ = ["DATASETS", "HUMAN_LABELS", "DatasetInfo", "HumanLabels", "describe", "names"]


@dataclass(frozen=True)
class DatasetInfo:
    """One row of the catalogue.

    `image` is (channels, height, width), empty for text; `mean` and `std` are per channel, of pixels scaled
    to [0, 1]; `crop_padding` is the black border, in pixels, that a random crop may move into. `classes` is 1
    for a regression and 0 for translation.

    A set that fits into memory has a `reader`, the "module:function" that makes a Dataset of it. A large one
    stays where it is: `pictures` are the names its folder may have below the data root, the first one there
    is read; it holds train/CLASS/PICTURE and val/CLASS/PICTURE, `image` is what a network sees of a picture.

    `human_labels`: people labelled its training set anew. `task` is "classification", "regression" or
    "translation"; `metric` is the one it is usually judged by, in percent. `vocabulary` is the number of
    tokens of its texts, 0 for images. Of a translation `tokens` is what a pair counts in a batch, about: the
    longer of its sentences, padded.
    """

    name: str
    title: str
    classes: int
    train_size: int
    test_size: int
    image: tuple[int, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    crop_padding: int = 0
    reader: str = ""
    pictures: tuple[str, ...] = ()
    human_labels: bool = False
    task: str = "classification"
    metric: str = "accuracy"
    vocabulary: int = 0
    tokens: int = 0


def _glue(
    name: str,
    title: str,
    train_size: int,
    test_size: int,
    classes: int = 2,
    task: str = "classification",
    metric: str = "accuracy",
) -> DatasetInfo:
    """A task of GLUE. It is tested on its development set; the vocabulary is the one trained on it."""
    return DatasetInfo(
        name=name,
        title=title,
        classes=classes,
        train_size=train_size,
        test_size=test_size,
        reader="lets.data.glue:read",
        task=task,
        metric=metric,
        vocabulary=4_000,
    )


_ROWS = (
    DatasetInfo(
        name="digits",
        title="Digits",
        classes=10,
        train_size=1437,
        test_size=360,
        image=(1, 8, 8),
        mean=(0.2873,),
        std=(0.3542,),
        crop_padding=1,
        reader="lets.data.packaged:read_digits",
    ),
    DatasetInfo(
        name="cifar10",
        title="CIFAR-10",
        classes=10,
        train_size=50_000,
        test_size=10_000,
        image=(3, 32, 32),
        mean=(0.4914, 0.4822, 0.4465),  # these and CIFAR-100's: the constants of the ASAM authors' code
        std=(0.2023, 0.1994, 0.2010),
        crop_padding=4,
        reader="lets.data.cifar:read",
        human_labels=True,
    ),
    DatasetInfo(
        name="cifar100",
        title="CIFAR-100",
        classes=100,
        train_size=50_000,
        test_size=10_000,
        image=(3, 32, 32),
        mean=(0.5071, 0.4867, 0.4408),
        std=(0.2675, 0.2565, 0.2761),
        crop_padding=4,
        reader="lets.data.cifar:read",
    ),
    DatasetInfo(
        name="imagenet",
        title="ImageNet",
        classes=1000,
        train_size=1_281_167,
        test_size=50_000,
        image=(3, 224, 224),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        pictures=("imagenet",),
    ),
    DatasetInfo(
        name="imagenette",
        title="Imagenette",
        classes=10,
        train_size=9_469,
        test_size=3_925,
        image=(3, 224, 224),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        pictures=("imagenette2", "imagenette2-320", "imagenette2-160"),
    ),
    DatasetInfo(
        name="iwslt14",
        title="IWSLT'14 DE-EN",
        classes=0,
        train_size=160_239,
        test_size=6_750,
        reader="lets.data.parallel:read",
        task="translation",
        metric="bleu",
        vocabulary=10_240,
        tokens=28,  # [R] about 1,100 batches of 4,096 an epoch in the stock recipe
    ),
    DatasetInfo(
        name="multi30k",
        title="Multi30k DE-EN",
        classes=0,
        train_size=29_000,
        test_size=1_000,
        reader="lets.data.parallel:read",
        task="translation",
        metric="bleu",
        vocabulary=4_096,
        tokens=18,  # measured: 511 batches of 1,024
    ),
    _glue("mrpc", "MRPC", 3_668, 408),
    _glue("sst2", "SST-2", 67_349, 872),
    _glue("cola", "CoLA", 8_551, 1_043, metric="matthews"),
    _glue("rte", "RTE", 2_490, 277),
    _glue("stsb", "STS-B", 5_749, 1_500, classes=1, task="regression", metric="pearson"),
    _glue("qnli", "QNLI", 104_743, 5_463),
    _glue("qqp", "QQP", 363_846, 40_430),
    _glue("mnli", "MNLI", 392_702, 9_815, classes=3),  # tested on the matched development set
    DatasetInfo(
        name="emoji",
        title="Emoji DE-EN",
        classes=0,
        train_size=3_318,
        test_size=415,
        reader="lets.data.packaged:read_emoji",
        task="translation",
        metric="bleu",
        vocabulary=1_024,
        tokens=9,
    ),
    DatasetInfo(
        name="definitions",
        title="Definitions",
        classes=5,
        train_size=3_334,
        test_size=834,
        reader="lets.data.packaged:read_definitions",
        vocabulary=4_000,
    ),
)

DATASETS: dict[str, DatasetInfo] = {row.name: row for row in _ROWS}


@dataclass(frozen=True)
class HumanLabels:
    """One of the label sets of CIFAR-10N: its key in the file, and the published share of wrong labels.

    `also` is the share in the released file, where that is another one.
    """

    key: str
    rate: float
    also: float | None = None

    @property
    def rates(self) -> tuple[float, ...]:
        """Every share that is right."""
        return (self.rate,) if self.also is None else (self.rate, self.also)


HUMAN_LABELS = {  # Wei et al., Learning with Noisy Labels Revisited, ICLR 2022 (arXiv 2110.12088)
    "human-aggre": HumanLabels("aggre_label", 0.0903, also=0.0901),  # what most of three people said
    "human-random1": HumanLabels("random_label1", 0.1723),  # what the first of them said
    "human-random2": HumanLabels("random_label2", 0.1812),
    "human-random3": HumanLabels("random_label3", 0.1764),
    "human-worse": HumanLabels("worse_label", 0.4021),  # what one said who was wrong, if one was
}


def names() -> list[str]:
    """The names of all data sets."""
    return list(DATASETS)


def describe(name: str) -> DatasetInfo:
    """The catalogue's row for `name`; an unknown name raises SpecError with near names."""
    if name not in DATASETS:
        raise no_such("data set", name, DATASETS)
    return DATASETS[name]
