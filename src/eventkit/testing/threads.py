"""Plain functions on threads, in virtual time: one thing happens at a time, in the same order in every run."""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue
from threading import Thread, local
from typing import TypeVar

from eventkit.errors import ConfigurationError
from eventkit.outcomes import Interrupted

__all__ = ["VirtualThreads"]

T = TypeVar("T")

Work = Callable[[], None]


class _Here(local):
    """The worker whose thread this is."""

    worker: "_Worker | None" = None


_here = _Here()


class _Worker:
    """A thread that works while its loop waits for it, and waits while the loop runs."""

    def __init__(self) -> None:
        self._go: SimpleQueue[Work | None] = SimpleQueue()
        self._pauses: SimpleQueue[float | None] = SimpleQueue()
        Thread(target=self._serve, name="eventkit-test", daemon=True).start()

    def let_go(self, work: Work | None) -> float | None:
        """Let it begin a work, or go on with its own; return for how long it then wants to sleep, None at the end."""
        self._go.put(work)
        return self._pauses.get()

    def end(self) -> None:
        self._go.put(None)

    def sleep(self, seconds: float) -> None:
        self._pauses.put(seconds)
        if (work := self._go.get()) is not None:
            work()

    def _serve(self) -> None:
        _here.worker = self
        while (work := self._go.get()) is not None:
            work()
            self._pauses.put(None)


class VirtualThreads:
    """Calls plain functions, each on a thread, for a loop that stands still until they return or `sleep`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """`loop` is the one that time passes on."""
        self._loop = loop
        self._idle: list[_Worker] = []
        self._asleep: set[_Worker] = set()

    async def call(self, function: Callable[[], T], timeout: float | None) -> T:  # noqa: ASYNC109 - `Blocking` says so
        """Call the function with the caller's context variables, and return its value.

        Raises what it raises, and `TimeoutError` after `timeout` seconds; then the function goes on, unwatched.
        """
        done: asyncio.Future[None] = self._loop.create_future()
        result: list[T] = []
        errors: list[BaseException] = []
        context = copy_context()

        def work() -> None:
            try:
                result.append(context.run(function))
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
                errors.append(error)

        worker = self._idle.pop() if self._idle else _Worker()
        self._went(worker, done, worker.let_go(work))
        async with asyncio.timeout(timeout):
            await done
        if errors:
            raise errors[0]
        return result[0]

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass, in a function that was called here. Raises `ConfigurationError` in any other."""
        worker = _here.worker
        if worker is None:
            raise ConfigurationError(
                "this is for plain functions that the app calls; an async one awaits asyncio.sleep"
            )
        worker.sleep(seconds)

    def close(self) -> None:
        """Interrupt the functions that still sleep, and end the threads."""
        for worker in tuple(self._asleep):
            while worker.let_go(_interrupt) is not None:
                pass
            worker.end()
        self._asleep.clear()
        while self._idle:
            self._idle.pop().end()

    def _went(self, worker: _Worker, done: "asyncio.Future[None]", pause: float | None) -> None:
        if pause is None:
            self._idle.append(worker)
            if not done.done():
                done.set_result(None)
        else:
            self._asleep.add(worker)
            self._loop.call_later(pause, self._wake, worker, done)

    def _wake(self, worker: _Worker, done: "asyncio.Future[None]") -> None:
        self._asleep.discard(worker)
        self._went(worker, done, worker.let_go(_go_on))


def _go_on() -> None:
    """Go on."""


def _interrupt() -> None:
    raise Interrupted("the test is over")
