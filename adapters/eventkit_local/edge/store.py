"""Stored responses: by key and by what their origin's Vary names, within a number of bytes."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from eventkit_local.edge.distribution import Key
from eventkit_local.edge.freshness import Policy, age_of
from eventkit_local.edge.messages import Head, Request
from eventkit_local.edge.transfer import Transfer

__all__ = ["Entry", "Marks", "Store", "Varying", "varying_of"]

_OVERHEAD = 1024  # bytes that an entry is counted for beside its content

Varying = tuple[tuple[str, str | None], ...]
"""Names of header fields in lower case with the values that a request had, None where it had none."""


def varying_of(names: str | None, plain: Request) -> Varying:
    """Note what a request had for the fields that a Vary names, as it went to the origin (RFC 9111, section 4.1)."""
    listed = sorted({name.strip().lower() for name in (names or "").split(",")} - {""})
    return tuple((name, _normal(plain.value(name))) for name in listed)


def _normal(value: str | None) -> str | None:
    return None if value is None else ",".join(part.strip() for part in value.split(","))


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A stored response, whose body may still be arriving.

    Attributes:
        key: What it answers.
        head: As the origin sent it, freshened by what it has said since.
        body: Its content; entries with the same body are the same response at different times.
        policy: How long it may be used.
        requested: When the origin was asked, in seconds since the epoch.
        received: When its head came.
        varying: What requests must have, beside the key, to get it.
        held_until: Until then it is used as it is, because the origin has failed.
    """

    key: Key
    head: Head
    body: Transfer
    policy: Policy
    requested: float
    received: float
    varying: Varying = ()
    held_until: float = 0

    def age(self, now: float) -> int:
        """Its age in seconds."""
        return age_of(self.head, requested=self.requested, received=self.received, now=now)

    def suits(self, plain: Request) -> bool:
        """Whether it may answer a request with its key."""
        return all(_normal(plain.value(name)) == value for name, value in self.varying)

    @property
    def weight(self) -> int:
        """Bytes that it is counted for; those still to come count where their number is known."""
        return _OVERHEAD + max(self.body.size, 0 if self.body.is_complete else self.head.length or 0)


class Store:
    """Entries, of which those that were not asked for the longest go when there are too many bytes.

    Args:
        limit: Bytes that all entries together may have.

    Attributes:
        weight: Bytes that they have.
        evicted: How many had to go.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[Key, tuple[Entry, ...]] = OrderedDict()
        self._weights: dict[Transfer, int] = {}
        self.weight: int = 0
        self.evicted: int = 0

    def __len__(self) -> int:
        return len(self._weights)

    def __contains__(self, entry: Entry) -> bool:
        return entry.body in self._weights

    def find(self, key: Key, plain: Request) -> Entry | None:
        """Find the entry that may answer a request, and note that it was asked for."""
        entry = next((entry for entry in self._entries.get(key, ()) if entry.suits(plain)), None)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def variant(self, key: Key, plain: Request) -> Varying:
        """What tells a request from others with its key, as far as the stored responses say."""
        names = {name for entry in self._entries.get(key, ()) for name, _ in entry.varying}
        return varying_of(",".join(names), plain)

    def put(self, entry: Entry, plain: Request) -> None:
        """Store an entry in the place of those that would answer the same request."""
        for other in self._entries.get(entry.key, ()):
            if other.suits(plain):
                self.discard(other)
        self._entries[entry.key] = (entry, *self._entries.get(entry.key, ()))
        self._entries.move_to_end(entry.key)
        self.weigh(entry)

    def update(self, entry: Entry) -> None:
        """Store what has become of an entry, unless it has gone."""
        others = self._entries.get(entry.key, ())
        if entry in self:
            self._entries[entry.key] = tuple(entry if other.body is entry.body else other for other in others)

    def weigh(self, entry: Entry) -> None:
        """Count an entry anew, whose body has grown, and make room."""
        self.weight += entry.weight - self._weights.get(entry.body, 0)
        self._weights[entry.body] = entry.weight
        while self.weight > self._limit:
            self._evict()

    def discard(self, entry: Entry) -> None:
        """Drop an entry, if it is still there."""
        self.weight -= self._weights.pop(entry.body, 0)
        left = tuple(other for other in self._entries.get(entry.key, ()) if other.body is not entry.body)
        if left:
            self._entries[entry.key] = left
        else:
            self._entries.pop(entry.key, None)

    def discard_where(self, matches: Callable[[Key], bool]) -> int:
        """Drop the entries whose key matches; gives how many they were."""
        doomed = [entry for key, entries in self._entries.items() if matches(key) for entry in entries]
        for entry in doomed:
            self.discard(entry)
        return len(doomed)

    def _evict(self) -> None:
        oldest = next(iter(self._entries.values()))
        self.evicted += len(oldest)
        for entry in oldest:
            self.discard(entry)


class Marks:
    """Keys that are marked for some time, of which the oldest go when there are too many.

    Args:
        seconds: How long a mark lasts.
        limit: How many there may be.
    """

    def __init__(self, seconds: float, limit: int = 10_000) -> None:
        self._seconds = seconds
        self._limit = limit
        self._until: OrderedDict[Key, float] = OrderedDict()

    def add(self, key: Key, now: float) -> None:
        """Mark a key from now on."""
        self._until[key] = now + self._seconds
        self._until.move_to_end(key)
        if len(self._until) > self._limit:
            self._until.popitem(last=False)

    def has(self, key: Key, now: float) -> bool:
        """Whether a key is marked."""
        return now < self._until.get(key, now)

    def remove(self, key: Key) -> None:
        """Take the mark off."""
        self._until.pop(key, None)
