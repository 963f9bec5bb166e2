"""Cutting off code that does not return: by the interval timer, whose signal interrupts even a blocking call.

Python runs signal handlers in the main thread, which is where Lambda's runtime client calls the function. Elsewhere,
and where the system has no interval timer, nothing is cut off, and Lambda's own timeout ends the invocation.
"""

import gc
import signal
import threading
from collections.abc import Callable
from time import monotonic
from types import FrameType
from typing import TypeVar

from eventkit.outcomes import Interrupted

__all__ = ["Alarm"]

T = TypeVar("T")

SHORTEST = 0.001
"""Seconds; setting the timer to 0 would switch it off."""

AGAIN = 0.1
"""Seconds until it rings again, for code that caught `Interrupted` and goes on."""


class Alarm:
    """Limits on what is running, one inside the other. It uses SIGALRM; handlers must not."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._limits: list[float] = []
        self._rings: float | None = None

    @property
    def works(self) -> bool:
        """Whether this thread may use signals."""
        return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()

    def arm(self, seconds: float) -> None:
        """Raise `Interrupted` in the main thread once so many seconds have passed.

        A timer that rings earlier is left as it is and set again when it does: setting it takes a system call, and
        most invocations end long before their deadline.
        """
        limit = self._clock() + seconds
        if self._rings is None or limit < self._rings:
            self._set(limit)
        self._limits.append(limit)  # last, so that an outer limit that rings in here leaves nothing behind

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
            if outer is not None and outer <= self._clock():
                raise
            raise TimeoutError(f"the handler took more than {timeout} s") from cut
        finally:
            self.disarm()

    def lost(self) -> None:
        """Another alarm has taken the timer, of which a process has one."""
        self._rings = None

    def _set(self, limit: float) -> None:
        if not self.works:
            return
        former = getattr(signal.signal(signal.SIGALRM, self._ring), "__self__", None)
        if isinstance(former, Alarm) and former is not self:
            former.lost()
        seconds = max(SHORTEST, limit - self._clock())
        self._rings = limit
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def _ring(self, _signal: int, frame: FrameType | None) -> None:
        self._rings = None
        if not self._limits:
            return
        limit = min(self._limits)
        if limit > self._clock():
            self._set(limit)
        elif frame is not None and not _may_interrupt(frame):
            self._set(self._clock() + SHORTEST)
        else:
            self._set(self._clock() + AGAIN)
            raise Interrupted("the time for this work is over")


_BOOKKEEPING = frozenset({Alarm.arm.__code__, Alarm.disarm.__code__})
"""Not interrupted, since a limit that was not taken back would cut off whatever runs later."""

_CALLBACKS = frozenset({"weakref", "_weakrefset"})
"""Modules whose functions Python calls where an exception is only printed: raised there, the interruption is lost."""


def _may_interrupt(frame: FrameType) -> bool:
    if frame.f_code in _BOOKKEEPING:
        return False
    collecting = {getattr(callback, "__code__", None) for callback in gc.callbacks}
    caller: FrameType | None = frame
    while caller is not None:
        code, module = caller.f_code, caller.f_globals.get("__name__")
        if code.co_name == "__del__" or module in _CALLBACKS or code in collecting:
            return False
        caller = caller.f_back
    return True
