"""Real processes and real signals."""

import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eventkit_poller import Summary

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


class Child:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said: list[str] = []

    def says(self, word: str, times: int = 1) -> None:
        """Read on until the child has said this so often."""
        assert self.process.stdout is not None
        while self.said.count(word) < times:
            line = self.process.stdout.readline()
            assert line, f"the child ended before it said {word!r}: {self.said}"
            self.said.append(line.strip())

    def ends(self) -> tuple[int, str]:
        """Return how it ended, and its last line."""
        rest, _ = self.process.communicate(timeout=60)
        return self.process.returncode, rest.strip().splitlines()[-1]


@contextmanager
def child(kind: str, drain: float) -> Generator[Child]:
    command = [sys.executable, "-m", "tests.adapters.poller.child", kind, str(drain)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield Child(process)
        finally:
            process.kill()


def last_line(left: int, summary: Summary) -> str:
    return f"left {left} visible {left} restored True {summary}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_process_with_nothing_left_in_flight(number: signal.Signals) -> None:
    with child("async", 1) as poller:
        poller.says("handling", times=2)

        poller.process.send_signal(number)
        ended = poller.ends()

    assert ended == (0, last_line(1, Summary(received=2, done=1, released=1)))


def test_a_second_signal_cancels_the_handlers() -> None:
    with child("async", 600) as poller:
        poller.says("handling", times=2)

        poller.process.send_signal(signal.SIGTERM)
        poller.says("poller.stopping")
        poller.process.send_signal(signal.SIGTERM)
        status, line = poller.ends()

    assert status == 0
    assert line.startswith(("left 2 visible 2", "left 1 visible 1"))  # the short one may have been done by then


def test_a_third_signal_finds_what_was_there_before() -> None:
    with child("stubborn", 600) as poller:
        poller.says("handling", times=2)

        poller.process.send_signal(signal.SIGTERM)
        poller.says("poller.stopping")
        poller.process.send_signal(signal.SIGTERM)
        poller.says("cancelled", times=2)
        poller.process.send_signal(signal.SIGTERM)
        poller.process.wait(60)

    assert poller.process.returncode == -signal.SIGTERM


@pytest.mark.parametrize("kind", ["block", "spin"])
def test_a_handler_that_blocks_the_event_loop_is_interrupted_and_its_record_retried(kind: str) -> None:
    with child(kind, 1) as poller:
        poller.says("loop.blocked")
        poller.says("handling", times=3)
        poller.process.send_signal(signal.SIGTERM)
        ended = poller.ends()

    assert "delivery.broken" in poller.said
    assert ended == (0, last_line(0, Summary(received=3, done=2, retried=1)))


def test_a_handler_that_wants_to_end_the_process_is_retried_like_any_other() -> None:
    with child("exit", 1) as poller:
        poller.says("handling", times=3)
        poller.process.send_signal(signal.SIGTERM)
        ended = poller.ends()

    assert ended == (0, last_line(0, Summary(received=3, done=2, retried=1)))


def test_tasks_that_handlers_leave_behind_do_not_keep_the_process_from_ending() -> None:
    with child("leak", 1) as poller:
        poller.says("handling", times=2)
        poller.process.send_signal(signal.SIGTERM)
        ended = poller.ends()

    assert ended == (0, last_line(0, Summary(received=2, done=2)))


def test_threads_that_hang_do_not_keep_the_process_from_ending() -> None:
    with child("plain", 0.1) as poller:
        poller.says("handling", times=2)

        poller.process.send_signal(signal.SIGTERM)
        ended = poller.ends()

    assert ended == (0, last_line(2, Summary(received=2, released=2)))
