"""A params file, the runs that it asks for, and what of them is on disk.

Nothing here imports torch.
"""

from lets.config.params import Params
from lets.project.expand import expand
from lets.project.load import load_params
from lets.project.project import Project

__all__ = ["Params", "Project", "expand", "load_params"]
