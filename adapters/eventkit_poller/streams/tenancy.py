"""A shard's lease while it is this process's: how it is changed, and until when it is surely ours.

Every change is a compare-and-set on owner and counter, and others count from the moment at which they saw the counter
change. So the lease is ours until `failover` seconds after the beginning of our last change, whatever happens to the
answer of the next one, and whatever other hosts' clocks say.

A change that failed has perhaps succeeded: its answer can be lost. So the lease is read back before anything is
believed: it may be what we wrote, or another process has asked for the shard meanwhile, or has taken it.
"""

import asyncio
import logging
from collections.abc import Callable
from enum import Enum

from eventkit.errors import BackendError
from eventkit.outcomes import Backoff
from eventkit.streams.leases import Lease, LeaseStore
from eventkit.streams.positions import SHARD_END, Checkpoint, is_progress
from eventkit.values import replace
from eventkit_poller.settings import Timing
from eventkit_poller.streams.settings import SharingSettings

__all__ = ["Ending", "Tenancy"]

log: logging.Logger = logging.getLogger("eventkit.poller")

BACKOFF = Backoff(base=0.1, cap=0.5)
"""The pauses of a change that fails. They are short, because a lease has only seconds."""

Change = Callable[[Lease], Lease | None]
"""What becomes of a lease, apart from its counter; None where it is to stay as it is."""


class Ending(Enum):
    """How a tenancy ended."""

    LOST = "the lease is another's, or was not renewed in time"
    LEFT = "the lease was given away"
    FINISHED = "the shard was read to its end"


class Tenancy:
    """A shard's lease, from when this process got it until it is not this process's any more.

    Its verbs never raise `BackendError`: they try again for as long as the lease is ours. They may be called by any
    task at any time, are carried out one after the other, and may be cancelled.
    """

    def __init__(
        self, lease: Lease, began: float, store: LeaseStore, settings: SharingSettings, timing: Timing
    ) -> None:
        """`began` is when the change that got the lease was sent, by the clock."""
        self.lease: Lease = lease
        """The lease as this process last wrote or read it."""
        self.until: float = began + settings.failover
        """Until when it is surely ours, by the clock."""
        self.ending: Ending | None = None
        """How it ended; None as long as it has not."""
        self.changed: Callable[[], None] = _nothing
        """Called when it has ended, once, and when another process has asked for the shard."""
        self.behind: Callable[[], float | None] = _unknown
        """By how many seconds the reader is behind the present; asked for each write, and written along."""
        self._store = store
        self._settings = settings
        self._timing = timing
        self._turn = asyncio.Lock()

    @property
    def is_held(self) -> bool:
        """Whether the shard is this process's at this moment."""
        return self.ending is None and self._timing.clock() < self.until

    @property
    def due(self) -> float:
        """When the lease is to be renewed, by the clock."""
        return self.until - self._settings.failover + self._settings.interval

    async def checkpoint(self, position: Checkpoint, time: float | None = None) -> bool:
        """Note that everything before a position is settled. False: the shard is not this process's any more.

        `time` is when the last record before it was written, in seconds since 1970. A position that is no
        progress is not written.
        """

        def change(lease: Lease) -> Lease | None:
            if not is_progress(lease.checkpoint, position):
                return None
            last = lease.time if time is None else time
            return replace(lease, checkpoint=position, time=last, behind=self.behind())

        return await self._change(change)

    async def renew(self) -> bool:
        """Keep the lease for longer, unless it was changed a moment ago. False: it is not this process's any more."""

        def change(lease: Lease) -> Lease | None:
            return replace(lease, behind=self.behind()) if self._timing.clock() >= self.due else None

        return await self._change(change)

    async def finish(self) -> bool:
        """Everything in the shard is settled, and nothing more can come. False: it was not this process's any more."""
        return await self._change(
            lambda lease: replace(lease, checkpoint=SHARD_END, owner=None, claimant=None, behind=None)
        )

    async def release(self) -> bool:
        """Give the lease to who has asked for it, or to nobody. False: it was not this process's any more."""
        return await self._change(lambda lease: replace(lease, owner=lease.claimant, claimant=None))

    async def _change(self, change: Change) -> bool:
        """Change the lease, however often that takes. False: it is not this process's any more."""
        async with self._turn:
            attempt = _Attempt(change)
            while self.is_held:
                new = attempt.next(self.lease, self._timing.clock())
                if new is None or await self._is_written(new, attempt):
                    return True
                await self._pause(attempt.count)
            self._end(Ending.LOST)
            return False

    async def _is_written(self, new: Lease, attempt: "_Attempt") -> bool:
        """Write the lease; whether it is what the store has now."""
        now = self._timing.clock()
        try:
            async with asyncio.timeout(min(self._settings.patience, self.until - now)):
                if not attempt.refused and await self._store.swap(self.lease, new):
                    self._accept(new, now)
                    return True
                attempt.refused = True
                found = await self._store.read(new)
        except (BackendError, TimeoutError) as error:
            if attempt.count == 1:
                facts = {"stream": new.stream, "shard": new.shard, "error": str(error) or type(error).__name__}
                log.warning("lease.error", extra=facts)
            return False
        attempt.refused = False
        if found == new:
            self._accept(new, attempt.began)
        else:
            self._adopt(found)
        return found == new

    def _accept(self, lease: Lease, began: float) -> None:
        """The store has what was written at `began` or later."""
        self.lease = lease
        self.until = began + self._settings.failover
        if lease.owner != self._settings.worker:
            self._end(Ending.FINISHED if lease.finished else Ending.LEFT)

    def _adopt(self, found: Lease | None) -> None:
        """The store has what this tenancy does not know: another process's change, or a cancelled one of its own."""
        if found is None or found.owner != self._settings.worker:
            self._end(Ending.LOST)
            return
        is_asked = found.claimant not in (None, self.lease.claimant)
        self.lease = found
        if is_asked:
            self.changed()

    def _end(self, ending: Ending) -> None:
        if self.ending is None:
            self.ending = ending
            self.changed()

    async def _pause(self, attempt: int) -> None:
        left = self.until - self._timing.clock()
        await asyncio.sleep(min(BACKOFF.delay(attempt, self._timing.random), left))


class _Attempt:
    """What is tried to write.

    Attributes:
        count: How often something was tried.
        began: When the same was tried for the first time.
        refused: Whether the store has said that it has something else, and has not said yet what.
    """

    def __init__(self, change: Change) -> None:
        self.count: int = 0
        self.began: float = 0.0
        self.refused: bool = False
        self._change = change
        self._new: Lease | None = None

    def next(self, lease: Lease, now: float) -> Lease | None:
        """What is to be written in the place of the lease; None where it may stay."""
        changed = self._change(lease)
        new = None if changed is None else replace(changed, counter=lease.counter + 1)
        if new != self._new:
            self._new, self.began = new, now
        self.count += 1
        return new


def _nothing() -> None:
    """Nobody is told."""


def _unknown() -> None:
    """Nobody knows how far the reader is behind."""
