"""One shard in memory. Nothing waits here: each call says what time it is, in seconds since 1970.

Places in a shard are counted from its first record on, whether that is still kept or not.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from eventkit.errors import BackendError, ThrottledError
from eventkit.streams import Raw, Shard
from eventkit.streams.positions import After, Latest, Position, Since, TrimHorizon
from eventkit.values import Value

__all__ = ["KINESIS", "LARGEST", "TABLE", "MemoryShard", "Range", "Rules"]

LARGEST = 2**128 - 1
"""The greatest hash key."""

SPREAD = 10**6
"""How many shards of a stream have sequence numbers of their own."""

FIRST = 10**20 - 5
"""Where numbers begin: soon they have a digit more, so texts do not sort as numbers do."""

STEP = 3
"""Numbers leave gaps, as AWS's do."""


class Rules(Value):
    """What a service allows and tells.

    Attributes:
        cursor_life: Seconds for which a cursor can be read.
        retention: Seconds for which a record is kept.
        page: Records in a page at most.
        reads: Reads of a shard in any second.
        readers: Readers of a shard in any second; who opens a cursor and reads on from page to page is one.
        tells_trimmed: Whether it says that records are kept no more, or goes on with the oldest that there is.
        finds_times: Whether it finds records by time, and tells how far behind a page is.
    """

    cursor_life: float
    retention: float
    page: int
    reads: float = inf
    readers: float = inf
    tells_trimmed: bool = False
    finds_times: bool = False


TABLE: Rules = Rules(cursor_life=900.0, retention=86_400.0, page=1_000, tells_trimmed=True)
"""DynamoDB Streams: "Change data capture for DynamoDB Streams", and "GetRecords" in its API reference."""

KINESIS: Rules = Rules(cursor_life=300.0, retention=86_400.0, page=10_000, reads=5, finds_times=True)
"""Kinesis: "GetRecords" and "GetShardIterator" in its API reference, and "Quotas and limits"."""


class Range(Value):
    """The hash keys of a shard, both ends included."""

    low: int = 0
    high: int = LARGEST

    def __contains__(self, key: int) -> bool:
        return self.low <= key <= self.high

    def halves(self) -> "tuple[Range, Range]":
        """The range, divided in the middle."""
        middle = (self.low + self.high) // 2
        return Range(self.low, middle), Range(middle + 1, self.high)


@dataclass(frozen=True, slots=True)
class _Entry:
    sequence: int
    time: float
    record: Raw


class MemoryShard:
    """A sequence of records that loses its oldest ones, and may end."""

    def __init__(self, name: str, serial: int, keys: Range, parents: "Sequence[MemoryShard]" = ()) -> None:
        """`serial` is its number among the stream's shards; sequence numbers are greater than those of the parents."""
        self.id = name
        self.keys = keys
        self.parents = tuple(parent.id for parent in parents)
        self.closed_at = inf
        self.trimmed = 0
        """How many records are kept no more."""
        self.lost = 0
        """How many of those nobody has ever read."""
        self._serial = serial
        self._first = max((parent.ahead for parent in parents), default=0)
        self._entries: list[_Entry] = []
        self._seen = 0
        self._reads: list[tuple[float, int]] = []

    @property
    def end(self) -> int:
        """The place behind the newest record."""
        return self.trimmed + len(self._entries)

    @property
    def ahead(self) -> int:
        """How many sequence numbers this shard and its ancestors have used, at least."""
        return self._first + self.end

    @property
    def open(self) -> bool:
        return self.closed_at == inf

    @property
    def listed(self) -> Shard:
        """The shard as a listing has it."""
        return Shard(self.id, self.parents, closed=not self.open)

    @property
    def next_sequence(self) -> int:
        return self._sequence(self.end)

    @property
    def records(self) -> Sequence[Raw]:
        """The records that are kept."""
        return [entry.record for entry in self._entries]

    def append(self, time: float, record: Raw) -> None:
        """Add a record, which has `next_sequence`."""
        self._entries.append(_Entry(self.next_sequence, time, record))

    def trim(self, place: int) -> None:
        """Forget the records before a place."""
        gone = max(0, min(place, self.end) - self.trimmed)
        del self._entries[:gone]
        self.lost += max(0, self.trimmed + gone - max(self.trimmed, self._seen))
        self.trimmed += gone

    def forget(self, horizon: float) -> None:
        """Trim the records that were written before a moment."""
        if self._entries and self._entries[0].time < horizon:
            self.trim(self.place(Since(horizon)))

    def place(self, position: Position) -> int:
        """The place of a position, or of the oldest record where that is later.

        Raises `BackendError` for a sequence number of another shard.
        """
        match position:
            case TrimHorizon():
                return self.trimmed
            case Latest():
                return self.end
            case Since(time):
                return self.trimmed + bisect_left(self._entries, time, key=lambda entry: entry.time)
            case After(sequence):
                return self.trimmed + bisect_right(self._entries, self._own(sequence), key=lambda entry: entry.sequence)

    def is_trimmed(self, position: Position) -> bool:
        """Whether the record of a position is kept no more."""
        return isinstance(position, After) and int(position.sequence) < self._sequence(self.trimmed)

    def admit(self, now: float, reader: int, rules: Rules) -> None:
        """Count a read. Raises `ThrottledError` where there were too many in this second, or of too many readers."""
        if rules.reads == rules.readers == inf:
            return
        self._reads = [(time, who) for time, who in self._reads if time > now - 1.0]
        readers = {who for _, who in self._reads} | {reader}
        if len(self._reads) >= rules.reads or len(readers) > rules.readers:
            raise ThrottledError(
                f"shard {self.id!r}: at most {rules.reads:g} reads and {rules.readers:g} readers in a second"
            )
        self._reads.append((now, reader))

    def take(self, place: int, limit: int) -> Sequence[Raw]:
        """At most `limit` of the records that are kept, from a place on; who takes them has read them."""
        start = place - self.trimmed
        taken = self._entries[start : start + limit]
        self._seen = max(self._seen, place + len(taken))
        return [entry.record for entry in taken]

    def behind(self, now: float, place: int) -> float:
        """Seconds that have passed since the first record at the place or behind it was written; 0 at the end."""
        return 0.0 if place >= self.end else now - self._entries[place - self.trimmed].time

    def _sequence(self, place: int) -> int:
        return (FIRST + STEP * (self._first + place)) * SPREAD + self._serial

    def _own(self, sequence: str) -> int:
        number = int(sequence)
        if number % SPREAD != self._serial:
            raise BackendError(f"shard {self.id!r}: {sequence} is no sequence number of it")
        return number
