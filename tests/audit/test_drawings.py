"""Figures are drawn again: what no matplotlib would draw from the records is found, in svg and png."""

import io
import re
import struct
import zlib
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image, ImageDraw
from tests.audit.found import reasons, verdicts
from typer.testing import CliRunner

from lets.audit.cells import same_picture
from lets.cli.main import app
from lets.figures.figure import drawn_by, matplotlib_here
from lets.page.page import render_page


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def before_end(png: bytes, more: bytes) -> bytes:
    return png[:-12] + more + png[-12:]


def painted(png: bytes) -> bytes:
    image = Image.open(io.BytesIO(png))
    ImageDraw.Draw(image).line([(20, 20), (60, 25)], fill="red")
    return saved(image)


def saved(image: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format="png", dpi=(200, 200), compress_level=1)
    return file.getvalue()


FIGURES = "figure1", "figure2"
FORGERIES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "a text": ("svg", lambda svg: svg.replace(b"</svg>", b'<text x="9" y="9">97.3</text></svg>')),
    "a point moved": ("svg", lambda svg: re.sub(rb"L (\d+)\.(\d+)", rb"L \g<1>.9\2", svg, count=1)),
    "another colour": ("svg", lambda svg: svg.replace(b"#0173b2", b"#0173b3")),
    "a script": ("svg", lambda svg: svg.replace(b"</svg>", b"<script>1</script></svg>")),
    "hidden": ("svg", lambda svg: svg.replace(b'id="axes_1"', b'id="axes_1" display="none"')),
    "half a file": ("svg", lambda svg: svg[: len(svg) // 2]),
    "no drawing": ("svg", lambda svg: b"\xff\x00"),
    "a line painted": ("png", painted),
    "another picture": ("png", lambda png: saved(Image.new("RGBA", (40, 40)))),
    "a colour profile": ("png", lambda png: png[:33] + chunk(b"gAMA", struct.pack(">I", 9)) + png[33:]),
    "a frame of an animation": ("png", lambda png: before_end(png, chunk(b"fdAT", b"1234" + png[41:90]))),
    "bytes after the end": ("png", lambda png: png + b"more"),
    "half a picture": ("png", lambda png: png[: len(png) // 2]),
    "nothing": ("png", lambda png: b""),
}


@pytest.fixture
def pictures(project: Any) -> dict[str, bytes]:
    return {suffix: project.layout.figure("figure2", suffix).read_bytes() for suffix in ("svg", "png")}


def test_every_forgery_is_told_from_the_drawing(pictures: dict[str, bytes]) -> None:
    for name, (suffix, forge) in FORGERIES.items():
        there = pictures[suffix]
        assert forge(there) != there, name
        assert not same_picture(suffix, forge(there), there), name


def test_other_roundings_and_another_packing_show_the_same(pictures: dict[str, bytes]) -> None:
    svg, png = pictures["svg"].decode(), pictures["png"]
    (clip,) = set(re.findall(r"url\(#(p\w+)\)", svg)[:1])
    other = re.sub(r"(\.\d{5})3\b", r"\g<1>4", svg).replace(clip, "p0123456789")
    assert other != svg
    assert same_picture("svg", other.encode(), svg.encode())
    image = Image.open(io.BytesIO(png))
    pixels = numpy.asarray(image).astype(int)
    pixels[:, :, 1] -= pixels[:, :, 1] > 100
    for packed in (saved(image), saved(Image.fromarray(pixels.astype("uint8")))):
        assert packed != png
        assert same_picture("png", packed, png)


@pytest.mark.parametrize("name", ["a text", "a line painted"])
def test_a_forged_picture_fails_every_audit_until_it_is_drawn_again(project: Any, name: str) -> None:
    suffix, forge = FORGERIES[name]
    path: Path = project.layout.figure("figure2", suffix)
    there = path.read_bytes()
    path.write_bytes(forge(there))
    for _ in range(2):
        audit = project.audit()
        (failure,) = [one for one in audit.failures if one.subject == str(path)]
        assert "draws from the run records" in failure.reason
        assert f" --forcerun {path}" in audit.next
        told = verdicts(audit)
        assert {told[cell] for cell in told if cell.startswith("figure2: ")} == {"mismatch"}
        assert told["figure1: SAM × rho 0.5"] == "executed but unverified"
        project.report_page()
    path.write_bytes(there)
    project.report_page()
    assert project.audit().passed


def said_to_be_drawn_by(project: Any, version: str) -> tuple[Path, Path]:
    """Write one word into a drawing, and forge both of its pictures."""
    svg, png = (project.layout.figure("figure2", suffix) for suffix in ("svg", "png"))
    here = drawn_by(svg.read_bytes())
    assert re.fullmatch(r"\d+\.\d+.*", here)
    svg.write_text(svg.read_text().replace(f"Matplotlib v{here}", f"Matplotlib v{version}"))
    for path, name in ((svg, "a text"), (png, "another picture")):
        path.write_bytes(FORGERIES[name][1](path.read_bytes()))
    return svg, png


def lock(*packages: str) -> None:
    Path("requirements.lock").write_text("".join(f"{one} \\\n    --hash=sha256:0\n" for one in packages))


@pytest.mark.parametrize("locked", [(), ("seaborn==1.0", "matplotlib==2.0")])
def test_what_another_matplotlib_drew_is_not_called_wrong(project: Any, locked: tuple[str, ...]) -> None:
    """Nor is it called right, nor shown: it may say so and be anything."""
    if locked:
        lock(*locked)
    said_to_be_drawn_by(project, "2.0")
    project.report_page()
    audit = project.audit()
    assert audit.passed
    (warning,) = audit.warnings
    assert re.search(
        r"the drawings of figure2 cannot be compared here: .* matplotlib 2\.0 drew them", warning
    )
    assert "figure2" not in str(reasons(audit))
    page = project.layout.page.read_text()
    shown = [b64encode(project.layout.figure(name, "svg").read_bytes()).decode() in page for name in FIGURES]
    assert shown == [name != "figure2" for name in FIGURES]
    assert "matplotlib 2.0 drew it" in page


def test_a_page_made_where_another_matplotlib_is_shows_its_pictures_and_is_no_failure(project: Any) -> None:
    """What it shows is gone when the audit has written its verdicts into it."""
    svg, _ = said_to_be_drawn_by(project, "2.0")
    project.layout.page.write_text(render_page(project.now, believed=True))
    assert b64encode(svg.read_bytes()).decode() in project.layout.page.read_text()
    done = CliRunner().invoke(app, ["audit", "--params", "params/test.yaml", "--weights", "0"])
    assert done.exit_code == 0
    assert b64encode(svg.read_bytes()).decode() not in project.layout.page.read_text()
    assert project.audit().passed


def test_where_the_locked_matplotlib_is_no_picture_is_let_off(project: Any) -> None:
    lock("markupsafe==3.0", f"matplotlib=={matplotlib_here()}")
    paths = said_to_be_drawn_by(project, "2.0")
    project.report_page()
    audit = project.audit()
    assert {one.subject for one in audit.failures} == {*map(str, paths)}
    assert str(audit.judgement.items["figure2"]) == "mismatch"


@pytest.mark.parametrize("locked", ["matplotlib=={}1", "matplotlib=={}.dev1", "xmatplotlib=={}"])
def test_a_version_or_package_that_only_looks_like_it_is_not_locked(project: Any, locked: str) -> None:
    lock(locked.format(matplotlib_here()))
    said_to_be_drawn_by(project, "2.0")
    project.report_page()
    assert project.audit().passed
