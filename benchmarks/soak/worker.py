"""A worker process: an app under `run_poller`, whose handlers write down what they do.

What it does is its duty: here, to consume queues.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import parent_process
from pathlib import Path
from random import Random
from typing import NoReturn, Protocol, cast

from benchmarks.soak.effects import Kind, Log
from eventkit import App, Delivery, Queue, Retry
from eventkit.backends import Backend, Raw, open_backend
from eventkit_poller import Poller, Settings, run_poller

__all__ = ["Assignment", "Duty", "Load", "Orders", "Post", "act", "work"]

SAMPLES = 1.0
"""Seconds between two samples of memory and tasks."""

ORPHANED = 70
"""The exit status of a worker whose starter is gone."""

STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Load:
    """What handlers do: take between `least` and `most` seconds, and fail this share of their attempts."""

    least: float
    most: float
    failures: float = 0.0


@dataclass(frozen=True, slots=True)
class Post:
    """Where a worker does its duty: its name, what leads to the emulator, what chance follows from, and its own log."""

    name: str
    environ: Mapping[str, str]
    seed: int
    log: Log


class Duty(Protocol):
    """What a worker does until a signal tells it to stop."""

    @property
    def deadline(self) -> float:
        """Seconds within which it stops."""
        ...

    async def serve(self, post: Post) -> None:
        """Do it."""
        ...


@dataclass(frozen=True, slots=True)
class Orders:
    """Consuming queues."""

    queues: Sequence[str]
    load: Load
    settings: Settings

    @property
    def deadline(self) -> float:
        """Seconds within which a poller stops, as `Poller.stop` promises."""
        return self.settings.stopping

    async def serve(self, post: Post) -> None:
        """Poll until a signal."""
        async with open_backend(f"sqs://?endpoint={post.environ['AWS_ENDPOINT_URL']}") as backend:
            counting = cast("Backend", Counting(backend, post.log))
            await run_poller(Poller(self._app(post), counting, self.settings))

    def _app(self, post: Post) -> App:
        app = App("soak")

        async def handle(message: str, delivery: Delivery) -> None:
            await act(self.load, post, message, delivery.attempt)

        for queue in self.queues:
            app.on(Queue[str](queue), name=queue)(handle)
        return app


@dataclass(frozen=True, slots=True)
class Assignment:
    """All that a worker needs to know; `environ` leads to the emulator, and `log` is the worker's own file."""

    duty: Duty
    environ: Mapping[str, str]
    seed: int
    log: Path


def work(assignment: Assignment) -> None:
    """Be a worker until a signal, or the end of whoever started it."""
    signal.signal(signal.SIGTERM, _leave)
    os.environ.update(assignment.environ)
    log = Log(assignment.log)
    library = logging.getLogger("eventkit")
    library.addHandler(Events(log))
    library.propagate = False
    asyncio.run(_serve(assignment.duty, Post(assignment.log.name, assignment.environ, assignment.seed, log)))


def _leave(*_: object) -> NoReturn:
    """End in good order while there is no poller yet that would: nothing has been received."""
    sys.exit(0)


async def _serve(duty: Duty, post: Post) -> None:
    _end_with_starter()
    sampling = asyncio.create_task(_sample(post.log))
    await duty.serve(post)
    sampling.cancel()


def _end_with_starter() -> None:
    starter = parent_process()
    assert starter is not None, "a worker is started by multiprocessing"
    asyncio.get_running_loop().add_reader(starter.sentinel, os._exit, ORPHANED)


async def act(load: Load, post: Post, message: str, attempt: int) -> None:
    """Handle a message: whether that fails, and how long it takes, follows from the seed, the message, the attempt."""
    chance = Random(f"{post.seed} {message} {attempt}")  # noqa: S311 - no secret
    post.log(Kind.BEGUN, message, attempt)
    await asyncio.sleep(chance.uniform(load.least, load.most))
    if chance.random() < load.failures:
        post.log(Kind.FAILED, message, attempt)
        raise Retry(after=chance.choice((0, 1)))
    post.log(Kind.DONE, message, attempt)


class Counting:
    """A backend that writes down each call that keeps records invisible."""

    def __init__(self, backend: Backend, log: Log) -> None:
        self._backend = backend
        self._log = log

    async def extend(self, queue: str, delays: Sequence[tuple[Raw, float]]) -> object:
        """See `Backend.extend`."""
        if kept := sum(delay > 0 for _, delay in delays):
            self._log(Kind.EXTENDED, queue, kept)
        return await self._backend.extend(queue, delays)

    def __getattr__(self, verb: str) -> object:
        return getattr(self._backend, verb)


class Events(logging.Handler):
    """Writes down which warnings and errors the library logs."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log(Kind.LOGGED, str(record.msg), record.levelno)


async def _sample(log: Log) -> None:
    while (resident := _resident()) is not None:
        log(Kind.MEMORY, "resident", resident)
        log(Kind.TASKS, "tasks", len(asyncio.all_tasks()))
        await asyncio.sleep(SAMPLES)


def _resident() -> int | None:
    """Resident memory in KiB; None where the kernel has no such file."""
    if not STATM.exists():
        return None
    return int(STATM.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
