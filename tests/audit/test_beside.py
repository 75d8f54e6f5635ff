"""Checks run in several processes: with the results of one, and none is left behind."""

import multiprocessing
import os
import signal
from typing import Any

import pytest

from lets.audit import beside as module
from lets.audit.beside import beside
from lets.audit.context import Context
from lets.errors import LetsError, SpecError


@pytest.fixture
def context(project: Any, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(module, "_cores", lambda: 2)
    return Context(project.now)


def where(context: Context, *words: str) -> tuple[int, int, tuple[str, ...]]:
    return os.getpid(), len(context.records), words


def refuse(context: Context) -> None:
    raise SpecError("no")


def die(context: Context) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_function_runs_in_another_process_with_the_same_context(context: Context) -> None:
    with beside(context) as begin:
        result = begin(where, "a", "b")
        process, records, words = result()
    assert process != os.getpid()
    assert (records, words) == (len(context.records), ("a", "b"))
    assert not multiprocessing.active_children()


def test_with_one_core_it_runs_here_once(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_cores", lambda: 1)
    with beside(context) as begin:
        assert begin(where)() == (os.getpid(), len(context.records), ())


def test_what_it_raises_is_raised(context: Context) -> None:
    with beside(context) as begin, pytest.raises(SpecError, match="no"):
        begin(refuse)()


def test_a_killed_process_is_one_sentence(context: Context) -> None:
    with pytest.raises(LetsError, match="killed"), beside(context) as begin:
        begin(die)()


def test_an_interrupted_audit_leaves_no_process(context: Context) -> None:
    def interrupt(context: Context) -> None:
        with beside(context) as begin:
            begin(wait)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt(context)
    assert not multiprocessing.active_children()


def wait(context: Context) -> None:
    signal.pause()


def test_both_ways_give_one_audit(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_cores", lambda: 2)
    together = project.audit()
    monkeypatch.setattr(module, "_cores", lambda: 1)
    assert project.audit() == together
