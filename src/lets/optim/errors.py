"""The one way a training step fails: numbers that are not finite."""


class DivergenceError(ArithmeticError):
    """A loss or a gradient became NaN or infinite; the weights are back at theta_t.

    Attributes: `step` (0-based), `rho` (radius of that step), `norms` (name of the quantity → its value).
    """

    exit_code = 3

    def __init__(self, step: int, rho: float, norms: dict[str, float]) -> None:
        self.step, self.rho, self.norms = step, rho, norms
        values = ", ".join(f"{name} {value:g}" for name, value in norms.items())
        super().__init__(
            f"training diverged at step {step}: {values} with radius {rho:g}; "
            "the weights were restored. Try a smaller learning rate or radius."
        )
