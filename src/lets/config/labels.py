"""Names of fields and their values in print."""

from collections.abc import Callable, Iterable

import lets.data.catalogue
import lets.models.catalogue
from lets.config.run import Noise
from lets.optim.catalogue import METHODS

RUN_FIELDS = ("dataset", "noise", "architecture", "method")
"""of every run, whatever its method"""
_FIELDS = {
    "dataset": "Data set",
    "noise": "Label noise",
    "architecture": "Architecture",
    "method": "Method",
    "metric": "Generalization metric",
    "rho": "Perturbation radius ρ",
    "rho_every": "Radius learns every",
}
_OBJECTIVES = {
    "validation-loss": "Validation loss",
    "gap": "Generalization gap",
    "half-squared-gap": "½ (generalization gap)²",
}
"""what the radius is learned from (paper §4.8)"""


def field_title(field: str, methods: Iterable[str] = ()) -> str:
    """Return the name of a field; where every method learns its radius, `rho` is where it starts."""
    methods = list(methods)
    if field == "rho" and methods and all(method.startswith("lets-") for method in methods):
        return "Initial radius ρ₀"
    return _FIELDS.get(field, field.replace("_", " ").capitalize())


def value_title(field: str, value: object) -> str:
    """Return the name of a value of a field: `LETS-SAM`, `CIFAR-10`, `40 % noise`, `0.05`."""
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    naming = _NAMING.get(field)
    return naming(str(value)) if naming else str(value)


def setting_title(dataset: str, noise: str, architecture: str) -> str:
    """Return where methods are compared: `ResNet-18 on CIFAR-10, 40 % noise`."""
    title = f"{value_title('architecture', architecture)} on {value_title('dataset', dataset)}"
    return title if noise == "clean" else f"{title}, {value_title('noise', noise)}"


def _noise_title(name: str) -> str:
    noise = Noise.parse(name)
    if not noise.rate:
        return "clean labels"
    if noise.human:
        return f"labels by people ({name.removeprefix('human-')})"
    return f"{100 * noise.rate:g} % noise" + (", true label excluded" if noise.exclude_true else "")


def _method_title(name: str) -> str:
    return METHODS[name].title if name in METHODS else name


_NAMING: dict[str, Callable[[str], str]] = {
    "dataset": lambda name: lets.data.catalogue.describe(name).title,
    "architecture": lambda name: lets.models.catalogue.describe(name).title,
    "method": _method_title,
    "noise": _noise_title,
    "metric": lambda name: _OBJECTIVES.get(name, name),
    "rho_every": lambda k: "step" if k == "1" else f"{k} steps",
}


def address(names: Iterable[str], values: Iterable[object]) -> str:
    """Return where in a table or figure something is; hyper-parameters carry their name: `LETS-ASAM × rho 0.05`."""
    titles = ((name, value_title(name, value)) for name, value in zip(names, values, strict=True))
    return " × ".join(title if name in RUN_FIELDS else f"{name} {title}" for name, title in titles)
