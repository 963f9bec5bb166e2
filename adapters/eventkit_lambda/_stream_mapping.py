"""A model of Lambda's event source mapping of a stream: what AWS does between a shard and a function.

"Using Lambda to process records from Amazon Kinesis Data Streams", "Using AWS Lambda with Amazon DynamoDB", and their
pages on errors and on partial batch responses. What is tried again and what is given up is decided by
`eventkit.streams.slices`. Lambda does not say how long it waits before it tries again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from zlib import crc32

from eventkit.backends import Raw
from eventkit.decode import unwrap
from eventkit.errors import DecodeError
from eventkit.failures import GivenUp
from eventkit.resources import Stream, Streamed, Table
from eventkit.stream_options import Start
from eventkit.streams import Cursor, Listing, Shard, Streams, sequence_of, time_of
from eventkit.streams.positions import TRIM_HORIZON, Latest, Position
from eventkit.streams.slices import Condition, Slice, after_failure, expired
from eventkit.values import Value
from eventkit_lambda._mapping_response import lowest_failed

__all__ = ["Side", "StreamMapping"]

PAUSE = 10.0
"""Seconds before records are handed over again; AWS does not say how long that takes."""


class Side(Value):
    """What a mapping works with.

    `invoke` gives the function's response as text, None where it failed; `discard` sends records to the on-failure
    destination; `now` is in seconds since 1970, and `new_id` makes UUIDs.
    """

    app: str
    streams: Streams
    invoke: Callable[[Sequence[Raw]], Awaitable[str | None]]
    discard: Callable[[GivenUp], Awaitable[None]]
    now: Callable[[], float]
    new_id: Callable[[], str]


class StreamMapping:
    """Hands the records of a stream over, each shard's in order; a shard begins when those before it have ended."""

    def __init__(self, resource: Table[Any] | Stream[Any], address: str, factor: int, side: Side) -> None:
        """`factor` is how many partition keys of a shard are handed over at once (`ParallelizationFactor`)."""
        self._resource: Streamed[Any] = resource
        self._kind = resource.kind
        self._address = address
        self._factor = factor
        self._side = side
        self._options = resource.stream
        self._begun: set[str] = set()
        self._ended: set[str] = set()

    async def run(self) -> None:
        """Read and hand over, until it is cancelled."""
        stream = await self._side.streams.resolve(self._kind, self._address)
        listing = await self._side.streams.shards(stream)
        position: Position = Latest() if self._options.start is Start.LATEST else TRIM_HORIZON
        async with asyncio.TaskGroup() as shards:

            async def consume(shard: Shard, start: Position) -> None:
                await self._consume(stream, shard.id, start)
                self._ended.add(shard.id)
                begin(await self._side.streams.shards(stream), TRIM_HORIZON)

            def begin(found: Listing, start: Position) -> None:
                for shard in self._ready(found):
                    self._begun.add(shard.id)
                    shards.create_task(consume(shard, start))

            begin(listing, position)

    def _ready(self, listing: Listing) -> list[Shard]:
        """The shards that may be read now and are not."""
        known = {shard.id for shard in listing.shards}
        return [
            shard
            for shard in listing.shards
            if shard.id not in self._begun and not (set(shard.parents) & known) - self._ended
        ]

    async def _consume(self, stream: str, shard: str, start: Position) -> None:
        """Read a shard to its end, batch by batch."""
        cursor: Cursor | None = await self._side.streams.open(stream, shard, start)
        waiting: list[Raw] = []
        due = 0.0
        while cursor is not None or waiting:
            if cursor is not None:
                page = await self._side.streams.read(cursor, self._options.batch - len(waiting))
                due = due if waiting else self._side.now() + self._options.window
                waiting, cursor = [*waiting, *page.records], page.next
            full = len(waiting) == self._options.batch or cursor is None or self._side.now() >= due
            if waiting and full:
                async with asyncio.TaskGroup() as lanes:
                    for lane in self._divided(waiting):
                        lanes.create_task(self._deliver(shard, lane))
                waiting = []

    def _divided(self, records: Sequence[Raw]) -> Sequence[Sequence[Raw]]:
        """The records by their partition keys, in as many lanes as are handed over at once."""
        lanes: dict[int, list[Raw]] = {}
        for record in records:
            lanes.setdefault(self._lane_of(record) if self._factor > 1 else 0, []).append(record)
        return list(lanes.values())

    def _lane_of(self, record: Raw) -> int:
        try:
            return crc32(repr(self._resource.lane_of(unwrap(record)[0])).encode()) % self._factor
        except DecodeError:
            return 0

    async def _deliver(self, shard: str, records: Sequence[Raw]) -> None:
        """Hand a batch over until all of it is settled or given up."""
        times = [time_of(record) for record in records]
        pending = [Slice(0, len(records))]
        while pending:
            tried = pending.pop()
            if old := expired(tried, times, self._side.now(), self._options):
                await self._discard(shard, records[tried.start : tried.start + old], Condition.AGE, tried.failures)
                tried = Slice(tried.start + old, tried.stop)
            again = await self._tried(shard, records, tried) if len(tried) else ()
            pending.extend(reversed(again))
            if again:
                await asyncio.sleep(PAUSE)

    async def _tried(self, shard: str, records: Sequence[Raw], tried: Slice) -> Sequence[Slice]:
        """Hand a slice over once; what is tried next."""
        batch = records[tried.start : tried.stop]
        response = await self._side.invoke(batch)
        lowest = lowest_failed(response, [sequence_of(record) for record in batch])
        if lowest is None:
            return ()
        again = after_failure(tried, tried.start + lowest, self._options)
        if not isinstance(again, Condition):
            return again
        await self._discard(shard, batch, again, tried.failures + 1, "Unhandled" if response is None else None)
        return ()

    async def _discard(
        self, shard: str, records: Sequence[Raw], why: Condition, attempts: int, error: str | None = None
    ) -> None:
        side = self._side
        await side.discard(GivenUp(records, why, side.app, side.now(), side.new_id(), attempts, shard, error))
