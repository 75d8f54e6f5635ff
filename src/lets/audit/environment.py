"""Checks of what made the runs: code, packages, machines, image.

That it differs is a warning: the numbers stand, but may not come again.
"""

import re
from collections import Counter, defaultdict
from pathlib import Path

from lets.audit.context import Context
from lets.audit.findings import Check, Finding
from lets.files import image_digest, sha256_file
from lets.runs.code import code_digest, same_code

LOCK = Path("requirements.lock")
PINNED = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)


def check_code(context: Context) -> Check:
    """Warn when runs were made by code whose arithmetic may be another than that of the present one."""
    made = {record.id: record.provenance.code for record in context.complete}
    other = [run for run, code in made.items() if not same_code(code, code_digest(context.matrix.runs[run]))]
    warnings = [
        f"{len(other)} of {len(made)} runs were made by code that may compute other numbers than the present one; "
        f"whether it does, says  {context.project.command('audit', '--deep', '--run', run)}"
        for run in other[:1]
    ]
    return Check("origin", "code that made the runs", len(made), (), tuple(warnings))


def check_packages(context: Context) -> Check:
    """Warn when runs were made with versions that are not locked, or with different ones among each other."""
    made = Counter(version for record in context.complete for version in record.provenance.packages.items())
    lock = context.layout.root / LOCK
    warnings = _mixed(made)
    if lock.is_file():
        warnings += _unlocked(made, _locked(lock.read_text()))
    about = f"versions that made the runs, against {LOCK}"
    return Check("packages", about, len(context.complete), (), tuple(warnings))


def _mixed(made: Counter[tuple[str, str]]) -> list[str]:
    versions = defaultdict[str, list[str]](list)
    for name, version in sorted(made):
        versions[name].append(f"{made[name, version]} with {version}")
    return [
        f"the runs were made with {len(found)} versions of {name}: {', '.join(found)}"
        for name, found in versions.items()
        if len(found) > 1
    ]


def _locked(text: str) -> dict[str, set[str]]:
    """Return every version of a package that the lock names: it may name one per version of Python."""
    found = defaultdict[str, set[str]](set)
    for name, version in PINNED.findall(text):
        found[name].add(version)
    return found


def _unlocked(made: Counter[tuple[str, str]], locked: dict[str, set[str]]) -> list[str]:
    """A build's name, as in 2.11.0+cu128, is not part of what is locked."""
    return [
        f"{count} runs were made with {name} {version}, {LOCK} has {' or '.join(sorted(locked[name]))}"
        for (name, version), count in sorted(made.items())
        if name in locked and version.partition("+")[0] not in locked[name]
    ]


def check_machines(context: Context) -> Check:
    """Warn when runs that are compared were made on different devices: rounding differs, times do not compare.

    A kind is the GPU, or the processor where there was none, in older records by its name alone.
    """
    machines = [record.provenance.machine for record in context.complete]
    kinds = [(one.processor or one.cpu) if one.device == "cpu" else one.device for one in machines]
    made = Counter(kind for kind in kinds if kind)
    counts = ", ".join(f"{count} on {kind}" for kind, count in sorted(made.items()))
    warning = f"the runs were made on {len(made)} kinds of machine: {counts}"
    about = f"where the runs were made: {counts or 'nowhere'}"
    return Check("machines", about, made.total(), (), (warning,) if len(made) > 1 else ())


def check_image(context: Context) -> Check:
    """Hash the image, if runs were made in one: they took its digest from the file beside it.

    That runs were made in another image, or that none is here, is no failure: the numbers stand.
    """
    made = Counter(image for record in context.complete if (image := record.provenance.image))
    failures, warnings = list[Finding](), list[str]()
    path = context.layout.image
    if made and path.is_file():
        here = sha256_file(path)
        if image_digest(path) != here:
            reason = "not the image that was built: its sha256 differs, and runs made in it name another"
            failures.append(Finding(str(path), reason, make="make image"))
        if other := {image: count for image, count in sorted(made.items()) if image != here}:
            images = ", ".join(f"{count} in {image[:8]}" for image, count in other.items())
            counts = f"{sum(other.values())} of {made.total()}"
            warnings.append(f"{counts} runs were made in another image than {path}: {images}")
    about = "runs made in an image, and its sha256"
    return Check("image", about, made.total(), tuple(failures), tuple(warnings))
