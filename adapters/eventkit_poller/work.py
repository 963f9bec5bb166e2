"""From a queue's records to outcomes, and from outcomes to acknowledgements."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from operator import add

from eventkit.backends import Raw
from eventkit.batch import HELD, lane_by, later, positions
from eventkit.decode import ordering_of, record_id
from eventkit.errors import BackendError
from eventkit.outcomes import Outcome, Reject, Retry
from eventkit_poller.acks import Ack, Acks
from eventkit_poller.context import Context
from eventkit_poller.flights import Flight
from eventkit_poller.heartbeat import Heartbeat
from eventkit_poller.observing import Failed, Lost, Settled
from eventkit_poller.settings import LONGEST

__all__ = ["Summary", "Work"]

log: logging.Logger = logging.getLogger("eventkit.poller")

COUNTED = ("received", "done", "retried", "rejected", "released", "lost")


@dataclass(frozen=True, slots=True)
class Summary:
    """How many records a poller received, and what became of them.

    Attributes:
        received: Records that were received: the sum of the next five, when the poller has stopped.
        done: Handled and deleted.
        retried: Left to come again.
        rejected: Copied to the dead-letter queue and deleted.
        released: Made visible at once, because they were not tried, or not to the end.
        lost: Become visible to others before they were settled, because they could not be extended, or were held too
            long.
        unacknowledged: Of all these, those whose acknowledgement the backend never accepted: they come again.
    """

    received: int = 0
    done: int = 0
    retried: int = 0
    rejected: int = 0
    released: int = 0
    lost: int = 0
    unacknowledged: int = 0

    def __add__(self, other: "Summary") -> "Summary":
        return Summary(*map(add, astuple(self), astuple(other)))


class Work:
    """The work on one queue: knows each record from its receive to its outcome."""

    def __init__(self, queue: str, context: Context, free: Callable[[], None]) -> None:
        """`free` gives the slot of one record back."""
        self.queue: str = queue
        self._context = context
        self._free = free
        self._flights: dict[int, Flight] = {}  # those that are not settled, by the record's identity
        self._heartbeat = Heartbeat(queue, context, self._lost)
        self._acks = Acks(queue, context, self._heartbeat)
        self._stopping = False
        self._withheld: list[Ack] = []
        self._counts: dict[str, int] = dict.fromkeys(COUNTED, 0)
        self._unacknowledged = 0

    @property
    def summary(self) -> Summary:
        """What became of the records so far."""
        return Summary(**self._counts, unacknowledged=self._unacknowledged + self._acks.waiting)

    @property
    def in_flight(self) -> int:
        """Records that are not settled."""
        return len(self._flights)

    @property
    def oldest(self) -> float:
        """Seconds since the receive of the oldest of them; 0 where there is none."""
        now = self._context.timing.clock()
        return max((now - flight.received for flight in self._flights.values()), default=0.0)

    def begin(self, records: Sequence[Raw], visibility: float) -> None:
        """Handle records that were received, each with a slot: in order where the queue has one."""
        flights = self._received(records, visibility)
        for lane in positions(records, lane_by(ordering_of(records))):
            self._context.handling.start(self._lane([flights[position] for position in lane]))

    def decline(self, records: Sequence[Raw], visibility: float) -> None:
        """Give records back that were received, each with a slot, and will not be handled."""
        for flight in self._received(records, visibility):
            self._settle(flight, HELD)

    def stop(self) -> None:
        """Begin no further record; make none visible until `release`, or a receive that is open would take it again."""
        self._stopping = True

    def release(self) -> None:
        """Give back every record in flight, and make visible what was withheld."""
        for flight in tuple(self._flights.values()):
            self._settle(flight, HELD)
        for ack in self._withheld:
            self._return(ack)
        self._withheld.clear()
        self._acks.finish()

    def close(self) -> None:
        """Do nothing any more; what is not acknowledged comes again."""
        self._heartbeat.stop()
        if self._acks.waiting:
            log.error("acknowledge.failed", extra={"queue": self.queue, "records": self._acks.waiting})

    def _received(self, records: Sequence[Raw], visibility: float) -> Sequence[Flight]:
        self._counts["received"] += len(records)
        flights = [self._heartbeat.received(record, visibility) for record in records]
        self._flights.update((id(flight), flight) for flight in flights)
        return flights

    async def _lane(self, flights: Sequence[Flight]) -> None:
        try:
            for flight in flights:
                if self._stopping or flight.lost:
                    break
                outcome = await self._handled(flight)
                if isinstance(outcome, Retry) or flight.lost:
                    break  # it comes again, and what is behind it in a lane has its order to keep
        finally:  # what was not tried, and when this is cut off what was not finished
            for left in flights:
                self._settle(left, HELD)

    async def _handled(self, flight: Flight) -> Outcome:
        began = self._context.timing.clock()
        flight.handling = asyncio.current_task()
        outcome = await self._outcome(flight)
        flight.handling = None
        self._settle(flight, outcome, self._context.timing.clock() - began)
        return outcome

    async def _outcome(self, flight: Flight) -> Outcome:
        outcome = await self._context.outcome(self.queue, flight.record)
        if isinstance(outcome, Reject) and id(flight) in self._flights:  # it is neither lost nor given back
            return await self._parked(flight, outcome)
        return outcome

    async def _parked(self, flight: Flight, reject: Reject) -> Outcome:
        try:
            await self._context.backend.park(self.queue, flight.record, reject)
        except BackendError as error:
            log.error("reject.not_kept", extra={"queue": self.queue, "reason": reject.reason, "error": str(error)})  # noqa: TRY400 - the cause may hold a payload
            self._context.observe(Failed(self.queue, "park", 1))
            return later(flight.record, error, self._context.timing.random)
        return reject

    def _settle(self, flight: Flight, outcome: Outcome, seconds: float = 0.0) -> None:
        """Acknowledge the record and free its slot, unless that has been done, or the record is lost."""
        if id(flight) not in self._flights:
            return
        if flight.until <= self._context.timing.clock():
            self._heartbeat.lose(flight)
            return
        del self._flights[id(flight)]
        self._counts[_counted(outcome)] += 1
        self._acknowledge(Ack(flight, self._visible(flight, outcome)))
        self._free()
        self._context.observe(Settled(self.queue, flight.record, outcome, seconds))

    def _acknowledge(self, ack: Ack) -> None:
        if ack.visible is None:
            self._acks.add(ack)
        elif self._stopping:
            self._withheld.append(ack)
        else:
            self._return(ack)
        if not self._flights:
            self._acks.flush()

    def _return(self, ack: Ack) -> None:
        """Make a record visible again; an extension after that would undo it."""
        self._heartbeat.release(ack.flight)
        self._acks.add(ack)

    def _visible(self, flight: Flight, outcome: Outcome) -> float | None:
        """When the record comes back, on the clock; None where it does not."""
        if not isinstance(outcome, Retry):
            return None
        return min(self._context.timing.clock() + (outcome.after or 0.0), flight.received + LONGEST)

    def _lost(self, flight: Flight) -> None:
        """Let go of a record that is not ours any more; one that was handled and not deleted is handled again."""
        settled = self._flights.pop(id(flight), None) is None
        held = self._context.timing.clock() - flight.received
        facts = {"queue": self.queue, "id": record_id(flight.record), "held": round(held, 1), "handled": settled}
        log.error("record.lost", extra=facts)
        if settled:
            self._unacknowledged += 1
        else:
            self._counts["lost"] += 1
            self._free()
        if flight.handling is not None:
            flight.handling.cancel()
        self._context.observe(Lost(self.queue, flight.record))


def _counted(outcome: Outcome) -> str:
    match outcome:
        case Retry():
            return "released" if outcome is HELD else "retried"
        case Reject():
            return "rejected"
        case _:
            return "done"
