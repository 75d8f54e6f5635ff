"""The claims of the paper, tested on the runs of a project."""
