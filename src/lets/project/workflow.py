"""What Snakemake is told before and after: what a workflow can know before its first job starts (better a sentence now
than a failure in an hour), who is at work in this folder, and what made each file, kept beside the results.
"""

import json
import logging
import os
import shlex
import shutil
import socket
import sys
import time
from base64 import urlsafe_b64decode
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import yaml
from filelock import FileLock, Timeout

import lets.models.catalogue
from lets.commands import DEMO, command
from lets.config.effort import shape
from lets.config.gpus import gpu_here
from lets.config.matrix import Matrix
from lets.config.params import Params
from lets.config.paths import Layout
from lets.data.sources import default_root, missing_packages, whole_folder
from lets.errors import LetsError, RecordError, SpecError
from lets.files import check_writable, digest_file, storage_errors
from lets.own import is_own


@contextmanager
def plainly() -> Iterator[None]:
    """End the process with the message of an error alone; Snakemake would wrap it, or with --quiet swallow it."""
    try:
        yield
    except LetsError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def selected_file(files: Sequence[Path | str]) -> Path:
    """Return the one params file of a workflow; raises SpecError for several."""
    if len(files) > 1:
        raise SpecError(
            f"--configfile {' '.join(map(str, files))} – a workflow runs one params file – name a single one"
        )
    path = Path(files[0]) if files else DEMO
    if set("{}") & set(str(path)):
        plain = path.with_name(path.name.translate(str.maketrans("{}", "--")))
        raise SpecError(
            f"--configfile {path} – braces are wildcards to Snakemake – rename it:  {command('mv', path, plain)}"
        )
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def refuse_values_beside(path: Path, config: Mapping[str, object]) -> None:
    """Raise SpecError for values that Snakemake was given beside a params file, which has been read before."""
    if dict(config) != yaml.safe_load(path.read_text(encoding="utf-8")):
        raise SpecError(
            f"--config – values beside {path} are not read, they would leave no trace – edit a copy of it"
        )


def refuse_without_gpu(params: Params) -> None:
    """Raise SpecError when the params ask for a GPU and this machine has none."""
    if params.device == "cuda" and not gpu_here():
        raise SpecError(
            f"profile {params.profile!r} wants a GPU – there is none on this machine, nothing was started – "
            "list the jobs with  snakemake -n,  run them where a GPU is,  or try the small version:  make demo"
        )


def refuse_without_packages(matrix: Matrix) -> None:
    """Raise SpecError when a data set of the runs is texts and packages that those need are not installed."""
    for dataset in dict.fromkeys(run.dataset for run in matrix.runs.values()):
        if missing := missing_packages(dataset):
            raise SpecError(
                f"dataset {dataset!r} – needs {', '.join(missing)}, not installed here, and nothing was started – "
                "run  pip install 'lets-repro[language]'"
            )


def refuse_without_weights(matrix: Matrix) -> None:
    """Raise DataError when runs start from pretrained weights that are not below the data root."""
    for architecture in dict.fromkeys(run.architecture for run in matrix.runs.values()):
        if repository := lets.models.catalogue.describe(architecture).pretrained:
            whole_folder(repository, default_root())


def refuse_unfit_networks(matrix: Matrix) -> None:
    """Raise SpecError when a network of the user's own cannot be built, or makes other than logits of its images."""
    named = dict.fromkeys((run.architecture, run.dataset) for run in matrix.runs.values())
    for architecture, dataset in named:
        if is_own(architecture):
            from lets.models.own import tried  # with torch

            tried(architecture, *shape(architecture, dataset))


def refuse_unwritable(layout: Layout) -> None:
    """Raise StorageError when jobs could not write what they make: Snakemake --quiet would end without a word."""
    for folder in (layout.prepared_data, layout.runs, layout.reports, layout.log("train", "").parent):
        check_writable(folder, size=1)


def in_containers(deployment: Iterable[object]) -> bool:
    """Whether Snakemake was told to run jobs in containers."""
    return any(getattr(method, "name", "") == "APPTAINER" for method in deployment)


def refuse_without_image(layout: Layout, deployment: Iterable[object]) -> None:
    """Raise SpecError when containers are asked for and the image was not built (Snakemake would fail late)."""
    if in_containers(deployment) and not (layout.image.is_file() and digest_file(layout.image).is_file()):
        raise SpecError(
            f"--use-singularity – there is no image {layout.image} – "
            "build it with  make image,  or run without --use-singularity"
        )


def let_into_containers(deployment: Iterable[object]) -> None:
    """Tell Apptainer the host's variables that jobs read; with --cleanenv it keeps all others out.

    The data root is mounted where it lies. Raises SpecError if it is no folder: what is downloaded to it would be lost.
    """
    if not in_containers(deployment):
        return
    for name in [one for one in os.environ if one.startswith("LETS_") or one == "CUDA_VISIBLE_DEVICES"]:
        os.environ[f"APPTAINERENV_{name}"] = os.environ[name]
    os.environ["PWD"] = str(Path.cwd())  # inside there are no links that led here
    if os.environ.get("LETS_DATA"):
        root = default_root().resolve()
        if not root.is_dir():
            raise SpecError(
                f"LETS_DATA={root} – no such folder, containers cannot mount it – {command('mkdir', '-p', root)}"
            )
        os.environ["APPTAINERENV_LETS_DATA"] = str(root)
        os.environ["APPTAINER_BIND"] = ",".join(filter(None, (os.environ.get("APPTAINER_BIND"), str(root))))


class StorageSettings(Protocol):
    """What Snakemake was told about object storage."""

    default_storage_provider: str | None
    default_storage_prefix: str | None
    local_storage_prefix: Path


def keep_copies_in_place(layout: Layout, storage: StorageSettings) -> None:
    """Let Snakemake's copies of files in object storage lie where `lets` looks for them: in the project folder.

    Raises SpecError when runs lie there that were made without the storage: Snakemake would delete them.
    """
    if not storage.default_storage_provider:
        return
    bucket = urlsplit(storage.default_storage_prefix or "")
    copies = storage.local_storage_prefix / storage.default_storage_provider / (bucket.netloc + bucket.path)
    if copies.is_symlink():
        return
    if any(layout.runs.rglob("run.json")):
        raise SpecError(
            f"{storage.default_storage_prefix} – {layout.runs} holds runs that were made without this storage, and "
            "Snakemake would delete those that it lacks – work in a fresh clone, see docs/cluster.md"
        )
    copies.parent.mkdir(parents=True, exist_ok=True)
    copies.symlink_to(Path.cwd())


LOCK = Path(".snakemake/at-work.lock")
HOLDER = Path(".snakemake/at-work.json")
"""what the holder of the lock says about itself"""


def forget_stale_locks() -> FileLock:
    """Remove the lock that a killed Snakemake left in this folder; keep the returned one while working here.

    The operating system gives our lock back when a process dies, however it dies: whoever gets it
    knows that nobody else is at work. Whoever does not get it may be refused by Snakemake, if both
    make the same files: then with a sentence about the other one, also with --quiet.
    Raises StorageError where nothing can be written.
    """
    lock = FileLock(LOCK, blocking=False)
    with storage_errors(LOCK):
        LOCK.parent.mkdir(exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            logging.getLogger("snakemake.logging").addFilter(_name_the_holder)
        else:
            shutil.rmtree(".snakemake/locks", ignore_errors=True)
            HOLDER.write_text(json.dumps(_about_us()), encoding="utf-8")
    return lock


def _about_us() -> dict[str, str]:
    return {
        "pid": str(os.getpid()),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def _name_the_holder(record: logging.LogRecord) -> bool:
    """Replace Snakemake's refusal, which --quiet swallows and which advises to remove the lock of a living one."""
    if getattr(record, "exception", "") != "LockException":
        return True
    print(f"error: {_refusal()}", file=sys.stderr, flush=True)
    return False


def _refusal() -> str:
    holder = {"pid": "", "host": "", "since": "", "command": ""}
    with suppress(OSError, ValueError):
        holder |= json.loads(HOLDER.read_text(encoding="utf-8"))
    stop, who = "end it", "another Snakemake"
    if holder["pid"]:
        away = "" if holder["host"] == socket.gethostname() else f", on {holder['host']}"
        stop = f"end it{away}:  kill {holder['pid']}"
        who += f" ({holder['command']}; process {holder['pid']}{away}, since {holder['since']})"
    return (
        f"{Path.cwd()} – {who} is making the same files here, nothing was started – wait until it is done and run "
        f"the same command again, or {stop}"
    )


SNAKEMAKE = Path(".snakemake")
"""its folder `metadata` holds a record per output, named by the output's path in base64, in parts if that is long"""


def keep_memory(layout: Layout, outputs: Collection[Path]) -> None:
    """Copy Snakemake's records of `outputs`, and of nothing else, to `layout.memory`."""
    source = layout.root / SNAKEMAKE / "metadata"
    shutil.rmtree(layout.memory, ignore_errors=True)
    for record in source.rglob("*"):
        name = record.relative_to(source)
        if record.is_file() and _output(name) in outputs:
            (layout.memory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(record, layout.memory / name)


def recall_memory(layout: Layout) -> None:
    """Give Snakemake the records that `layout.memory` holds."""
    if not layout.memory.is_dir():
        raise RecordError(
            f"{layout.memory} – is not there – run  lets track  where the runs were made, and pull again"
        )
    target = layout.root / SNAKEMAKE
    (target / "incomplete").mkdir(
        parents=True, exist_ok=True
    )  # without it Snakemake takes records for old ones
    shutil.copytree(layout.memory, target / "metadata", dirs_exist_ok=True, copy_function=shutil.copyfile)


def made_elsewhere(layout: Layout, matrix: Matrix) -> frozenset[str]:
    """Return the runs that are whole and of which Snakemake has no record: from git, from a colleague, or older.

    It would delete them and train them again, where their data are newer or not there yet.
    """
    source = layout.root / SNAKEMAKE / "metadata"
    known = {_output(one.relative_to(source)) for one in source.rglob("*") if one.is_file()}
    return frozenset(
        run
        for run in matrix.runs
        if all(path.is_file() and path not in known for path in layout.run_files(run))
    )


def _output(name: Path) -> Path:
    """The output that a record is about; the @ before all parts but the last is no letter of base64, and skipped."""
    return Path(urlsafe_b64decode("".join(name.parts)).decode())
