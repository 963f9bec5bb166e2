"""In which order the records of a batch are handled, and what a failure does to those behind it. Pure.

A record that must be retried holds back those after it in its order: the rest of its message group on a FIFO queue
("Implementing partial batch responses"), the rest of the shard on a stream. Held records come back at once.
"""

from collections.abc import Callable, Mapping, Sequence

from eventkit._json import is_object
from eventkit.decode import Ordering
from eventkit.delivery import Deadline
from eventkit.errors import DecodeError
from eventkit.events import Message
from eventkit.outcomes import Backoff, Interrupted, Outcome, Retry

__all__ = ["HELD", "group_of", "handle_batch_inline", "hold_back", "lanes", "later", "positions"]

HELD = Retry(after=0)
"""The outcome of a record that was not tried, because one before it in its order must be retried."""

UNSETTLED = Backoff()
"""The delays of a record that no route's `Backoff` speaks for."""

Raw = Mapping[str, object]


def later(record: Raw, error: BaseException, random: Callable[[], float]) -> Retry:
    """The outcome of a queue's record that was rejected and could not be kept, or that could not be handled at all.

    It comes again, each time later; `random` draws evenly from 0 to 1.
    """
    try:
        attempt = Message(record).attempt
    except DecodeError:
        attempt = 1
    return Retry(UNSETTLED.delay(attempt, random), error=error)


def group_of(record: Raw, ordering: Ordering) -> str | None:
    """What the record must keep its order within, or None where nothing."""
    match ordering:
        case Ordering.NONE:
            return None
        case Ordering.SHARD:
            return "shard"
        case Ordering.GROUP:
            attributes = record.get("attributes") if is_object(record) else None
            group = attributes.get("MessageGroupId") if is_object(attributes) else None
            return group if isinstance(group, str) else ""


def positions(records: Sequence[Raw], ordering: Ordering) -> list[list[int]]:
    """The records' positions, apart in what may run at once; within a lane they run one after the other."""
    if ordering is Ordering.NONE:
        return [[position] for position in range(len(records))]
    found: dict[str | None, list[int]] = {}
    for position, record in enumerate(records):
        found.setdefault(group_of(record, ordering), []).append(position)
    return list(found.values())


def lanes(records: Sequence[Raw], ordering: Ordering) -> list[list[Raw]]:
    """The records apart in what may run at once; within a lane they run one after the other."""
    return [[records[position] for position in lane] for lane in positions(records, ordering)]


def hold_back(failed: set[str], record: Raw, ordering: Ordering) -> None:
    """Note that a record must be retried: what `failed` names is held back from now on."""
    group = group_of(record, ordering)
    if group is not None:
        failed.add(group)


def handle_batch_inline(
    records: Sequence[Raw],
    ordering: Ordering,
    handle: Callable[[Raw, Deadline | None], Outcome],
    deadline: Deadline | None,
) -> list[Outcome]:
    """The outcomes of a batch's records, handled one after the other without an event loop.

    An `Interrupted` ends it: the record at hand is to be retried, and those that were not tried are held.
    """
    outcomes: list[Outcome] = [HELD] * len(records)
    failed: set[str] = set()
    position = 0
    try:
        for position, record in enumerate(records):
            if failed and group_of(record, ordering) in failed:
                continue
            outcomes[position] = outcome = handle(record, deadline)
            if type(outcome) is Retry:
                hold_back(failed, record, ordering)
    except Interrupted as cut:
        outcomes[position] = Retry(error=cut)
    return outcomes
