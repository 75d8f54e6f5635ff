"""The networks of the paper and small versions of them for 8×8 digits. Importing this package does not import torch."""

from lets.models.catalogue import create, describe, names

__all__ = ["create", "describe", "names"]
