"""What runs and reports are held against: params, the paper's numbers and claims, the checksums of the data."""

from pathlib import Path

from lets.config.paths import Layout
from lets.files import sha256_file


def facts(params_file: Path, layout: Layout) -> dict[str, str]:
    """Return file → sha256, for those that are there: whoever changes one of them changes the receipt."""
    from lets.data.sources import SOURCES_FILE

    files = {
        str(params_file): params_file,
        **{str(path): path for path in (layout.published, layout.quoted, layout.paper_claims)},
        "lets/data/datasets.yaml": SOURCES_FILE,
    }
    return {name: sha256_file(path) for name, path in files.items() if path.is_file()}
