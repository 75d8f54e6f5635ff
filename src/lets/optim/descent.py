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
    def perturbed(self, clean: Vector, there: Vector) -> Vector:
        """The gradient to descend along, from g = `clean` at theta_t and ghat = `there` at theta_t + rho eps_hat."""

    def response(self, clean: Vector, there: Vector) -> Callable[[Vector], Vector]:
        """The derivative of `perturbed` with respect to ghat, as a map from a change of ghat to that of the result.

        Both as long as theta. LETS's chain rule goes through it; methods with another radius do not ask.
        """
        raise NotImplementedError

    def unperturbed(self, clean: Vector) -> Vector:
        """The gradient to descend along when there is only g = `clean` at theta_t."""
        return clean

    def subset(self, batch: Any, before: Tensor, score: Callable[[], Tensor]) -> Any:
        """The samples of ghat: `batch`, or one with some of its samples.

        `before` [n] are the losses of the samples at theta_t; `score()`, a forward pass, gives them at
        theta_t + rho eps_hat.
        """
        return batch

    @property
    def chooses_samples(self) -> bool:
        """True if `subset` is defined anew: then `loss_fn` must return the loss of every sample."""
        return type(self).subset is not Descent.subset


class Perturbed(Descent):
    """SAM: descend along the perturbed gradient; along the plain one if the step is not perturbed."""

    def perturbed(self, clean: Vector, there: Vector) -> Vector:
        """ghat."""
        return there

    def response(self, clean: Vector, there: Vector) -> Callable[[Vector], Vector]:
        """The identity."""
        return lambda change: change


class SurrogateGap(Descent):
    """GSAM: subtract alpha times the part of the clean gradient that is orthogonal to the perturbed one."""

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha

    def perturbed(self, clean: Vector, there: Vector) -> Vector:
        """gp - alpha (g - (g.gp/||gp||^2) gp)."""
        share = clean.dot(there) * reciprocal(there.norm()) ** 2
        orthogonal = clean - there * share
        return there - orthogonal * self._alpha

    def response(self, clean: Vector, there: Vector) -> Callable[[Vector], Vector]:
        """u + alpha (dc gp + c u) with c = g.gp/||gp||^2."""
        inverse = reciprocal(there.norm()) ** 2
        share = clean.dot(there) * inverse

        def change(u: Vector) -> Vector:
            share_change = (clean.dot(u) - 2 * share * there.dot(u)) * inverse
            return u + (there * share_change + u * share) * self._alpha

        return change


class Reuse(Perturbed):
    """LookSAM: keep the part of the perturbed gradient orthogonal to the clean one, add it in between.

    `per_tensor` takes norms and products tensor by tensor instead of over all of them jointly.
    """

    def __init__(self, weights: Weights, alpha: float, per_tensor: bool) -> None:
        self._weights, self._alpha = weights, alpha
        self._per_tensor = per_tensor
        self._stored: Vector | None = None

    def perturbed(self, clean: Vector, there: Vector) -> Vector:
        """gs, after storing g_v = gs - (gs.g/||g||^2) g."""
        self._stored = self._tensorwise(_orthogonal, clean, there)
        return there

    def unperturbed(self, clean: Vector) -> Vector:
        """g + alpha (||g||/||g_v||) g_v; a parameter without a gradient in this pass stays without.

        Parameters that were added since g_v was stored have no part in it.
        """
        if self._stored is None:
            return clean
        self._stored = self._stored.placed(clean.storage)
        return self._tensorwise(self._added, clean, self._stored).only(clean.present)

    def _added(self, clean: Vector, stored: Vector) -> Vector:
        return clean + stored * (self._alpha * clean.norm() * reciprocal(stored.norm()))

    def _tensorwise(self, rule: Callable[[Vector, Vector], Vector], a: Vector, b: Vector) -> Vector:
        if not self._per_tensor:
            return rule(a, b)
        return joined([rule(x, y) for x, y in zip(a.one_by_one(), b.one_by_one(), strict=True)])

    def state_dict(self) -> dict[str, Any]:
        """The stored part g_v."""
        if self._stored is None:
            return {"stored": None}
        return {"stored": list(self._stored.blocks), "present": list(self._stored.present)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with a stored part; `Method` has put it on the device of the weights."""
        self._stored = None
        if state["stored"] is not None:
            self._stored = Vector(tuple(state["stored"]), tuple(state["present"]), self._weights.storage)


def _orthogonal(clean: Vector, there: Vector) -> Vector:
    return there - clean * (there.dot(clean) * reciprocal(clean.norm()) ** 2)


class SharpSubset(Perturbed):
    """ESAM's sharpness-sensitive data selection: the gamma share of the batch whose loss rose most.

    `strict` keeps one sample fewer, as `>` instead of `>=` does in the official code. Ties are broken by
    `topk`, so the number of samples is known without asking the device.
    """

    def __init__(self, gamma: float, strict: bool) -> None:
        self._gamma, self._strict = gamma, strict

    def subset(self, batch: Any, before: Tensor, score: Callable[[], Tensor]) -> Any:
        """The int(gamma n) sharpest samples, at least one; all of them, unscored, for gamma >= 0.99."""
        if self._gamma >= 0.99:
            return batch
        count = max(1, int(self._gamma * len(before)) - self._strict)
        sharpest = (score() - before).topk(count).indices
        return take(batch, sharpest.sort().values)
