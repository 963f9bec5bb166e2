"""Receiving from one queue, for as long as there are slots.

One receiver is always there. While the queue's answers are full and there is room for another batch, more of them
receive at the same time, without waiting; each leaves when its answer is not full.
"""

import asyncio
import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Protocol, cast

from eventkit.backends import Raw
from eventkit.errors import BackendError
from eventkit.outcomes import Backoff
from eventkit_poller.context import Context
from eventkit_poller.observing import Failed, Received
from eventkit_poller.slots import Account, Ask, Slots
from eventkit_poller.tasks import Tasks
from eventkit_poller.work import Work

__all__ = ["Receiver"]

log: logging.Logger = logging.getLogger("eventkit.poller")

PACE = 1.0
"""Seconds between receives of a queue that end empty before their time: at least so many."""

BACKOFF = Backoff(base=2.0, cap=20.0)

LEAST_PAUSE = 2.0
"""Seconds after a receive that failed: at least so many, because the SDK may make two calls for it."""

TURNS = 3
"""Rounds of the event loop between an answer and the next receive: a handler that does not wait is done by then, and
its delete written, before the next request takes its time to be made."""

MIN_VISIBILITY = 1.0
"""Seconds for which records are received from a queue whose own timeout is 0."""


class Asking(Protocol):
    """What the next receive asks for; `eager` says that the last one brought records."""

    def __call__(self, *, eager: bool) -> Ask: ...


class Receiver:
    """Takes slots, receives as many records, hands them to the work on its queue, and again."""

    def __init__(self, work: Work, context: Context, slots: Slots, account: Account, ask: Asking) -> None:
        self.failures: int = 0
        """Receives that failed since the last one that did not."""
        self._work = work
        self._context = context
        self._slots = slots
        self._account = account
        self._ask = ask
        self._receiving: Tasks | None = None
        self._idle: set[asyncio.Task[object]] = set()
        self._stopping = False

    def start(self, receiving: Tasks) -> None:
        """Receive from now on."""
        self._receiving = receiving
        receiving.start(self._run())

    def stop(self) -> None:
        """Receive no more. A receive that is open is left to end: cancelled, it would leave records invisible."""
        self._stopping = True
        for task in tuple(self._idle):
            task.cancel()

    async def _run(self) -> None:
        eager = False
        while not self._stopping:
            count, pause = await self._receive(self._ask(eager=eager))
            eager = count > 0
            if pause > 0 and not self._stopping:
                with self._stoppable():
                    await asyncio.sleep(pause)

    async def _help(self) -> None:
        """Receive beside the one that is always there, while there is much."""
        batch, count = self._context.settings.batch, self._context.settings.batch
        while count == batch and not self._stopping:
            count, _ = await self._receive(Ask(batch, 0))

    async def _receive(self, ask: Ask) -> tuple[int, float]:
        """Receive once, and hand the records on. Returns their number and, where there are none, a pause in seconds."""
        with self._stoppable():
            slots = await self._slots.take(ask.most, self._account)
        records, visibility, pause = await self._received(Ask(slots, ask.wait))
        if len(records) < slots:
            self._slots.give(slots - len(records), self._account)
        if self._stopping:
            self._work.decline(records, visibility)
        elif records:
            self._work.begin(records, visibility)
        if len(records) == self._context.settings.batch:
            self._call_for_help()
        for _ in range(TURNS if records else 0):
            await asyncio.sleep(0)
        return len(records), pause

    def _call_for_help(self) -> None:
        room = min(self._slots.free, self._account.room)
        if room >= self._context.settings.batch and self._receiving is not None and not self._stopping:
            self._receiving.start(self._help())

    @contextmanager
    def _stoppable(self) -> Generator[None]:
        """What a stop may cancel: waiting for anything but a receive."""
        task = cast("asyncio.Task[object]", asyncio.current_task())
        self._idle.add(task)
        try:
            yield
        finally:
            self._idle.discard(task)

    async def _received(self, ask: Ask) -> tuple[Sequence[Raw], float, float]:
        """Receive once. Returns the records, for how long they are invisible and, where there are none, a pause."""
        clock, queue = self._context.timing.clock, self._work.queue
        began = clock()
        try:
            visibility = await self._visibility()
            records = await self._context.backend.receive(queue, ask.most, ask.wait, visibility)
        except BackendError as error:
            return (), 0.0, self._failed(error)
        self._recovered()
        seconds = clock() - began
        self._context.observe(Received(queue, len(records), seconds))
        return records, visibility, 0.0 if records else min(ask.wait, PACE) - seconds

    async def _visibility(self) -> float:
        """Said with each receive, so that it is the one that the heartbeat goes by, whatever the queue's is now."""
        known = self._context.settings.visibility
        return max(MIN_VISIBILITY, await self._context.backend.visibility(self._work.queue)) if known is None else known

    def _failed(self, error: BackendError) -> float:
        self.failures += 1
        pause = max(LEAST_PAUSE, BACKOFF.delay(self.failures, self._context.timing.random))
        facts = {"queue": self._work.queue, "failures": self.failures, "pause": pause, "error": str(error)}
        log.warning("receive.failed", extra=facts)
        self._context.observe(Failed(self._work.queue, "receive", 0))
        return pause

    def _recovered(self) -> None:
        if self.failures:
            log.info("receive.recovered", extra={"queue": self._work.queue, "failures": self.failures})
            self.failures = 0
