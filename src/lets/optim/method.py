"""One training step of any method, in one sentence:

if the policy says so, climb along the ascent direction by the radius, take the gradient there, turn it into a
descent gradient, give it to the base optimizer; then let the radius learn.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves, tree_map_only

from .ascent import Ascent
from .catalogue import MethodInfo, Value
from .data_parallel import DataParallel
from .descent import Descent
from .part import Part, refuse_bad_value, refuse_no_answer, refuse_no_map, refuse_no_vector, refuse_unsaved
from .passes import Gradient, LossFunction, Passes, batch_size, outside, regions_now
from .policy import Policy
from .radius import Learned, Radius
from .refusals import refuse_idle, refuse_waiting
from .reuse import CachedGradient, Content, fingerprint
from .sharded import this_process
from .undo import Buffers, Guard, Snapshot, modules_of, untouched
from .upper_level import Perturbation, UpperLevel, generalization_gap, hypergradient
from .vectors import Mask, Vector, Weights


@dataclass(frozen=True)
class Stats:
    """The numbers of one step, left on the device: reading a field never waits for a GPU, `float(...)` does.

    `loss`: mean loss at theta_t. `rho`: radius of this step (also where the policy did not use it).
    `perturbed`: whether the step took the perturbed gradient. `passes`: forward-backward passes spent;
    ESAM's scoring is a forward and does not count. On a step whose radius learned, `gap` = l_vl - l_tr at
    theta_{t+1} and `hypergradient` = g_rho of Algorithm 1, step 13 (with respect to rho, without eta);
    None otherwise. All tensors are 0-dimensional.
    """

    loss: Tensor
    rho: Tensor
    perturbed: bool
    passes: int
    gap: Tensor | None = None
    hypergradient: Tensor | None = None

    def numbers(self) -> dict[str, float | bool | int | None]:
        """The fields as Python numbers, ready for JSON; waits for the device."""
        return {name: float(v) if isinstance(v, Tensor) else v for name, v in asdict(self).items()}


class Method:
    """A training method around a base optimizer; made by `create`.

    A step happens completely or not at all: if `loss_fn` raises or a number is not finite, weights, buffers, base
    optimizer and the method's own state are as before the step.
    """

    info: MethodInfo
    hyperparameters: Mapping[str, Value]

    def __init__(
        self,
        info: MethodInfo,
        hyperparameters: Mapping[str, Value],
        model: nn.Module,
        base_optimizer: Optimizer,
        weights: Weights,
        *,
        policy: Policy,
        ascent: Ascent,
        descent: Descent,
        radius: Radius,
        upper_level: UpperLevel | None,
        micro_batches: int,
        ranks: DataParallel | None,
        own: Collection[str] = (),
        by_backward: bool = False,
    ) -> None:
        self.info, self.hyperparameters = info, hyperparameters
        self._model, self._base_optimizer, self._weights = model, base_optimizer, weights
        self._policy, self._ascent, self._descent, self._radius = policy, ascent, descent, radius
        self._upper_level, self._ranks, self._own = upper_level, ranks, own
        self._passes = Passes(micro_batches, ranks, model, descent.chooses_samples, by_backward)
        self._guard = Guard(late=weights.device.type != "cpu")
        self._first_pass_only = hyperparameters["bn_stats"] == "first"
        self._modules: list[nn.Module] = []
        self._cached: CachedGradient | None = None
        self._steps = 0

    def step(self, loss_fn: LossFunction, batch: Any, val_batch: Any = None) -> Stats:
        """One step of the base optimizer along this method's gradient, which leaves no `.grad` behind.

        `loss_fn(batch)` returns the per-sample losses, a tensor [n], or their mean: forward only. `batch` is a pytree
        of tensors whose first dimension is the sample; `val_batch` another one, which only a learned radius reads.

        Raises ValueError or TypeError for bad input, `DivergenceError` if a loss or a gradient is not
        finite (on a GPU one step later, see `undo`), and whatever `loss_fn` raises.
        """
        self._refuse_bad_input(batch, val_batch)
        self._look_at_the_model()
        rho = self._rho()
        self._passes.regions = regions_now(self._weights.device)
        with (
            torch.no_grad(),  # but for the passes and the base optimizer
            outside(self._passes.regions),
            self._undone_on_error(rho) as snapshot,
        ):
            return self._take(loss_fn, batch, val_batch, rho, snapshot)

    @property
    def rho(self) -> float:
        """The radius the next step will use."""
        return float(self._rho())

    @property
    def rho_clamped(self) -> int:
        """How often the learned radius met `rho_bounds`; 0 for other radii."""
        return int(self._learned.clamped) if self._upper_level else 0

    def end_epoch(self) -> None:
        """Tell the method that an epoch ended: decays `rho_lr`, warns if the radius met its bounds."""
        self._guard.settle()
        self._radius.end_epoch()

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on bit for bit: the parts, their generators, the base optimizer's state.

        Copies, safe for `torch.save` and `torch.load(weights_only=True)`. The model is the caller's to save.
        """
        self._guard.settle()
        base = deepcopy(self._base_optimizer.state_dict())
        return {
            "method": self.info.name,
            "steps": self._steps,
            "shapes": self._shapes(),
            "process": self._process(),
            "base_entries": _entries(base),
            **_copied(self._states()),
            "base_optimizer": base,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Return to a saved state, base optimizer included; ValueError, and no change, if it does not fit."""
        if not isinstance(state, Mapping):
            raise TypeError(
                f"state is a {type(state).__name__}; it must be what state_dict() of {self.info.name} gave"
            )
        if state.get("method") != self.info.name:
            raise ValueError(
                f"this state is of {state.get('method')!r}, not of {self.info.name!r}; create that method"
            )
        self._guard.forget()
        snapshot = self.state_dict()
        try:
            self._load(state)
        except (LookupError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            self._load(snapshot)
            why = f"{error} is missing" if isinstance(error, KeyError) else error
            raise ValueError(
                f"this state does not fit {self.info.name}, its model and its base optimizer ({why}); load, "
                "whole, what state_dict() of the same method, model and optimizer returned"
            ) from error

    def _load(self, state: Mapping[str, Any]) -> None:
        self._refuse_another(state)
        steps, optimizer = state["steps"], state["base_optimizer"]
        parts = {name: state[name] for name in self._parts()}
        self._cached = None
        device = self._weights.device
        for name, part in self._parts().items():
            part.load_state_dict(tree_map_only(Tensor, lambda x: x.to(device, copy=True), parts[name]))
        self._base_optimizer.load_state_dict(deepcopy(optimizer))  # torch would go on in the caller's tensors
        self._steps = steps

    def _refuse_another(self, state: Mapping[str, Any]) -> None:
        """ValueError if a state is of other weights or another process, or lost a part; older ones do not tell."""
        shapes, process = self._shapes(), self._process()
        if state.get("shapes", shapes) != shapes:
            raise ValueError(f"it is of parameters of the shapes {state['shapes']}, not {shapes}")
        if state.get("process", process) != process:
            raise ValueError(f"it is of process {state['process']}, not {process}: save a file in each")
        saved, there = state.get("base_entries"), _entries(state["base_optimizer"])
        if saved is not None and saved != there:
            raise ValueError(
                f"of {saved} entries of the base optimizer's state it has {there}; torch.distributed.checkpoint reads "
                "those alone that are there before: give it  get_state_dict(model, optimizer.base)"
            )

    def _process(self) -> str | None:
        """Of spread parameters a state is that of one process."""
        return this_process() if self._weights.storage.spread else None

    def _shapes(self) -> list[list[int]]:
        return [list(p.shape) for group in self._base_optimizer.param_groups for p in group["params"]]

    def __getstate__(self) -> dict[str, Any]:
        """For `copy.deepcopy` and `pickle`: without the cached gradient, which a step makes again."""
        self._guard.settle()
        return {**vars(self), "_cached": None, "_modules": []}

    def _take(
        self, loss_fn: LossFunction, batch: Any, val_batch: Any, rho: Tensor, snapshot: Snapshot
    ) -> Stats:
        """The sentence above, with the radius `rho`; `snapshot` goes back to where the step began."""
        grad, passes = self._gradient_at_theta(loss_fn, batch, rho, snapshot)

        # If the policy says so,
        perturbed = self._policy.perturbs(self._steps, grad.vector)
        refuse_no_answer(perturbed, self._policy)
        if not perturbed:
            self._descend(self._descent.unperturbed(grad.vector), rho, snapshot)
            return Stats(grad.loss, rho, False, passes)

        # climb along the ascent direction by the radius,
        theta = self._weights.copy()
        direction = self._ascent.at(self._weights)
        refuse_no_map(direction, self._ascent)
        eps_hat = direction(grad.ascent)
        refuse_no_vector(eps_hat, self._ascent)
        with self._weights.moved(theta, eps_hat * rho), self._same_buffers():
            # take the gradient there,
            samples = self._descent.subset(batch, grad.losses, partial(self._scored, loss_fn, batch, rho))
            grad_perturbed = self._gradient(loss_fn, samples, self._weights.trainable())
        self._inspect(rho, perturbed_loss=grad_perturbed.loss)

        # turn it into a descent gradient, give it to the base optimizer;
        gradient = self._descent.perturbed(grad.vector, grad_perturbed.vector)
        if self._upper_level is None or not self._learned.due():
            self._descend(gradient, rho, snapshot)
            return Stats(grad.loss, rho, True, passes + 1)

        # then let the radius learn.
        perturbation = Perturbation(direction, eps_hat, rho, grad.vector, grad_perturbed.vector)
        curvature = partial(self._exact_curvature, loss_fn, samples, theta, perturbation)
        response = self._upper_level.response(perturbation, curvature)
        self._descend(gradient, rho, snapshot)
        gap, g_rho = self._learn(loss_fn, batch, val_batch, response, rho)
        return Stats(grad.loss, rho, True, passes + 3 + self._upper_level.exact, gap, g_rho)

    def _gradient_at_theta(
        self, loss_fn: LossFunction, batch: Any, rho: Tensor, snapshot: Snapshot
    ) -> tuple[Gradient, int]:
        """The clean gradient and the passes it took: none if the last step already made it."""
        cached, self._cached = self._cached, None
        wanted = self._ascent.active(self._weights.trainable())
        here = self._fingerprint(loss_fn, batch, snapshot.buffers.tensors) if cached else None
        if cached and cached.is_valid(batch, here, snapshot, self._guard.inspect_reuse):
            cached.buffers.restore()
            grad, passes = cached.gradient.only(wanted), 0
        else:
            grad, passes = self._gradient(loss_fn, batch, wanted), 1
        self._inspect(rho, loss=grad.loss, gradient_norm=grad.vector.norm())
        return grad, passes

    def _descend(self, gradient: Vector, rho: Tensor, snapshot: Snapshot) -> None:
        refuse_no_vector(gradient, self._descent)
        self._inspect(rho, descent_norm=gradient.norm())
        snapshot.include(self._base_optimizer)
        self._weights.set_grad(gradient)
        with torch.enable_grad():
            self._base_optimizer.step()

    def _learn(
        self,
        loss_fn: LossFunction,
        batch: Any,
        val_batch: Any,
        response: Callable[[Vector], Vector],
        rho: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Steps 8-14 of Algorithm 1 at theta_{t+1}: the gap and the hyper-gradient."""
        assert self._upper_level is not None
        theta = self._weights.copy()
        with self._weights.preserved(theta), self._same_buffers():
            train = self._gradient(loss_fn, batch, self._weights.trainable())
        g_b = response(train.vector)
        validation = self._validation_gradient(loss_fn, val_batch, theta)
        g_a = self._upper_level.gradient(train, validation)
        gap, g_rho = generalization_gap(train, validation), hypergradient(g_a, g_b)
        if self._ranks:  # g_b is linear in what is a rank's own: eps_hat, and the curvature if it is exact
            (g_rho,) = self._ranks.means([g_rho], len(train.losses))
        self._inspect(rho, train_loss=train.loss, validation_loss=validation.loss, hypergradient=g_rho)
        self._learned.learn(g_rho)
        return gap, g_rho

    def _validation_gradient(self, loss_fn: LossFunction, val_batch: Any, theta: list[Tensor]) -> Gradient:
        """The last pass of a step, cached for the next one unless it moves weights or all passes move buffers."""
        if not self._first_pass_only:
            with self._weights.preserved(theta):
                return self._gradient(loss_fn, val_batch, self._weights.trainable())
        buffers = Buffers(self._modules)
        with self._weights.preserved(theta), buffers.preserved():
            content = Content.of(theta, buffers.values, val_batch)
            versions = self._weights.versions()
            validation = self._gradient(loss_fn, val_batch, self._weights.trainable())
            after, moved = Buffers(self._modules), self._weights.versions() != versions
        if not moved:
            fingerprint = self._fingerprint(loss_fn, val_batch, buffers.tensors)
            self._cached = CachedGradient(validation, after, val_batch, fingerprint, content)
        return validation

    def _gradient(self, loss_fn: LossFunction, batch: Any, wanted: Mask) -> Gradient:
        found = self._passes.gradient(loss_fn, batch, self._weights.storage, wanted)
        if wanted == self._weights.trainable():
            refuse_idle(found.vector.mask)
        return found

    def _scored(self, loss_fn: LossFunction, batch: Any, rho: Tensor) -> Tensor:
        """The losses of a forward pass, which must be finite, too."""
        losses = self._passes.losses(loss_fn, batch)
        mean = losses.double().mean()
        if self._ranks:  # all must see it, or they fall out of step
            (mean,) = self._ranks.means([mean], len(losses))
        self._inspect(rho, scoring_loss=mean)
        return losses

    def _inspect(self, rho: Tensor, **quantities: Tensor) -> None:
        self._guard.inspect(self._steps, rho, **quantities)

    def _fingerprint(self, loss_fn: LossFunction, batch: Any, buffers: list[Tensor]) -> object:
        return fingerprint(self._modules, buffers, self._weights, self._passes.regions, loss_fn, batch)

    def _exact_curvature(
        self, loss_fn: LossFunction, samples: Any, theta: list[Tensor], at: Perturbation, v: Vector
    ) -> Vector:
        """Hess L(theta_t + rho eps_hat) v, called at theta_{t+1}: go back to `theta`, differentiate twice, return."""
        with self._weights.preserved(self._weights.copy()), self._same_buffers():
            self._weights.restore(theta)
            with self._weights.moved(theta, at.eps_hat * at.rho):
                loss, product = self._passes.curvature(loss_fn, samples, v, self._weights.trainable())
        if self._ranks:
            (loss,) = self._ranks.means([loss], batch_size(samples))
        self._inspect(at.rho, curvature_loss=loss)
        return product

    @contextmanager
    def _undone_on_error(self, rho: Tensor) -> Iterator[Snapshot]:
        snapshot, steps = Snapshot(self._weights, self._modules, self._states_before()), self._steps

        def undo() -> None:
            snapshot.undo()
            self._steps, self._cached = steps, None

        try:
            yield snapshot
            self._ascent.end_step()
            self._steps += 1
        except BaseException:
            undo()
            self._guard.settle()  # an earlier step's divergence, still on its way, explains this failure
            raise
        finally:
            self._weights.clear_gradients()
            torch.clear_autocast_cache()  # of weights that were cast in a pass
        snapshot.end()
        self._guard.end_step(steps, rho, undo)

    def _same_buffers(self) -> AbstractContextManager[None]:
        return untouched(self._modules) if self._first_pass_only else nullcontext()

    def _look_at_the_model(self) -> None:
        """Whatever may have changed since the last step: modules, their modes, which tensors are parameters."""
        refuse_waiting(self._base_optimizer)
        self._modules = modules_of(self._model)
        self._weights.look(self._modules)

    def _rho(self) -> Tensor:
        rho = self._radius.value()
        if "radius" in self._own:
            refuse_bad_value(rho, self._radius)
            return torch.as_tensor(rho, dtype=torch.float64, device=self._weights.device)
        assert isinstance(rho, Tensor)
        return rho

    @property
    def _learned(self) -> Learned:
        assert isinstance(self._radius, Learned)
        return self._radius

    def _states(self) -> dict[str, dict[str, Any]]:
        parts = self._parts()
        states = {name: part.state_dict() for name, part in parts.items()}
        for name in self._own:
            refuse_unsaved(states[name], parts[name])
        return states

    def _states_before(self) -> list[tuple[Part, dict[str, Any]]]:
        """The parts with their states, for a step that fails; a user's part may change its own in place."""
        states = _copied(self._states()) if self._own else self._states()
        return [(part, states[name]) for name, part in self._parts().items()]

    def _parts(self) -> dict[str, Part]:
        return {
            "policy": self._policy,
            "ascent": self._ascent,
            "descent": self._descent,
            "radius": self._radius,
        }

    def _refuse_bad_input(self, batch: Any, val_batch: Any) -> None:
        batch_size(batch)
        if self._upper_level is None:
            return
        if val_batch is None:
            name = self.info.name
            raise ValueError(
                f"{name} learns its radius and needs a val_batch: method.step(loss_fn, batch, val_batch)"
            )
        batch_size(val_batch, "val_batch")


def _entries(optimizer_state: Mapping[str, Any]) -> int:
    """How many tensors and numbers an optimizer remembers."""
    return len(tree_leaves(optimizer_state.get("state")))


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    copy: dict[str, Any] = tree_map_only(Tensor, torch.clone, state)
    return copy
