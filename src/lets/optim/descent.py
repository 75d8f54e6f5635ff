"""Descent: from the gradients at theta_t and at the perturbed weights to the one the base optimizer gets."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from torch import Tensor

from .part import Part
from .passes import take
from .vectors import Vector, Weights, joined, reciprocal


class Descent(Part, ABC):
    """Decides which gradient the base optimizer gets. A subclass defines `perturbed`, and for lets-* `response`."""

    @abstractmethod
    def perturbed(self, grad: Vector, grad_perturbed: Vector) -> Vector:
        """The gradient to descend along, from g = `grad` and ghat = `grad_perturbed`, at theta_t + rho eps_hat."""

    def response(self, grad: Vector, grad_perturbed: Vector) -> Callable[[Vector], Vector]:
        """The derivative of `perturbed` with respect to ghat, as a map from a change of ghat to that of the result.

        Both as long as theta. LETS's chain rule goes through it; methods with another radius do not ask.
        """
        raise NotImplementedError

    def unperturbed(self, grad: Vector) -> Vector:
        """The gradient to descend along when there is only g = `grad` at theta_t."""
        return grad

    def subset(self, batch: Any, losses: Tensor, score: Callable[[], Tensor]) -> Any:
        """The samples of ghat: `batch`, or one with some of its samples.

        `losses` [n] are those of the samples at theta_t; `score()`, a forward pass, gives them at
        theta_t + rho eps_hat.
        """
        return batch

    @property
    def chooses_samples(self) -> bool:
        """True if `subset` is defined anew: then `loss_fn` must return the loss of every sample."""
        return type(self).subset is not Descent.subset


class Perturbed(Descent):
    """SAM: descend along the perturbed gradient; along the plain one if the step is not perturbed."""

    def perturbed(self, grad: Vector, grad_perturbed: Vector) -> Vector:
        """ghat."""
        return grad_perturbed

    def response(self, grad: Vector, grad_perturbed: Vector) -> Callable[[Vector], Vector]:
        """The identity."""
        return lambda change: change


class SurrogateGap(Descent):
    """GSAM: subtract alpha times the part of the clean gradient that is orthogonal to the perturbed one."""

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha

    def perturbed(self, grad: Vector, grad_perturbed: Vector) -> Vector:
        """gp - alpha (g - (g.gp/||gp||^2) gp)."""
        share = grad.dot(grad_perturbed) * reciprocal(grad_perturbed.norm()) ** 2
        orthogonal = grad - grad_perturbed * share
        return grad_perturbed - orthogonal * self._alpha

    def response(self, grad: Vector, grad_perturbed: Vector) -> Callable[[Vector], Vector]:
        """u + alpha (dc gp + c u) with c = g.gp/||gp||^2."""
        inverse = reciprocal(grad_perturbed.norm()) ** 2
        share = grad.dot(grad_perturbed) * inverse

        def change(u: Vector) -> Vector:
            share_change = (grad.dot(u) - 2 * share * grad_perturbed.dot(u)) * inverse
            return u + (grad_perturbed * share_change + u * share) * self._alpha

        return change


class Reuse(Perturbed):
    """LookSAM: keep the part of the perturbed gradient orthogonal to the clean one, add it in between.

    `per_tensor` takes norms and products tensor by tensor instead of over all of them jointly.
    """

    def __init__(self, weights: Weights, alpha: float, per_tensor: bool) -> None:
        self._weights, self._alpha = weights, alpha
        self._per_tensor = per_tensor
        self._stored: Vector | None = None

    def perturbed(self, grad: Vector, grad_perturbed: Vector) -> Vector:
        """gs, after storing g_v = gs - (gs.g/||g||^2) g."""
        self._stored = self._tensorwise(_orthogonal, grad, grad_perturbed)
        return grad_perturbed

    def unperturbed(self, grad: Vector) -> Vector:
        """g + alpha (||g||/||g_v||) g_v; a parameter without a gradient in this pass stays without.

        Parameters that were added since g_v was stored have no part in it.
        """
        if self._stored is None:
            return grad
        self._stored = self._stored.rebind(grad.storage)
        return self._tensorwise(self._added, grad, self._stored).only(grad.mask)

    def _added(self, grad: Vector, stored: Vector) -> Vector:
        return grad + stored * (self._alpha * grad.norm() * reciprocal(stored.norm()))

    def _tensorwise(self, rule: Callable[[Vector, Vector], Vector], a: Vector, b: Vector) -> Vector:
        if not self._per_tensor:
            return rule(a, b)
        return joined([rule(x, y) for x, y in zip(a.one_by_one(), b.one_by_one(), strict=True)])

    def state_dict(self) -> dict[str, Any]:
        """The stored part g_v."""
        if self._stored is None:
            return {"stored": None}
        return {"stored": list(self._stored.blocks), "present": list(self._stored.mask)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with a stored part; `Method` has put it on the device of the weights."""
        self._stored = None
        if state["stored"] is not None:
            self._stored = Vector(tuple(state["stored"]), tuple(state["present"]), self._weights.storage)


def _orthogonal(grad: Vector, grad_perturbed: Vector) -> Vector:
    return grad_perturbed - grad * (grad_perturbed.dot(grad) * reciprocal(grad.norm()) ** 2)


class SharpSubset(Perturbed):
    """ESAM's sharpness-sensitive data selection: the gamma share of the batch whose loss rose most.

    `strict` keeps one sample fewer, as `>` instead of `>=` does in the official code. Ties are broken by
    `topk`, so the number of samples is known without asking the device.
    """

    def __init__(self, gamma: float, strict: bool) -> None:
        self._gamma, self._strict = gamma, strict

    def subset(self, batch: Any, losses: Tensor, score: Callable[[], Tensor]) -> Any:
        """The int(gamma n) sharpest samples, at least one; all of them, unscored, for gamma >= 0.99."""
        if self._gamma >= 0.99:
            return batch
        count = max(1, int(self._gamma * len(losses)) - self._strict)
        sharpest = (score() - losses).topk(count).indices
        return take(batch, sharpest.sort().values)
