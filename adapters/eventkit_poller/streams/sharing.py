"""How one process shares the shards of a stream with the others of its group.

Again and again it looks at the leases, decides what is to be done about them (`lineage`, `balance`), and does it: it
creates leases for new shards, takes free ones, and asks for one of another process that has too many. The shards are
listed once in a while, and soon when that would help. The leases that it has are renewed apart from this
(`stay`, `tenancy`), so trouble with a listing or with another lease never ends the reading of a shard.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from eventkit.errors import BackendError
from eventkit.outcomes import Backoff
from eventkit.stream_options import Start
from eventkit.streams import Streams
from eventkit.streams.leases import Lease, LeaseStore
from eventkit.streams.positions import text_of
from eventkit.values import replace
from eventkit_poller.settings import Timing
from eventkit_poller.streams.alarm import Alarm
from eventkit_poller.streams.balance import Decision, Stance, View, seen
from eventkit_poller.streams.settings import SharingSettings
from eventkit_poller.streams.stay import Consumer, Stay
from eventkit_poller.streams.survey import Survey
from eventkit_poller.streams.tenancy import Ending, Tenancy
from eventkit_poller.tasks import Tasks

__all__ = ["Begin", "Sharing", "Subscription"]

log: logging.Logger = logging.getLogger("eventkit.poller")

SOON = 1.0
"""Seconds to the next look after the first lease that a process takes, and while it asks others for theirs."""

T = TypeVar("T")

CALLS = 10
"""Calls of the store that are made at once."""

BACKOFF = Backoff(base=0.5, cap=10.0)
"""The pauses after a look that failed; they are never longer than those between looks."""

Begin = Callable[[Tenancy], Consumer]
"""Begins to read a shard."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What is shared: a stream's shards, by ARN, among the processes of a group; and where a new group begins."""

    group: str
    stream: str
    start: Start = Start.TRIM_HORIZON


class Sharing:
    """One process's part in reading a stream."""

    def __init__(
        self,
        subscription: Subscription,
        streams: Streams,
        store: LeaseStore,
        settings: SharingSettings,
        timing: Timing,
        begin: Begin,
    ) -> None:
        """`begin` is called for each shard that this process gets; it must not raise."""
        self.counts: Counter[str] = Counter()
        """What happened, by the names of the log's events."""
        self.told: Callable[[str, Lease], None] = _nothing
        """Called with each of these events, and the lease that it is about."""
        self._subscription = subscription
        self._store = store
        self._settings = settings
        self._timing = timing
        self._begin = begin
        self._survey = Survey(subscription.stream, streams, settings.sync, timing, self._wake)
        self._views: Mapping[str, View] = {}
        self._stays: dict[str, Stay] = {}
        self._failures = 0
        self._calls = asyncio.Semaphore(CALLS)
        self._alarm = Alarm(timing.clock)
        self._tasks: Tasks | None = None
        self._listing: asyncio.Task[None] | None = None

    @property
    def shards(self) -> Collection[str]:
        """The shards that this process reads."""
        return tuple(self._stays)

    @property
    def failures(self) -> int:
        """Looks at the leases, or listings, that failed since the last one that did not."""
        return max(self._failures, self._survey.failures)

    def start(self, tasks: Tasks) -> None:
        """Take part from now on, in these tasks, which have ended some time after `stop`."""
        self._tasks = tasks
        self._listing = tasks.start(self._survey.run())
        tasks.start(self._run())

    def stop(self) -> None:
        """Read no more: each consumer comes to an end in good order, and its shard is given away."""
        self._tasks = None
        self._wake()
        if self._listing is not None:
            self._listing.cancel()
        for stay in self._stays.values():
            stay.leave()

    def _wake(self) -> None:
        self._alarm.hasten(0)

    async def _run(self) -> None:
        while self._tasks is not None:
            self._alarm.set(self._settings.interval)
            if await self._look():
                self._failures = 0
            else:
                self._failures += 1
                self._alarm.hasten(BACKOFF.delay(self._failures, self._timing.random))
            await self._alarm.ring()

    async def _look(self) -> bool:
        """Look at the leases and do what is to be done; whether no call failed."""
        began = self._timing.clock()
        leases = await self._called(partial(self._store.leases, self._subscription.group, self._subscription.stream))
        if leases is None:
            return False
        loaded = self._timing.clock()
        created, fine = await self._create(leases)
        leases = [*leases, *created]
        self._survey.learn(leases)
        if self._survey.lineage.doubts(leases):
            self._survey.soon()
        self._views = seen(self._views, self._survey.lineage.readable(leases), loaded)
        stance = Stance(self._settings.worker, self._settings.failover, self._stays.keys())
        decision = stance.decide(self._views.values(), began)
        return all((fine, await self._carry_out(decision), await self._tidy(leases)))

    async def _create(self, leases: Iterable[Lease]) -> tuple[list[Lease], bool]:
        """Create the leases that are missing: those that this process has created, and whether no call failed."""
        group, stream = self._subscription.group, self._subscription.stream
        missing = [
            Lease(group, stream, shard.id, shard.parents, checkpoint)
            for shard, checkpoint in self._survey.lineage.missing(leases, self._subscription.start)
        ]
        answers = await self._all(partial(self._store.create, lease) for lease in missing)
        created = [lease for lease, is_new in zip(missing, answers, strict=True) if is_new]
        if False in answers:
            self._wake()  # another process is faster, and has leases that this one has not seen
        for lease in created:
            self._tell("lease.created", lease, checkpoint=text_of(lease.checkpoint))
        return created, None not in answers

    async def _carry_out(self, decision: Decision) -> bool:
        """Take the leases, or ask for one; whether no call failed."""
        is_first = not self._stays
        taking = (self._take(lease) for lease in decision.take)
        is_fine = all(await asyncio.gather(*taking))
        if is_fine and is_first and decision.take:
            self._alarm.hasten(SOON if self._stays else 0)  # all were faster: at once, because their first one counts
        if decision.claim is None or self._tasks is None:
            return is_fine
        self._alarm.hasten(SOON)
        return await self._claim(decision.claim) and is_fine

    async def _take(self, lease: Lease) -> bool:
        if self._tasks is None:
            return True
        began = self._timing.clock()
        taken = replace(lease, owner=self._settings.worker, claimant=None, counter=lease.counter + 1)
        is_mine = await self._called(partial(self._store.swap, lease, taken))
        if is_mine:
            self._tell("lease.taken", taken, before=lease.owner)
            await self._enter(Tenancy(taken, began, self._store, self._settings, self._timing))
        return is_mine is not None

    async def _enter(self, tenancy: Tenancy) -> None:
        """Read the shard of a lease that has just been taken."""
        if self._tasks is None:
            await tenancy.release()
            return
        stay = Stay(tenancy, self._begin(tenancy), self._settings, self._timing)
        self._stays[tenancy.lease.shard] = stay
        self._tasks.start(stay.keep())
        self._tasks.start(self._live(stay))

    async def _live(self, stay: Stay) -> None:
        """See a stay to its end."""
        try:
            await stay.run()
        finally:
            del self._stays[stay.tenancy.lease.shard]
        self._tell_ending(stay.tenancy)
        if stay.tenancy.ending is Ending.FINISHED:
            self._survey.ended(stay.tenancy.lease.shard)
            self._wake()

    async def _claim(self, lease: Lease) -> bool:
        """Ask the owner for the lease; whether the call did not fail."""
        claimed = replace(lease, claimant=self._settings.worker, counter=lease.counter + 1)
        is_asked = await self._called(partial(self._store.swap, lease, claimed))
        if is_asked:
            self._tell("lease.claimed", claimed, owner=lease.owner)
        return is_asked is not None

    async def _tidy(self, leases: Iterable[Lease]) -> bool:
        """Delete the leases that nothing depends on any more; whether no call failed."""
        old = self._survey.lineage.deletable(leases)
        answers = await self._all(partial(self._store.delete, lease) for lease in old)
        for lease, is_gone in zip(old, answers, strict=True):
            if is_gone:
                self._tell("lease.deleted", lease)
        return None not in answers

    async def _all(self, calls: Iterable[Callable[[], Coroutine[Any, Any, bool]]]) -> list[bool | None]:
        return await asyncio.gather(*map(self._called, calls))

    async def _called(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """What the store answers; None where it fails."""
        try:
            async with self._calls, asyncio.timeout(self._settings.interval):
                return await call()
        except (BackendError, TimeoutError) as error:
            facts = {"stream": self._subscription.stream, "error": str(error) or type(error).__name__}
            log.warning("leases.error", extra=facts)
            self.counts["leases.error"] += 1
            return None

    def _tell_ending(self, tenancy: Tenancy) -> None:
        match tenancy.ending:
            case Ending.FINISHED:
                self._tell("lease.finished", tenancy.lease)
            case Ending.LEFT if tenancy.lease.owner is not None:
                self._tell("lease.handed_over", tenancy.lease, to=tenancy.lease.owner)
            case Ending.LEFT:
                self._tell("lease.released", tenancy.lease)
            case _:
                self._tell("lease.lost", tenancy.lease)

    def _tell(self, event: str, lease: Lease, **facts: object) -> None:
        self.counts[event] += 1
        self.told(event, lease)
        known = {"stream": lease.stream, "shard": lease.shard, "worker": self._settings.worker}
        log.log(logging.WARNING if event == "lease.lost" else logging.INFO, event, extra={**known, **facts})


def _nothing(_event: str, _lease: Lease) -> None:
    """Nobody is told."""
