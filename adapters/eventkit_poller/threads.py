"""Plain functions on threads."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol, TypeVar, cast

from eventkit.execution import Blocking

__all__ = ["Calling", "Threads"]

T = TypeVar("T")


class Calling(Blocking, Protocol):
    """Calls plain functions until it is closed."""

    def close(self) -> None:
        """Let the threads end: the idle ones now, the others when their functions return."""
        ...


@dataclass(slots=True, eq=False)
class _Call:
    function: Callable[[], object]
    done: "asyncio.Future[None]"
    context: Context = field(default_factory=copy_context)
    value: Any = None
    error: BaseException | None = None

    def run(self) -> None:
        try:
            self.value = self.context.run(self.function)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
            self.error = error


class Threads:
    """Calls plain functions from one event loop, each on a thread, with the caller's context variables.

    A thread is started where none is idle, so there are as many as functions ever ran at once. They are daemons,
    which `concurrent.futures` cannot have: a function that never returns must not keep the process from ending.
    Answers that come at the same time wake the loop once, because waking it is the larger part of a hop's cost.
    """

    def __init__(self) -> None:
        """Bound to the event loop that runs."""
        self._loop = asyncio.get_running_loop()
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._returned: deque[_Call] = deque()
        self._idle = 0
        self._size = 0
        self._woken = False

    async def call(self, function: Callable[[], T], timeout: float | None) -> T:  # noqa: ASYNC109 - `Blocking` says so
        """Call the function and return its value.

        Raises what it raises, and `TimeoutError` after `timeout` seconds. A thread cannot be interrupted: after a
        timeout or a cancellation the function goes on, unwatched, and its result is dropped.
        """
        call = _Call(function, self._loop.create_future())
        self._submit(call)
        if timeout is None:
            await call.done
        else:
            async with asyncio.timeout(timeout):
                await call.done
        if call.error is not None:
            raise call.error
        return cast("T", call.value)

    def close(self) -> None:
        for _ in range(self._size):
            self._calls.put(None)

    def _submit(self, call: _Call) -> None:
        self._calls.put(call)
        if self._idle:
            self._idle -= 1
        else:
            self._size += 1
            Thread(target=self._serve, name=f"eventkit-{self._size}", daemon=True).start()

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            call.run()
            self._returned.append(call)
            del call  # or an idle thread keeps the record alive
            if not self._woken:
                self._woken = True
                with suppress(RuntimeError):  # the loop has been closed, so nobody waits for the answer
                    self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._woken = False  # before looking: who answers from now on wakes the loop again
        while self._returned:
            call = self._returned.popleft()
            self._idle += 1
            if not call.done.done():
                call.done.set_result(None)
