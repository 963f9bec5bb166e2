"""In which order the records of a batch are handled, and what a failure does to those behind it. Pure.

A record that must be retried holds back those after it in its lane: the rest of its message group on a FIFO queue
("Implementing partial batch responses"), the rest of the shard on a stream, or of the key where the stream's records
are ordered by key. Held records come back at once.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence

from eventkit._json import is_object
from eventkit.decode import Ordering
from eventkit.delivery import Deadline
from eventkit.errors import DecodeError
from eventkit.events import Message
from eventkit.outcomes import Backoff, Interrupted, Outcome, Retry

__all__ = ["HELD", "Held", "LaneOf", "handle_batch_inline", "lane_by", "lanes", "later", "positions"]

HELD = Retry(after=0)
"""The outcome of a record that was not tried, because one before it in its order must be retried."""

UNSETTLED = Backoff()
"""The delays of a record that no route's `Backoff` speaks for."""

Raw = Mapping[str, object]

LaneOf = Callable[[Raw], Hashable]
"""What a record keeps its order within; None is the whole batch, or shard: among all, whatever their lanes."""


def later(record: Raw, error: BaseException, random: Callable[[], float]) -> Retry:
    """The outcome of a queue's record that was rejected and could not be kept, or that could not be handled at all.

    It comes again, each time later; `random` draws evenly from 0 to 1.
    """
    try:
        attempt = Message(record).attempt
    except DecodeError:
        attempt = 1
    return Retry(UNSETTLED.delay(attempt, random), error=error)


def lane_by(ordering: Ordering) -> LaneOf:
    """What tells the lanes of a batch apart that has this ordering."""
    match ordering:
        case Ordering.NONE:
            return id
        case Ordering.GROUP:
            return _group_of
        case Ordering.SHARD:
            return _shard_of


def _group_of(record: Raw) -> str:
    attributes = record.get("attributes") if is_object(record) else None
    group = attributes.get("MessageGroupId") if is_object(attributes) else None
    return group if isinstance(group, str) else ""


def _shard_of(_: Raw) -> None:
    return None


def positions(records: Sequence[Raw], lane_of: LaneOf) -> list[list[int]]:
    """The records' positions, apart in what may run at once; within a lane they run one after the other.

    Where a record keeps its order among all of the shard, all are together.
    """
    if lane_of is id:
        return [[position] for position in range(len(records))]
    found: dict[Hashable, list[int]] = {}
    for position, record in enumerate(records):
        found.setdefault(lane_of(record), []).append(position)
    return [[*range(len(records))]] if None in found else list(found.values())


def lanes(records: Sequence[Raw], lane_of: LaneOf) -> list[list[Raw]]:
    """The records apart in what may run at once; within a lane they run one after the other."""
    return [[records[position] for position in lane] for lane in positions(records, lane_of)]


class Held:
    """The lanes of a batch that are held back, because a record in them must be retried."""

    def __init__(self, lane_of: LaneOf) -> None:
        self._lane_of = lane_of
        self._lanes: set[Hashable] = set()

    def add(self, record: Raw) -> None:
        """Note that a record must be retried."""
        self._lanes.add(self._lane_of(record))

    def holds(self, record: Raw) -> bool:
        """Whether a record must wait for one before it. Behind one that keeps its order among all, all wait."""
        if not self._lanes:
            return False
        lane = self._lane_of(record)
        if lane is None:
            self._lanes.add(None)
        return None in self._lanes or lane in self._lanes


def handle_batch_inline(
    records: Sequence[Raw],
    lane_of: LaneOf,
    handle: Callable[[Raw, Deadline | None], Outcome],
    deadline: Deadline | None,
) -> list[Outcome]:
    """The outcomes of a batch's records, handled one after the other without an event loop.

    An `Interrupted` ends it: the record at hand is to be retried, and those that were not tried are held.
    """
    outcomes: list[Outcome] = [HELD] * len(records)
    held = Held(lane_of)
    position = 0
    try:
        for position, record in enumerate(records):
            if held.holds(record):
                continue
            outcomes[position] = outcome = handle(record, deadline)
            if type(outcome) is Retry:
                held.add(record)
    except Interrupted as cut:
        outcomes[position] = Retry(error=cut)
    return outcomes
