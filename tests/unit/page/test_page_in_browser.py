"""The page in Debian's Chromium: what a reader can do with it, and that it asks nothing of anybody."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.golden.factory import Project
from tests.golden.figures import figures_in, stubbed

from lets.compare.trees import compare, open_reference
from lets.compare.words import write_comparison
from lets.files import write_text
from lets.page.page import TONES, write_page
from lets.page.summaries import runs_text

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="no browser here: apt-get install chromium chromium-driver"
)
ESTIMATORS = {
    "kind": "hypergradient",
    "title": "H",
    "experiments": ["clean"],
    "where": {"architecture": ["resnet-small"], "method": ["lets-sam"]},
    "every": 5,
}
FLAGS = ("headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = stubbed(figures_in(tmp_path_factory.mktemp("page"), estimators=ESTIMATORS))
    write_page(project.now, audit(project))
    return project


def audit(project: Project) -> dict[str, Any]:
    """As audit.json says it: LETS-SAM's cell was confirmed, ASAM's second seed is damaged."""
    good, bad = cell(project, "lets-sam"), cell(project, "asam")
    failure = {"run": bad[1], "reason": "its sha256 differs", "command": "rm -r it", "check": "bytes"}
    cells = [
        {"cell": "table: LETS-SAM × ResNet (small)", "verdict": "verified", "runs": good},
        {"cell": "table: ASAM × ResNet (small)", "verdict": "mismatch", "runs": bad},
    ]
    cells.append({**cells[1], "verdict": "verified"})  # of two places of the same runs the worse is shown
    return {
        "passed": False,
        "next": "rm -r it",
        "items": {"table": "mismatch"},
        "cells": cells,
        "failures": [failure],
    }


def cell(project: Project, method: str) -> list[str]:
    """The runs behind a cell of the first column."""
    return [
        run.id for run in project.params.tables["table"].select(project.matrix)
        if (run.method, run.architecture) == (method, "resnet-small")
    ]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in FLAGS:
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: Any, project: Project) -> Any:
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.set_window_size(1200, 900)
    browser.get(project.layout.page.as_uri())
    return browser


def one(page: Any, selector: str) -> Any:
    return page.find_element("css selector", selector)


def texts(page: Any, selector: str) -> list[str]:
    return [found.text for found in page.find_elements("css selector", selector)]


def press(page: Any, element: Any, key: str) -> None:
    """Press a key on an element, as somebody without a mouse does."""
    page.execute_script("arguments[0].focus()", element)
    page.switch_to.active_element.send_keys(key)


ROWS = "#table tbody th"
CELLS = "#table tbody td:nth-child(2)"


def test_a_click_sorts_and_the_third_restores(page: Any) -> None:
    """Means 91 + log10 ρ of two seeds: SAM and LETS-SAM 89.70, ASAM 90.70, LETS-ASAM 91.00."""
    before = texts(page, ROWS)
    head = one(page, "#table thead th:nth-child(2) button")
    orders = []
    for _ in range(3):
        head.click()
        orders.append(
            (texts(page, ROWS), one(page, "#table thead th:nth-child(2)").get_attribute("aria-sort"))
        )
    up = ["SAM", "LETS-SAM", "ASAM", "LETS-ASAM"]
    assert before == up
    assert orders == [
        (up, "ascending"), (["LETS-ASAM", "ASAM", "SAM", "LETS-SAM"], "descending"), (before, None)
    ]  # fmt: skip


def test_names_sort_by_keyboard_and_words_come_after_numbers(page: Any) -> None:
    press(page, one(page, "#table thead th:first-child button"), "\ue007")
    assert texts(page, ROWS) == ["ASAM", "LETS-ASAM", "LETS-SAM", "SAM"]
    start = one(page, "#estimators thead th:nth-child(2) button")
    for _ in range(2):
        start.click()
        blocks = page.find_elements("css selector", "#estimators tbody")
        assert [len(block.find_elements("css selector", "tr.block")) for block in blocks] == [1] * len(blocks)
        assert {block.find_element("css selector", "tr").get_attribute("class") for block in blocks} == {
            "block"
        }
    numbers = [float(text) for text in texts(page, "#estimators tbody:nth-of-type(1) td:nth-child(2)")]
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) > 1


SORTED = {
    "ascending": ["-2", "<0.001", "0.001", "+3.00", "70.4 ± 1.2", "1.2 k", "1,680", "none", "—"],
    "descending": ["1,680", "1.2 k", "70.4 ± 1.2", "+3.00", "0.001", "<0.001", "-2", "none", "—"],
}


@pytest.mark.parametrize("direction", SORTED)
def test_numbers_sort_as_people_write_them(page: Any, direction: str) -> None:
    page.execute_script(
        """document.querySelector("main").insertAdjacentHTML("beforeend",
          `<table id="made"><thead><tr><th>x</th></tr></thead><tbody>${arguments[0]
          .map((text) => `<tr><td>${text}</td></tr>`).join("")}</tbody></table>`);
        sortable(document.querySelector("#made"));""",
        ["—", "+3.00", "none", "1,680", "&lt;0.001", "70.4 ± 1.2", "-2", "1.2 k", "0.001"],
    )
    for _ in range(1 if direction == "ascending" else 2):
        one(page, "#made button").click()
    assert texts(page, "#made td") == SORTED[direction]


def test_the_index_stays_in_view_and_names_what_it_leads_to(page: Any) -> None:
    page.set_window_size(1440, 900)
    page.execute_script("scrollTo(0, document.body.scrollHeight)")
    index = one(page, "nav").rect
    assert page.execute_script("return document.querySelector('nav').getBoundingClientRect().top") == 0
    assert index["x"] + index["width"] <= one(page, "main").rect["x"], "it covers nothing"
    assert "A < B & C" in texts(page, "nav a")
    page.set_window_size(800, 900)
    page.refresh()
    assert not one(page, "nav details").get_attribute("open"), "on a small screen the findings come first"


def test_few_tab_stops_lead_to_the_first_table_and_one_through_it(page: Any) -> None:
    stops, inside = page.execute_script(
        """const all = [...document.querySelectorAll("a, button, summary, [tabindex]")]
          .filter((one) => one.tabIndex >= 0);
        const tables = [...document.querySelectorAll("main table")];
        return [all.findIndex((one) => tables[0].contains(one)),
          tables.map((table) => all.filter((one) => table.parentElement.contains(one)).length)];"""
    )
    assert 2 < stops < 12
    assert set(inside) == {1}
    page.switch_to.active_element.send_keys("\ue004")
    assert page.switch_to.active_element.text == "Skip to the first table"
    page.switch_to.active_element.send_keys("\ue007")
    first = "return document.querySelector('main section.item table').closest('section').id"
    assert page.current_url.endswith(f"#{page.execute_script(first)}")


def test_arrow_keys_lead_through_a_table(page: Any) -> None:
    left, up, right, down, end, home = "\ue012\ue013\ue014\ue015\ue010\ue011"
    page.execute_script("arguments[0].focus()", one(page, "#table thead button"))
    places = []
    for key in (right, down, down, right, up, left, end, home):
        page.switch_to.active_element.send_keys(key)
        places.append(
            page.execute_script(
                "return document.activeElement.parentElement.id || document.activeElement.innerText"
            )
        )
    names = (
        "sam--resnet-small",
        "lets-sam--resnet-small",
        "lets-sam--vit-small",
        "sam--vit-small",
        "sam--resnet-small",
    )
    visited = [f"table--{name}" for name in (*names, "lets-asam--vit-small")]
    assert places == ["ResNet (small)", *visited, "Method"]


def test_heads_and_titles_stay_while_a_table_scrolls(page: Any) -> None:
    moved = page.execute_script(
        """const box = document.querySelector("#table .wide"), table = box.querySelector("table");
        box.style.maxWidth = "10rem"; box.style.maxHeight = "5rem";
        const inner = (one) => {
          const [a, b] = [one.getBoundingClientRect(), box.getBoundingClientRect()];
          return [a.x - b.x, a.y - b.y];
        };
        const places = () => [...table.querySelectorAll("thead th:last-child, tbody tr:last-child th")].map(inner);
        const before = places();
        box.scrollTo(60, 60);
        return [before, places(), [box.scrollLeft, box.scrollTop]];"""
    )
    (head, title), (head_after, title_after), scrolled = moved
    assert scrolled == [60, 60]
    assert head_after[1] == head[1] == 0, "the heads stay above"
    assert head_after[0] == head[0] - 60
    assert title_after[0] == title[0] == 0, "the titles stay at the left"
    assert title_after[1] == title[1] - 60


def test_verdicts_have_a_colour_beside_their_word(page: Any) -> None:
    colours = page.execute_script(
        """const td = document.querySelector("#table td");
        return ["", ...arguments[0]].map((name) => { td.className = name; return getComputedStyle(td).color; });""",
        [*dict.fromkeys(TONES.values())],
    )
    assert len(set(colours)) == 4


def test_an_address_opens_its_number_and_the_panel_copies_it(page: Any, project: Project) -> None:
    address = f"{project.layout.page.as_uri()}#table--lets-sam--resnet-small"
    page.get(address)
    page.refresh()
    assert "LETS-SAM · ResNet (small)" in one(page, "#panel h2").text
    named = " ".join(f"--run {run}" for run in cell(project, "lets-sam"))
    command = f"lets audit --params params/golden.yaml --deep {named}"
    for name, text in (("Copy link", address), ("Copy command", command)):
        button = next(one for one in page.find_elements("css selector", "#panel button") if one.text == name)
        button.click()
        assert button.text == "Copied"
        assert pasted(page) == text
    one(page, "#panel form button").click()
    until(page, lambda: "#" not in page.current_url)
    page.execute_script("location.hash = 'curves--runs'")
    until(page, lambda: "C <&> D" in one(page, "#panel h2").text)


def until(page: Any, true: Callable[[], bool]) -> None:
    """Wait for what a browser does after it said that it is done."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(page, 10, 0.02).until(lambda _: true())


def pasted(page: Any) -> str:
    """What is on the clipboard, as a text field gets it."""
    permission = {"permissions": ["clipboardReadWrite"]}
    page.execute_cdp_cmd("Browser.grantPermissions", permission)
    return page.execute_async_script(
        "navigator.clipboard.readText().then(arguments[0], (e) => arguments[0](`${e}`))"
    )


def test_every_address_leads_to_its_own_number(page: Any) -> None:
    opened = page.execute_script(
        """return [...document.querySelectorAll("[data-runs]")].map((one) => {
          history.replaceState(null, "", `#${one.id}`);
          follow();
          const found = [panel.open, location.hash === `#${one.id}`];
          panel.close();
          return [one.id, ...found, document.activeElement === one.querySelector("button")];
        });"""
    )
    assert len({id for id, *_ in opened}) == len(opened) > 20
    assert all(open and named and back for _, open, named, back in opened)


@pytest.mark.parametrize("medium", ["phone", "print"])
def test_no_column_is_lost(page: Any, medium: str) -> None:
    """Of a table with a dozen columns more: the phone scrolls to the last, paper (A4 across, 273 mm) has them all."""
    size = {
        "width": 390 if medium == "phone" else 1032,
        "height": 700,
        "deviceScaleFactor": 1,
        "mobile": medium == "phone",
    }
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print" if medium == "print" else "screen"})
    right, edge, page_width, overflow = page.execute_script(
        """const box = document.querySelector("#table .wide");
        box.querySelectorAll("tr").forEach((row) => row.append(...[..."a".repeat(12)].map(() => {
          const cell = row.lastElementChild.cloneNode(); cell.textContent = "88.88 ± 10.88"; return cell; })));
        if (arguments[0]) box.scrollLeft = 9999;
        const last = box.querySelector("tbody tr").lastElementChild.getBoundingClientRect();
        const edge = arguments[0] ? box.getBoundingClientRect().right : innerWidth;
        const shown = arguments[0] ? getComputedStyle(box).overflowX : "auto";
        return [last.right, edge, document.documentElement.scrollWidth, shown];""",
        medium == "phone",
    )
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert right <= edge + 1
    assert overflow == "auto", "a finger can move it"
    assert page_width <= size["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page: Any, scheme: str) -> None:
    """Deque's axe-core: contrast, names, roles, keyboard; of the page, and of an open panel."""
    axe = pytest.importorskip("axe_core_python")
    script = Path(axe.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    page.execute_script(script)
    for shown in ("page", "panel"):
        if shown == "panel":
            one(page, f"{CELLS} button").click()
        found = page.execute_async_script("axe.run().then((found) => arguments[0](found.violations))")
        assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []


def test_a_cell_opens_its_runs_and_escape_closes(page: Any, project: Project) -> None:
    button = page.find_elements("css selector", f"{CELLS} button")[1]
    press(page, button, "\ue007")
    assert one(page, "#panel").get_attribute("open")
    assert "LETS-SAM · ResNet (small)" in one(page, "#panel h2").text
    assert texts(page, "#panel summary code") == cell(project, "lets-sam")
    assert "Audit: verified: it follows from its runs" in one(page, "#panel .lead").text
    said = one(page, "#panel details.run").text
    for fact in ("finished", "cosine", "Example CPU", "2.14.1", "momentum 0.9"):
        assert fact in said
    assert f"lets train --params params/golden.yaml --run {cell(project, 'lets-sam')[0]}" in said
    assert f"lets audit --params params/golden.yaml --deep --run {cell(project, 'lets-sam')[0]}" in said
    every = page.find_element("css selector", "#panel details:not(.run)")
    assert every.text == "Train all 2 again, and compare"
    every.find_element("css selector", "summary").click()
    named = " ".join(f"--run {run}" for run in cell(project, "lets-sam"))
    assert (
        every.find_element("css selector", "code").text
        == f"lets audit --params params/golden.yaml --deep {named}"
    )
    charts = [
        svg.get_attribute("aria-label") for svg in page.find_elements("css selector", "details.run svg")
    ]
    assert charts[0].startswith("Accuracy from 86.7 to 99 %, epochs 1 to 3")
    assert charts[2].startswith("Radius ρ from 0.05 to 0.05")
    page.switch_to.active_element.send_keys("\ue00c")
    assert not one(page, "#panel").get_attribute("open")
    assert page.switch_to.active_element == button, "the reader is back where he was"


def test_what_the_audit_says_is_shown_where_it_says_it(page: Any) -> None:
    assert "failed" in one(page, "#audited").text
    assert "2 verified, 1 mismatch" in one(page, "#audited").text
    assert one(page, "#table .files").text.startswith("Audit: mismatch · ")
    marked = page.find_elements("css selector", "button[data-verdict=mismatch]")
    assert len(marked) == 1
    marked[0].click()
    assert texts(page, "#panel details.run p.bad") == ["Audit: its sha256 differs. rm -r it"]
    one(page, "#panel form button").click()
    assert not one(page, "#panel").get_attribute("open")


def test_runs_without_numbers_say_why(page: Any) -> None:
    for button in page.find_elements("css selector", ".status td button"):
        button.click()
        if "diverged" in one(page, "#panel").text:
            break
        one(page, "#panel form button").click()
    assert "step 7, rho 0.05" in one(page, "#panel").text
    states = [text.split()[-1] for text in texts(page, "#panel details.run summary")]
    every = texts(page, "#panel details:not(.run) summary")
    assert states.count("finished") < 2
    assert not every, "what diverged has nothing to compare"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_does_not_scroll_sideways(page: Any, scheme: str) -> None:
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True},
    )
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = "return [document.documentElement.scrollWidth, innerWidth, getComputedStyle(document.body).backgroundColor]"
    wide, inner, colour = page.execute_script(size)
    assert (wide, inner) == (400, 400)
    assert (sum(map(int, colour[4:-1].split(", "))) < 300) == (scheme == "dark")
    page.find_elements("css selector", f"{CELLS} button")[0].click()
    assert one(page, "#panel").rect["width"] <= 400
    assert page.execute_script(size)[0] == 400
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_nothing_is_fetched_and_nothing_goes_wrong(page: Any, project: Project) -> None:
    for button in page.find_elements("css selector", "main button"):
        button.click()
        page.execute_script("document.querySelector('dialog#panel').close()")
    assert page.get_log("browser") == []
    sent = [json.loads(line["message"])["message"] for line in page.get_log("performance")]
    asked = {one["params"]["request"]["url"] for one in sent if one["method"] == "Network.requestWillBeSent"}
    assert {url for url in asked if not url.startswith("data:")} == {project.layout.page.as_uri()}


def test_the_comparison_stands_first_and_opens_the_runs_that_differ(
    browser: Any, project: Project, tmp_path: Path
) -> None:
    """One run diverged in the reference, and the page says so, in the same words as the terminal."""
    run = project.run(architecture="resnet-small", method="sam", rho=0.05, seed=0)
    lines = [
        line.replace(",finished,", ",diverged,") if line.startswith(f"{run.id},") else line
        for line in runs_text(project.now).splitlines(keepends=True)
    ]
    write_text(tmp_path / "reports/golden/runs.csv", "".join(lines))
    found = compare(project.now, open_reference(str(tmp_path), project.root))
    browser.get(write_comparison(found, project.now).as_uri())
    assert texts(browser, "main section h3")[0].startswith("Not reproduced: 1 run differs beyond chance")
    assert run.id in texts(browser, "#comparison tbody th")
    buttons = browser.find_elements("css selector", "#comparison button.open")
    buttons[0].click()
    assert texts(browser, "#panel summary code") == [run.id]
    one(browser, "#panel form button").click()
    assert browser.get_log("browser") == []


HOSTILE = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="top.hacked = 1"
width="90" height="90"><script>top.hacked = 1; document.title = "hacked"</script>
<script href="http://192.0.2.1/a.js"/><style>@import url(http://192.0.2.1/a.css);</style>
<image href="http://192.0.2.1/a.png" width="9" height="9"/><use xlink:href="http://192.0.2.1/a.svg#a"/>
<foreignObject width="9" height="9"><body xmlns="http://www.w3.org/1999/xhtml"><script>top.hacked = 1</script>
<iframe src="javascript:top.hacked = 1"></iframe><img src="x" onerror="top.hacked = 1"/></body></foreignObject>
<a xlink:href="javascript:top.hacked = 1"><rect id="panel" width="90" height="90"/></a>
<animate attributeName="x" onbegin="top.hacked = 1"/></svg></div></section><script>top.hacked = 1</script>"""
BREAKOUT = (
    """'"></h3></title></script></style><script>top.hacked = 1</script><img src=x onerror=top.hacked=1>"""
)


def test_nobody_elses_script_runs(browser: Any, tmp_path: Path) -> None:
    """Titles, records, drawings and verdicts are shown, whatever stands in them; a script in the file is not run."""
    project = figures_in(
        tmp_path, **{"runs-data": {"kind": "pivot", "title": BREAKOUT, "experiments": ["clean"]}}
    )
    for name in project.params.figures:
        write_text(project.layout.figure(name, "svg"), HOSTILE)
    for path in project.layout.runs.rglob("provenance.json"):
        path.write_text(path.read_text().replace("Example CPU", json.dumps(BREAKOUT)[1:-1]))
    said = audit(project)
    said["failures"][0]["reason"] = said["next"] = said["cells"][0]["cell"] = BREAKOUT
    said["items"] = {BREAKOUT: "mismatch"}
    page = write_page(project.now, said)
    for written in (
        "",
        "<script>top.hacked = 1</script>",
        '<img src="x" onerror="top.hacked = 1">',
        '<script src="data:,top.hacked=1"></script>',
    ):
        page.write_text(page.read_text().replace("</main>", f"{written}</main>", 1))
        for kind in ("browser", "performance"):
            browser.get_log(kind)
        browser.get(page.as_uri())
        for drawing in browser.find_elements("css selector", "figure img"):
            assert drawing.get_attribute("naturalWidth") is not None
            drawing.click()
        for number in browser.find_elements("css selector", "main button.open")[:6]:
            number.click()
            assert one(browser, "#panel form button").text == "Close"
            one(browser, "#panel form button").click()
        assert browser.execute_script("return [typeof hacked, document.title]") == [
            "undefined",
            "LETS, reproduced: golden",
        ]
        sent = [json.loads(line["message"])["message"] for line in browser.get_log("performance")]
        asked = {
            one["params"]["request"]["url"] for one in sent if one["method"] == "Network.requestWillBeSent"
        }
        assert {url for url in asked if not url.startswith("data:")} <= {
            page.as_uri(),
            f"{page.parent.as_uri()}/x",
        }
        blocked = [line["message"] for line in browser.get_log("browser")]
        assert all("Content Security Policy" in line for line in blocked)
        assert bool(blocked) == bool(written)


def test_without_scripts_the_tables_are_there(browser: Any, project: Project, tmp_path: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(project.layout.page.as_uri())
    assert texts(browser, ROWS) == ["SAM", "LETS-SAM", "ASAM", "LETS-ASAM"]
    assert texts(browser, CELLS)[0] == "89.70 ± 1.41"
    assert "Audit: failed" in one(browser, "#audited").text, "nor does an audited page say that it is not"
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
