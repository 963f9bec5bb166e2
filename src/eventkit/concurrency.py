"""A batch on an event loop: its lanes by a fixed number of workers, until its deadline."""

from asyncio import CancelledError, TaskGroup, timeout
from collections.abc import Awaitable, Callable, Iterable, Sequence

from eventkit.batch import HELD, Held, LaneOf, Raw, positions
from eventkit.delivery import Deadline
from eventkit.outcomes import Interrupted, Outcome, Retry

__all__ = ["Handle", "handle_batch", "handle_lane"]

Handle = Callable[[Raw, Deadline | None], Awaitable[Outcome]]


async def handle_lane(
    records: Iterable[tuple[int, Raw]],
    lane_of: LaneOf,
    handle: Handle,
    deadline: Deadline | None,
    outcomes: list[Outcome],
) -> None:
    """Handle records one after the other, and put each outcome at the record's position.

    What is at hand when the task is cancelled is to be retried. Raises `CancelledError` and `Interrupted`.
    """
    held = Held(lane_of)
    position = 0
    try:
        for position, record in records:
            if held.holds(record):
                continue
            outcomes[position] = outcome = await handle(record, deadline)
            if type(outcome) is Retry:
                held.add(record)
    except (CancelledError, Interrupted):
        outcomes[position] = Retry(error=Interrupted("the time for this batch is over"))
        raise


async def handle_batch(
    records: Sequence[Raw], lane_of: LaneOf, handle: Handle, concurrency: int, deadline: Deadline | None
) -> list[Outcome]:
    """The outcomes of a batch's records, in order.

    At most `concurrency` records are handled at once. At the deadline what is running is cancelled and to be
    retried, and what was not tried is held.
    """
    outcomes: list[Outcome] = [HELD] * len(records)
    try:
        async with timeout(None if deadline is None else deadline.remaining()):
            if concurrency == 1:
                await handle_lane(enumerate(records), lane_of, handle, deadline, outcomes)
            else:
                await _handle_lanes(records, lane_of, handle, concurrency, deadline, outcomes)
    except* (TimeoutError, Interrupted):
        pass  # the outcomes say what was cut off
    return outcomes


async def _handle_lanes(
    records: Sequence[Raw],
    lane_of: LaneOf,
    handle: Handle,
    concurrency: int,
    deadline: Deadline | None,
    outcomes: list[Outcome],
) -> None:
    waiting = iter(positions(records, lane_of))

    async def work() -> None:
        for lane in waiting:
            members = [(position, records[position]) for position in lane]
            await handle_lane(members, lane_of, handle, deadline, outcomes)

    async with TaskGroup() as workers:
        for _ in range(min(concurrency, len(records))):
            workers.create_task(work())
