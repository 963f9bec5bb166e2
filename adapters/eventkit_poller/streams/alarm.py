"""A moment to wait for, which others may bring nearer meanwhile."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from math import inf

__all__ = ["Alarm"]


class Alarm:
    """Wakes one waiter at a moment of a clock. It has rung from the beginning, until it is set."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds that never jump back."""
        self._clock = clock
        self._due = -inf
        self._moved = asyncio.Event()

    def set(self, seconds: float) -> None:
        """Ring in so many seconds."""
        self._due = self._clock() + seconds
        self._moved.set()

    def hasten(self, seconds: float) -> None:
        """Ring in so many seconds, unless it rings earlier."""
        if self._clock() + seconds < self._due:
            self.set(seconds)

    async def ring(self) -> None:
        """Wait until it rings; at once when that is past."""
        while (left := self._due - self._clock()) > 0:
            self._moved.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._moved.wait()
