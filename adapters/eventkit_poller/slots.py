"""The capacity of a process: a slot for each record that was received and is not settled.

- Slots are taken **before** a receive, and the receive asks for no more records than there are slots for; those that
  it did not fill are given back. So no record is ever held, its visibility running out, that no handler can take.
- Receivers take slots in turn, at most one batch each, so a busy queue cannot starve another.
- Where several queues are polled, a receive that **waits** holds one slot, and one that holds more does not wait. So
  a queue without messages costs the others one slot and no time. After each answer that brought records the receiver
  asks again for a batch, without waiting; an empty answer takes it back to waiting. A process that polls one queue
  waits with all its slots, because there is nobody to take them from.
- Under load slots become free one by one; asking for one record each time would cost ten requests where one
  suffices. So whose turn it is waits until half a batch is free, but never longer than 20 ms.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from eventkit_poller.settings import Settings

__all__ = ["Ask", "Slots", "asking"]

GATHER = 0.02
"""Seconds for which a receiver waits for half a batch of slots: little beside a handler that makes it wait."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a receive asks for: at most `most` records, waiting `wait` seconds for the first."""

    most: int
    wait: float


def asking(settings: Settings, *, alone: bool, eager: bool) -> Ask:
    """What the next receive of a queue asks for.

    `alone` says that no other queue is polled, `eager` that the queue's last answer brought records.
    """
    if alone:
        return Ask(settings.batch, settings.wait)
    return Ask(settings.batch, 0) if eager else Ask(1, settings.wait)


class Slots:
    """So many slots; those of a queue lie within those of the process."""

    def __init__(self, size: int, within: "Slots | None" = None) -> None:
        """`size` is at least 1."""
        self.free: int = size
        self._size = size
        self._within = within
        self._turn = asyncio.Lock()
        self._given = asyncio.Event()

    async def take(self, most: int) -> int:
        """Between 1 and `most` slots, as soon as it is one's turn and there are some. Cancelling it takes none."""
        most = min(most, self._size)
        async with self._turn:
            await self._until(1)
            if self.free * 2 < most:
                with suppress(TimeoutError):
                    async with asyncio.timeout(GATHER):
                        await self._until((most + 1) // 2)
            most = min(most, self.free)
            taken = most if self._within is None else await self._within.take(most)
            self.free -= taken
            return taken

    def give(self, count: int) -> None:
        """Give slots back."""
        self.free += count
        self._given.set()
        if self._within is not None:
            self._within.give(count)

    async def _until(self, enough: int) -> None:
        while self.free < enough:
            self._given.clear()
            await self._given.wait()
