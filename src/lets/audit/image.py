"""Check: the container image that runs were made in, against the bytes of the one that is here."""

from collections import Counter

from lets.audit.case import Case
from lets.audit.findings import Check, Finding
from lets.errors import RecordError
from lets.files import image_digest, sha256_file
from lets.runs import RunRecord


def check_image(case: Case) -> Check:
    """Hash the image, if runs were made in one: they took its digest from the file beside it.

    That runs were made in another image, or that none is here, is no failure: the numbers stand.
    """
    made = Counter(image for record in case.complete() if (image := _image(record)))
    failures, warnings = [], []
    path = case.layout.image
    if made and path.is_file():
        here = sha256_file(path)
        if image_digest(path) != here:
            reason = "not the image that was built: its sha256 differs, and runs made in it name another"
            failures = [Finding(str(path), reason, make="make image")]
        if other := made.total() - made[here]:
            images = ", ".join(
                f"{count} in {image[:8]}" for image, count in sorted(made.items()) if image != here
            )
            warnings = [f"{other} of {made.total()} runs were made in another image than {path}: {images}"]
    return Check(
        "image", "runs made in an image, and its sha256", made.total(), tuple(failures), tuple(warnings)
    )


def _image(record: RunRecord) -> str | None:
    try:
        return record.provenance.image
    except RecordError:
        return None
