"""What the poller has settled, and waiting for it."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from eventkit import Change, Done, ObjectEvent, Reject
from eventkit.backends import Raw
from eventkit_local.watch import Seen

__all__ = ["Arrivals", "subject_of"]

PATIENCE = 60.0
"""Seconds for which one thing is awaited before it counts as not having happened."""


class Arrivals:
    """Takes each delivery as it is settled."""

    def __init__(self, show: Callable[[Seen], None], patience: float = PATIENCE) -> None:
        """`show` gets each delivery, too; `patience` is in seconds."""
        self._show = show
        self._patience = patience
        self._seen: list[Seen] = []
        self._changed = asyncio.Event()

    def __call__(self, seen: Seen) -> None:
        """Take a delivery."""
        self._seen.append(seen)
        self._changed.set()
        self._show(seen)

    def settled(self, handler: str, subject: str) -> Sequence[Seen]:
        """The deliveries to a handler that are done or rejected, of what a text is part of: see `subject_of`."""
        return [
            seen
            for seen in self._seen
            if seen.handler == handler and isinstance(seen.outcome, Done | Reject) and subject in subject_of(seen)
        ]

    async def wait(self, handler: str, subject: str, number: int = 1) -> bool:
        """Wait for so many of them; False where they have not come in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                while len(self.settled(handler, subject)) < number:
                    self._changed.clear()
                    await self._changed.wait()
        return len(self.settled(handler, subject)) >= number

    @property
    def records(self) -> Sequence[Raw]:
        """The records as they were received, each once, in the order in which they were first settled."""
        found = {seen.id: seen.event.outermost.record for seen in self._seen if seen.event is not None}
        return list(found.values())


def subject_of(seen: Seen) -> str:
    """What a delivery is about: an object's key, or an item's."""
    match seen.event:
        case ObjectEvent(key=key):
            return key
        case Change(keys=keys):
            return " ".join(map(str, keys.values()))
        case _:
            return ""
