"""Listing the shards of a stream: once in a while, and soon when that would help."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from eventkit.errors import BackendError
from eventkit.outcomes import Backoff
from eventkit.streams import Streams
from eventkit.streams.leases import Lease
from eventkit_poller.settings import Timing
from eventkit_poller.streams.alarm import Alarm
from eventkit_poller.streams.lineage import Lineage

__all__ = ["Survey"]

log: logging.Logger = logging.getLogger("eventkit.poller")

SOON = 1.0
"""Seconds from one listing to the next where that is expected to bring something."""

BACKOFF = Backoff(base=1.0, cap=20.0)
"""The pauses after a listing that failed."""


class Survey:
    """What is known of a stream's shards, brought up to date again and again."""

    def __init__(self, stream: str, streams: Streams, sync: float, timing: Timing, told: Callable[[], None]) -> None:
        """A listing comes every `sync` seconds, and takes no longer than that; `told` is called after each."""
        self.lineage: Lineage = Lineage()
        """What the listings have told so far."""
        self.failures: int = 0
        """Listings that failed since the last one that did not."""
        self._stream = stream
        self._streams = streams
        self._sync = sync
        self._timing = timing
        self._told = told
        self._alarm = Alarm(timing.clock)

    async def run(self) -> None:
        """List the shards, until this is cancelled."""
        while True:
            await self._alarm.ring()
            self._alarm.set(self._sync)
            await self._list()

    def learn(self, leases: Iterable[Lease]) -> None:
        """Take note of the leases that there are."""
        self.lineage = self.lineage.with_leases(leases)

    def soon(self) -> None:
        """List the shards again in a moment, unless there is trouble with that."""
        if not self.failures:
            self._alarm.hasten(SOON)

    def ended(self, shard: str) -> None:
        """A shard was read to its end: look for its children."""
        self.lineage = self.lineage.ended(shard)
        self._alarm.hasten(0)

    async def _list(self) -> None:
        try:
            async with asyncio.timeout(self._sync):
                listing = await self._streams.shards(self._stream)
        except (BackendError, TimeoutError) as error:
            self.failures += 1
            self._alarm.hasten(BACKOFF.delay(self.failures, self._timing.random))
            facts = {"stream": self._stream, "error": str(error) or type(error).__name__}
            log.warning("shards.error", extra=facts)
        else:
            self.failures = 0
            self.lineage = self.lineage.after(listing)
            self._told()
