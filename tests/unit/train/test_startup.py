"""The compiler is left out of a training, and comes when it is called; nobody looks for garbage among imports."""

import gc
import subprocess
import sys

import pytest

from lets.train.startup import without_garbage_collection


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


def test_it_comes_when_a_function_is_compiled_even_after_timm():
    run(
        STEP
        + """
import timm.models.vision_transformer
from torch._dynamo.utils import counters
double = torch.compile(lambda x: 2 * x, backend="eager")
assert double(torch.tensor(4.0)).item() == 8.0
assert "torch._dynamo.convert_frame" in sys.modules
assert torch._dynamo.config.recompile_limit > 0
assert torch._dynamo.utils.counters is counters
"""
    )


def test_one_that_is_there_stays():
    run(
        "import torch._dynamo, sys; real = sys.modules['torch._dynamo']\n"
        + STEP
        + "assert torch._dynamo is real"
    )


def collections():
    return sum(generation["collections"] for generation in gc.get_stats())


def test_what_is_imported_is_not_searched_for_garbage():
    before = collections()
    with without_garbage_collection():
        kept = [[] for _ in range(50 * gc.get_threshold()[0])]
        assert collections() == before
    assert gc.isenabled()
    more = [[] for _ in kept]
    assert collections() > before, "the same outside is searched"
    assert len(more) == len(kept)


def test_an_import_that_fails_leaves_the_search_on():
    with pytest.raises(ImportError), without_garbage_collection():
        raise ImportError("no such package")
    assert gc.isenabled()


def test_who_has_turned_it_off_finds_it_off():
    gc.disable()
    try:
        with without_garbage_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_command_line_ends_without_a_search():
    run(
        """
import atexit, gc, os, sys
from lets.cli.main import main
sys.argv = ["lets", "list", "methods"]
atexit.register(lambda: gc.get_freeze_count() > len(gc.get_objects()) or os._exit(1))
main()
"""
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts page faults as Linux does")
def test_the_memory_of_one_pass_is_kept_for_the_next():
    """32 MiB, thrown away and wanted again, ten times: 8,192 pages each time that they come from the system."""
    run(
        """
import resource, torch
from lets.train.startup import keep_freed_memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(2**23)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
there = faults()
keep_freed_memory()
faults()
assert there > 10 * faults() + 1000, (there, faults())
"""
    )
