"""Start `lets train` once per GPU where several processes train one run (training.ranks)."""

import ctypes
import logging
import os
import signal
import sys
import uuid

from lets.cli import interruption, project

__all__ = ["here", "start"]


def here() -> bool:
    """Whether torchrun started this process; it then ends with torchrun, however that ends."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return False
    _end_with_parent()
    return True


def start(ranks: int, threads: int) -> int:
    """Run this command line in `ranks` processes on this machine, as `torchrun --standalone` does.

    Returns 0, or the exit code of the process that failed first; raises KeyboardInterrupt when told to stop.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # the failed process has spoken
    os.environ["OMP_NUM_THREADS"] = str(threads)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=ranks,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
    )
    project.leave()  # they read the same command line
    try:
        elastic_launch(config, sys.executable)("-m", "lets", *sys.argv[1:])
    except ChildFailedError as error:
        _, first = error.get_first_failure()
        return int(first.exitcode)
    except SignalException as error:
        interruption.stop(error.sigval)
    return 0


def _end_with_parent() -> None:
    """Ask the kernel for it: a killed parent could not, and its children would train on unseen (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
