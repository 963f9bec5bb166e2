"""The streams of a test's world: a test writes what it likes into them, and readers wait for it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from json import dumps
from math import floor, inf
from typing import Any

from eventkit.backends import Raw
from eventkit.decode import record_id
from eventkit.errors import ConfigurationError
from eventkit.names import name_in
from eventkit.resources import Table
from eventkit.streams import Cursor, Page
from eventkit.streams._memory_records import Place
from eventkit.streams.memory import MemoryStreams
from eventkit.values import replace

__all__ = ["WorldStreams"]

PATIENCE = 1.0
"""Seconds that a read without records waits for some, so that nobody reads in vain all the time."""


class WorldStreams(MemoryStreams):
    """Tables and streams of one name for each resource, whose records are a test's."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds since 1970."""
        super().__init__(clock=clock)
        self.written: list[Raw] = []
        """What was written, in order."""
        self._read: set[str | None] = set()
        self._waiting: set[asyncio.Event] = set()

    @property
    def unread(self) -> int:
        """How many records nobody has read."""
        return sum(record_id(record) not in self._read for record in self.written)

    def declare(self, kind: str, name: str, shards: int) -> None:
        """Have a `table` with a stream, or a `stream`, that can be read as often as anybody likes."""
        if kind == Table.kind:
            self.create_table(name, shards=shards)
        else:
            self.create_stream(name, shards=shards)
            self._data[name].rules = replace(self._data[name].rules, reads=inf)

    def write(self, record: Raw) -> None:
        """Write a record as AWS delivers it; sequence number and time become those of its place.

        Raises `ConfigurationError` for one of a table or a stream that the app takes nothing of.
        """
        arn = str(record.get("eventSourceARN"))
        table = self._tables.get(name_in(arn))
        of_table = record.get("eventSource") == "aws:dynamodb"
        found = (table.stream if table else None) if of_table else self._data.get(name_in(arn))
        if found is None:
            raise ConfigurationError(f"the app takes nothing of the table or stream {arn!r}")
        self.written.append(found.put(self._now(), _key_of(record), lambda place: _placed(record, place)))
        for written in self._waiting:
            written.set()

    async def read(self, cursor: Cursor, limit: int) -> Page:
        page = await super().read(cursor, limit)
        if not page.records and page.next is not None:
            await self._something()
            page = await super().read(page.next, limit)
        self._read |= {record_id(record) for record in page.records}
        return page

    async def _something(self) -> None:
        """Return when a record is written, or after some time."""
        written = asyncio.Event()
        self._waiting.add(written)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await written.wait()
        finally:
            self._waiting.discard(written)


def _key_of(record: Raw) -> str:
    """What decides on the shard."""
    data: Any = record.get("kinesis") or {}
    change: Any = record.get("dynamodb") or {}
    return str(data["partitionKey"]) if "partitionKey" in data else dumps(change.get("Keys"))


def _placed(record: Raw, place: Place) -> Raw:
    part: Any
    if record.get("eventSource") == "aws:kinesis":
        part = record.get("kinesis") or {}
        placed = {**part, "sequenceNumber": str(place.sequence), "approximateArrivalTimestamp": place.time}
        return {**record, "kinesis": placed, "eventID": f"{place.shard}:{place.sequence}"}
    part = record.get("dynamodb") or {}
    placed = {**part, "SequenceNumber": str(place.sequence), "ApproximateCreationDateTime": floor(place.time)}
    return {**record, "dynamodb": placed}
