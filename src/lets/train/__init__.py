"""The shared training core: one loop for every method, architecture and data set."""

from lets.train.run import train_run

__all__ = ["train_run"]
