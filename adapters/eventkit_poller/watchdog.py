"""A watch over the event loop: a handler that keeps it for itself is found, told of, and interrupted.

While one handler blocks the loop nothing else runs: no other handler, no heartbeat, no signal. A thread asks the loop
for a sign of life; where there is none for too long it logs where the loop's thread is and interrupts it, as SIGINT
would, if what runs there is a handler. Its record is then retried.
"""

import asyncio
import logging
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import monotonic
from types import FrameType
from typing import Any

from eventkit.outcomes import Interrupted

__all__ = ["watched"]

log: logging.Logger = logging.getLogger("eventkit.poller")

LOOKS = 4
"""How often the thread looks while a handler may keep the loop."""


@contextmanager
def watched(stall: float, is_handler: Callable[["asyncio.Task[Any]"], bool]) -> Generator[None]:
    """Watch the running loop for the length of a block; `stall` is in seconds, `is_handler` knows handlers' tasks.

    Handlers are interrupted by SIGALRM, which they must leave alone; where the loop does not run in the main thread, or
    on Windows, they are only told of.
    """
    watch = _Watch(stall, is_handler)
    watch.start()
    try:
        yield
    finally:
        watch.stop()


class _Watch:
    def __init__(self, stall: float, is_handler: Callable[["asyncio.Task[Any]"], bool]) -> None:
        self._stall = stall
        self._is_handler = is_handler
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._stopped = threading.Event()
        self._asked: float | None = None
        self._told = False
        self._before: Any = None
        self._can_interrupt = threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGALRM")

    def start(self) -> None:
        if self._can_interrupt:
            self._before = signal.signal(signal.SIGALRM, self._interrupt)
        threading.Thread(target=self._look, name="eventkit-watchdog", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        if self._can_interrupt:
            signal.signal(signal.SIGALRM, self._before)

    def _look(self) -> None:
        """Run by the thread."""
        while not self._stopped.wait(self._stall / LOOKS):
            asked = self._asked
            if asked is None:
                self._asked = monotonic()
                self._loop.call_soon_threadsafe(self._answer)
            elif monotonic() - asked >= self._stall:
                self._bark(monotonic() - asked)

    def _answer(self) -> None:
        """Run by the loop."""
        if self._told and self._asked is not None:
            log.warning("loop.recovered", extra={"seconds": round(monotonic() - self._asked, 1)})
        self._told = False
        self._asked = None

    def _bark(self, seconds: float) -> None:
        if not self._told:
            self._told = True
            frame = sys._current_frames().get(self._watched)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - documented, "for specialized purposes"
            stack = "".join(traceback.format_stack(frame)[-LOOKS:])
            log.error("loop.blocked", extra={"seconds": round(seconds, 1), "stack": stack})
        if self._can_interrupt and not self._stopped.is_set():
            signal.pthread_kill(self._watched, signal.SIGALRM)  # again each time: a finaliser may have swallowed it

    def _interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        """Run by the main thread between two steps of whatever it does."""
        task = asyncio.current_task(self._loop)
        if self._told and task is not None and self._is_handler(task):
            raise Interrupted(f"the handler kept the event loop from everything else for {self._stall:g} s")
