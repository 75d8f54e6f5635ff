"""LETS's hyper-gradient: how the upper-level objective answers to the radius (§3.2, Algorithm 1, steps 8-13).

    theta_{t+1}(rho) = theta_t - eta ghat(rho), so dPhi/drho = -eta grad Phi(theta_{t+1}) . d ghat/d rho

and d ghat/d rho = Hess L(theta_t + rho eps_hat) eps_hat. The factor eta is left to the radius.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from .ascent import Direction
from .descent import Descent
from .passes import Gradient
from .vectors import Vector, reciprocal

Curvature = Callable[[Vector], Vector]
"""Maps a direction to (an approximation of) Hess L(theta_t + rho eps_hat) times the direction."""


@dataclass(frozen=True)
class Perturbation:
    """A perturbed step: the map `direction` of theta_t, `eps_hat` = direction(`grad`), both gradients."""

    direction: Direction
    eps_hat: Vector
    rho: Tensor
    grad: Vector
    grad_perturbed: Vector


class UpperLevel:
    """The choices of LETS: the objective (`metric`), the Hessian, and what it is applied to (`direction`)."""

    def __init__(self, metric: str, direction: str, hessian: str, descent: Descent) -> None:
        self._metric, self._direction, self._hessian, self._descent = metric, direction, hessian, descent

    @property
    def exact(self) -> bool:
        """Whether the Hessian product is made by differentiating twice, in a pass of its own."""
        return self._hessian == "exact"

    def response(self, step: Perturbation, exact: Curvature) -> Callable[[Vector], Vector]:
        """The map from the train gradient at theta_{t+1} to g_b = D H u, the derivative of the descent gradient by rho.

        u is the direction of that gradient, H the Hessian at theta_t + rho eps_hat, and D what the descent makes of a
        change of the perturbed gradient (steps 10-12).
        """
        curvature = exact if self.exact else self._approximate(step)
        through_descent = self._descent.response(step.grad, step.grad_perturbed)
        # The paper is of two minds: steps 11-12 take the gradient at theta_{t+1}, §3.2 eps_hat of theta_t.
        along = step.direction if self._direction == "algorithm" else lambda _: step.eps_hat
        return lambda train: through_descent(curvature(along(train)))

    def gradient(self, train: Gradient, validation: Gradient) -> Vector:
        """g_a, the gradient of the objective at theta_{t+1} (step 9; Table 6 compares the three metrics)."""
        if self._metric == "validation-loss":
            return validation.vector
        difference = validation.vector - train.vector
        if self._metric == "gap":
            return difference
        return difference * generalization_gap(train, validation)

    def _approximate(self, step: Perturbation) -> Curvature:
        if self._hessian == "diagonal":
            return diagonal(step.grad_perturbed)
        return finite_difference(step.grad, step.grad_perturbed, step.rho)


def generalization_gap(train: Gradient, validation: Gradient) -> Tensor:
    """l_vl - l_tr at theta_{t+1}, a float64 scalar."""
    return validation.loss.double() - train.loss.double()


def hypergradient(upper: Vector, response: Vector) -> Tensor:
    """g_rho = - g_a . g_b, a float64 scalar (step 13)."""
    return -upper.dot(response)


def diagonal(grad_perturbed: Vector) -> Curvature:
    """H = diag(ghat^2), ghat the gradient at the perturbed weights (Eq. 5, step 10)."""
    squared = grad_perturbed * grad_perturbed
    return lambda direction: squared * direction


def finite_difference(grad: Vector, grad_perturbed: Vector, rho: Tensor) -> Curvature:
    """(ghat - g)/rho: the mean Hessian on the way up, times eps_hat; answers for eps_hat only."""
    product = (grad_perturbed - grad) * reciprocal(rho)
    return lambda _: product
