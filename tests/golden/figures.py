"""A project with every kind of figure, and drawings that are a few lines long."""

import math
from pathlib import Path

from tests.golden.factory import Project, epoch_row

from lets.config import RunSpec
from lets.files import write_text

FOUR = ["sam", "lets-sam", "asam", "lets-asam"]


def stubbed(project: Project) -> Project:
    """Figures whose svg is a few lines long."""
    for name in project.params.figures:
        write_text(project.layout.figure(name, "svg"), DRAWING)
    return project


DRAWING = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9">
<defs><clipPath id="clip"><path id="glyph" d="M 0 0 H 9"/></clipPath></defs>
<g id="figure_1"><use xlink:href="#glyph" clip-path="url(#clip)"/></g>
</svg>
"""


def figures_in(root: Path, **tables: object) -> Project:
    """Every kind of figure over runs of three epochs; one run missing, one diverged, one of each analysis missing."""
    project = Project(
        root,
        experiments={
            "clean": {
                "datasets": ["digits"],
                "architectures": ["resnet-small", "vit-small"],
                "methods": FOUR,
            },
            "radius": {
                "datasets": ["digits"],
                "architectures": ["resnet-small"],
                "methods": ["erm", "sam", "asam"],
            },
            "radii": {
                "datasets": ["digits"],
                "architectures": ["resnet-small"],
                "methods": ["sam", "asam"],
                "vary": {"rho": [0.5, 0.05]},
            },
        },
        tables={"table": {"kind": "pivot", "title": "A < B & C", "experiments": ["clean"]}, **tables},
        figures={
            "sensitivity": {
                "kind": "sensitivity",
                "title": "S",
                "experiments": ["radii", "radius"],
                "x": "rho",
            },
            "curves": {
                "kind": "curves",
                "title": "C <&> D",
                "experiments": ["clean"],
                "metric": "generalization_gap",
            },
            "dots": {"kind": "dots", "title": "B", "experiments": ["clean"], "panels": "architecture"},
            "cost": {"kind": "cost", "title": "P", "experiments": ["clean"]},
            "landscape": {
                "kind": "landscape",
                "title": "L",
                "experiments": ["clean"],
                "where": {"architecture": ["resnet-small"]},
            },
            "hypergradient": {
                "kind": "hypergradient",
                "title": "H",
                "experiments": ["clean"],
                "where": {"architecture": ["resnet-small"], "method": ["lets-sam", "lets-asam"]},
                "every": 5,
            },
            "sharpness": {
                "kind": "sharpness",
                "title": "M",
                "experiments": ["clean"],
                "where": {"architecture": ["resnet-small"]},
            },
        },
    )
    for run in project.matrix.runs.values():
        project.write(run, history(run))
    for run in project.runs(architecture="vit-small", method="sam", seed=1):
        project.layout.run_file(run.id, "metrics.json").unlink()
    project.diverge(project.run(architecture="vit-small", method="asam", seed=1))
    for curvature, method in enumerate(FOUR[:3], start=2):
        run = project.run(architecture="resnet-small", method=method, rho=RHO[method], seed=0)
        project.landscape(run, curvature, points=5)
        project.sharpness(run, scale=curvature)
    project.hypergradient(project.run(architecture="resnet-small", method="lets-sam", seed=0))
    return project


RHO = {"sam": 0.05, "lets-sam": 0.05, "asam": 0.5}


def history(run: RunSpec) -> list:
    """Seed 1 is two points better than seed 0; the gap of epoch n is n/10 plus a tenth of the seed."""
    rho = run.variant.get("rho", 0.0)
    best = 90 + 2 * run.seed + (math.log10(rho) if rho else 0.0)
    return [epoch_row(n, best - 3 + n, gap=n / 10 + run.seed / 10, rho=rho) for n in (1, 2, 3)]
