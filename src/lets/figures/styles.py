"""The look of a method in every figure: colour by base method, LETS solid and filled, its base dashed.

Colours are those of seaborn's colour-blind palette; markers and dashes carry the same meaning in grey.
"""

from dataclasses import dataclass
from typing import Any

from lets.config.labels import value_title

GREY = "#555555"
"""of words that are no numbers"""
_BASES = {
    "erm": ("#4d4d4d", "o"),
    "sam": ("#0173b2", "s"),
    "asam": ("#d55e00", "^"),
    "gsam": ("#029e73", "D"),
    "esam": ("#cc78bc", "v"),
    "rst": ("#56b4e9", "P"),
    "looksam": ("#ca9161", "X"),
    "ae-sam": ("#de8f05", "p"),
    "ae-looksam": ("#949494", "h"),
}


@dataclass(frozen=True)
class Style:
    """The look of one method."""

    colour: str
    marker: str
    learned: bool
    """whether the radius is learned: drawn solid and filled"""

    @property
    def dashes(self) -> tuple[float, ...] | None:
        """On-off pattern of the line; None is solid."""
        return None if self.learned else (4, 1.6)


def style_of(method: str) -> Style:
    """Return the style of a method; one that is not listed is drawn in light grey."""
    colour, marker = _BASES.get(method.removeprefix("lets-"), ("#8c8c8c", "."))
    return Style(colour, marker, method.startswith("lets-"))


def look_of(method: str) -> dict[str, Any]:
    """Return how matplotlib is to draw the line of a method, and what the legend calls it."""
    style = style_of(method)
    return {
        "color": style.colour,
        "linestyle": (0, style.dashes) if style.dashes else "-",
        "marker": style.marker,
        "markersize": 3.8,
        "markerfacecolor": style.colour if style.learned else "white",
        "label": value_title("method", method),
    }


def look_of_value(share: float, label: str) -> dict[str, Any]:
    """Return how matplotlib is to draw the line of a number, dark for small ones: `share` in [0, 1) is its place."""
    from seaborn import color_palette

    colour = color_palette("crest_r", as_cmap=True)(share)
    marker = "os^DvPX"[int(share * 7)]
    return {"color": colour, "linestyle": "-", "marker": marker, "markersize": 3.8, "label": label}
