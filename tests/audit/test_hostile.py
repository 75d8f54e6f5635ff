"""Every file of a run, damaged in every way: the audit names the run, report and status go on. Nothing else happens."""

import json
import os
import random
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors.numpy import load_file, save
from tests.audit.conftest import make_run
from typer.testing import CliRunner

from lets.cli.main import app
from lets.config.paths import RUN_FILES
from lets.errors import LetsError, RecordError
from lets.runs import RunRecord

PARAMS = """
profile: test
device: cpu
seeds: [0]
training:
  epochs: 2
  batch_size: 128
  optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
  schedule: {name: cosine}
experiments:
  main: {datasets: [digits], architectures: [resnet-small], methods: [sam, lets-sam]}
tables:
  table1: {kind: pivot, title: Test accuracy, experiments: [main]}
  pairs: {kind: comparison, title: Pairs, experiments: [main], pairs: [[lets-sam, sam]]}
figures:
  figure2: {kind: curves, title: Loss, experiments: [main], metric: train_loss}
  cost: {kind: cost, title: Cost, experiments: [main]}
"""
SEED = 20261128
SAMPLE = int(os.environ.get("LETS_HOSTILE", "7"))
"""audits per file; there are some hundred damages"""


@pytest.fixture(scope="module")
def master(make_project: Any, prepare: Any) -> Path:
    def fill(project: Any) -> None:
        data = prepare(project.layout)
        for spec in project.matrix.runs.values():
            make_run(project.layout, spec, data[spec.noise])
        project.report()

    return make_project(PARAMS, fill)


def flipped(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def at_random(content: bytes, chance: random.Random) -> Iterator[bytes]:
    """Flipped bits, cuts, and bytes that are nothing."""
    for _ in range(6):
        yield flipped(content, chance)
    for length in (0, 1, 7, 8, chance.randrange(len(content)), len(content) - 1):
        yield content[:length]
    yield chance.randbytes(len(content))
    yield bytes(len(content))
    yield content + content


JSON = [
    b"null",
    b"[]",
    b'"text"',
    b"1e999",
    b"NaN",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"9" * 5000,
    b"\xef\xbb\xbf{}",
    b"{}\x00",
    b"\xff\xfe{\x00}\x00",
    b'{"run": 1, "run": 2}',
]
VALUES = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "9" * 400,
    "9" * 5000,
    "-1",
    "null",
    "true",
    "[]",
    "{}",
    '""',
]
VALUES += ['"\\ud800"', '"\\u0000"', '"x\\ny"', "1.5", "1e300", "[" * 5000 + "]" * 5000]


def hostile_json(content: bytes) -> Iterator[bytes]:
    """Whole files; then every value of the file, one after the other, made something else."""
    yield from JSON
    whole = json.loads(content)
    yield json.dumps(whole | {"unknown": 1}).encode()
    yield content.replace(b"{", b'{"run": "x", "run": "y", ', 1)
    for number, name in enumerate(whole):
        for value in VALUES[number % 3 :: 3]:
            yield json.dumps(whole | {name: "HERE"}).replace('"HERE"', value).encode()
        yield json.dumps({key: one for key, one in whole.items() if key != name}).encode()


def hostile_csv(content: bytes) -> Iterator[bytes]:
    header, first, *rest = content.decode().split("\n")
    yield header.encode()
    yield b"\xef\xbb\xbf" + content
    yield content.replace(b"\n", b"\x00\n")
    yield f'{header}\n"{"x" * 200_000}'.encode()
    yield "\n".join([header, *rest]).encode()
    for place in range(len(first.split(","))):
        for value in ("nan", "inf", "-1", "1_0", "", "9" * 400, "9" * 5000, "1e300", "0", "x", '"', "٣"):
            fields = first.split(",")
            fields[place] = value
            yield "\n".join([header, ",".join(fields), *rest]).encode()


def hostile_tensors(content: bytes, path: Path) -> Iterator[bytes]:
    tensors = load_file(path)
    name = min(tensors)
    for column in (
        tensors[name].astype("float16"),
        tensors[name][:0],
        tensors[name].reshape(2, -1),
        numpy.array(1.0),
        numpy.full_like(tensors[name], numpy.nan),
        numpy.full_like(tensors[name], numpy.inf),
        tensors[name].astype("int64"),
    ):
        yield save(tensors | {name: column})
    yield save({"other": tensors[name]})
    yield save({})
    for length in (0, 2**40, 2**63):
        yield struct.pack("<Q", length) + content[8:]
    for dtype in (b"BF16", b"F8_E4M3", b"U128"):
        header = b'{"loss":{"dtype":"%s","shape":[2],"data_offsets":[0,4]}}' % dtype
        yield struct.pack("<Q", len(header)) + header + bytes(4)


def damages(path: Path, chance: random.Random) -> Iterator[bytes]:
    content = path.read_bytes()
    yield from at_random(content, chance)
    match path.suffix:
        case ".json":
            yield from hostile_json(content)
        case ".csv":
            yield from hostile_csv(content)
        case _:
            yield from hostile_tensors(content, path)


def lets(*words: str) -> None:
    """Run a verb: it succeeds, or ends with one of our errors."""
    done = CliRunner().invoke(app, [*words, "--params", "params/test.yaml"])
    assert done.exception is None or isinstance(done.exception, LetsError), (words, done.exc_info)


@pytest.mark.parametrize("name", RUN_FILES)
def test_a_damaged_file_is_read_or_refused(project: Any, name: str) -> None:
    """All damages, by the one reader of runs."""
    run = project.run("lets-sam")
    path = project.path(run, name)
    for content in [*damages(path, random.Random(f"{SEED} {name}"))]:
        path.write_bytes(content)
        record = RunRecord(run, project.layout.run(run), RUN_FILES)
        with suppress(RecordError):
            assert record.status in ("finished", "diverged")
            record.trace()


@pytest.mark.parametrize("name", RUN_FILES)
def test_a_damaged_file_is_a_finding_of_its_run(project: Any, name: str) -> None:
    """A sample of them; of every other one, whoever damaged it has made the digests agree: it may go unseen."""
    run, chance = project.run("lets-sam"), random.Random(f"{SEED} {name}")
    path, provenance = project.path(run, name), project.path(run, "provenance.json")
    whole, seal = path.read_bytes(), provenance.read_bytes()
    sample = chance.sample([*damages(path, chance)], SAMPLE)
    for number, content in enumerate([flipped(whole, chance), *sample]):
        path.write_bytes(content)
        if sealed := number % 2 == 1 and path != provenance:
            project.reseal(run)
        found = {one.run for one in project.audit().failures}
        assert sealed or path == provenance or run in found, (number, content[:200])
        if number in (1, 2):
            lets("status")
            lets("report")
        path.write_bytes(whole)
        provenance.write_bytes(seal)
