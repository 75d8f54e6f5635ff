"""From run records to numbers: the state of every run, one long table, means over seeds, the paper's.

Nothing here imports torch, and pandas is imported by `table_of_runs` alone.
`import scipy` loads no more of it than is used: commands that test nothing start without it.
"""

from lets.results.long_table import table_of_runs
from lets.results.outcomes import Outcome, read_outcome
from lets.results.pivot import Cell, Grid, pivot
from lets.results.published import Published, find_published, read_published
from lets.results.quantities import QUANTITIES, Quantity
from lets.results.summary import Summary

__all__ = [
    "QUANTITIES",
    "Cell",
    "Grid",
    "Outcome",
    "Published",
    "Quantity",
    "Summary",
    "find_published",
    "pivot",
    "read_outcome",
    "read_published",
    "table_of_runs",
]
