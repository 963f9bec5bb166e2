"""Worker processes: started, killed, stopped, and none left behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from itertools import count
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.soak.effects import Kind
from benchmarks.soak.worker import Assignment, Duty, work

if TYPE_CHECKING:  # Windows has none
    from multiprocessing.context import ForkServerContext

__all__ = ["Fleet", "Worker", "open_fleet"]

IMPORTED = ("aioboto3", "eventkit_aws.sqs", "benchmarks.soak.reading")
"""What a worker imports to do its duty, and what is imported before it is forked instead."""

PATIENCE = 5.0
"""Seconds by which a process may end later than its poller promises, before it counts as hanging."""


class Worker:
    """One process and its file."""

    def __init__(self, process: BaseProcess, log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def name(self) -> str:
        """What it is called."""
        return self._log.name

    @property
    def begun(self) -> int:
        """How many attempts it has begun."""
        return self._log.read_bytes().count(f" {Kind.BEGUN} ".encode()) if self.has_started else 0

    @property
    def has_started(self) -> bool:
        """Whether it has come so far that it ends in good order when it is asked to."""
        return self._log.exists()

    @contextmanager
    def frozen(self, seconds: float) -> Generator["subprocess.Popen[bytes]"]:
        """Let it do nothing (SIGSTOP) for so many seconds, and no longer than the block; gives what wakes it up.

        That is a process which ends then: were the starter killed meanwhile, a stopped worker would never see it.
        """
        pid = self.process.pid
        assert pid is not None, "a worker is started when it is made"
        waking = f"import os, signal, time; time.sleep({seconds}); os.kill({pid}, signal.SIGCONT)"
        with subprocess.Popen([sys.executable, "-I", "-S", "-c", waking]) as alarm:
            try:
                os.kill(pid, signal.SIGSTOP)
                yield alarm
            finally:
                os.kill(pid, signal.SIGCONT)
                alarm.kill()


class Fleet:
    """The workers of one run; every process that it starts, it ends."""

    def __init__(self, environ: Mapping[str, str], folder: Path, seed: int) -> None:
        self.workers: list[Worker] = []
        """Those that run."""
        self.faults: int = 0
        """How many have ended unasked, or when asked not in time and with status 0."""
        self.folder = folder
        self._environ = environ
        self._seed = seed
        self._numbers = count()
        self._context = _context()

    def start(self, duty: Duty) -> Worker:
        """Start a worker."""
        log = self.folder / f"worker-{next(self._numbers):04}"
        assignment = Assignment(duty, self._environ, self._seed, log)
        worker = Worker(self._context.Process(target=work, args=(assignment,)), log)
        worker.process.start()
        self.workers.append(worker)
        return worker

    def fill(self, size: int, duty: Duty) -> None:
        """Start workers until so many run."""
        while len(self.workers) < size:
            self.start(duty)

    def kill(self, worker: Worker) -> None:
        """End a worker by SIGKILL."""
        worker.process.kill()
        worker.process.join()
        self.workers.remove(worker)

    def ask(self) -> None:
        """Send SIGTERM to the workers, once: a second one would cancel their handlers."""
        for worker in self.workers:
            worker.process.terminate()

    def end(self, seconds: float) -> None:
        """Wait until the workers are gone that were asked; those that are late by some seconds end by SIGKILL."""
        end = time.monotonic() + seconds + PATIENCE
        self.faults += sum(_status(worker.process, end) != 0 and worker.has_started for worker in self.workers)
        self.workers.clear()

    def wait(self, seconds: float) -> None:
        """Wait so many seconds, less if a worker ends unasked."""
        ended = wait([worker.process.sentinel for worker in self.workers], seconds)
        self.faults += len(ended)
        self.workers = [worker for worker in self.workers if worker.process.sentinel not in ended]


@contextmanager
def open_fleet(environ: Mapping[str, str], folder: Path, seed: int) -> Generator[Fleet]:
    """A fleet whose workers write into the folder; at the end of the block those that run are killed."""
    fleet = Fleet(environ, folder, seed)
    try:
        yield fleet
    finally:
        for worker in tuple(fleet.workers):
            fleet.kill(worker)


def _context() -> "ForkServerContext":
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([work.__module__, *IMPORTED])
    return context


def _status(process: BaseProcess, end: float) -> int:
    process.join(max(0.0, end - time.monotonic()))
    if process.exitcode is None:
        process.kill()
        process.join()
    assert process.exitcode is not None
    return process.exitcode
