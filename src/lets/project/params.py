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
from lets.figures.series import Bars, Curves
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
Figures: TypeAlias = Sensitivity | Curves | Landscape | Bars | Cost | Pareto | Hypergradient | Sharpness
_OTHERS = {key for kind in get_args(Tables) if kind is not Pivot for key in kind.model_fields}
OF_PIVOTS, OF_OTHERS = Pivot.model_fields.keys() - _OTHERS, _OTHERS - Pivot.model_fields.keys()
"""fields that pivots alone have, by which a table without a kind is one; and those that others alone have"""


def _named(table: Any) -> Any:
    """Return a table that has fields of pivots, and none of another kind, as a pivot of run metrics."""
    if (
        isinstance(table, dict)
        and OF_PIVOTS & table.keys()
        and not table.keys() & OF_OTHERS - Pivot.model_fields.keys()
    ):
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
