"""Receiving from one queue, for as long as there are slots."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from eventkit.backends import Raw
from eventkit.errors import BackendError
from eventkit.outcomes import Backoff
from eventkit_poller.slots import Ask, Slots
from eventkit_poller.tasks import Tasks
from eventkit_poller.work import Work, Working

__all__ = ["Receiver"]

log: logging.Logger = logging.getLogger("eventkit.poller")

PACE = 1.0
"""Seconds between receives of a queue that fail, or that end empty before their time: at least so many."""

BACKOFF = Backoff(base=2.0, cap=20.0)


class Asking(Protocol):
    """What the next receive asks for; `eager` says that the last one brought records."""

    def __call__(self, *, eager: bool) -> Ask: ...


class Receiver:
    """Takes slots, receives as many records, hands them to the work on its queue, and again."""

    def __init__(self, queue: str, working: Working, slots: Slots, work: Work, ask: Asking) -> None:
        self._queue = queue
        self._working = working
        self._slots = slots
        self._work = work
        self._ask = ask
        self._task: asyncio.Task[None] | None = None
        self._eager = False
        self._polling = False
        self._stopping = False
        self._failures = 0

    def start(self, receiving: Tasks) -> None:
        """Receive from now on."""
        self._task = receiving.start(self._run())

    def stop(self) -> None:
        """Receive no more. A receive that is open is left to end: cancelled, it would leave records invisible."""
        self._stopping = True
        if self._task is not None and not self._polling:
            self._task.cancel()

    async def _run(self) -> None:
        while not self._stopping:
            ask = self._ask(eager=self._eager)
            slots = await self._slots.take(ask.most)
            records, pause = await self._received(Ask(slots, ask.wait))
            self._slots.give(slots - len(records))
            self._eager = len(records) > 0
            self._hand_on(records)
            await self._rest(0 if records else pause)

    def _hand_on(self, records: Sequence[Raw]) -> None:
        if self._stopping:
            self._work.decline(records)
        elif records:
            self._work.begin(records)

    async def _rest(self, seconds: float) -> None:
        if seconds > 0 and not self._stopping:
            await asyncio.sleep(seconds)

    async def _received(self, ask: Ask) -> tuple[Sequence[Raw], float]:
        """Receive once. Returns the records and, where there are none, how many seconds to pause."""
        began = self._working.timing.clock()
        self._polling = True
        try:
            records = await self._working.backend.receive(self._queue, ask.most, ask.wait)
        except BackendError as error:
            return (), self._failed(error)
        finally:
            self._polling = False
        self._recovered()
        return records, min(ask.wait, PACE) - (self._working.timing.clock() - began)

    def _failed(self, error: BackendError) -> float:
        self._failures += 1
        pause = max(PACE, BACKOFF.delay(self._failures, self._working.timing.random))
        facts = {"queue": self._queue, "failures": self._failures, "pause": pause, "error": str(error)}
        log.warning("receive.failed", extra=facts)
        return pause

    def _recovered(self) -> None:
        if self._failures:
            log.info("receive.recovered", extra={"queue": self._queue, "failures": self._failures})
            self._failures = 0
