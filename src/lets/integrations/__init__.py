"""`lets.optimizer` in other people's training loops: Lightning, transformers, accelerate; one file each.

A file imports its framework, which an extra of the same name brings, and `lets.optim`.
"""

from lets.optim.closures import MethodOptimizer


def missing(extra: str) -> ImportError:
    """The error of an integration whose framework is not installed."""
    return ImportError(
        f"lets.integrations.{extra} is for {extra}, which is not installed – run  pip install 'lets-repro[{extra}]'"
    )


def ours(optimizer: object, where: str) -> MethodOptimizer:
    """Return the `lets.optimizer` in a framework's wrapper; TypeError if `where` there is none."""
    while not isinstance(optimizer, MethodOptimizer) and hasattr(optimizer, "optimizer"):
        optimizer = optimizer.optimizer
    if not isinstance(optimizer, MethodOptimizer):
        raise TypeError(
            f"{where} is a {type(optimizer).__name__}; make it by  lets.optimizer('sam', model, base_optimizer, "
            "data_parallel='averaged')"
        )
    return optimizer
