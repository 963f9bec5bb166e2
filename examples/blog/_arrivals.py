"""What the poller has settled, and waiting for it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from time import monotonic

from eventkit import Done, ObjectEvent, Reject, Retry
from eventkit.backends import Raw
from eventkit_local.watch import Seen

__all__ = ["Arrivals"]


class Arrivals:
    """Takes each delivery as it is settled; an event of S3 is known by its key."""

    def __init__(self, show: Callable[[Seen], None]) -> None:
        """`show` gets each delivery, too."""
        self._show = show
        self._settled: Counter[str] = Counter()
        self._began: dict[str, float] = {}
        self._changed = asyncio.Event()
        self._last: dict[str, Seen] = {}
        self.seen: dict[str, Seen] = {}
        """The last delivery of each key."""
        self.took: dict[str, float] = {}
        """Seconds from the upload of each key until its first delivery was settled."""

    def __call__(self, seen: Seen) -> None:
        """Take a delivery."""
        self._last[seen.id] = seen
        if isinstance(seen.event, ObjectEvent):
            key = seen.event.key
            self.seen[key] = seen
            if isinstance(seen.outcome, Done | Reject):
                self._settled[key] += 1
                self.took.setdefault(key, monotonic() - self._began.get(key, monotonic()))
        self._changed.set()
        self._show(seen)

    def begins(self, key: str) -> None:
        """Say that the key is being uploaded."""
        self._began[key] = monotonic()

    async def wait(self, keys: Iterable[str], patience: float, *, times: int = 1) -> list[str]:
        """Wait until each key has been settled so many times; returns those that were not within so many seconds."""
        wanted = list(keys)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self._missing(wanted, times):
                    self._changed.clear()
                    await self._changed.wait()
        return self._missing(wanted, times)

    def _missing(self, keys: Iterable[str], times: int) -> list[str]:
        return [key for key in keys if self._settled[key] < times]

    @property
    def records(self) -> Sequence[Raw]:
        """The messages as they were received, each once, in the order in which they were settled."""
        return [seen.event.outermost.record for seen in self._last.values() if seen.event is not None]

    @property
    def retries(self) -> frozenset[str]:
        """The ids of the messages that were to be retried when they were last seen."""
        return frozenset(name for name, seen in self._last.items() if isinstance(seen.outcome, Retry))
