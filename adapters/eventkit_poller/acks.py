"""Acknowledgements in calls of up to ten: records that are deleted, and records that are made visible again."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eventkit.backends import Backend, Raw
from eventkit.errors import BackendError
from eventkit.outcomes import Backoff
from eventkit_poller.settings import MAX_BATCH, Timing
from eventkit_poller.tasks import Tasks

__all__ = ["Ack", "Acks"]

log: logging.Logger = logging.getLogger("eventkit.poller")

ATTEMPTS: int = 6
BACKOFF = Backoff(base=0.1, cap=2.0)


@dataclass(frozen=True, slots=True)
class Ack:
    """What is to become of a record: visible again at a moment of the clock, or deleted where that is None."""

    record: Raw
    visible: float | None = None


class Acks:
    """The acknowledgements of one queue.

    They wait for others to share their call: until there are ten, until `flush`, or for `linger` seconds. What the
    backend could not do is tried again a few times, that alone; after that the record comes back when its visibility
    runs out, so it is handled again and never lost.
    """

    def __init__(self, queue: str, backend: Backend, sending: Tasks, timing: Timing, linger: float) -> None:
        self.failed: int = 0
        """How many acknowledgements were given up."""
        self._queue = queue
        self._backend = backend
        self._sending = sending
        self._timing = timing
        self._linger = linger
        self._deletes: list[Ack] = []
        self._releases: list[Ack] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, ack: Ack) -> None:
        """Acknowledge soon."""
        waiting = self._deletes if ack.visible is None else self._releases
        waiting.append(ack)
        if len(waiting) >= MAX_BATCH:
            self._send(waiting)
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._linger, self.flush)

    def flush(self) -> None:
        """Acknowledge at once what waits."""
        self._send(self._deletes)
        self._send(self._releases)

    def _send(self, waiting: list[Ack]) -> None:
        if waiting:
            self._sending.start(self._settled(tuple(waiting)))
            waiting.clear()
        if self._timer is not None and not (self._deletes or self._releases):
            self._timer.cancel()
            self._timer = None

    async def _settled(self, acks: Sequence[Ack]) -> None:
        left = acks
        try:
            for attempt in range(1, ATTEMPTS + 1):
                left = await self._tried(left)
                if not left:
                    return
                if attempt < ATTEMPTS:
                    await asyncio.sleep(BACKOFF.delay(attempt, self._timing.random))
        finally:
            if left:
                self.failed += len(left)
                log.error("acknowledge.failed", extra={"queue": self._queue, "records": len(left)})

    async def _tried(self, acks: Sequence[Ack]) -> Sequence[Ack]:
        """Make one call; return those for which it may be made again."""
        try:
            failed = await self._call(acks)
        except BackendError as error:
            log.warning("acknowledge.error", extra={"queue": self._queue, "records": len(acks), "error": str(error)})
            return acks
        return [ack for ack in acks if ack.record in failed] if failed else ()

    async def _call(self, acks: Sequence[Ack]) -> Sequence[Raw]:
        if acks[0].visible is None:
            return await self._backend.delete(self._queue, [ack.record for ack in acks])
        return await self._backend.extend(self._queue, list(self._delays(acks)))

    def _delays(self, acks: Sequence[Ack]) -> Iterable[tuple[Raw, float]]:
        # The service counts from the call, so time that passed while waiting, or between attempts, is taken off.
        now = self._timing.clock()
        return ((ack.record, max(0.0, (ack.visible or 0.0) - now)) for ack in acks)
