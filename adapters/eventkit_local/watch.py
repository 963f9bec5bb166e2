"""Looking on: every delivery of an app with what became of it, for people who watch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic

from eventkit.backends import Raw
from eventkit.decode import record_id, unwrap
from eventkit.delivery import Delivery
from eventkit.errors import DecodeError
from eventkit.events import AwsEvent, Message
from eventkit.middleware import CallNext
from eventkit.outcomes import Outcome, Reject

__all__ = ["Seen", "Watch"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A delivery and what became of it; or a part of a record, or a record, that no handler was called for.

    Attributes:
        id: What identifies the record: the message id, or the stream record's event id.
        path: The way the event came, outermost first; empty where the record cannot be decoded.
        event: The AWS event; None where the record cannot be decoded.
        handler: The route's name; None where no handler was called.
        outcome: What became of it.
        seconds: How long the handler took, with its middleware.
        attempt: Which attempt it was, from 1.
    """

    id: str
    path: tuple[str, ...]
    event: AwsEvent | None
    handler: str | None
    outcome: Outcome
    seconds: float
    attempt: int


class Watch:
    """Collects the deliveries of records, until it is asked for those of a record whose outcome is certain."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._open: dict[int, list[Seen]] = {}

    async def middleware(self, delivery: Delivery, call_next: CallNext) -> Outcome:
        """The middleware that times deliveries; it belongs outside of all others."""
        began = self._clock()
        outcome = await call_next(delivery)
        seen = _seen(delivery.source, delivery.handler, outcome, self._clock() - began)
        self._open.setdefault(id(delivery.source.outermost.record), []).append(seen)
        return outcome

    def seen(self, record: Raw, outcome: Outcome) -> Sequence[Seen]:
        """What was seen of a record, and the record itself where that does not account for its outcome."""
        return _with_outcome(record, self._open.pop(id(record), []), outcome)


def _with_outcome(record: Raw, deliveries: Sequence[Seen], outcome: Outcome) -> Sequence[Seen]:
    alike = [seen for seen in deliveries if type(seen.outcome) is type(outcome)]
    if len(alike) == 1:  # the record's outcome has what the delivery's left open: how long a retry waits
        return [replace(seen, outcome=outcome) if seen is alike[0] else seen for seen in deliveries]
    return deliveries if alike else [*deliveries, *_undelivered(record, deliveries, outcome)]


def _undelivered(record: Raw, deliveries: Sequence[Seen], outcome: Outcome) -> Sequence[Seen]:
    """The record's events that no handler was called for, or where that was one of several, all."""
    handler = outcome.handler if isinstance(outcome, Reject) else None
    try:
        events = unwrap(record)
    except DecodeError:
        return [Seen(record_id(record) or "", (), None, handler, outcome, 0.0, 1)]
    delivered = [seen.event for seen in deliveries]
    left = [event for event in events if event not in delivered] or events
    return [_seen(event, handler, outcome, 0.0) for event in left]


def _seen(event: AwsEvent, handler: str | None, outcome: Outcome, seconds: float) -> Seen:
    outermost = event.outermost
    attempt = outermost.attempt if isinstance(outermost, Message) else 1
    return Seen(outermost.id, event.path, event, handler, outcome, seconds, attempt)
