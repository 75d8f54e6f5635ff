"""`make` installs a whole environment of a Python that is new enough, or says in a sentence why not."""

import os
import runpy
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
REAL = f'#!/bin/sh\nexec {sys.executable} "$@"\n'
OTHER = "#!/bin/sh\necho 3.10.1 of long ago\n"


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


class Installer:
    """install.py in a folder of its own; what it would run is noted down, and its venvs are scripts."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.env, self.ran, self.fails = folder / "env", [], ""
        for name in ("requirements.lock", "pyproject.toml"):
            shutil.copy(ROOT / name, folder)
            os.utime(folder / name, (1, 1))
        monkeypatch.chdir(folder)
        self.module = runpy.run_path(str(ROOT / "install.py"))
        monkeypatch.setattr(subprocess, "call", self.call)
        monkeypatch.setattr(subprocess, "check_output", lambda command: self.pip_config)
        self.pip_config, self.settings = b"", {}

    def call(self, command: list[str], env: dict[str, str] | None = None) -> int:
        what = next((what for what, word in WORDS.items() if word in command), "uv")
        if what == "uv":
            self.asked = Path(command[-1]).read_text()
        self.settings = env or {}
        assert not (self.env / "installed").exists()
        self.ran.append(what)
        if what == "venv":
            shutil.rmtree(self.env, ignore_errors=True)
            script(self.env / "bin" / "python", REAL)
        return int(what == self.fails)

    def __call__(self) -> list[str]:
        self.ran.clear()
        self.module["main"](str(self.env), "demo")
        return list(self.ran)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    return Installer(tmp_path, monkeypatch)


WORDS = {"venv": "--clear", "lock": "requirements.lock", "project": "--editable"}
WHOLE = ["venv", "uv", "lock", "project"]


def test_a_whole_environment_is_installed_once_and_brought_up_to_date(install: Installer) -> None:
    assert install() == WHOLE
    assert install() == []
    os.utime("requirements.lock")
    os.utime(install.env / "installed", (2, 2))
    assert install() == ["uv", "lock", "project"]
    assert install() == []


def test_pip_brings_uv_alone_by_its_hashes(install: Installer) -> None:
    install()
    first, *hashes = install.asked.splitlines()
    assert first.startswith("uv==")
    assert hashes
    assert all(line.startswith("    --hash=sha256:") for line in hashes)
    assert f"{install.asked}" in Path("requirements.lock").read_text()


def test_uv_looks_where_pip_is_told_to_look_and_its_own_settings_win(
    install: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    monkeypatch.setenv("UV_INDEX", "https://mine")
    install.pip_config = (
        b":env:.find-links='/first /second'\n"
        b"global.find-links='/third'\nglobal.index-url='https://mirror'\nglobal.extra-index-url='\\nhttps://more'\n"
    )
    install()
    wanted = {
        "UV_FIND_LINKS": "/first,/second",
        "UV_DEFAULT_INDEX": "https://mirror",
        "UV_INDEX": "https://mine",
    }
    assert wanted.items() <= install.settings.items()


@pytest.mark.parametrize("fails", WHOLE)
def test_what_failed_is_not_whole_and_begins_anew(install: Installer, fails: str) -> None:
    install.fails = fails
    with pytest.raises(SystemExit, match="failed, see above - run make again"):
        install()
    install.fails = ""
    assert install() == WHOLE


@pytest.mark.parametrize("update", [False, True])
def test_an_interrupted_installation_begins_anew(install: Installer, update: bool) -> None:
    if update:
        install()
        os.utime(install.env / "installed", (0, 0))
    whole, install.module["subprocess"].call = install.call, lambda *_, **__: exec("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        install()
    install.module["subprocess"].call = whole
    assert install() == WHOLE


@pytest.mark.parametrize("python", [OTHER, "#!/gone/python\n", ""])
def test_the_environment_of_another_python_is_made_anew(install: Installer, python: str) -> None:
    install()
    script(install.env / "bin" / "python", python)
    left = install.env / "lib" / "half"
    left.mkdir(parents=True)
    os.utime(install.env / "installed", (0, 0))
    assert install() == WHOLE
    assert not left.exists()


def test_of_two_at_the_same_time_one_installs(install: Installer, capsys: pytest.CaptureFixture[str]) -> None:
    import fcntl

    with open("requirements.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(target=install)
        second.start()
        script(install.env / "bin" / "python", REAL)
        while "waiting for it" not in capsys.readouterr().err:
            assert second.is_alive()
        (install.env / "installed").touch()
    second.join(timeout=30)
    assert install.ran == []


@pytest.mark.parametrize("version", [(3, 10, 13), (3, 6, 15), (2, 7, 18)])
def test_an_old_python_is_refused(
    install: Installer, version: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        install.module["main"].__globals__,
        "sys",
        SimpleNamespace(version_info=version, executable="old", exit=sys.exit),
    )
    with pytest.raises(
        SystemExit, match=rf"old is Python {version[0]}\.{version[1]} .*run  make demo PYTHON="
    ):
        install()
    assert not install.env.exists()


def make(folder: Path, python: str) -> subprocess.CompletedProcess[str]:
    """Type `make demo` in a checkout."""
    for name in ("Makefile", "install.py", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    return subprocess.run(
        ["make", "demo", f"PYTHON={python}"], cwd=folder, capture_output=True, text=True, timeout=60
    )


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
@pytest.mark.parametrize("there", [True, False])
def test_make_says_so_in_a_sentence(tmp_path: Path, there: bool) -> None:
    python = tmp_path / "bin" / "python3.10"
    if there:
        script(python, '#!/bin/sh\necho "error: $0 is Python 3.10, $1 $2 $3" >&2; exit 1\n')
    done = make(tmp_path, str(python))
    assert done.returncode == 2
    says = (
        f"error: {python} is Python 3.10, install.py .venv demo"
        if there
        else f"error: {python} – is not there"
    )
    assert done.stderr.startswith(says)
    assert len(done.stderr.splitlines()) == 2  # and make's own
    assert not (tmp_path / ".venv").exists()
