"""The base of every params model: no unknown keys, no silent conversions, no changes after reading."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
LARGEST_WHOLE, LARGEST, SMALLEST = 10**9, 1e38, 1e-37
"""numbers of a params file: no count comes near the first; float32 holds little more and little less than the others"""
Scalar = bool | int | float | str | list[float]


class Strict(BaseModel):
    """A frozen pydantic model that refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)
