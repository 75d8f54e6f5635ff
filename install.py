"""Make the environment that `make` works in: python3 install.py FOLDER GOAL.

In ASCII and without f-strings, so that every old Python can read it, and say that it is too old.
"""

import os
import subprocess
import sys

NEEDED = (3, 11)
SOURCES = ("requirements.lock", "pyproject.toml")
QUIET = ["--quiet", "--disable-pip-version-check"]
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
    pip = [python, "-m", "pip", "install"] + QUIET
    for command in (
        [] if whole else [sys.executable, "-m", "venv", "--clear", folder],
        pip + ["--require-hashes", "-r", SOURCES[0]],
        pip + ["--no-deps", "--no-build-isolation", "-e", "."],
    ):
        if command and subprocess.call(command):
            sys.exit("error: %s - failed, see above - run make again: it begins anew" % " ".join(command))
    open(mark, "w").close()


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
    except KeyboardInterrupt:
        sys.exit("interrupted: the environment is not whole - run make again: it begins anew")
