"""How far a shard is settled, where its records may be settled out of order. Pure."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from eventkit.streams import Raw

__all__ = ["Entry", "Progress"]


@dataclass(slots=True, eq=False)
class Entry:
    """A record, when it was read by the clock, and whether it is settled."""

    record: Raw
    read: float
    settled: bool = False


class Progress:
    """The records of a shard that were read and are not behind its checkpoint, in order."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()

    def add(self, records: Iterable[Raw], now: float) -> list[Entry]:
        """Take records that come next in the shard, and were read now."""
        added = [Entry(record, now) for record in records]
        self._entries.extend(added)
        return added

    @property
    def unsettled(self) -> list[Entry]:
        """Those that are not settled."""
        return [entry for entry in self._entries if not entry.settled]

    def __len__(self) -> int:
        """How many records are not behind the checkpoint."""
        return len(self._entries)

    def advance(self) -> Raw | None:
        """Go as far as everything is settled; the last record before that place, or None where it did not move."""
        last: Raw | None = None
        while self._entries and self._entries[0].settled:
            last = self._entries.popleft().record
        return last
