"""Heartbeats: what this process holds stays invisible to others.

A third of the visibility timeout after its receive, or after its last extension, a record is extended by the whole
timeout. So one call may fail, and there is time for another. Records that are due soon share a call, up to ten. The
handler need not be running: records that wait for their turn or for their deletion are extended, too.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from eventkit.backends import Raw, Unsettled
from eventkit.errors import BackendError
from eventkit_poller.context import Context
from eventkit_poller.flights import Flight
from eventkit_poller.observing import Extended, Failed
from eventkit_poller.settings import MAX_BATCH

__all__ = ["Heartbeat", "Rhythm"]

log: logging.Logger = logging.getLogger("eventkit.poller")


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a record is extended whose visibility timeout is `visibility` seconds.

    Every interval is a part of the timeout, so none is ever 0, however short that is.
    """

    visibility: float

    @property
    def interval(self) -> float:
        """Seconds from one extension to the next, and what a call may take."""
        return self.visibility / 3

    @property
    def repetition(self) -> float:
        """Seconds from a failed extension to the next try."""
        return self.visibility / 6

    @property
    def company(self) -> float:
        """Seconds by which a record may be extended early, to share a call with another."""
        return self.visibility / 12


class Heartbeat:
    """Extends the records of one queue for as long as they are kept."""

    def __init__(self, queue: str, context: Context, lost: Callable[[Flight], None]) -> None:
        """`lost` is called for a record that could not be extended in time, or is gone."""
        self._queue = queue
        self._context = context
        self._lost = lost
        self._kept: dict[int, Flight] = {}
        self._timer: asyncio.TimerHandle | None = None

    def received(self, record: Raw, visibility: float) -> Flight:
        """Keep a record that was received a moment ago."""
        now = self._context.timing.clock()
        flight = Flight(record, now, visibility, until=now + visibility)
        flight.due = self._due(flight, now)
        self._kept[id(flight)] = flight
        self._wake(min(flight.due, flight.until) - now)
        return flight

    def release(self, flight: Flight) -> None:
        """Keep a record no longer. A call that is on its way is `flight.extension`."""
        self._kept.pop(id(flight), None)

    def lose(self, flight: Flight) -> None:
        """Take note that a record is not this process's any more, and tell of it if it is kept."""
        flight.lost = True
        if self._kept.pop(id(flight), None) is not None:
            self._lost(flight)

    def stop(self) -> None:
        """Extend nothing, until the next record is received."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self, seconds: float) -> None:
        """Beat after so many seconds, or earlier."""
        loop = asyncio.get_running_loop()
        when = loop.time() + max(0.0, seconds)
        if self._timer is None or self._timer.when() > when:
            self.stop()
            self._timer = loop.call_at(when, self._beat)

    def _beat(self) -> None:
        now = self._context.timing.clock()
        for flight in [flight for flight in self._kept.values() if flight.until <= now]:
            self.lose(flight)
        due = [flight for flight in self._kept.values() if flight.extension is None and _is_due(flight, now)]
        for start in range(0, len(due), MAX_BATCH):
            part = due[start : start + MAX_BATCH]
            call = self._context.sending.start(self._extend(part))
            for flight in part:
                flight.extension = call
        self._schedule()

    def _schedule(self) -> None:
        """Wake for what is to be extended next, or what runs out first."""
        moments = [
            flight.until if flight.extension else min(flight.due, flight.until) for flight in self._kept.values()
        ]
        self.stop()
        if moments:
            self._wake(min(moments) - self._context.timing.clock())

    async def _extend(self, flights: Sequence[Flight]) -> None:
        began = self._context.timing.clock()
        untils = [self._until(flight, began) for flight in flights]
        try:
            delays = [(flight.record, until - began) for flight, until in zip(flights, untils, strict=True)]
            left = await self._called(delays, min(Rhythm(flight.visibility).interval for flight in flights))
        finally:
            for flight in flights:
                flight.extension = None
        again, lost = ({id(record) for record in records} for records in (left.again, left.lost))
        for flight, until in zip(flights, untils, strict=True):
            if id(flight.record) in lost and not flight.deleting:
                self.lose(flight)
            elif id(flight.record) in again | lost:  # if it is being deleted, the delete's answer tells
                flight.due = self._context.timing.clock() + Rhythm(flight.visibility).repetition
            else:
                flight.until = until
                flight.due = self._due(flight, began)
        self._report(len(flights) - len(again) - len(lost), len(again))
        self._schedule()

    def _due(self, flight: Flight, now: float) -> float:
        """When to extend a record that has just been received or extended; never, where it has been held enough."""
        is_enough = flight.until >= flight.received + self._context.settings.hold
        return inf if is_enough else now + Rhythm(flight.visibility).interval

    def _until(self, flight: Flight, now: float) -> float:
        """Until when an extension keeps the record: never longer than this process may hold it."""
        return max(flight.until, min(now + flight.visibility, flight.received + self._context.settings.hold))

    async def _called(self, delays: Sequence[tuple[Raw, float]], within: float) -> Unsettled:
        try:
            async with asyncio.timeout(within):
                return await self._context.backend.extend(self._queue, delays)
        except (BackendError, TimeoutError) as error:
            facts = {"queue": self._queue, "records": len(delays), "error": str(error) or type(error).__name__}
            log.warning("heartbeat.failed", extra=facts)
            return Unsettled(again=[record for record, _ in delays])

    def _report(self, extended: int, failed: int) -> None:
        if extended:
            self._context.observe(Extended(self._queue, extended))
        if failed:
            self._context.observe(Failed(self._queue, "extend", failed))


def _is_due(flight: Flight, now: float) -> bool:
    return flight.due <= now + Rhythm(flight.visibility).company
