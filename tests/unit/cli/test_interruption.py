"""Ctrl-C and SIGTERM, as a process meets them; and what becomes of output that nobody reads."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

START = "import sys; from lets.cli import app, interruption, main; sys.argv = ['lets', 'status']\n"
READY = "print('ready', flush=True); import time\n"
VERBS = {
    "at work": f"def verb():\n {READY} time.sleep(60)\n",
    "in code made from text": f"def verb():\n {READY} exec('time.sleep(60)', {{'time': time}})\n",
    "an exception that is lost": (
        f"interruption.PATIENCE_S = 0.1\ndef verb():\n {READY}"
        " try: time.sleep(60)\n except KeyboardInterrupt: time.sleep(60)\n"
    ),
    "an exception of another kind": (
        f"def verb():\n {READY} try: time.sleep(60)\n except KeyboardInterrupt: raise RuntimeError('x')\n"
    ),
    "as typer ends": f"def verb():\n {READY} try: time.sleep(60)\n except KeyboardInterrupt: sys.exit(130)\n",
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_line_and_the_exit_code_of_the_signal(verb, number, code):
    # A test run in the background of a shell ignores Ctrl-C, and what it starts would too.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    program = f"{heard}{START}{VERBS[verb]}interruption.at('epoch 3 of 20'); app.app = verb; main.main()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    assert process.returncode == code
    (line,) = told.splitlines()
    assert line.startswith("interrupted: lets status, epoch 3 of 20")
    assert line.endswith("run the same command again, it goes on from the last state saved")


AT_IMPORT = """
import os, re, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
at, wait = sys.argv[1], True
def hook(event, arguments):
    global wait
    if wait and event == "import" and arguments[0] == at:
        wait = False
        os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(hook)
sys.argv = ["lets", "status"]
from lets.cli.main import main
main()
"""
SLOW = (
    "typing",
    "threading",
    "pathlib",
    "typer",
    "yaml",
    "pydantic",
    "lets.errors",
    "lets.cli.app",
    "lets.project",
)


@pytest.mark.parametrize("module", SLOW)
def test_ctrl_c_while_it_begins_is_one_line_too(module):
    """An interruption comes with the import of a module, which is the same moment on every machine."""
    done = subprocess.run([sys.executable, "-c", AT_IMPORT, module], capture_output=True, text=True)
    assert done.returncode == 130
    (line,) = done.stderr.splitlines()
    assert line.startswith("interrupted: lets status")


def test_who_ignores_signals_is_left_alone(tmp_path: Path):
    program = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{START}interruption.watch()\n"
    program += "print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "True\n"


def program(verb: str, end: str = "") -> list[str]:
    return [sys.executable, "-c", f"{START}def verb():\n {verb}\napp.app = verb\n{end}main.main()"]


def test_a_reader_that_has_gone_ends_no_command(tmp_path: Path):
    work = f"[print('x' * 999) for _ in range(999)]; open({str(tmp_path / 'done')!r}, 'w'); sys.exit(3)"
    with subprocess.Popen(program(work), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 3
    assert (tmp_path / "done").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_behind_stdout_is_one_line():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(program("print('x')"), stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: stdout – cannot be written (No space left on device)")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_prints_any_character_and_json_stays_json(encoding):
    import json
    import os

    text = "ρ – × 😀 \udc80"
    done = subprocess.run(
        program(f"import json; print(json.dumps({text!r}, ensure_ascii=False))"),
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout.decode(encoding)) == text
