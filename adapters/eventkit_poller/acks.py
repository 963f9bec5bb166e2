"""Acknowledgements in calls of up to ten: records that are deleted, and records that are made visible again."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf

from eventkit.backends import SETTLED, Unsettled
from eventkit.errors import BackendError
from eventkit.outcomes import Backoff
from eventkit_poller.context import Context
from eventkit_poller.flights import Flight
from eventkit_poller.heartbeat import Heartbeat
from eventkit_poller.observing import Failed, Verb
from eventkit_poller.settings import MAX_BATCH

__all__ = ["Ack", "Acks"]

log: logging.Logger = logging.getLogger("eventkit.poller")

BACKOFF = Backoff(base=0.2, cap=10.0)
"""The pauses between calls while they fail."""

LAST_TRIES = 10
"""Calls that fail at least so often in the time for the last acknowledgements."""


@dataclass(frozen=True, slots=True)
class Ack:
    """What is to become of a record: visible again at a moment of the clock, or deleted where that is None."""

    flight: Flight
    visible: float | None = None


class Acks:
    """The acknowledgements of one queue.

    They wait for others to share their call: until there are ten, until `flush`, or for `linger` seconds. What the
    backend could not do is tried again for as long as the record is this process's; while that goes on there is one
    call at a time, with pauses that grow. A record that is lost meanwhile is handled again.
    """

    def __init__(self, queue: str, context: Context, heartbeat: Heartbeat) -> None:
        """`heartbeat` keeps the records that are to be deleted, until they are; the others it has released."""
        self._queue = queue
        self._context = context
        self._heartbeat = heartbeat
        self._deletes: list[Ack] = []
        self._releases: list[Ack] = []
        self._timer: asyncio.TimerHandle | None = None
        self._repeating = False
        self._woken = asyncio.Event()
        self._patience = inf

    @property
    def waiting(self) -> int:
        """How many records are not acknowledged."""
        return len(self._deletes) + len(self._releases)

    def add(self, ack: Ack) -> None:
        """Acknowledge soon."""
        waiting = self._deletes if ack.visible is None else self._releases
        waiting.append(ack)
        if len(waiting) >= MAX_BATCH:
            self._send(waiting)
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._context.settings.linger, self.flush)

    def flush(self) -> None:
        """Acknowledge at once what waits for company."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._send(self._deletes)
        self._send(self._releases)

    def finish(self) -> None:
        """Acknowledge at once what waits, whatever it waits for, and pause only shortly from now on."""
        self._patience = self._context.settings.flush / LAST_TRIES
        self._woken.set()
        self.flush()

    def _send(self, waiting: list[Ack]) -> None:
        while waiting and not self._repeating:
            if batch := self._taken(waiting):
                self._context.sending.start(self._carried_out(batch))

    async def _carried_out(self, acks: Sequence[Ack]) -> None:
        if not await self._succeeds(acks) and not self._repeating:
            self._repeating = True
            try:
                await self._repeat()
            finally:
                self._repeating = False
            self.flush()

    async def _repeat(self) -> None:
        """Make one call at a time, until one succeeds or nothing waits any more."""
        failures = 1
        while waiting := self._deletes or self._releases:
            await self._pause(failures)
            batch = self._taken(waiting)
            if batch and await self._succeeds(batch):
                log.info("acknowledge.recovered", extra={"queue": self._queue, "failures": failures})
                return
            failures += 1

    async def _pause(self, failures: int) -> None:
        seconds = min(BACKOFF.delay(failures, self._context.timing.random), self._patience)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()

    async def _succeeds(self, acks: Sequence[Ack]) -> bool:
        """Make one call, and let those wait for which it failed; says whether there are none."""
        left = acks
        try:
            left = await self._tried(acks)
        finally:  # where it was cut off, what became of them is not known
            waiting = self._deletes if acks[0].visible is None else self._releases
            waiting[:0] = left
        return not left

    def _taken(self, waiting: list[Ack]) -> Sequence[Ack]:
        """Take what one call may have, without records that are lost, or visible anyway."""
        taken = waiting[:MAX_BATCH]
        del waiting[:MAX_BATCH]
        now = self._context.timing.clock()
        return [ack for ack in taken if not ack.flight.lost and ack.flight.until > now]

    async def _tried(self, acks: Sequence[Ack]) -> Sequence[Ack]:
        """Make one call; return those for which it may be made again."""
        try:
            left = await (self._deleted(acks) if acks[0].visible is None else self._made_visible(acks))
        except BackendError as error:
            facts = {"queue": self._queue, "records": len(acks), "error": str(error)}
            log.warning("acknowledge.error", extra=facts)
            self._context.observe(Failed(self._queue, _verb(acks[0]), len(acks)))
            return acks
        if not left.again:
            return ()
        self._context.observe(Failed(self._queue, _verb(acks[0]), len(left.again)))
        again = {id(record) for record in left.again}
        return [ack for ack in acks if id(ack.flight.record) in again]

    async def _deleted(self, acks: Sequence[Ack]) -> Unsettled:
        for ack in acks:
            ack.flight.deleting = True
        try:
            left = await self._context.backend.delete(self._queue, [ack.flight.record for ack in acks])
        finally:
            for ack in acks:
                ack.flight.deleting = False
        again, lost = ({id(record) for record in records} for records in (left.again, left.lost))
        for ack in acks:
            if id(ack.flight.record) in lost:
                self._heartbeat.lose(ack.flight)
            elif id(ack.flight.record) not in again:
                self._heartbeat.release(ack.flight)
        return left

    async def _made_visible(self, acks: Sequence[Ack]) -> Unsettled:
        # An extension that is on its way could arrive later than this call, and undo it.
        extensions = {ack.flight.extension for ack in acks if ack.flight.extension is not None}
        if extensions:
            await asyncio.wait(extensions)
        acks = [ack for ack in acks if not ack.flight.lost]
        # The service counts from the call, so time that passed while waiting, or between attempts, is taken off.
        now = self._context.timing.clock()
        delays = [(ack.flight.record, max(0.0, (ack.visible or 0.0) - now)) for ack in acks]
        return await self._context.backend.extend(self._queue, delays) if delays else SETTLED


def _verb(ack: Ack) -> Verb:
    return "delete" if ack.visible is None else "extend"
