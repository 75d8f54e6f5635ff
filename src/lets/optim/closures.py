"""A method as a `torch.optim.Optimizer`, for training loops and frameworks that call `optimizer.step(closure)`.

The closure is the usual one: it computes gradients by `backward` and returns the loss. A method calls it where it
takes a gradient, two to four times a step, with the weights moved there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, distributed, nn
from torch.autograd import profiler
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks
from torch.utils._pytree import tree_leaves

from .catalogue import describe
from .factory import create
from .method import Method, Stats
from .refusals import refuse_distributed_checkpoint, refuse_model, refuse_skipped
from .reuse import variables
from .sharded import is_spread, sharded_modules, whole

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

__all__ = ["MethodOptimizer", "optimizer"]

Closure = Callable[[], Tensor]


def optimizer(
    name: str,
    model: nn.Module,
    base_optimizer: Optimizer,
    *,
    total_steps: int | None = None,
    lr_max: float | None = None,
    **hyperparameters: Any,
) -> "MethodOptimizer":
    """Make the method `name` around `base_optimizer`, as an optimizer to put in its place.

    Arguments are those of `create`, the user's own parts included. `data_parallel="averaged"`, which goes without
    saying for a DistributedDataParallel model, means that the closure leaves the mean gradient of all processes; its
    losses are averaged then, and one process alone is as good as any. ValueError for what a closure cannot give: the
    loss of each sample (esam) or a second derivative (hessian="exact").
    """
    _refuse_what_a_closure_lacks(name, hyperparameters)
    model = getattr(model, "_orig_mod", model)  # what torch.compile was given
    if isinstance(model, DistributedDataParallel):
        averaged = {"data_parallel": "averaged", "process_group": model.process_group}
        model, hyperparameters = model.module, {**averaged, **hyperparameters}
    refuse_model(model, base_optimizer, by_backward=True)  # before it is asked who averages
    sharded = sharded_modules(model)
    _reshard(sharded)
    if any(is_spread(p) for given in base_optimizer.param_groups for p in given["params"]):
        hyperparameters = {"data_parallel": "averaged", **hyperparameters}
    averages, group = _refuse_unsaid(hyperparameters) == "averaged", hyperparameters.get("process_group")
    if averages:
        hyperparameters = {**hyperparameters, "data_parallel": "off"}
    settings = {"total_steps": total_steps, "lr_max": lr_max, **hyperparameters}
    method = create(name, model, base_optimizer, _by_backward=True, **settings)
    return MethodOptimizer(method, base_optimizer, _world(group) if averages else None, sharded)


class MethodOptimizer(Optimizer):
    """A method behind torch's interface; groups, state and learning rates are those of the base optimizer.

    Schedulers wrap this one or the base, with the same effect. `stats` is what `Method.step` last returned.
    """

    stats: Stats | None = None

    def __init__(
        self,
        method: Method,
        base: Optimizer,
        group: "ProcessGroup | None" = None,
        sharded: Sequence[Any] = (),
    ) -> None:
        super().__init__(base.param_groups, base.defaults)
        self.method, self.base, self._group, self._sharded = method, base, group, sharded
        self._closures: dict[Tensor, Closure] = {}
        self._cached: tuple[object, Tensor] | None = None
        """what the last validation closure computes, and the tensor that stood for it"""
        self._supplied = _Supplied()
        self._first: Tensor | None = None
        """the loss at theta_t, whose gradient a framework left in `.grad`"""

    @torch._disable_dynamo  # type: ignore[attr-defined]  # or a step that is compiled, as torch's can be, would fail
    def step(self, closure: Closure | None = None, val_closure: Closure | None = None) -> Tensor:  # type: ignore[override]
        """Take one step and return the loss of `closure` before it, without a graph; no `.grad` is left behind.

        `closure()` runs forward and backward and returns the loss, a single number. `val_closure()` does so for the
        validation batch, which only a learned radius needs. If it is the closure of the next step (the same function
        with the same variables), its gradient is kept and that step saves a pass.

        Raises ValueError or TypeError for bad input, `DivergenceError` as `Method.step` does, and what a closure
        raises; after an error everything is as before the step.
        """
        step = _watched_step if self._is_watched() else MethodOptimizer._step
        return step(self, closure, val_closure)

    step.hooked = True  # type: ignore[attr-defined]  # or torch would wrap it, which shows in the steps of small networks

    def _is_watched(self) -> bool:
        """Whether a hook or a profiler waits for a step."""
        return bool(
            self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
            or _global_optimizer_pre_hooks
            or _global_optimizer_post_hooks
            or profiler._is_profiler_enabled
        )

    def _step(self, closure: Closure | None, val_closure: Closure | None) -> Tensor:
        supplied, self._supplied = self._supplied, _Supplied()
        closure, val_closure, self._first = (
            closure or supplied.closure,
            val_closure or supplied.val_closure,
            supplied.first,
        )
        if closure is None:
            refuse_distributed_checkpoint()
            raise ValueError(
                f"{self.method.info.name} takes the gradient more than once a step, and step() has no closure – "
                "define one that calls zero_grad and backward and returns the loss, and call step(closure); a "
                "framework calls step() without one where it scales float16 gradients: train in bfloat16"
            )
        if supplied.closure is None:
            refuse_skipped()
        if self._first is None:
            self._refuse_gradients_from_before()
        _reshard(self._sharded)
        batch, val_batch = self._token(closure), None
        self._closures = {batch: closure}
        if val_closure is not None:
            val_batch = torch.zeros(1)
            self._closures[val_batch] = val_closure
            self._cached = _content(val_closure), val_batch
        self.stats = self.method.step(self._loss, batch, val_batch)
        return self.stats.loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or make them zero; every closure asks, and torch's own takes ten times as long."""
        if not set_to_none:
            super().zero_grad(set_to_none=False)
            return
        for p in self._parameters():
            p.grad = None

    def supply(
        self,
        closure: Closure | None = None,
        val_closure: Closure | None = None,
        first: Tensor | None = None,
    ) -> None:
        """Leave closures for the next `step`, which a framework calls without them.

        `first` is the loss of a pass that the framework has made already: the gradient in `.grad`, accumulated and
        clipped as it may be, is then that of `closure` at theta_t, which saves the call.
        """
        self._supplied = _Supplied(closure, val_closure, first)

    def _token(self, closure: Closure) -> Tensor:
        """Return what stands for a closure as a batch: the same if it was the last validation closure."""
        if self._first is None and self._cached and self._cached[0] == _content(closure):
            return self._cached[1]
        return torch.zeros(1)

    def _loss(self, token: Tensor) -> Tensor:
        """Return the loss of a closure, whose backward left the gradient in `.grad`."""
        loss, self._first = self._first, None
        if loss is None:
            self.zero_grad()
            loss = self._closures[token]()
            _reshard(self._sharded)  # or the next forward would not see that the weights move
        _refuse_no_loss(loss, self._parameters())
        return self._mean(loss.detach())

    def _mean(self, loss: Tensor) -> Tensor:
        """Return the mean over the processes whose gradients are averaged, or each would learn its own radius."""
        if self._group is None:
            return loss
        total = whole(loss).clone()
        distributed.all_reduce(total, group=self._group)
        return total / self._group.size()

    def _refuse_gradients_from_before(self) -> None:
        if any(p.grad is not None for p in self._parameters()):
            raise ValueError(
                "there are gradients from before this step, which it would lose – call every backward of the step, "
                "accumulated ones too, inside the closure; or zero_grad() before step, if they are not wanted"
            )

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.base.param_groups for p in group["params"]]

    @property
    def rho(self) -> float:
        """The radius the next step will use."""
        return self.method.rho

    def end_epoch(self) -> None:
        """Tell the method that an epoch ended, as `Method.end_epoch`."""
        self.method.end_epoch()

    def state_dict(self) -> dict[str, Any]:
        """Return the base optimizer's state, and under `method` everything else that a training needs to go on."""
        refuse_distributed_checkpoint()
        for before in self._optimizer_state_dict_pre_hooks.values():
            before(self)
        method = self.method.state_dict()
        state = {**method.pop("base_optimizer"), "method": method}
        for after in self._optimizer_state_dict_post_hooks.values():
            state = _or_else(after(self, state), state)
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Return to a saved state; ValueError, and no change, if it does not fit or is of a base optimizer alone."""
        base = dict(state_dict)
        for before in self._optimizer_load_state_dict_pre_hooks.values():
            base = _or_else(before(self, base), base)
        if "method" not in base:
            raise ValueError(
                f"this state has no part of {self.method.info.name}: its radius would start anew – load what "
                "state_dict() of this optimizer returned; for the base alone: optimizer.base.load_state_dict(state)"
            )
        method = base.pop("method")
        self.method.load_state_dict({**method, "base_optimizer": base})
        for after in self._optimizer_load_state_dict_post_hooks.values():
            after(self)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group to the base optimizer."""
        if self._is_made():
            self.base.add_param_group(param_group)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of the base optimizer, themselves."""
        return self.base.param_groups

    @param_groups.setter
    def param_groups(self, groups: list[dict[str, Any]]) -> None:
        if self._is_made():
            self.base.param_groups = groups

    @property
    def state(self) -> Any:
        """The state of the base optimizer, itself."""
        return self.base.state

    @state.setter
    def state(self, state: Any) -> None:
        if self._is_made():
            self.base.state = state

    def _is_made(self) -> bool:
        """Whether torch's constructor has ended, which would fill groups and a state of its own."""
        return "base" in vars(self)

    def __getstate__(self) -> dict[str, Any]:
        """For `copy.deepcopy` and `pickle`: all of it, where torch keeps groups and state alone."""
        return {**vars(self), "_closures": {}, "_cached": None, "_supplied": _Supplied(), "_first": None}


_watched_step = Optimizer.profile_hook_step(MethodOptimizer._step)
"""with torch's hooks before and after a step, and a name for its profiler"""


@dataclass(frozen=True)
class _Supplied:
    """What `MethodOptimizer.supply` left."""

    closure: Closure | None = None
    val_closure: Closure | None = None
    first: Tensor | None = None


def _or_else(answer: dict[str, Any] | None, state: dict[str, Any]) -> dict[str, Any]:
    """Return what a hook made of a state, or the state if it only looked."""
    return state if answer is None else answer


def _content(closure: Closure) -> object:
    """Return what is equal for closures that compute the same: their code, and their variables, number by number."""
    values = variables(closure)
    tensors = [leaf for leaf in tree_leaves([same.value for same in values]) if isinstance(leaf, Tensor)]
    return values, [object() if x.is_inference() else x._version for x in tensors]


def _refuse_what_a_closure_lacks(name: str, hyperparameters: Mapping[str, Any]) -> None:
    chosen = hyperparameters.get("descent") or describe(name)
    if getattr(chosen, "chooses_samples", False) or getattr(chosen, "descent", "") == "sharp-subset":
        raise ValueError(
            f"{name} chooses samples by their losses, which a closure does not give – use  lets.create({name!r}, …)  "
            "and method.step(loss_fn, batch)"
        )
    if hyperparameters.get("hessian") == "exact":
        raise ValueError(
            "hessian='exact' differentiates twice, and a closure's backward gives no second derivative – use  "
            f"lets.create({name!r}, …, hessian='exact')  and method.step(loss_fn, batch, val_batch), or another hessian"
        )


def _refuse_unsaid(hyperparameters: Mapping[str, Any]) -> str | None:
    """Return `data_parallel`; ValueError if there are several processes and it is not said who averages."""
    mode: str | None = hyperparameters.get("data_parallel")
    if mode is None and _running() and distributed.get_world_size() > 1:
        raise ValueError(
            f"torch.distributed runs {distributed.get_world_size()} processes; give data_parallel='averaged' if a "
            "framework averages the gradients of a closure over them (DistributedDataParallel, Lightning, accelerate), "
            "'synchronized' or 'per-rank' if nothing does, 'off' if each process trains a model of its own"
        )
    return mode


def _reshard(modules: Sequence[Any]) -> None:
    """Let FSDP2 forget whole parameters, which it made of shards that have changed since."""
    for module in modules:
        module.reshard()


def _running() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def _world(group: "ProcessGroup | None") -> "ProcessGroup | None":
    """Return the group, or that of all processes; None if there is only one."""
    return (group or distributed.group.WORLD) if _running() else None


def _refuse_no_loss(loss: object, parameters: Iterable[Tensor]) -> None:
    if not isinstance(loss, Tensor) or loss.dim() or not loss.is_floating_point():
        told = (
            f"{loss.dtype} of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        )
        raise TypeError(f"the closure returned {told} – end it with  return loss, a single number")
    if all(p.grad is None for p in parameters):
        raise ValueError(
            "the closure left no gradient in any parameter of the optimizer – call  loss.backward()  in it, after "
            "zero_grad"
        )
