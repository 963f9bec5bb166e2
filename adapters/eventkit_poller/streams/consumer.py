"""The work on one shard: records in batches, batches in lanes, and a checkpoint behind what is settled.

A lane keeps order: the whole shard is one, or each key that `order_by` tells apart. In a lane one record is handled at
a time, and one that must be retried holds back those behind it; other lanes go on. What is tried again, and what is
given up, is decided by `eventkit.streams.slices`, as Lambda's event source mapping does. The checkpoint is behind the
lowest record that is not settled. It is written before a lane goes on, so a crash repeats at most a batch of each.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby

from eventkit.batch import UNSETTLED
from eventkit.errors import BackendError
from eventkit.outcomes import Backoff, Deferred, Outcome, Reject, Retry
from eventkit.stream_options import StreamOptions
from eventkit.streams import Raw, sequence_of, time_of
from eventkit.streams.positions import After
from eventkit.streams.slices import Condition, Slice, after_failure, expired
from eventkit_poller.context import Context
from eventkit_poller.observing import Failed, GivenUp, Settled
from eventkit_poller.streams.handling import StreamHandling
from eventkit_poller.streams.progress import Entry, Progress
from eventkit_poller.streams.reader import Reader
from eventkit_poller.streams.tenancy import Tenancy
from eventkit_poller.work import Summary

__all__ = ["Consumer"]

log: logging.Logger = logging.getLogger("eventkit.poller")

AHEAD = 2
"""Batches that are read and not settled: one is handled, and one is ready."""

AHEAD_BY_KEY = 10
"""The same where keys are handled apart: so much the others can go on while one of them waits."""

BACKOFF = Backoff(base=1.0, cap=60.0)
"""The pauses while the on-failure destination cannot be reached."""


class _Stopped(Exception):  # noqa: N818 - says what happened; nothing is wrong
    """The consumer stops: what is not settled stays so."""


@dataclass(slots=True, eq=False)
class _Lane:
    batches: deque[list[Entry]] = field(default_factory=deque[list[Entry]])
    running: bool = False


class Consumer:
    """Handles the records of a shard that is this process's, until it ends, is stopped, or is cancelled."""

    def __init__(self, reader: Reader, tenancy: Tenancy, handling: StreamHandling, context: Context) -> None:
        self.reader: Reader = reader
        """What reads the shard."""
        self._place = reader.place
        self._tenancy = tenancy
        tenancy.behind = lambda: self.lag
        self._handling = handling
        self._context = context
        self._progress = Progress()
        self._lanes: dict[Hashable, _Lane] = {}
        self._turns = asyncio.Semaphore(handling.options.parallel if handling.by_key else 1)
        self._stopping = asyncio.Event()
        self._settled = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._feeding: asyncio.Task[None] | None = None
        self._cancelled = False
        self._done = self._rejected = 0

    @property
    def in_flight(self) -> int:
        """Records that were read and are not settled."""
        return len(self._progress.unsettled)

    @property
    def oldest(self) -> float:
        """Seconds since the oldest of them was read; 0 where there is none."""
        first = next(iter(self._progress.unsettled), None)
        return 0.0 if first is None else self._context.timing.clock() - first.read

    @property
    def lag(self) -> float:
        """Seconds since the oldest of them was written; where there is none, by which the last page was behind."""
        first = next(iter(self._progress.unsettled), None)
        written = None if first is None else time_of(first.record)
        return self.reader.behind or 0.0 if written is None else max(0.0, self._context.timing.now() - written)

    @property
    def summary(self) -> Summary:
        """What became of the records so far; what is not settled when it has stopped is released, or lost."""
        left = self.in_flight if self._stopping.is_set() else 0
        lost = left if self._cancelled else 0
        received = self._done + self._rejected + self.in_flight
        return Summary(received, self._done, rejected=self._rejected, released=left - lost, lost=lost)

    def start(self) -> None:
        """Read and handle from now on."""
        self._feeding = self._spawn(self._context.sending.start(self._feed()))

    async def stop(self) -> None:
        """Begin no further record, and return when running handlers have ended and the checkpoint is written."""
        self._stopping.set()
        if self._feeding is not None:
            self._feeding.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._checkpoint()

    def cancel(self) -> None:
        """The shard is another's, or the time for ending is up: end at once, and write nothing."""
        self._stopping.set()
        self._cancelled = True
        for task in tuple(self._tasks):
            task.cancel()

    def _spawn(self, task: "asyncio.Task[None]") -> "asyncio.Task[None]":
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _feed(self) -> None:
        """Read batches and hand them to their lanes; at the shard's end, when all is settled, finish."""
        options, clock = self._handling.options, self._context.timing.clock
        waiting: list[Raw] = []
        due, ended = 0.0, self.reader.ended
        while not ended:
            patience = due - clock() if waiting else self._context.settings.poll
            page = await self.reader.page(options.batch, patience)
            due = due if waiting else clock() + options.window
            waiting += page
            ended = self.reader.ended
            while len(waiting) >= options.batch or (waiting and (ended or clock() >= due)):
                await self._admit(waiting[: options.batch])
                del waiting[: options.batch]
                due = clock() + options.window
        await self._until(lambda: not len(self._progress))
        await self._tenancy.finish()

    async def _admit(self, records: Sequence[Raw]) -> None:
        """Take a batch as soon as there is room for it.

        A record that must keep its order among all of the shard waits for those before it, and those behind it wait.
        """
        if not self._handling.by_key:
            await self._take(records, AHEAD)
            return
        for whole, some in groupby(records, lambda record: self._handling.lane_of(record) is None):
            if whole:
                await self._until(lambda: not len(self._progress))
            await self._take(list(some), AHEAD_BY_KEY)
            if whole:
                await self._until(lambda: not len(self._progress))

    async def _take(self, records: Sequence[Raw], ahead: int) -> None:
        room = self._handling.options.batch * ahead
        await self._until(lambda: len(self._progress) + len(records) <= room)
        by_lane: dict[Hashable, list[Entry]] = {}
        for entry in self._progress.add(records, self._context.timing.clock()):
            by_lane.setdefault(self._handling.lane_of(entry.record), []).append(entry)
        for key, entries in by_lane.items():
            lane = self._lanes.setdefault(key, _Lane())
            lane.batches.append(entries)
            if not lane.running:
                lane.running = True
                self._spawn(self._context.handling.start(self._run(key, lane)))

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._settled.clear()
            await self._settled.wait()

    async def _run(self, key: Hashable, lane: _Lane) -> None:
        with suppress(_Stopped):
            while lane.batches:
                await self._deliver(lane.batches.popleft())
                await self._checkpoint()
            del self._lanes[key]

    async def _deliver(self, entries: Sequence[Entry]) -> None:
        """Handle a lane's batch until all of it is settled. Raises `_Stopped`."""
        options = self._handling.options
        times = [] if options.max_age is None else [time_of(entry.record) for entry in entries]
        pending = [Slice(0, len(entries))]
        while pending:
            tried = pending.pop()
            if old := expired(tried, times, self._context.timing.now(), options):
                await self._give_up(entries[tried.start : tried.start + old], Condition.AGE, tried.failures)
                tried = Slice(tried.start + old, tried.stop)
            async with self._turns:
                failed = await self._handled(entries, tried)
            if failed is None:
                continue
            lowest, retry = failed
            again = _again(tried, lowest, retry, options)
            if isinstance(again, Condition):
                await self._give_up(entries[tried.start : tried.stop], again, tried.failures + 1)
                continue
            pending.extend(reversed(again))
            await self._checkpoint()
            await self._pause(_delay(retry, again[0].failures, self._context.timing.random))

    async def _handled(self, entries: Sequence[Entry], tried: Slice) -> tuple[int, Retry] | None:
        """Handle the slice up to the first record that must be retried: its position, or None where all are settled."""
        for position in range(tried.start, tried.stop):
            if self._stopping.is_set() or not self._tenancy.is_held:
                raise _Stopped
            entry = entries[position]
            began = self._context.timing.clock()
            outcome = await self._outcome(entry.record)
            if self._cancelled:
                raise _Stopped
            seconds = self._context.timing.clock() - began
            self._context.observe(Settled(self._place.name, entry.record, outcome, seconds))
            if isinstance(outcome, Retry):
                return position, outcome
            self._settle([entry], outcome)
        return None

    async def _outcome(self, record: Raw) -> Outcome:
        outcome = await self._context.outcome(self._place.name, record)
        if not isinstance(outcome, Reject):
            return outcome
        try:
            if await self._handling.give_up(self._place.shard, [record], outcome, 1):
                return outcome
        except BackendError as error:
            self._tell_not_kept(outcome.reason, error)
            return Retry(error=error)
        self._tell_not_kept(outcome.reason, None)
        return Retry(error=outcome)

    async def _give_up(self, entries: Sequence[Entry], why: Condition, attempts: int) -> None:
        """Pass records whose attempts, or whose time, are used up; without a destination they are only told of."""
        records = [entry.record for entry in entries]
        facts = {"stream": self._place.name, "shard": self._place.shard, "records": len(records), "why": why.value}
        kept = await self._given_up(records, why, attempts)
        log.error("records.given_up", extra={**facts, "first": sequence_of(records[0]), "kept": kept})
        self._context.observe(GivenUp(self._place.name, self._place.shard, len(records), why))
        self._settle(entries, Reject(why.value))

    async def _given_up(self, records: Sequence[Raw], why: Condition, attempts: int) -> bool:
        failures = 0
        while True:
            try:
                return await self._handling.give_up(self._place.shard, records, why, attempts)
            except BackendError as error:
                failures += 1
                self._tell_not_kept(why.value, error)
                await self._pause(BACKOFF.delay(failures, self._context.timing.random))

    def _tell_not_kept(self, reason: str, error: BackendError | None) -> None:
        told = "there is no on-failure destination: set EVENTKIT_ON_FAILURE" if error is None else str(error)
        facts = {"stream": self._place.name, "shard": self._place.shard, "reason": reason, "error": told}
        log.error("reject.not_kept", extra=facts)
        self._context.observe(Failed(self._place.name, "park", 1))

    def _settle(self, entries: Sequence[Entry], outcome: Outcome) -> None:
        for entry in entries:
            entry.settled = True
        if isinstance(outcome, Reject):
            self._rejected += len(entries)
        else:
            self._done += len(entries)

    async def _checkpoint(self) -> None:
        """Write how far everything is settled. Where that fails for good the shard is lost, and `cancel` is called."""
        last = self._progress.advance()
        if last is not None:
            self._settled.set()
            await self._tenancy.checkpoint(After(sequence_of(last)), time_of(last))

    async def _pause(self, seconds: float) -> None:
        """Wait so long. Raises `_Stopped` where the consumer stops meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        if self._stopping.is_set():
            raise _Stopped


def _again(tried: Slice, lowest: int, retry: Retry, options: StreamOptions) -> Sequence[Slice] | Condition:
    """What is tried next; who waits for another's attempt at the same work has not failed."""
    if isinstance(retry.error, Deferred):
        return (Slice(lowest, tried.stop, tried.failures),)
    return after_failure(tried, lowest, options)


def _delay(retry: Retry, failures: int, random: Callable[[], float]) -> float:
    """Seconds until the next attempt: what the handler asked for, or the route's backoff by the attempts so far."""
    if retry.backoff is None and retry.after is not None:
        return retry.after
    return (retry.backoff or UNSETTLED).delay(failures, random)
