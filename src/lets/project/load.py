"""Read a params file; say exactly what is wrong with one that cannot be read."""

from pathlib import Path

from lets.config.reading import read_yaml
from lets.project.checks import contradictions, problems
from lets.project.params import ParamsFile


def load_params(path: str | Path) -> ParamsFile:
    """Return the validated params of a YAML file; raises SpecError that names file, line and remedy."""
    return read_yaml(
        Path(path), ParamsFile, lambda params: list(problems(params)) or list(contradictions(params))
    )
