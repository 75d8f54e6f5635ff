"""How sharp the minima are: the numbers of a sharpness table or figure."""

from collections.abc import Sequence
from dataclasses import dataclass

from lets.records.sharpness import EIGENVALUE, M_SHARPNESS, TRACE, Measure, read_measures
from lets.report.analysed import Analyses, read_analyses
from lets.spec import Layout, Matrix
from lets.spec.params import Sharpness


@dataclass(frozen=True)
class Minimum:
    """The measures of one run by what they measure: eigenvalues from the largest, m-sharpness by radius."""

    eigenvalues: tuple[Measure, ...]
    trace: Measure
    rises: tuple[Measure, ...]

    @classmethod
    def of(cls, measures: Sequence[Measure]) -> "Minimum":
        """Sort the lines of an analysis, which is whole."""
        eigenvalues, (trace,), rises = (
            tuple(one for one in measures if one.quantity == quantity)
            for quantity in (EIGENVALUE, TRACE, M_SHARPNESS)
        )
        return cls(eigenvalues, trace, rises)


def sharpness_measures(item: Sharpness, matrix: Matrix, layout: Layout) -> Analyses[Measure]:
    """Read what `lets analyse sharpness` found at the minimum of the first seed of each method."""
    return read_analyses(item, matrix, layout, Measure, read_measures)
