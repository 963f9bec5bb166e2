"""What a process does with the leases of a stream, by how it saw them itself. Pure.

Every process plans alike what becomes of all leases: what is free goes to whoever has least, then one lease after the
other goes from who has most to who has least, until these differ by no more than one. Of that plan each carries out
its own part. So processes that see the same never want the same lease, and where nothing is to be evened out nothing
moves. Ties are broken by a hash of worker and shard, which is the same everywhere and prefers nobody.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from eventkit.streams.leases import Lease

__all__ = ["Decision", "Stance", "View", "seen"]


@dataclass(frozen=True, slots=True)
class View:
    """A lease as this process sees it.

    Attributes:
        lease: The lease.
        since: When this process first saw that it may be read with this owner and counter, by its own clock.
    """

    lease: Lease
    since: float


def seen(views: Mapping[str, View], leases: Iterable[Lease], now: float) -> Mapping[str, View]:
    """The views, by shard, of the leases that may be read, after they were loaded; `now` is a moment after that."""
    return {lease.shard: _seen(views.get(lease.shard), lease, now) for lease in leases}


def _seen(view: View | None, lease: Lease, now: float) -> View:
    is_unchanged = view is not None and (view.lease.owner, view.lease.counter) == (lease.owner, lease.counter)
    return View(lease, view.since if view is not None and is_unchanged else now)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a process does: leases that it takes, and one that it asks the owner for."""

    take: tuple[Lease, ...] = ()
    claim: Lease | None = None


@dataclass(frozen=True, slots=True)
class Stance:
    """A process among those that share a stream.

    Attributes:
        worker: Its name.
        failover: Seconds after which a lease that was not renewed is free.
        held: The shards that it reads, those included that it has lost and that are coming to their end.
    """

    worker: str
    failover: float
    held: Collection[str] = ()

    def decide(self, views: Iterable[View], now: float) -> Decision:
        """What to do about the leases that may be read; `now` is a moment before they were loaded.

        What was handed over to this process is taken at once. Whoever has nothing takes one lease, so that the others
        see him, and his share when he has seen them. A lease that nobody takes though it is somebody's turn belongs to
        a process that has other things to do, like stopping: after a while it is everybody's turn.
        """
        free, taken = list[View](), list[Lease]()
        for view in sorted(views, key=lambda view: view.lease.shard):
            if self._is_free(view, now):
                free.append(view)
            else:
                taken.append(view.lease)
        given = [lease for lease in taken if lease.owner == self.worker and lease.shard not in self.held]
        loads = Counter(lease.claimant or lease.owner or "" for lease in taken)
        is_new = self.worker not in loads
        loads[self.worker] += 0
        if free:
            wanted = self._wanted(loads, free, now)
            return Decision((*given, *(wanted[:1] if is_new else wanted)))
        return Decision(tuple(given), self._claim(loads, taken))

    def _is_free(self, view: View, now: float) -> bool:
        if view.lease.owner == self.worker:
            return False
        return view.lease.owner is None or now - view.since >= self.failover

    def _wanted(self, loads: Mapping[str, int], free: Sequence[View], now: float) -> list[Lease]:
        """The free leases that this process tries to get, by its preference."""
        turns, others = self._turns(loads, free)
        turns += self._overdue(others, len(loads), now)
        wanted = [
            lease for lease in turns if lease.shard not in self.held
        ]  # what it has lost is still coming to its end
        return sorted(wanted, key=lambda lease: _rank(self.worker, lease.shard))

    def _turns(self, loads: Mapping[str, int], free: Sequence[View]) -> tuple[list[Lease], list[View]]:
        """The free leases that come to this process when each goes to who has least; and those of others."""
        loads, turns, others = dict(loads), list[Lease](), list[View]()
        for view in free:
            taker = min(loads, key=lambda worker: (loads[worker], _rank(worker, view.lease.shard)))
            loads[taker] += 1
            if taker == self.worker:
                turns.append(view.lease)
            else:
                others.append(view)
        return turns, others

    def _overdue(self, others: Sequence[View], workers: int, now: float) -> list[Lease]:
        """This process's part of the leases that others should have taken long ago."""
        late = [view for view in others if now - view.since >= self._patience(view)]
        late.sort(key=lambda view: _rank(self.worker, view.lease.shard))
        return [view.lease for view in late[: -(-len(late) // workers)]]

    def _patience(self, view: View) -> float:
        """Seconds for which a free lease is left to whose turn it is."""
        return self.failover if view.lease.owner is None else 2 * self.failover

    def _claim(self, loads: Mapping[str, int], leases: Sequence[Lease]) -> Lease | None:
        """The first lease that comes to this process when leases go from who has most to who has least."""
        loads = dict(loads)
        while True:
            most = max(loads, key=lambda worker: (loads[worker], _rank(worker, "")))
            least = min(loads, key=lambda worker: (loads[worker], _rank(worker, "")))
            if loads[most] - loads[least] <= 1:
                return None
            if least == self.worker:
                unasked = [lease for lease in leases if lease.owner == most and lease.claimant is None]
                return min(unasked, key=lambda lease: _rank(self.worker, lease.shard), default=None)
            loads[most] -= 1
            loads[least] += 1


def _rank(worker: str, shard: str) -> bytes:
    return blake2b(f"{worker}\n{shard}".encode(), digest_size=8).digest()
