"""The work on one stream: the shards that this process has of it, and what becomes of their records."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from eventkit.errors import BackendError
from eventkit.outcomes import Backoff
from eventkit.streams import Streams
from eventkit.streams.leases import LeaseStore
from eventkit.streams.memory_leases import MemoryLeases
from eventkit_poller.context import Context
from eventkit_poller.observing import Leased, QueueState
from eventkit_poller.plan import ReadStream
from eventkit_poller.streams.consumer import Consumer
from eventkit_poller.streams.handling import StreamHandling
from eventkit_poller.streams.reader import Place, Reader
from eventkit_poller.streams.settings import SharingSettings
from eventkit_poller.streams.sharing import Sharing, Subscription
from eventkit_poller.streams.tenancy import Tenancy
from eventkit_poller.tasks import Tasks
from eventkit_poller.work import Summary

__all__ = ["StreamAccess", "StreamWork", "worker_name"]

log: logging.Logger = logging.getLogger("eventkit.poller")

BACKOFF = Backoff(base=0.5, cap=20.0)
"""The pauses between attempts to find a stream."""


def worker_name() -> str:
    """A name that no other process has: host, process, and chance."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class StreamAccess:
    """How a poller reads streams.

    Attributes:
        streams: Where they are.
        leases: How processes share them, and remember how far they have come; by default this process alone, and only
            while it lives.
        worker: What this process is called.
    """

    streams: Streams
    leases: LeaseStore = field(default_factory=MemoryLeases)
    worker: str = field(default_factory=worker_name)


class StreamWork:
    """Reads what is this process's share of a stream, until it is stopped."""

    def __init__(
        self, plan: ReadStream, access: StreamAccess, context: Context, handling: StreamHandling, group: str
    ) -> None:
        """`group` is whose leases on the stream are shared."""
        self.name: str = plan.name
        """What people call the stream."""
        self._plan = plan
        self._access = access
        self._context = context
        self._handling = handling
        self._group = group
        self._sharing: Sharing | None = None
        self._consumers: list[Consumer] = []
        self._ended = Summary()
        self._failures = 0
        self._stopping = asyncio.Event()

    @property
    def summary(self) -> Summary:
        """What became of the records so far."""
        return sum((consumer.summary for consumer in self._consumers), self._ended)

    @property
    def state(self) -> QueueState:
        """How it is doing."""
        reads = [consumer.reader.failures for consumer in self._consumers]
        shared = 0 if self._sharing is None else self._sharing.failures
        return QueueState(
            sum(consumer.in_flight for consumer in self._consumers),
            max((consumer.oldest for consumer in self._consumers), default=0.0),
            max(self._failures, shared, *reads),
            max((consumer.lag for consumer in self._consumers), default=0.0),
            len(self._consumers),
        )

    def start(self, tasks: Tasks) -> None:
        """Read from now on."""
        tasks.start(self._run(tasks))

    def stop(self) -> None:
        """Begin no further record, write the checkpoints, and let others have the shards."""
        self._stopping.set()
        if self._sharing is not None:
            self._sharing.stop()

    async def _run(self, tasks: Tasks) -> None:
        stream = await self._resolved()
        if stream is None or self._stopping.is_set():
            return
        settings = self._context.settings
        self._sharing = Sharing(
            Subscription(self._group, stream, self._handling.options.start),
            self._access.streams,
            self._access.leases,
            SharingSettings(self._access.worker, settings.failover, settings.sync, settings.handover),
            self._context.timing,
            self._begin,
        )
        self._sharing.told = lambda event, lease: self._context.observe(Leased(self.name, lease.shard, event))
        self._sharing.start(tasks)

    async def _resolved(self) -> str | None:
        """The stream's ARN, however often asking for it fails; None where it is stopped before."""
        resource = self._plan.resource
        while not self._stopping.is_set():
            try:
                stream = await self._access.streams.resolve(resource.kind, self._plan.address)
            except BackendError as error:
                self._failures += 1
                pause = BACKOFF.delay(self._failures, self._context.timing.random)
                log.warning("stream.error", extra={"stream": self._plan.name, "error": str(error), "pause": pause})
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._stopping.wait()
            else:
                self._failures = 0
                return stream
        return None

    def _begin(self, tenancy: Tenancy) -> "_Begun":
        lease = tenancy.lease
        place = Place(self._plan.name, lease.stream, lease.shard)
        reader = Reader(self._access.streams, place, lease.checkpoint, self._context)
        consumer = Consumer(reader, tenancy, self._handling, self._context)
        self._consumers.append(consumer)
        consumer.start()
        return _Begun(consumer, self._end)

    def _end(self, consumer: Consumer) -> None:
        self._ended += consumer.summary
        self._consumers.remove(consumer)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A consumer, which is told of when it has ended."""

    consumer: Consumer
    ended: Callable[[Consumer], None]

    async def stop(self) -> None:
        try:
            await self.consumer.stop()
        finally:
            self.ended(self.consumer)

    def cancel(self) -> None:
        self.consumer.cancel()
