"""Whole steps as CUDA graphs: what a step launches is recorded once, and from then on launched as one thing.

A graph repeats the same kernels on the same addresses and runs no Python. What follows from that:

- What Python decides – is the step perturbed, does the radius learn, is a gradient there to be reused – is decided
  before the launch, and each outcome has a graph of its own. So has everything else that a graph keeps for ever:
  shapes, train modes, frozen parameters, momentum, the variables of `loss_fn`.
- Batches, the kept gradient and the state of the parts are copied to where the graph reads them. The learning rate is
  a tensor, so schedulers can change it. If anything else lies elsewhere than it did, all graphs are made anew.
- A step that diverges is undone on the device, and so are those that were queued before the host heard of it.

The tests replay steps without a GPU, from recorded lists of operations: `tests/unit/optim/test_captured.py`. What
only a GPU can run is `CudaGraphs`, which has not been run yet.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import is_
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map_only

from .errors import DivergenceError
from .passes import LossFunction
from .reuse import Kept, variables
from .snapshot import Before, changeable
from .stats import Stats
from .vectors import Storage, Vector
from .weights import Weights

if TYPE_CHECKING:
    from .method import Method


T = TypeVar("T")


class CudaGraphs:
    """Graphs of `device`, recorded on a stream of their own.

    They share the memory in which they compute, so what one leaves there is to be read before another is
    launched. ValueError without a GPU.
    """

    def __init__(self, device: torch.device) -> None:
        if device.type != "cuda":
            raise ValueError(
                f"the model is on {device}, and CUDA graphs need a GPU; take steps with method.step(loss_fn, batch)"
            )
        self._stream = torch.cuda.Stream(device)
        self._pool = torch.cuda.graph_pool_handle()

    def warm_up(self, function: Callable[[], T]) -> T:
        """Call `function` on the side stream, where libraries choose kernels and get their memory."""
        waiting = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(waiting)
        with torch.cuda.stream(self._stream):
            made = function()
        waiting.wait_stream(self._stream)
        return made

    def record(self, function: Callable[[], T]) -> tuple[T, Callable[[], None]]:
        """Call `function` without computing anything: what it returned, and how to launch what it would have.

        At every launch the tensors it returned get their numbers.
        """
        graph = torch.cuda.CUDAGraph()
        # thread_local: a data loader may pin memory in a thread of its own meanwhile
        with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
            made = function()
        return made, graph.replay


States = dict[str, dict[str, Any]]
"""of the parts of a method, by the parts' names"""
WARM_UP = 3
"""how many steps of a kind are taken one by one before it is recorded; torch's notes advise a few"""
KINDS = 16
"""how many kinds of steps are remembered; graphs that have not been used for longest go first"""


class _Undo(Before):
    """Goes back to where a step began if a flag on the device says so, in a few kernels."""

    def __init__(self, weights: Weights, modules: list[nn.Module], state: list[Tensor]) -> None:
        super().__init__(weights, modules, ())
        self._live = [*weights.parameters, *self.buffers.tensors, *state]
        self._storage = Storage(self._live)
        self._saved = self._storage.gather([*self.weights, *self.buffers.values, *state])

    def include(self, optimizer: object) -> None:
        """Nothing to do: the state of the base optimizer is among the tensors."""

    @torch.no_grad()
    def unless(self, fine: Tensor) -> None:
        """Put everything back, bit for bit, if the bool scalar `fine` is false."""
        now = self._storage.gather(self._live)
        torch._foreach_copy_(self._live, self._storage.views(_chosen(fine, now, self._saved)))


@dataclass
class _Inputs:
    """Where a graph reads, and leaves the state of the parts: addresses that stay."""

    batch: Any
    val_batch: Any
    gradient: list[Tensor]
    """of the `Kept` to be reused, and its buffers; empty if there is none"""
    states: States
    """of the parts that compute on the device"""

    def copied(self) -> "_Inputs":
        """The same elsewhere."""
        return _Inputs(*tree_map_only(Tensor, torch.clone, list(vars(self).values())))

    def become(self, now: "_Inputs") -> None:
        """Copy what does not lie here already."""
        here, there = (_tensors(list(vars(inputs).values())) for inputs in (self, now))
        pairs = [(place, value) for place, value in zip(here, there, strict=True) if place is not value]
        torch._foreach_copy_([place for place, _ in pairs], [value for _, value in pairs])


@dataclass
class _Outputs:
    """What a step leaves in the memory of its graph, to be read before the next launch of any."""

    stats: Stats
    seen: list[str]
    """what the numbers for the guard are called"""
    numbers: Tensor
    """float64 [k]: first those for the guard, then those of `stats`"""
    kept: Kept | None


@dataclass(frozen=True)
class _Recorded:
    """A graph: `replay` launches it."""

    inputs: _Inputs
    outputs: _Outputs
    replay: Callable[[], None]


@dataclass(eq=False)
class _Kind:
    """All steps that launch the same kernels on the same shapes; not recorded while they warm up."""

    key: list[object]
    taken: int = 0
    recorded: _Recorded | None = None


class Captured:
    """Takes the steps of `method` with `loss_fn`, the same numbers, from graphs; made by `method.captured`.

    The first steps of every kind are taken by `method.step`. All steps of a training go through one such object;
    everything else – `method.rho`, `end_epoch`, `state_dict`, schedulers – is used as always.
    """

    def __init__(self, method: "Method", loss_fn: LossFunction, graphs: CudaGraphs) -> None:
        _refuse(method)
        self._method, self._loss_fn, self._graphs = method, loss_fn, graphs
        self._kinds: list[_Kind] = []
        self._tensors: list[Tensor] = []
        self._addresses: list[int] = []
        self._storage = method._weights.storage
        self._fine = torch.ones((), dtype=torch.bool, device=method._weights.device)

    @torch.no_grad()
    def step(self, batch: Any, val_batch: Any = None) -> Stats:
        """What `method.step(loss_fn, batch, val_batch)` does.

        Of `loss_fn`, what it launched when it was recorded is repeated, and nothing else: prints, counters and
        numbers read on the host are not. `DivergenceError` is raised one step late.
        """
        m = self._method
        m._refuse_bad_input(batch, val_batch)
        m._look_at_the_model()
        self._forget_if_anything_moved()
        reused, unchanged = self._reusable(batch)
        states = m._states()
        now = _Inputs(
            batch,
            val_batch if m._upper_level else None,
            reused.tensors() if reused else [],
            {name: states[name] for name in ("descent", "radius")},
        )
        kind = self._kind(now, reused)
        if kind.recorded is None:
            m._guard.settle()
            _load(m, states)  # the decisions are taken once more
            if kind.taken < WARM_UP:
                kind.taken += 1
                return self._warm_up(batch, val_batch)
            kind.recorded = self._record(now, reused, states)
        return self._replay(kind.recorded, now, states, unchanged)

    def _reusable(self, batch: Any) -> tuple[Kept | None, Tensor | None]:
        """The gradient that the step before kept, if it holds; and a bool scalar that the device knows better."""
        m = self._method
        weights, buffers = m._weights.parameters, changeable(m._modules)
        if m._kept is None or not m._kept.holds(batch, self._circumstances(batch)):
            return None, None
        unchanged = m._kept.unchanged(weights, buffers)
        if isinstance(unchanged, Tensor):
            return m._kept, unchanged
        return (m._kept, None) if unchanged else (None, None)

    def _forget_if_anything_moved(self) -> None:
        """Make all graphs anew if something that a step changes in place, or the learning rate, lies elsewhere."""
        m = self._method
        state = _tensors(list(m._base_optimizer.state.values()))
        rates = [
            x for group in m._base_optimizer.param_groups for x in group.values() if isinstance(x, Tensor)
        ]
        tensors = [*m._weights.parameters, *changeable(m._modules), *state, *rates]
        addresses = [x.data_ptr() for x in tensors]
        same = len(tensors) == len(self._tensors) and all(map(is_, tensors, self._tensors))
        if same and addresses == self._addresses and m._weights.storage is self._storage:
            return
        m._guard.settle()
        _refuse(m)
        self._kinds, self._tensors, self._addresses = [], tensors, addresses
        self._state, self._storage = state, m._weights.storage
        self._fine.fill_(True)

    def _kind(self, now: _Inputs, reused: Kept | None) -> _Kind:
        """The kind of this step; here the policy draws, and the radius counts."""
        m = self._method
        # None of these policies looks at the gradient.
        perturbs = m._policy.perturbs(m._steps, Vector((), (), m._weights.storage))
        learns = perturbs and m._upper_level is not None and m._learned.due()
        key = [
            (perturbs, learns, reused and reused.gradient.vector.present),
            _form([now.batch, now.val_batch, now.gradient, now.states["descent"]]),
            m._weights.trainable(),
            [module.training for module in m._modules],
            [_constants(group) for group in m._base_optimizer.param_groups],
            variables(self._loss_fn),
        ]
        found = next((kind for kind in self._kinds if kind.key == key), None) or _Kind(key)
        self._kinds = [found, *[kind for kind in self._kinds if kind is not found]][:KINDS]
        return found

    def _warm_up(self, batch: Any, val_batch: Any) -> Stats:
        """A step of the usual way, which leaves nothing behind that lies where graphs will write."""
        m = self._method
        before = Before(m._weights, m._modules, ())
        before.include(m._base_optimizer)
        stats = self._graphs.warm_up(lambda: m.step(self._loss_fn, batch, val_batch))
        try:
            m._guard.settle()
        except DivergenceError:
            before.undo()
            raise
        return _with_numbers(stats, map(torch.clone, _tensors(vars(stats))))

    def _record(self, now: _Inputs, reused: Kept | None, states: States) -> _Recorded:
        m, inputs = self._method, now.copied()
        try:
            outputs, replay = self._graphs.record(
                lambda: self._whole_step(inputs, reused, {**states, **inputs.states})
            )
        except BaseException:
            _load(m, states)
            m._guard.seen()  # numbers that nobody computed
            raise
        finally:
            m._kept = None
        return _Recorded(inputs, outputs, replay)

    def _whole_step(self, inputs: _Inputs, reused: Kept | None, states: States) -> _Outputs:
        """What is recorded: nothing in here may depend on a number of the device."""
        m = self._method
        _load(m, states)
        here = self._circumstances(inputs.batch)
        m._kept = reused.placed(inputs.gradient, inputs.batch, here) if reused else None
        undo = _Undo(m._weights, m._modules, self._state)
        stats = m._take(self._loss_fn, inputs.batch, inputs.val_batch, m._rho(), undo)
        seen = m._guard.seen()
        numbers = torch.stack([x.detach().double() for x in (*seen.values(), *_tensors(vars(stats)))])
        self._fine.logical_and_(numbers[: len(seen)].isfinite().all())
        undo.unless(self._fine)
        left = m._states()
        old, new = (_tensors([of[name] for name in inputs.states]) for of in (inputs.states, left))
        if old:
            torch._foreach_copy_(old, list(_chosen(self._fine, new, old)))
        return _Outputs(stats, list(seen), numbers, self._left(inputs))

    def _left(self, inputs: _Inputs) -> Kept | None:
        """What the next step may reuse, where this one read the same, if it did: then nobody has to copy it."""
        kept = self._method._kept
        if kept is None or _form(kept.tensors()) != _form(inputs.gradient):
            return kept
        torch._foreach_copy_(inputs.gradient, kept.tensors())
        return kept.placed(inputs.gradient, kept.batch, kept.circumstances, kept.content)

    def _replay(self, graph: _Recorded, now: _Inputs, states: States, unchanged: Tensor | None) -> Stats:
        m, steps = self._method, self._method._steps
        if unchanged is not None:
            m._guard.inspect_reuse(unchanged)
            self._fine.logical_and_(unchanged)
        graph.inputs.become(now)
        graph.replay()
        self._go_on(graph, now.val_batch)

        def undo() -> None:  # the device did its part
            _load(m, states)
            m._steps, m._kept = steps, None
            self._fine.fill_(True)

        values = iter(graph.outputs.numbers.clone().unbind())
        seen = dict(zip(graph.outputs.seen, values, strict=False))
        stats = _with_numbers(graph.outputs.stats, values)
        m._guard.inspect(steps, stats.rho, **seen)
        m._guard.end_step(steps, stats.rho, undo)
        return stats

    def _go_on(self, graph: _Recorded, val_batch: Any) -> None:
        """What Python remembers from step to step: counters, where the state lies, what may be reused."""
        m, kept = self._method, graph.outputs.kept
        for name, at in graph.inputs.states.items():
            part = m._parts()[name]
            part.load_state_dict(_with_tensors(part.state_dict(), iter(_tensors(at))))
        m._steps += 1
        m._kept = self._kept_for(kept, val_batch) if kept else None

    def _kept_for(self, kept: Kept, val_batch: Any) -> Kept:
        return kept.placed(kept.tensors(), val_batch, self._circumstances(val_batch), kept.content)

    def _circumstances(self, batch: Any) -> object:
        m = self._method
        return m._circumstances(self._loss_fn, batch, changeable(m._modules))


def _load(method: "Method", states: States) -> None:
    for name, part in method._parts().items():
        part.load_state_dict(states[name])


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _with_tensors(tree: Any, tensors: Iterator[Tensor]) -> Any:
    """The same tree with other tensors."""
    return tree_map_only(Tensor, lambda _: next(tensors), tree)


def _chosen(fine: Tensor, new: Sequence[Tensor], old: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(torch.where(fine, a, b) for a, b in zip(new, old, strict=True))


def _with_numbers(stats: Stats, values: Iterator[Tensor]) -> Stats:
    """The same stats with other numbers."""
    tensors = {name: x for name, x in vars(stats).items() if isinstance(x, Tensor)}
    numbers: dict[str, Any] = {name: next(values).to(x.dtype) for name, x in tensors.items()}
    return replace(stats, **numbers)


def _form(tree: Any) -> object:
    """Everything about a tree of tensors but their numbers."""
    leaves, structure = tree_flatten(tree)
    return structure, [
        (x.shape, x.stride(), x.dtype, x.device) if isinstance(x, Tensor) else x for x in leaves
    ]


def _constants(group: Mapping[str, Any]) -> dict[str, Any]:
    """What a group of the base optimizer gives to its kernels as plain numbers."""
    return {name: x for name, x in group.items() if name != "params" and not isinstance(x, Tensor)}


def _refuse(method: "Method") -> None:
    info, device = method.info, method._weights.device
    if method._own:
        raise ValueError(
            f"{info.name} runs code of your own in every step, and a CUDA graph repeats kernels only; take its steps "
            "with method.step(loss_fn, batch)"
        )
    if info.policy == "adaptive" or info.descent == "sharp-subset":
        raise ValueError(
            f"{info.name} chooses on the host, step by step, what to compute, and a CUDA graph repeats the same; "
            "take its steps with method.step(loss_fn, batch)"
        )
    if method._ranks:
        raise ValueError(
            "a CUDA graph of one process cannot wait for the others; with data_parallel take steps with method.step"
        )
    optimizer = type(method._base_optimizer).__name__
    for group in method._base_optimizer.param_groups:
        rate, flag = group["lr"], "capturable" if "capturable" in group else "fused"
        if not isinstance(rate, Tensor) or rate.device != device or not group.get(flag):
            raise ValueError(
                f"with lr = {rate}, {flag} = {group.get(flag)} a CUDA graph would keep its first learning rate "
                f"for ever or wait for the host; write {optimizer}(..., lr=torch.tensor({float(rate):g}, "
                f"device={str(device)!r}), {flag}=True)"
            )
