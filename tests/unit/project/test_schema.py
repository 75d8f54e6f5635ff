"""The JSON schema: in step with the types, and satisfied by our own params files."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from lets.config.paths import SCHEMA
from lets.project import expand, load_params
from lets.project.params import schema_text

FACTS = ("datasets.yaml", "claims.yaml", "quoted.yaml")
FILES = [path for path in sorted(Path("params").glob("*.yaml")) if path.name not in FACTS]
GOOD = Path(__file__).parents[1] / "config" / "params.yaml"


def test_in_step() -> None:
    assert SCHEMA.read_text() == schema_text(), "the types have changed; run:  lets plan --write-schema"


def validator() -> Any:
    schema = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", [*FILES, GOOD], ids=lambda path: path.name)
def test_accepts_our_files(path: Path) -> None:
    validator().validate(yaml.safe_load(path.read_text()))
    assert expand(load_params(path)).runs


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("  epochs: 2", "  epoch: 2"),
        ("epochs: 2", "epochs: two"),
        ("epochs: 2", "epochs: 0"),
        ("lr: 0.1", "lr: -0.1"),
        ("kind: curves", "kind: curve"),
        ("    rows: metric", "    kind: hypergradient\n    rows: metric"),
        ("profile: test", "profile: ../test"),
        ("seeds: [0, 1]", "seeds: []"),
    ],
)
def test_refuses_what_the_types_refuse(there: str, instead: str) -> None:
    content = yaml.safe_load(GOOD.read_text().replace(there, instead, 1))
    with pytest.raises(jsonschema.ValidationError):
        validator().validate(content)
