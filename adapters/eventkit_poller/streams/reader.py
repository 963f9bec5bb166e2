"""Reading one shard from a position to its end, page by page, whatever happens to the cursor."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from eventkit.errors import BackendError, ExpiredCursorError, TrimmedDataError, UnknownShardError
from eventkit.events._base import parse_arn
from eventkit.outcomes import Backoff
from eventkit.streams import Cursor, Page, Raw, Streams, sequence_of, time_of
from eventkit.streams.positions import TRIM_HORIZON, After, Checkpoint, ShardEnd, Since, TrimHorizon, text_of
from eventkit_poller.context import Context
from eventkit_poller.observing import Failed, Read, Trimmed

__all__ = ["Place", "Reader"]

log: logging.Logger = logging.getLogger("eventkit.poller")

BACKOFF = Backoff(base=0.5, cap=20.0)
"""The pauses between calls while they fail."""

PACE = 0.2
"""Seconds between two reads of a shard of Kinesis, which allows 5 a second to all who read it ("Kinesis quotas")."""

LEAST_PAGE = 1_000
"""Records that a read asks for at least; what DynamoDB Streams gives at most."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is read: a shard of a stream, by its ARN; `name` is what the stream's table, or the stream, is called."""

    name: str
    stream: str
    shard: str


class Reader:
    """Reads a shard. It knows what it gave last, so a cursor that expires costs nothing but a call."""

    def __init__(self, streams: Streams, place: Place, start: Checkpoint, context: Context) -> None:
        """`start` is where to begin."""
        self.failures: int = 0
        """Calls that failed since the last one that did not."""
        self.behind: float | None = None
        """Seconds by which the last page was behind the newest record, where the service tells."""
        self.ended: bool = isinstance(start, ShardEnd)
        """Whether everything has been given."""
        self.place: Place = place
        """What is read."""
        self._streams = streams
        self._start = start
        self._context = context
        self._position: TrimHorizon | Since | After = TRIM_HORIZON if isinstance(start, ShardEnd) else start
        self._cursor: Cursor | None = None
        self._gap: TrimHorizon | Since | After | None = None
        self._pace = PACE if _is_kinesis(place.stream) else 0.0
        self._next = 0.0

    async def page(self, limit: int, patience: float) -> Sequence[Raw]:
        """The records that come next, about `limit`, at the latest after `patience` seconds or what a call takes.

        There are none where nothing is new, or the shard has ended.
        """
        clock = self._context.timing.clock
        await asyncio.sleep(max(0.0, min(self._next - clock(), patience)))
        began = clock()
        page = await self._patiently(max(limit, LEAST_PAGE))
        self._advance(page)
        self._tell_gap(page)
        records = page.records
        if isinstance(self._start, Since):
            records = [record for record in records if not self._is_too_old(record)]
        self._context.observe(Read(self.place.name, self.place.shard, len(records), clock() - began, self.behind))
        self._next = began + (self._pace if page.records else self._context.settings.poll)
        return records

    async def _patiently(self, limit: int) -> Page:
        """The next page, however often reading fails before."""
        facts = {"stream": self.place.name, "shard": self.place.shard}
        while True:
            try:
                page = await self._read(limit)
            except BackendError as error:
                self.failures += 1
                pause = BACKOFF.delay(self.failures, self._context.timing.random)
                log.warning("read.error", extra={**facts, "error": str(error), "pause": round(pause, 3)})
                self._context.observe(Failed(self.place.name, "read", 0))
                await asyncio.sleep(pause)
            else:
                if self.failures:
                    log.info("read.recovered", extra={**facts, "failures": self.failures})
                self.failures = 0
                return page

    async def _read(self, limit: int) -> Page:
        """One page. A `BackendError` that passes is a reason to try again, from the place that is known by then."""
        try:
            return await self._streams.read(await self._opened(), limit)
        except ExpiredCursorError:
            self._cursor = None
            return await self._streams.read(await self._opened(), limit)
        except TrimmedDataError:
            self._cursor, self._gap, self._position = None, self._gap or self._position, TRIM_HORIZON
            return await self._streams.read(await self._opened(), limit)
        except UnknownShardError:
            self._tell_trimmed(self._gap or self._position, None, None)
            return Page((), None)

    async def _opened(self) -> Cursor:
        if self._cursor is None:
            self._cursor = await self._streams.open(self.place.stream, self.place.shard, self._position)
        return self._cursor

    def _advance(self, page: Page) -> None:
        self._cursor = page.next
        self.ended = page.next is None
        self.behind = page.behind
        if page.records:
            self._position = After(sequence_of(page.records[-1]))

    def _is_too_old(self, record: Raw) -> bool:
        """Whether it was written before the moment that reading begins with; times are told to the second."""
        time = time_of(record)
        return isinstance(self._start, Since) and time is not None and time < int(self._start.time)

    def _tell_gap(self, page: Page) -> None:
        if self._gap is None:
            return
        if page.records:
            self._tell_trimmed(self._gap, sequence_of(page.records[0]), time_of(page.records[0]))
        elif page.next is None:
            self._tell_trimmed(self._gap, None, None)
        else:
            return
        self._gap = None

    def _tell_trimmed(self, after: Checkpoint, first: str | None, time: float | None) -> None:
        place, told = self.place, text_of(after)
        log.error("records.trimmed", extra={"stream": place.name, "shard": place.shard, "after": told, "first": first})
        self._context.observe(Trimmed(place.name, place.shard, told, first, time))


def _is_kinesis(stream: str) -> bool:
    arn = parse_arn(stream)
    return arn is not None and arn.service == "kinesis"
