"""torch.distributed.checkpoint: the page's program goes on to the bit in two processes, other ways are refused.

Run as a script this file is one of the two.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint.state_dict import get_state_dict

import lets

PAGE = (Path(__file__).parents[3] / "docs/clients.md").read_text()
PROGRAM = re.findall(r"```python\n(.*?)```", PAGE.split("## Distributed checkpoints")[1], re.S)[0]


def made(name: str = "lets-sam") -> tuple[nn.Module, lets.optim.MethodOptimizer]:
    with torch.random.fork_rng():
        model = nn.Linear(4, 2)
    return model, lets.optimizer(name, model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9))


def trained() -> tuple[nn.Module, lets.optim.MethodOptimizer]:
    model, optimizer = made()

    def closure(scale: float = 1.0) -> torch.Tensor:
        loss = model(torch.full((3, 4), scale)).square().mean()
        loss.backward()
        return loss

    optimizer.step(closure, lambda: closure(2.0))
    return model, optimizer


@pytest.mark.parametrize("given", [made, trained])
def test_an_optimizer_whose_method_would_be_lost_is_refused(given: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"get_state_dict\(model, optimizer\.base\)"):
        get_state_dict(*given())
    with pytest.raises(Exception, match=r"get_state_dict\(model, optimizer\.base\)"):
        dcp.save({"optimizer": given()[1]}, checkpoint_id=tmp_path, no_dist=True)


def test_a_state_that_lost_the_momentum_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    """Torch reads what is in the new optimizer's state, and there is no momentum in it yet."""
    _, optimizer = trained()
    dcp.save({"optimizer": optimizer.state_dict()}, checkpoint_id=tmp_path, no_dist=True)
    _, fresh = made()
    state = {"optimizer": fresh.state_dict()}
    dcp.load(state, checkpoint_id=tmp_path, no_dist=True)
    with pytest.raises(ValueError, match="of 2 entries of the base optimizer's state it has 0"):
        fresh.load_state_dict(state["optimizer"])
    assert fresh.rho == 0.05 != optimizer.rho
    assert not fresh.state


def one_of_two(rank: int, folder: Path) -> None:
    os.chdir(folder)
    given = {"RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "localhost"}
    os.environ |= {key: str(value) for key, value in given.items()}
    torch.set_num_threads(1)
    torch.manual_seed(rank)
    end = "torch.distributed.destroy_process_group()"
    store = f'init_process_group("gloo", "file://{folder}/store", rank={rank}, world_size=2)'
    program = PROGRAM.replace('init_process_group("gloo")', store).replace(end, "")
    namespace: dict[str, Any] = {}
    exec(program, namespace)
    optimizer = namespace["optimizer"]
    state = {"optimizer": optimizer.state_dict()}
    assert state["optimizer"]["method"]["descent"]["stored"] is not None
    dcp.save(state, checkpoint_id="whole")
    dcp.load(state, checkpoint_id="whole")  # torch takes what is no DTensor from one of them
    try:
        optimizer.load_state_dict(state["optimizer"])
    except ValueError as error:
        Path(f"told-{rank}").write_text(str(error))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def test_two_processes_go_on_to_the_bit_and_do_not_take_the_state_of_another(tmp_path: Path) -> None:
    both = [subprocess.Popen([sys.executable, __file__, str(rank), tmp_path]) for rank in (0, 1)]
    assert [process.wait(120) for process in both] == [0, 0]
    (told,) = tmp_path.glob("told-*")
    assert re.search("it is of process [01] of 2, not [01] of 2: save a file in each", told.read_text())


if __name__ == "__main__":
    one_of_two(int(sys.argv[1]), Path(sys.argv[2]))
