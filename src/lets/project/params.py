"""The typed form of a params file: what is trained, and the kinds of tables and figures made of it."""

import json
from typing import Annotated, Any, TypeAlias, get_args

from pydantic import BeforeValidator, Field

from lets.analyses.analysis import Analysis
from lets.analyses.hypergradient import Hypergradient
from lets.analyses.landscape import Landscape
from lets.analyses.sharpness import Sharpness
from lets.config.params import Params
from lets.config.strict import Name
from lets.figures.sensitivity import Sensitivity
from lets.figures.series import Curves, Dots
from lets.figures.tradeoff import Cost, Pareto
from lets.tables.against_paper import AgainstPaper
from lets.tables.baselines import Baselines
from lets.tables.comparison import Comparison
from lets.tables.initial_radii import InitialRadii
from lets.tables.pivot import Pivot
from lets.tables.ranking import Ranking

ANALYSES: dict[str, type[Analysis]] = {
    "landscape": Landscape,
    "hypergradient": Hypergradient,
    "sharpness": Sharpness,
}
"""what `lets analyse` computes"""

Tables: TypeAlias = (
    Pivot | Comparison | Ranking | AgainstPaper | InitialRadii | Baselines | Hypergradient | Sharpness
)
Figures: TypeAlias = Sensitivity | Curves | Landscape | Dots | Cost | Pareto | Hypergradient | Sharpness
PIVOTS = Pivot.model_fields.keys()
"""all fields of a pivot, the usual kind of table: `rows`, `columns` and `groups` among them"""
OTHERS = {key for kind in get_args(Tables) if kind is not Pivot for key in kind.model_fields}


def _named(table: Any) -> Any:
    """Return a table without a kind as a pivot if it has a field of pivots alone, and none that only others have."""
    if isinstance(table, dict) and table.keys() & (PIVOTS - OTHERS) and not table.keys() & (OTHERS - PIVOTS):
        return {"kind": "pivot", **table}
    return table


AnyTable = Annotated[Tables, Field(discriminator="kind"), BeforeValidator(_named)]
AnyFigure = Annotated[Figures, Field(discriminator="kind")]


class ParamsFile(Params):
    """A params file."""

    tables: dict[Name, AnyTable] = Field(default={})
    figures: dict[Name, AnyFigure] = Field(default={})

    @property
    def items(self) -> dict[str, Tables | Figures]:
        """Every table and figure; no two have one name."""
        return {**self.tables, **self.figures}


def schema_text() -> str:
    """Return the schema as it stands in `lets.config.paths.SCHEMA`."""
    schema = ParamsFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
