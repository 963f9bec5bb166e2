"""An event loop whose time passes at once: it goes to the next timer whenever there is nothing else to do.

Where threads work for it, `busy` says so, and time stands still until they answer.
"""

import asyncio
import selectors
from collections.abc import Callable
from typing import TYPE_CHECKING

STUCK = 10.0
"""Real seconds after which a loop without timers, that only another thread could wake, is taken for a deadlock."""

if TYPE_CHECKING:
    Events = list[tuple[selectors.SelectorKey, int]]


class _Selector(selectors.DefaultSelector):
    def __init__(self, advance: Callable[[float], None], busy: Callable[[], bool]) -> None:
        super().__init__()
        self._advance = advance
        self._busy = busy

    def select(self, timeout: float | None = None) -> "Events":
        if timeout is None or (timeout > 0 and self._busy()):
            events = super().select(STUCK)
            assert events, "nothing can happen any more: the test is deadlocked"
            return events
        events = super().select(0)
        if not events and timeout > 0:
            self._advance(timeout)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, busy: Callable[[], bool] = lambda: False) -> None:
        self._now = 0.0
        super().__init__(_Selector(self._advance, busy))

    def time(self) -> float:
        return self._now

    def block(self, seconds: float) -> None:
        """Let time pass as it does while a handler keeps the loop for itself."""
        self._now += seconds

    def _advance(self, seconds: float) -> None:
        self._now += seconds
