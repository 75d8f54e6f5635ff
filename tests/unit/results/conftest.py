from pathlib import Path

import pytest
from tests.golden.factory import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Seven variants, two seeds."""
    return Project(
        tmp_path,
        experiments={
            "clean": {
                "datasets": ["digits"],
                "architectures": ["wrn-small", "resnet-small"],
                "methods": ["lets-sam", "erm"],
            },
            "radius": {
                "datasets": ["digits"],
                "architectures": ["resnet-small"],
                "methods": ["sam"],
                "vary": {"rho": [0.5, 0.05]},
            },
            "texts": {"datasets": ["iwslt14"], "architectures": ["transformer"], "methods": ["erm"]},
        },
        tables={
            "both": {
                "title": "Both",
                "experiments": ["clean", "texts"],
                "columns": ["dataset", "architecture"],
            },
            "mixed": {"title": "Mixed", "experiments": ["radius"]},
            "radius": {"title": "Radius", "experiments": ["radius"], "rows": "rho", "columns": ["dataset"]},
        },
    )
