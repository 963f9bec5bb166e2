"""One stream in memory: its shards, which of them gets a record, and how they continue each other."""

from collections.abc import Callable, Sequence
from itertools import count, pairwise

from eventkit.errors import BackendError, TrimmedDataError, UnknownShardError
from eventkit.streams import Raw, Shard
from eventkit.streams._memory_records import Place, hash_of
from eventkit.streams._memory_shard import LARGEST, MemoryShard, Range, Rules
from eventkit.streams.positions import Position, Since

__all__ = ["MemoryStream"]


class MemoryStream:
    """The shards of a stream, those included that have ended, as long as they have records that are kept."""

    def __init__(self, arn: str, rules: Rules, shards: int, name: Callable[[int], str]) -> None:
        """`name` makes the name of a shard of its number."""
        self.arn = arn
        self.rules = rules
        self.stalled = 0
        """How many of the next reads give no records."""
        self._name = name
        self._numbers = count()
        self._lost_with_shards = 0
        self._hidden: dict[str, int] = {}
        self._shards: dict[str, MemoryShard] = {}
        bounds = [number * (LARGEST + 1) // shards for number in range(shards + 1)]
        for low, above in pairwise(bounds):
            self._add(Range(low, above - 1))

    @property
    def lost(self) -> int:
        """How many records are kept no more that nobody has ever read."""
        return self._lost_with_shards + sum(shard.lost for shard in self._shards.values())

    def shard(self, name: str) -> MemoryShard:
        """The shard with this name. Raises `UnknownShardError`."""
        found = self._shards.get(name)
        if found is None:
            raise UnknownShardError(f"stream {self.arn!r} has no shard {name!r}")
        return found

    def listing(self) -> tuple[Shard, ...]:
        """The shards that this listing does not leave out."""
        hidden = {name for name, times in self._hidden.items() if times > 0}
        self._hidden = {name: self._hidden[name] - 1 for name in hidden}
        return tuple(shard.listed for name, shard in self._shards.items() if name not in hidden)

    def hide(self, names: Sequence[str], times: int) -> None:
        """Let so many listings leave out these shards."""
        self._hidden |= dict.fromkeys(names, times)

    def put(self, now: float, key: str, record: Callable[[Place], Raw]) -> Raw:
        """Write a record to the open shard that has the key."""
        hashed = hash_of(key)
        shard = next(one for one in self._shards.values() if one.open and hashed in one.keys)
        made = record(Place(self.arn, shard.id, shard.next_sequence, now))
        shard.append(now, made)
        return made

    def place(self, shard: str, position: Position) -> int:
        """The place of a position in a shard. Raises `TrimmedDataError` where the service tells."""
        found = self.shard(shard)
        if self.rules.tells_trimmed and found.is_trimmed(position):
            raise TrimmedDataError(f"shard {shard!r}: the record at {position} is kept no more")
        return found.trimmed if isinstance(position, Since) and not self.rules.finds_times else found.place(position)

    def take(self, now: float, reader: int, shard: str, place: int, limit: int) -> tuple[Sequence[Raw], int]:
        """At most `limit` records from a place on, and the place behind them.

        Raises `ThrottledError`, and `TrimmedDataError` where the service tells.
        """
        found = self.shard(shard)
        found.admit(now, reader, self.rules)
        if self.rules.tells_trimmed and place < found.trimmed:
            raise TrimmedDataError(f"shard {shard!r}: the cursor points at a record that is kept no more")
        start = max(place, found.trimmed)
        if self.stalled:
            self.stalled -= 1
            return [], start
        records = found.take(start, min(limit, self.rules.page))
        return records, start + len(records)

    def split(self, now: float, name: str) -> tuple[str, str]:
        """End a shard, and let two go on with half of its keys each."""
        shard = self.shard(name)
        low, high = self._replaced(now, (shard,), shard.keys.halves())
        return low, high

    def roll(self, now: float, name: str) -> str:
        """End a shard, and let one go on with its keys."""
        shard = self.shard(name)
        (child,) = self._replaced(now, (shard,), (shard.keys,))
        return child

    def merge(self, now: float, name: str, adjacent: str) -> str:
        """End two shards, and let one go on with the keys of both. Raises `BackendError` where they do not adjoin."""
        one, other = sorted((self.shard(name), self.shard(adjacent)), key=lambda shard: shard.keys.low)
        if one.keys.high + 1 != other.keys.low:
            raise BackendError(f"shards {name!r} and {adjacent!r} cannot be merged: their hash keys do not adjoin")
        (child,) = self._replaced(now, (one, other), (Range(one.keys.low, other.keys.high),))
        return child

    def drop(self, name: str) -> None:
        """Forget a shard with its records."""
        shard = self.shard(name)
        shard.trim(shard.end)
        self._lost_with_shards += shard.lost
        del self._shards[name]

    def forget(self, horizon: float) -> None:
        """Forget the records from before a moment, and the shards that had ended by then."""
        for shard in [*self._shards.values()]:
            shard.forget(horizon)
            if shard.closed_at <= horizon:
                self.drop(shard.id)

    def _replaced(self, now: float, parents: Sequence[MemoryShard], ranges: Sequence[Range]) -> list[str]:
        """End shards, and let new ones go on with these keys."""
        for shard in parents:
            if not shard.open:
                raise BackendError(f"shard {shard.id!r} of stream {self.arn!r} has ended already")
        for shard in parents:
            shard.closed_at = now
        return [self._add(keys, parents) for keys in ranges]

    def _add(self, keys: Range, parents: Sequence[MemoryShard] = ()) -> str:
        serial = next(self._numbers)
        shard = MemoryShard(self._name(serial), serial, keys, parents)
        self._shards[shard.id] = shard
        return shard.id
