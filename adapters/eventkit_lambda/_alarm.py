"""Cutting off code that does not return: by the interval timer, whose signal interrupts even a blocking call.

Python runs signal handlers in the main thread, which is where Lambda's runtime client calls the function. Elsewhere,
and where the system has no interval timer, nothing is cut off, and Lambda's own timeout ends the invocation.
"""

import signal
import threading
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from eventkit.outcomes import Interrupted

__all__ = ["Alarm"]

T = TypeVar("T")

SHORTEST = 0.001
"""Seconds; setting the timer to 0 would switch it off."""


class Alarm:
    """Limits on what is running, one inside the other. It uses SIGALRM; handlers must not."""

    def __init__(self) -> None:
        self._limits: list[float] = []
        self._rings: float | None = None
        self.works = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
        """Whether this thread may use signals."""
        if self.works:
            signal.signal(signal.SIGALRM, self._ring)

    def arm(self, seconds: float) -> None:
        """Raise `Interrupted` in the main thread once so many seconds have passed.

        A timer that rings earlier is left as it is and set again when it does: setting it takes a system call, and
        most invocations end long before their deadline.
        """
        limit = monotonic() + seconds
        self._limits.append(limit)
        if self._rings is None or limit < self._rings:
            self._set(limit)

    def disarm(self) -> None:
        """Take back the limit that was set last."""
        self._limits.pop()
        if self._rings is None and self._limits:
            self._set(min(self._limits))

    async def call(self, function: Callable[[], T], timeout: float | None) -> T:  # noqa: ASYNC109 - the function may not be async
        """Call a plain function, at once, for at most `timeout` seconds. Raises `TimeoutError`."""
        if timeout is None:
            return function()
        outer = min(self._limits, default=None)
        self.arm(timeout)
        try:
            return function()
        except Interrupted as cut:
            if outer is not None and outer <= monotonic():
                raise
            raise TimeoutError(f"the handler took more than {timeout} s") from cut
        finally:
            self.disarm()

    def _set(self, limit: float) -> None:
        if self.works:
            self._rings = limit
            signal.setitimer(signal.ITIMER_REAL, max(SHORTEST, limit - monotonic()))

    def _ring(self, _signal: int, _frame: object) -> None:
        self._rings = None
        if not self._limits:
            return
        limit = min(self._limits)
        if limit <= monotonic():
            raise Interrupted("the time for this work is over")
        self._set(limit)
