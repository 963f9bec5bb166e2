"""A table in memory, as far as its stream needs one: what is put a second time modifies, or changes nothing."""

from collections.abc import Mapping, Sequence
from json import dumps

from eventkit.errors import BackendError
from eventkit.events.dynamodb import StreamView
from eventkit.streams._memory_records import Images, change_record
from eventkit.streams._memory_stream import MemoryStream

__all__ = ["MemoryTable"]

Raw = Mapping[str, object]


class MemoryTable:
    """Items in DynamoDB's typed form, and the stream of their changes where there is one."""

    def __init__(self, name: str, key: Sequence[str], view: StreamView, stream: MemoryStream | None) -> None:
        """`key` names the attributes of the primary key, of which the first one is the partition key."""
        self.name = name
        self.stream = stream
        self._key = key
        self._view = view
        self._items: dict[str, Raw] = {}

    def put(self, now: float, item: Raw) -> Raw | None:
        """Insert or replace an item; returns the record, if there is one."""
        return self._change(now, self._keys(item), item, expired=False)

    def delete(self, now: float, keys: Raw, *, expired: bool) -> Raw | None:
        """Remove the item with these keys; returns the record, if there is one."""
        return self._change(now, self._keys(keys), None, expired=expired)

    def _keys(self, item: Raw) -> Raw:
        missing = [name for name in self._key if name not in item]
        if missing:
            raise BackendError(f"table {self.name!r}: the item lacks its key {', '.join(missing)}")
        return {name: item[name] for name in self._key}

    def _change(self, now: float, keys: Raw, new: Raw | None, *, expired: bool) -> Raw | None:
        identity = dumps(keys, sort_keys=True)
        old = self._items.pop(identity, None)
        if new is not None:
            self._items[identity] = new
        if self.stream is None or old == new:
            return None
        images = Images(keys, old, new)
        partition = dumps(keys[self._key[0]])
        return self.stream.put(now, partition, lambda place: change_record(place, images, self._view, expired=expired))
