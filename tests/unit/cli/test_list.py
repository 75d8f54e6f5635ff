import json
import re
from collections.abc import Callable
from importlib.resources import files

from lets.config.paths import COSTS
from lets.models.catalogue import ARCHITECTURES


def test_architectures_with_their_cost_and_source(lets: Callable[..., str]) -> None:
    text = lets("list", "architectures")
    assert re.search(
        r"^resnet18 +ResNet-18 +11,173,962 parameters +1\.11 GFLOP per 3×32×32 image, 10 classes\n"
        r" +He et al\., Deep Residual .*\(arXiv 1512\.03385\)$",
        text,
        re.M,
    )
    assert re.search(r"^resnet50 .* 25,557,032 .* 8\.18 GFLOP per 3×224×224 image, 1000 classes$", text, re.M)
    assert re.search(r"^vit-small .* 58,234 .* 570 kFLOP per 1×8×8 image, 10 classes$", text, re.M)
    assert re.search(r"^deberta-base .* 139,193,858 .* per text of 128 tokens, 2 classes$", text, re.M)
    assert re.search(
        r"^transformer-small .* 1,711,104 .* 60\.9 MFLOP per pair of 25 \+ 25 tokens$", text, re.M
    )
    assert max(map(len, text.splitlines())) <= 110


def test_the_same_for_programs(lets: Callable[..., str]) -> None:
    rows = json.loads(lets("list", "architectures", "--json"))
    assert list(rows) == list(ARCHITECTURES)
    assert rows["resnet50"] == {
        "title": "ResNet-50",
        "family": "resnet",
        "paper": "He et al., Deep Residual Learning for Image Recognition, CVPR 2016 (arXiv 1512.03385)",
        "image": [3, 224, 224],
        "classes": 1000,
        "parameters": 25_557_032,
        "flops": 8_178_368_512,
    }
    assert rows["transformer"]["parameters"] == 42_029_056


def test_methods_and_datasets_still_say_what_they_did(lets: Callable[..., str]) -> None:
    assert re.search(r"^sam +SAM\n +rho=0\.05 ", lets("list", "methods"), re.M)
    assert re.search(r"^cifar10 +CIFAR-10 +50,000 \+ 10,000 samples", lets("list", "datasets"), re.M)


def test_kept_costs_are_those_counted_now(lets: Callable[..., str]) -> None:
    assert lets("list", "architectures", "--write-costs") == f"{COSTS}\n"
    kept = (files("lets.models") / "costs.csv").read_text()
    assert kept == COSTS.read_text(), (
        "architectures have changed; run:  lets list architectures --write-costs"
    )
