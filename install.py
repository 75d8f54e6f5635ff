"""Make the environment that `make` works in: python3 install.py FOLDER GOAL.

uv installs in a fraction of pip's time; pip brings uv, and its settings (a mirror, a folder of wheels) hold for both.
In ASCII and without f-strings, so that every old Python can read it, and say that it is too old.
"""

import ast
import os
import re
import subprocess
import sys
import tempfile

NEEDED = (3, 11)
SOURCES = ("requirements.lock", "pyproject.toml")
PIP = ["-m", "pip", "--disable-pip-version-check"]
HASHED = ["install", "--quiet", "--require-hashes", "--requirement"]
PROJECT = ["--no-deps", "--no-build-isolation", "--editable", "."]
SIZE = "installing %d packages, about 6 GB (most of it CUDA for PyTorch), into %s: a minute and a download of 3 GB\n"
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}
VERSION = "import sys; print(sys.version)"


def main(folder, goal):
    """Install what is locked into `folder`, one process at a time; its file `installed` says that all is there."""
    if sys.version_info < NEEDED:
        sys.exit(
            "error: %s is Python %d.%d - %d.%d or newer is needed, and nothing was installed - run  make %sPYTHON=%s"
            % ((sys.executable,) + sys.version_info[:2] + NEEDED + (goal and goal + " ", _newer()))
        )
    import fcntl

    with open(SOURCES[0]) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("another make is installing the environment: waiting for it\n")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_complete(folder):
            _install(folder)


def _newer():
    """Return a Python here that is new enough, or what to install."""
    for minor in range(NEEDED[1] + 8, NEEDED[1] - 1, -1):
        name = "python3.%d" % minor
        if _version(name):
            return name
    return "/path/to/python3.11  once you have installed one"


def _version(python):
    """Return what a Python calls itself, nothing if it does not run."""
    try:
        process = subprocess.Popen([python, "-c", VERSION], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError:
        return ""
    version = process.communicate()[0].decode().strip()
    return "" if process.returncode else version


def _is_complete(folder):
    """Return whether everything was installed since it was last changed, for a Python that still runs."""
    mark = os.path.join(folder, "installed")
    return (
        os.path.exists(mark)
        and all(os.path.getmtime(mark) >= os.path.getmtime(source) for source in SOURCES)
        and bool(_version(os.path.join(folder, "bin", "python")))
    )


def _install(folder):
    """Bring a whole environment of this Python up to date; make any other one anew."""
    mark, python = os.path.join(folder, "installed"), os.path.join(folder, "bin", "python")
    whole = os.path.exists(mark) and _version(python) == _version(sys.executable)
    if os.path.exists(mark):
        os.remove(mark)
    with open(SOURCES[0]) as lock:
        locked = lock.read()
    sys.stderr.write(SIZE % (len(re.findall("(?m)^[^ ]+==", locked)), folder))
    if not whole:
        _call([sys.executable, "-m", "venv", "--clear", folder])
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as only_uv:
        only_uv.write(re.search(r"(?m)^uv==.*\n(    --hash.*\n)+", locked).group())
        only_uv.flush()
        _call([python] + PIP + HASHED + [only_uv.name])
    uv, settings = [python, "-m", "uv", "pip"], dict(_pip_settings(python), **os.environ)
    _call(uv + HASHED + [SOURCES[0], "--python", python], settings)
    _call(uv + ["install", "--quiet", "--python", python] + PROJECT, settings)
    open(mark, "w").close()


def _call(command, settings=None):
    if subprocess.call(command, env=settings):
        sys.exit("error: %s - failed, see above - run make again: it begins anew" % " ".join(command))


def _pip_settings(python):
    """Return as uv's variables where pip is told to look for packages: a mirror, a folder of wheels, a certificate."""
    lines = subprocess.check_output([python] + PIP + ["config", "list"]).decode().splitlines()
    # All places alike, as pip does: hashes say what is right.
    found = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
    for line in reversed(lines):  # the environment comes first, and wins
        name, _, value = line.partition("=")
        name = name.rpartition(".")[2]
        if name in UV_NAMES:
            found[UV_NAMES[name]] = ("," if name == "find-links" else " ").join(
                ast.literal_eval(value).split()
            )
    return found


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
    except KeyboardInterrupt:
        sys.exit("interrupted: the environment is not whole - run make again: it begins anew")
