"""A batch: any pytree of tensors whose first dimension is the sample."""

from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map


def size(batch: Any, role: str = "batch") -> int:
    """Number of samples; ValueError or TypeError if `batch` is not a batch."""
    found = leaves(batch)
    if not found:
        raise ValueError(
            f"the {role} {batch!r} holds no tensor; pass tensors whose first dimension is the sample"
        )
    for leaf in found:
        if not isinstance(leaf, Tensor):
            raise TypeError(
                f"the {role} holds a {type(leaf).__name__}; it must be a pytree (tuple, list, dict) of "
                "tensors only, for example (images, labels)"
            )
    sizes = {leaf.shape[0] if leaf.dim() else 0 for leaf in found}
    if len(sizes) > 1 or not all(sizes):
        shapes = ", ".join(str(tuple(leaf.shape)) for leaf in found)
        why = "is empty" if sizes == {0} else "is ragged: its tensors count different numbers of samples"
        raise ValueError(
            f"the {role} with shapes {shapes} {why}; the first dimension of every tensor is the sample"
        )
    return int(sizes.pop())


def take(batch: Any, samples: Tensor | slice) -> Any:
    """The samples with these indices (int64 [k]) or in this slice."""
    if isinstance(samples, slice):
        return tree_map(lambda leaf: leaf[samples], batch)
    return tree_map(lambda leaf: leaf[samples.to(leaf.device)], batch)


def chunks(batch: Any, n: int, count: int) -> list[tuple[Any, int]]:
    """`batch`, of `n` samples, in at most `count` consecutive parts of nearly equal size; and their sizes."""
    if count == 1:
        return [(batch, n)]
    length = -(-n // min(count, n))
    starts = range(0, n, length)
    return [(take(batch, slice(at, at + length)), min(length, n - at)) for at in starts]


def versions(batch: Any) -> list[tuple[int, int]] | None:
    """Changes whenever the tensors of the batch do; None if that cannot be told (inference tensors)."""
    found = leaves(batch)
    if any(leaf.is_inference() for leaf in found):
        return None
    return [(leaf._version, leaf.data_ptr()) for leaf in found]


def leaves(batch: Any) -> list[Any]:
    """The tensors of a batch; the usual pair takes a short cut, because this is asked several times a step."""
    if isinstance(batch, (tuple, list)) and all(isinstance(leaf, Tensor) for leaf in batch):
        return list(batch)
    return tree_leaves(batch)
