"""A stand-in for CUDA graphs without a GPU: the operations of a step on a tape.

Like a graph, a tape repeats the same operations on the same addresses and runs no Python, recording leaves no
trace in any tensor, and the version counters of tensors do not move in a replay. It is stricter in one thing:
before every replay all the memory in which any tape computes is overwritten with NaN, and so would be seen whatever
is read there that the replay itself did not write.
"""

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def tensors(tree):
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def place(tensor):
    return tensor.untyped_storage().data_ptr()


class Tape(TorchDispatchMode):
    """Notes every operation below autograd, the backward ones too."""

    def __init__(self):
        super().__init__()
        self.calls, self.own, self.foreign, self.before = [], {}, {}, {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        for x in tensors((args, kwargs)):
            if place(x) not in self.own:
                self.foreign[id(x)] = x
                self.before.setdefault(place(x), (x.untyped_storage(), x.untyped_storage().clone()))
        result = func(*args, **kwargs)
        for x in tensors(result):
            if place(x) not in self.before:
                self.own[place(x)] = x.untyped_storage()
        if kwargs.get("generator") is None:  # else the host has drawn, and a graph knows nothing of it
            self.calls.append((func, args, kwargs, result))
        return result

    def rewind(self):
        """What was there before the recording is as it was."""
        for storage, values in self.before.values():
            storage.copy_(values)

    @torch.no_grad()
    def replay(self):
        with torch.autograd._unsafe_preserve_version_counter(tuple(self.foreign.values())):
            for func, args, kwargs, result in self.calls:
                again = func(*args, **kwargs)
                if "empty" in func._schema.name:
                    continue
                for old, new in zip(tensors(result), tensors(again), strict=True):
                    if place(old) != place(new):
                        old.copy_(new)


class Tapes:
    """In the place of `CudaGraphs`."""

    def __init__(self):
        self.tapes, self.warmed, self.replayed = [], 0, 0

    def warm_up(self, function):
        self.warmed += 1
        return function()

    def record(self, function):
        tape = Tape()
        try:
            with tape:
                made = function()
        finally:
            tape.rewind()
        self.tapes.append(tape)

        def replay():
            self.replayed += 1
            for storage in [s for t in self.tapes for s in t.own.values()]:
                storage.fill_(255)  # NaN in every floating-point format
            tape.replay()

        return made, replay
