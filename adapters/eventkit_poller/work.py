"""From a queue's records to outcomes, and from outcomes to acknowledgements."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import astuple, dataclass
from operator import add

from eventkit.backends import Backend, Raw
from eventkit.batch import HELD, lanes, later
from eventkit.decode import ordering_of
from eventkit.errors import BackendError
from eventkit.outcomes import MAX_VISIBILITY, Outcome, Reject, Retry
from eventkit_poller.acks import Ack, Acks
from eventkit_poller.settings import Timing
from eventkit_poller.slots import Slots
from eventkit_poller.tasks import Tasks

__all__ = ["Flight", "Settled", "Summary", "Work", "Working"]

log: logging.Logger = logging.getLogger("eventkit.poller")

LONGEST = MAX_VISIBILITY - 5
"""Seconds after its receive at which a record becomes visible at the latest.

Amazon SQS refuses more than 12 hours in all ("Amazon SQS visibility timeout"); it counts from a moment before its
answer reached us, and in whole seconds.
"""


@dataclass(frozen=True, slots=True)
class Settled:
    """A record whose outcome is certain. `seconds` is how long it was handled, 0 where it was not tried."""

    queue: str
    record: Raw
    outcome: Outcome
    seconds: float


@dataclass(frozen=True, slots=True)
class Summary:
    """How many records a poller received, and what became of them.

    Attributes:
        received: Records that were received: the sum of the next four.
        done: Handled and deleted.
        retried: Left to come again.
        rejected: Copied to the dead-letter queue and deleted.
        released: Made visible at once, because they were not tried, or not to the end.
        unacknowledged: Of all these, those whose acknowledgement the backend never accepted: they come again.
    """

    received: int = 0
    done: int = 0
    retried: int = 0
    rejected: int = 0
    released: int = 0
    unacknowledged: int = 0

    def __add__(self, other: "Summary") -> "Summary":
        return Summary(*map(add, astuple(self), astuple(other)))


@dataclass(frozen=True, slots=True, eq=False)
class Flight:
    """A record that was received at a moment of the clock, and is not settled."""

    record: Raw
    received: float


@dataclass(frozen=True, slots=True)
class Working:
    """What the work on all queues shares."""

    backend: Backend
    handle: Callable[[Raw], Awaitable[Outcome]]
    handling: Tasks
    timing: Timing
    observe: Callable[[Settled], None]


class Work:
    """The work on one queue: knows each record from its receive to its outcome."""

    def __init__(self, queue: str, working: Working, slots: Slots, acks: Acks) -> None:
        self.flights: dict[int, Flight] = {}
        """The records in flight, by identity; each holds one of the slots."""
        self._queue = queue
        self._working = working
        self._slots = slots
        self._acks = acks
        self._stopping = False
        self._withheld: list[Ack] = []
        self._counts: dict[str, int] = dict.fromkeys(("received", "done", "retried", "rejected", "released"), 0)

    @property
    def summary(self) -> Summary:
        """What became of the records so far."""
        return Summary(**self._counts, unacknowledged=self._acks.failed)

    def begin(self, records: Sequence[Raw]) -> None:
        """Handle records that were received, each with a slot: in order where the queue has one."""
        self._received(records)
        for lane in lanes(records, ordering_of(records)):
            self._working.handling.start(self._lane(lane))

    def decline(self, records: Sequence[Raw]) -> None:
        """Give records back that were received, each with a slot, and will not be handled."""
        self._received(records)
        for record in records:
            self._settle(record, HELD)

    def stop(self) -> None:
        """Begin no further record; make none visible until `release`, or a receive that is open would take it again."""
        self._stopping = True

    def release(self) -> None:
        """Give back every record in flight, and make visible what was withheld."""
        for flight in tuple(self.flights.values()):
            self._settle(flight.record, HELD)
        for ack in self._withheld:
            self._acks.add(ack)
        self._withheld.clear()
        self._acks.flush()

    def _received(self, records: Sequence[Raw]) -> None:
        now = self._working.timing.clock()
        self._counts["received"] += len(records)
        self.flights.update((id(record), Flight(record, now)) for record in records)

    async def _lane(self, records: Sequence[Raw]) -> None:
        try:
            for record in records:
                if self._stopping:
                    break
                if isinstance(await self._handled(record), Retry):
                    break  # what is behind it in a lane has its order to keep
        finally:  # what was not tried, and when this is cut off what was not finished
            for left in records:
                self._settle(left, HELD)

    async def _handled(self, record: Raw) -> Outcome:
        began = self._working.timing.clock()
        outcome = await self._outcome(record)
        seconds = self._working.timing.clock() - began
        if isinstance(outcome, Reject):
            outcome = await self._parked(record, outcome)
        self._settle(record, outcome, seconds)
        return outcome

    async def _outcome(self, record: Raw) -> Outcome:
        try:
            return await self._working.handle(record)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - a handler may raise even KeyboardInterrupt, and harms only itself
            log.error("delivery.broken", extra={"queue": self._queue, "error": type(error).__qualname__})  # noqa: TRY400 - a trace may hold a payload
            return later(record, error, self._working.timing.random)

    async def _parked(self, record: Raw, reject: Reject) -> Outcome:
        try:
            await self._working.backend.park(self._queue, record, reject)
        except BackendError as error:
            log.error("reject.not_kept", extra={"queue": self._queue, "reason": reject.reason, "error": str(error)})  # noqa: TRY400 - the cause may hold a payload
            return later(record, error, self._working.timing.random)
        return reject

    def _settle(self, record: Raw, outcome: Outcome, seconds: float = 0.0) -> None:
        """Acknowledge the record and free its slot, unless that has been done."""
        flight = self.flights.pop(id(record), None)
        if flight is None:
            return
        self._counts[_counted(outcome)] += 1
        self._acknowledge(Ack(record, self._visible(flight, outcome)))
        self._slots.give(1)
        self._observe(Settled(self._queue, record, outcome, seconds))

    def _acknowledge(self, ack: Ack) -> None:
        if ack.visible is not None and self._stopping:
            self._withheld.append(ack)
        else:
            self._acks.add(ack)
        if not self.flights:
            self._acks.flush()

    def _visible(self, flight: Flight, outcome: Outcome) -> float | None:
        """When the record comes back, on the clock; None where it does not."""
        if not isinstance(outcome, Retry):
            return None
        return min(self._working.timing.clock() + (outcome.after or 0.0), flight.received + LONGEST)

    def _observe(self, settled: Settled) -> None:
        try:
            self._working.observe(settled)
        except Exception as error:  # noqa: BLE001 - who looks on must not change what happens
            log.error("observer.failed", extra={"queue": self._queue, "error": type(error).__qualname__})  # noqa: TRY400 - a trace may hold a payload


def _counted(outcome: Outcome) -> str:
    match outcome:
        case Retry():
            return "released" if outcome is HELD else "retried"
        case Reject():
            return "rejected"
        case _:
            return "done"
