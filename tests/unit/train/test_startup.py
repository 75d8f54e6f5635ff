"""The compiler is left out of a training, and comes when it is called."""

import subprocess
import sys


def run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


STEP = """
import sys, torch
from lets.train.startup import leave_out_the_compiler
leave_out_the_compiler()
weight = torch.nn.Parameter(torch.tensor(3.0))
for make in (torch.optim.SGD, torch.optim.Adam):
    optimizer = make([weight], lr=0.5)
    (weight ** 2).backward()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.zero_grad()
"""


def test_optimizers_step_without_it():
    run(STEP + "assert 'torch._dynamo.convert_frame' not in sys.modules")


def test_networks_of_other_libraries_are_built_and_trained_without_it():
    """timm and torchvision import it only to ask whether they should compile: three quarters of a second."""
    run(
        STEP
        + """
import lets.models
for name, image in (("vit-small", (1, 8, 8)), ("resnet50", (3, 32, 32))):
    lets.models.create(name, image=image)(torch.rand(2, *image)).sum().backward()
assert "torch._dynamo.convert_frame" not in sys.modules
"""
    )


def test_it_comes_after_timm_too():
    run(
        STEP
        + """
import timm.models.vision_transformer
from torch._dynamo.utils import counters
double = torch.compile(lambda x: 2 * x, backend="eager")
assert double(torch.tensor(4.0)).item() == 8.0
assert torch._dynamo.utils.counters is counters
"""
    )


def test_it_comes_when_a_function_is_compiled():
    run(
        STEP
        + """
double = torch.compile(lambda x: 2 * x, backend="eager")
assert double(torch.tensor(4.0)).item() == 8.0
assert "torch._dynamo.convert_frame" in sys.modules
assert torch._dynamo.config.recompile_limit > 0
"""
    )


def test_one_that_is_there_stays():
    run(
        "import torch._dynamo, sys; real = sys.modules['torch._dynamo']\n"
        + STEP
        + "assert torch._dynamo is real"
    )
