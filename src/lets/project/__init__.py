"""A params file, the runs that it asks for, and what of them is on disk.

Nothing here imports torch.
"""

from lets.config.params import Params, expand
from lets.project.project import Project, load_params

__all__ = ["Params", "Project", "expand", "load_params"]
