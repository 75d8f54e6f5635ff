"""The figures: numbers first, as csv, then the drawing of exactly those numbers."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lets.records.files import write_bytes
from lets.records.landscape import Point, read_points
from lets.report.analysed import Analyses, read_analyses
from lets.report.notes import absent_counts, seeds_note
from lets.report.pareto import Marks, pareto_marks
from lets.report.series import Series, bar_series, cost_series, curve_series, sensitivity_series
from lets.report.sharpness import sharpness_measures
from lets.report.ways import hypergradient_ways
from lets.spec import Layout, Matrix, Params
from lets.spec.params import (
    Analysis,
    Bars,
    Cost,
    Curves,
    Figure,
    Hypergradient,
    Landscape,
    Pareto,
    Sensitivity,
    Sharpness,
)

if TYPE_CHECKING:
    import matplotlib.figure

Numbers = Series | Marks | Analyses[Any]


def figure_numbers(figure: Figure, matrix: Matrix, layout: Layout) -> Numbers:
    """Read the numbers that a figure draws; raises SpecError if a point would mix variants."""
    match figure:
        case Sensitivity():
            return sensitivity_series(figure, matrix, layout)
        case Curves():
            return curve_series(figure, matrix, layout)
        case Bars():
            return bar_series(figure, matrix, layout)
        case Cost():
            return cost_series(figure, matrix, layout)
        case Pareto():
            return pareto_marks(figure, matrix, layout)
        case Landscape():
            return read_analyses(figure, matrix, layout, Point, read_points)
        case Hypergradient():
            return hypergradient_ways(figure, matrix, layout)
        case Sharpness():
            return sharpness_measures(figure, matrix, layout)


def figure_data(name: str, figure: Figure, params: Params, matrix: Matrix, layout: Layout) -> str:
    """Return the csv of exactly the numbers drawn; takes what `render_table` takes."""
    return figure_numbers(figure, matrix, layout).csv()


def caption(figure: Figure, numbers: Numbers) -> str:
    """Return the line below a figure: what the spread is, over how many seeds, and what is missing."""
    match figure:
        case Landscape():
            text = "First seed of each method; directions orthogonal and as long as the weights, filter by filter"
        case Hypergradient():
            text = (
                "First seed of each method. Filled: the sign is the true one's. "
                "Beside the bars: how many signs agree, median size over the true one's, "
                "median cosine of H\N{NO-BREAK SPACE}d with the exact product"
            )
        case Sharpness():
            text = (
                f"First seed of each method; {figure.samples} training images, m = {figure.m}; "
                f"trace ± standard error over {figure.probes} random vectors"
            )
        case Pareto():
            assert isinstance(numbers, Marks)
            text = _key(numbers)
        case Sensitivity() | Curves() | Bars() | Cost():
            assert isinstance(numbers, Series)
            band = " (band)" if isinstance(figure, Curves) else ""
            counts = (point.summary.n for point in numbers.points)
            text = seeds_note(counts, f"± 1 sample standard deviation{band}")
    if isinstance(figure, Bars):
        text += "; vertical axes do not start at zero"
    if isinstance(figure, Cost):
        text += (
            "; marks of equal cost stand side by side; grey stairs: no other method is as cheap and better"
        )
    return "; ".join(part for part in (text, absent_counts(numbers.runs)) if part)


def _key(marks: Marks) -> str:
    """Say what the letters of a Pareto figure stand for."""
    from lets.report.plots.pareto import lettered

    spread = seeds_note((one.summary.n for one in marks.marks), "of all radii, line: their range,")
    letters = ", ".join(f"{letter}\N{NO-BREAK SPACE}{name}" for name, letter in lettered(marks).items())
    stairs = "*: the best radius of a grid, which costs the whole grid; grey stairs: nothing is as cheap and better"
    return f"{spread}; {stairs}; {letters}"


def write_figure(name: str, figure: Figure, params: Params, matrix: Matrix, layout: Layout) -> list[Path]:
    """Draw a figure, write csv, svg and png, and return the paths."""
    for suffix, content in figure_files(name, figure, matrix, layout).items():
        write_bytes(layout.figure(name, suffix), content)
    return layout.figures(name)


def figure_files(name: str, figure: Figure, matrix: Matrix, layout: Layout) -> dict[str, bytes]:
    """Return suffix → file for svg, png and csv; of one matplotlib, a function of the records and the params alone."""
    numbers = figure_numbers(figure, matrix, layout)
    return {**drawn(name, figure, numbers), "csv": numbers.csv().encode()}


def drawn(name: str, figure: Figure, numbers: Numbers) -> dict[str, bytes]:
    """Return svg and png of the numbers of a figure."""
    from lets.report.plots.canvas import line_below, saved, theme

    with theme(name):
        drawing = _draw(figure, numbers)
        line_below(drawing, caption(figure, numbers))
        return saved(drawing)


def _draw(figure: Figure, numbers: Numbers) -> "matplotlib.figure.Figure":
    from lets.report.plots.bars import draw_bars
    from lets.report.plots.cost import draw_cost
    from lets.report.plots.hypergradient import draw_hypergradient
    from lets.report.plots.landscape import draw_landscape
    from lets.report.plots.lines import draw_curves, draw_sensitivity
    from lets.report.plots.pareto import draw_pareto
    from lets.report.plots.sharpness import draw_sharpness

    if isinstance(numbers, Marks):
        assert isinstance(figure, Pareto)
        return draw_pareto(numbers, figure.metric)
    if isinstance(numbers, Series):
        assert not isinstance(figure, Analysis | Pareto)
        draw = {Sensitivity: draw_sensitivity, Curves: draw_curves, Bars: draw_bars, Cost: draw_cost}[
            type(figure)
        ]
        return draw(numbers, figure.metric)
    drawings: dict[type[Any], Callable[[Analyses[Any]], Any]] = {
        Landscape: draw_landscape,
        Hypergradient: draw_hypergradient,
        Sharpness: draw_sharpness,
    }
    drawing: matplotlib.figure.Figure = drawings[type(figure)](numbers)
    return drawing
