"""Which shards of a stream there are, which come first, and what is to be done about their leases. Pure.

A listing is eventually consistent, so what it leaves out proves nothing: only what is absent from several listings in
a row counts as gone. A shard begins when everything before it is settled, and a lease that was begun may always go on.
A lease's counter says which ones were: it is 0 until a process takes the lease for the first time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from eventkit.stream_options import Start
from eventkit.streams import Listing, Shard
from eventkit.streams.leases import Lease
from eventkit.streams.positions import SHARD_END, TRIM_HORIZON, Checkpoint, Since

__all__ = ["Lineage"]

ABSENT = 3
"""Listings in a row without a shard after which it counts as gone: the Kinesis Client Library believes as many."""

FORGOTTEN = 60
"""The same for deleting its lease. Were the shard listed again after that, it would be read again from its beginning,
and nothing is won by haste; where nothing happens it is an hour."""

CURIOUS = 10
"""Listings in which the children of a shard that has just ended are looked for."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """What listings have told so far.

    Attributes:
        listings: How many there were.
        at: The moment of the last one, by the service's clock, in seconds since 1970.
        shards: Those that are not gone, by id, as they were listed last.
        seen: The number of the last listing that had a shard, by id. A shard that was never listed is absent since it
            was heard of for the first time, as a parent or by its lease: earlier listings say nothing about it.
        ends: The number of the last listing before a shard was read to its end, by id; forgotten after a while.
    """

    listings: int = 0
    at: float = 0.0
    shards: Mapping[str, Shard] = field(default_factory=lambda: MappingProxyType({}))
    seen: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    ends: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def after(self, listing: Listing) -> "Lineage":
        """The lineage with one more listing."""
        count = self.listings + 1
        parents = {parent for shard in listing.shards for parent in shard.parents}
        seen = {**dict.fromkeys(parents, count - 1), **self.seen, **{shard.id: count for shard in listing.shards}}
        listed = {**self.shards, **{shard.id: shard for shard in listing.shards}}
        shards = {name: shard for name, shard in listed.items() if count - seen[name] < ABSENT}
        ends = {shard: last for shard, last in self.ends.items() if count - last < CURIOUS}
        return Lineage(count, listing.at, shards, seen, ends)

    def with_leases(self, leases: Iterable[Lease]) -> "Lineage":
        """The lineage when these are the leases; what neither they nor the shards tell of is forgotten."""
        told = {name for lease in leases for name in (lease.shard, *lease.parents)}
        told |= {name for shard in self.shards.values() for name in (shard.id, *shard.parents)}
        return replace(self, seen={name: self.seen.get(name, self.listings) for name in told})

    def ended(self, shard: str) -> "Lineage":
        """The lineage when a shard was read to its end: its children are about to be listed."""
        return replace(self, ends={**self.ends, shard: self.listings})

    def missing(self, leases: Iterable[Lease], start: Start) -> Sequence[tuple[Shard, Checkpoint]]:
        """The shards that want a lease, and the checkpoint that it begins with.

        With `Start.LATEST` the first look at a stream notes the moment: what is open begins there, what is closed is
        finished. A look that finds this half done goes on with the same moment. What descends from a shard that was
        begun is read from its beginning, and so is whatever turns up when no lease holds the moment any more.
        """
        known = {lease.shard: lease for lease in leases}
        begun = {name for name, lease in known.items() if lease.counter}
        moments = [lease.checkpoint.time for lease in known.values() if isinstance(lease.checkpoint, Since)]

        def checkpoint(shard: Shard) -> Checkpoint:
            if start is Start.TRIM_HORIZON or not begun.isdisjoint(shard.parents):
                return TRIM_HORIZON
            if moments:
                return Since(min(moments))
            if begun:
                return TRIM_HORIZON
            return SHARD_END if shard.closed else Since(self.at)

        return [(shard, checkpoint(shard)) for name, shard in sorted(self.shards.items()) if name not in known]

    def readable(self, leases: Iterable[Lease]) -> Sequence[Lease]:
        """The leases whose shards may be read now: they are not finished, and what is before them is."""
        known = {lease.shard: lease for lease in leases}
        return [
            lease
            for lease in known.values()
            if not lease.finished and (lease.counter or all(self._is_done(parent, known) for parent in lease.parents))
        ]

    def deletable(self, leases: Iterable[Lease]) -> Sequence[Lease]:
        """The leases that nothing depends on any more.

        They are finished, their shards long gone, and each of their children has begun.
        """
        known = {lease.shard: lease for lease in leases}
        waiting = {parent for lease in known.values() if _is_new(lease) for parent in lease.parents}
        waiting |= {parent for name, shard in self.shards.items() if name not in known for parent in shard.parents}
        return [
            lease
            for name, lease in known.items()
            if lease.finished and name not in waiting and self._absences(name) >= FORGOTTEN
        ]

    def doubts(self, leases: Iterable[Lease]) -> bool:
        """Whether the next listing should come soon.

        A shard waits for a parent that may be gone, or the children of one that has ended are not listed yet.
        """
        known = {lease.shard: lease for lease in leases}
        listed = {parent for shard in self.shards.values() for parent in shard.parents}
        return any(shard not in listed for shard in self.ends) or any(
            parent not in known and parent not in self.shards and self._absences(parent) < ABSENT
            for lease in known.values()
            if _is_new(lease)
            for parent in lease.parents
        )

    def _is_done(self, parent: str, known: Mapping[str, Lease]) -> bool:
        lease = known.get(parent)
        return self._absences(parent) >= ABSENT if lease is None else lease.finished

    def _absences(self, shard: str) -> int:
        """How many listings in a row have left the shard out."""
        return self.listings - self.seen.get(shard, self.listings)


def _is_new(lease: Lease) -> bool:
    """Whether the shard is still to be begun."""
    return not lease.counter and not lease.finished
