"""Whether a picture is what is drawn from the records now: svg and png, to the byte or as good as that.

The same matplotlib draws the same svg; on another kind of processor the last decimal of a coordinate may differ, and
with it the names of elements, which are digests. A png is packed in another way by other versions of zlib: its pixels
count, and everything beside them that could change what is seen.
"""

import io
import math
import re
import struct
from typing import Any

COORDINATE = 1e-5
"""points; matplotlib writes six decimals"""
LEVEL = 2
"""of 255, in any colour of any pixel: edges may be smoothed in another way, and nobody can see it"""
NUMBER = re.compile(r"(?<![#\w.-])-?\d+(?:\.\d+)?")


def same_picture(suffix: str, one: bytes, other: bytes) -> bool:
    """Whether two files, both svg or both png, show the same."""
    return one == other or {"svg": _same_svg, "png": _same_png}[suffix](one, other)


def _same_svg(one: bytes, other: bytes) -> bool:
    words, numbers = _outline(one)
    other_words, other_numbers = _outline(other)
    return words == other_words and all(
        math.isclose(a, b, rel_tol=0, abs_tol=COORDINATE) for a, b in zip(numbers, other_numbers, strict=True)
    )


def _outline(svg: bytes) -> tuple[list[str], list[float]]:
    """The text of an svg between its numbers, elements named by their order; and the numbers."""
    text = svg.decode(errors="surrogateescape")
    order = {name: f"element-{place}" for place, name in enumerate(re.findall(r'\bid="([^"]*)"', text))}
    text = re.sub(r'(\bid="|#)([\w.-]+)', lambda found: found[1] + order.get(found[2], found[2]), text)
    return NUMBER.split(text), [float(number) for number in NUMBER.findall(text)]


def _same_png(one: bytes, other: bytes) -> bool:
    try:
        if _beside_pixels(one) != _beside_pixels(other):
            return False
        return bool(abs(_pixels(one) - _pixels(other)).max() <= LEVEL)
    except (ValueError, OSError, SyntaxError, struct.error):  # what is no png, or half of one
        return False


def _beside_pixels(png: bytes) -> list[tuple[bytes, bytes]]:
    """Every chunk but the pixels: size, resolution, and what a forger could add: colour profiles, another frame."""
    chunks, at = [(b"", png[:8])], 8
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        if kind != b"IDAT":
            chunks.append((kind, png[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks


def _pixels(png: bytes) -> Any:
    import numpy
    from PIL import Image

    return numpy.asarray(Image.open(io.BytesIO(png)).convert("RGBA"), dtype="int16")
