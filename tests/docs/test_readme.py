"""The README is true: its commands exist, its links lead somewhere, its numbers are those of `reports/`."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line.split("#")[0].strip()
    for block in re.findall(r"```(?:bash|sh)\n(.*?)```", README, re.S)
    for line in block.splitlines()
    if line.split("#")[0].strip()
]


def test_it_shows_commands():
    assert {"make demo", "make test"} <= set(COMMANDS)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_make_targets_exist(command):
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
    assert command.split()[1] in targets


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("lets ")])
def test_lets_commands_parse(command):
    words = command.split()[1:]
    verbs = [word for word in words[:2] if re.fullmatch(r"[a-z]+", word)]
    verb = verbs if verbs[0] in ("data", "analyse") else verbs[:1]
    text = subprocess.run(
        [sys.executable, "-m", "lets", *verb, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for option in re.findall(r"--[a-z-]+", command):
        assert option in text


def test_links_lead_to_files():
    links = re.findall(r"\]\(([^)#]+)\)|src=\"([^\"]+)\"", README)
    for link in (one or other for one, other in links):
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_the_table_is_the_one_that_the_demo_made():
    shown = README.split("<!-- reports/demo/tables/table1.md -->")[1].split("<!-- end -->")[0].strip()
    assert shown == (ROOT / "reports/demo/tables/table1.md").read_text().strip()


@pytest.mark.parametrize("index", range(README.count("```python")))
def test_python_examples_run(index, tmp_path):
    code = re.findall(r"```python\n(.*?)```", README, re.S)[index]
    script = tmp_path / "example.py"
    script.write_text(code)
    subprocess.run([sys.executable, script], cwd=tmp_path, check=True, timeout=120)
