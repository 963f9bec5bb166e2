"""DynamoDB's streams and Kinesis's in this process, with AWS's rules: for tests, and for trying things out.

::

    streams = MemoryStreams()
    orders = streams.create_table("orders")
    streams.put_item("orders", {"id": {"S": "17"}, "total": {"N": "9.90"}})
    clicks = streams.create_stream("clicks", shards=2)
    streams.put("clicks", "visitor 4", b'{"page": "/"}')
    streams.split(clicks, "shardId-000000000000")

The same by URL: `memory://?table=orders:id&stream=clicks:2` declares both. The verbs by which somebody plays the world
do not wait; reading is the port's. Nothing is random: the same verbs at the same times give the same names, numbers and
records. Not modelled are limits in bytes, and how often a service may be called otherwise than to read a shard.
"""

import time
from asyncio import sleep
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from math import floor
from urllib.parse import parse_qs, urlsplit

from eventkit.errors import BackendError, ConfigurationError, ExpiredCursorError
from eventkit.events.dynamodb import StreamView
from eventkit.names import name_in
from eventkit.streams import Cursor, Listing, Page
from eventkit.streams._memory_faults import Fault, Faults
from eventkit.streams._memory_records import data_record
from eventkit.streams._memory_shard import KINESIS, TABLE
from eventkit.streams._memory_stream import MemoryStream
from eventkit.streams._memory_table import MemoryTable
from eventkit.streams.positions import Latest, Position
from eventkit.values import Value, replace

__all__ = ["MemoryStreams", "open_streams"]

Raw = Mapping[str, object]

REGION = "local"
ACCOUNT = "000000000000"

MAX_LIMIT = 10_000
"""Records that the port lets one read ask for."""


class _Token(Value):
    """What a cursor's text says: who reads, the cursor's number, when it was made, and the place in the shard."""

    reader: int
    number: int
    made: float
    place: int

    @classmethod
    def of(cls, text: str) -> "_Token":
        reader, number, made, place = text.split("/")
        return cls(int(reader), int(number), float(made), int(place))

    def __str__(self) -> str:
        return f"{self.reader}/{self.number}/{self.made!r}/{self.place}"


class MemoryStreams:
    """Streams that live in this object. They are declared first; nothing is made on the way.

    In its verbs `stream` and `table` are ARNs, or where the verb is one of tables or of Kinesis alone, names. Each
    raises `BackendError` for what is not declared, and for what cannot be done.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since 1970, never going back."""
        self._clock = clock
        self._streams: dict[str, MemoryStream] = {}  # by ARN
        self._data: dict[str, MemoryStream] = {}
        self._tables: dict[str, MemoryTable] = {}
        self._faults = Faults()
        self._readers = count(1)
        self._cursors = count(1)
        self._first_cursor = 0
        """The first one that has not expired on demand."""

    def create_stream(self, name: str, *, shards: int = 1, retention: float = KINESIS.retention) -> str:
        """Declare a Kinesis stream and return its ARN; `retention` is in seconds.

        Raises `ConfigurationError` when the name is taken.
        """
        if name in self._data:
            raise ConfigurationError(f"stream {name!r} is declared already")
        arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}"
        rules = replace(KINESIS, retention=retention)
        self._data[name] = self._streams[arn] = MemoryStream(arn, rules, shards, "shardId-{:012d}".format)
        return arn

    def create_table(
        self,
        name: str,
        key: Sequence[str] = ("id",),
        *,
        view: StreamView | None = StreamView.NEW_AND_OLD_IMAGES,
        shards: int = 1,
    ) -> str:
        """Declare a table with these key attributes, and return the ARN of its stream.

        With no `view` it has no stream, and the ARN is the table's. Raises `ConfigurationError` when the name is taken.
        """
        if name in self._tables:
            raise ConfigurationError(f"table {name!r} is declared already")
        arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"
        stream = self._stream_of_table(arn, shards) if view else None
        self._tables[name] = MemoryTable(name, key, view or StreamView.KEYS_ONLY, stream)
        return stream.arn if stream else arn

    def put(self, stream: str, key: str, data: bytes | str) -> Raw:
        """Write a record with a partition key to a Kinesis stream, and return it as it will be read."""
        found = self._data.get(name_in(stream))
        if found is None:
            raise BackendError(f"there is no stream {stream!r} in this process: declare it with create_stream")
        content = data.encode() if isinstance(data, str) else data
        return found.put(self._now(), key, lambda place: data_record(place, key, content))

    def put_item(self, table: str, item: Raw) -> Raw | None:
        """Insert or replace an item, in DynamoDB's typed form, and return the record; None where nothing changed."""
        return self._table(table).put(self._now(), item)

    def delete_item(self, table: str, keys: Raw, *, expired: bool = False) -> Raw | None:
        """Remove the item with these keys, and return the record; None where there is no such item.

        `expired` says that its time to live is over, and DynamoDB removes it.
        """
        return self._table(table).delete(self._now(), keys, expired=expired)

    def split(self, stream: str, shard: str) -> tuple[str, str]:
        """End a shard, let two go on with half of its hash keys each, and return their names."""
        return self._stream(stream).split(self._now(), shard)

    def merge(self, stream: str, shard: str, adjacent: str) -> str:
        """End two shards whose hash keys adjoin, let one go on, and return its name."""
        return self._stream(stream).merge(self._now(), shard, adjacent)

    def roll(self, stream: str, shard: str) -> str:
        """End a shard, as DynamoDB does every few hours, let one go on, and return its name."""
        return self._stream(stream).roll(self._now(), shard)

    def trim(self, stream: str, shard: str, until: Position | None = None) -> None:
        """Forget the records of a shard that are before a position, by default all that there are."""
        found = self._stream(stream).shard(shard)
        found.trim(found.place(until or Latest()))

    def drop(self, stream: str, shard: str) -> None:
        """Forget a shard, as happens when it has ended and its records are older than they are kept."""
        self._stream(stream).drop(shard)

    def records(self, stream: str, shard: str) -> Sequence[Raw]:
        """The records of a shard that are kept, without reading them."""
        return self._stream(stream).shard(shard).records

    def lost(self, stream: str) -> int:
        """How many records are kept no more that nobody has ever read."""
        return self._stream(stream).lost

    def hide(self, stream: str, *shards: str, times: int = 1) -> None:
        """Let the next listings leave out these shards: listings are eventually consistent."""
        self._stream(stream).hide(shards, times)

    def stall(self, stream: str, times: int = 1) -> None:
        """Let the next reads of the stream give no records and stay where they are, whether there are some or not."""
        self._stream(stream).stalled = times

    def limit_readers(self, stream: str, readers: int = 2) -> None:
        """Throttle every further reader of a shard in a second. Who opens a cursor and reads on from there is one."""
        found = self._stream(stream)
        found.rules = replace(found.rules, readers=readers)

    def expire_cursors(self) -> None:
        """Let all cursors that there are have expired."""
        self._first_cursor = next(self._cursors)

    def fail(
        self, error: BackendError, *calls: str, shard: str | None = None, times: int = 1, after: bool = False
    ) -> None:
        """Let the next calls raise this, such as a `ThrottledError`.

        `calls` names the port's methods that it concerns, by default all; `shard` the one that is opened or read.
        With `after` the call has its effect, and only the answer is lost.
        """
        self._faults.plan(Fault(error, calls, shard, times, after))

    async def resolve(self, kind: str, address: str) -> str:
        await sleep(0)  # a caller that asks in a loop must let others run
        with self._faults.around("resolve"):
            found = self._tables.get(name_in(address)) if kind == "table" else self._data.get(name_in(address))
            if found is None:
                raise ConfigurationError(f"there is no {kind} {address!r} in this process: declare it first")
            stream = found.stream if isinstance(found, MemoryTable) else found
            if stream is None:
                raise ConfigurationError(f"table {address!r} has no stream: declare it with a view")
            return stream.arn

    async def shards(self, stream: str) -> Listing:
        await sleep(0)
        with self._faults.around("shards"):
            return Listing(self._stream(stream).listing(), self._now())

    async def open(self, stream: str, shard: str, position: Position) -> Cursor:
        await sleep(0)
        with self._faults.around("open", shard):
            place = self._stream(stream).place(shard, position)
            return self._cursor(stream, shard, next(self._readers), place)

    async def read(self, cursor: Cursor, limit: int) -> Page:
        await sleep(0)
        with self._faults.around("read", cursor.shard):
            if not 1 <= limit <= MAX_LIMIT:
                raise BackendError(f"read of {cursor.shard!r}: the limit must be from 1 to {MAX_LIMIT}, not {limit}")
            return self._page(cursor, limit)

    def _page(self, cursor: Cursor, limit: int) -> Page:
        stream, token, now = self._stream(cursor.stream), _Token.of(cursor.token), self._now()
        if token.number < self._first_cursor or now - token.made >= stream.rules.cursor_life:
            raise ExpiredCursorError(f"shard {cursor.shard!r}: the cursor is too old, open a new one")
        records, place = stream.take(now, token.reader, cursor.shard, token.place, limit)
        shard = stream.shard(cursor.shard)
        ended = not shard.open and place >= shard.end
        onward = None if ended else self._cursor(cursor.stream, cursor.shard, token.reader, place)
        return Page(records, onward, shard.behind(now, place) if stream.rules.finds_times else None)

    def _cursor(self, stream: str, shard: str, reader: int, place: int) -> Cursor:
        return Cursor(stream, shard, str(_Token(reader, next(self._cursors), self._now(), place)))

    def _now(self) -> float:
        """The time in whole milliseconds, as in AWS's records, so that no record is older than a listing before it."""
        return floor(self._clock() * 1000) / 1000

    def _stream_of_table(self, table: str, shards: int) -> MemoryStream:
        moment = datetime.fromtimestamp(self._now(), UTC)
        arn = f"{table}/stream/{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}"
        name = f"shardId-{floor(self._now() * 1000):020d}-{{:08x}}"
        self._streams[arn] = MemoryStream(arn, TABLE, shards, name.format)
        return self._streams[arn]

    def _table(self, table: str) -> MemoryTable:
        found = self._tables.get(name_in(table))
        if found is None:
            raise BackendError(f"there is no table {table!r} in this process: declare it with create_table")
        return found

    def _stream(self, arn: str) -> MemoryStream:
        found = self._streams.get(arn)
        if found is None:
            raise BackendError(f"there is no stream {arn!r} in this process: an ARN that resolve() returns is needed")
        found.forget(self._now() - found.rules.retention)
        return found


@asynccontextmanager
async def open_streams(url: str = "memory://") -> AsyncGenerator[MemoryStreams]:
    """Streams of their own for each call. `memory://?table=orders:customer,number&stream=clicks:4` declares some.

    A table's key is `id`, and a stream has one shard, unless said. Queues, which are `eventkit.backends`'s to declare,
    may stand in the URL, too. Raises `ConfigurationError` for any other option.
    """
    parts = urlsplit(url)
    options = parse_qs(parts.query, keep_blank_values=True)
    tables, streams = options.pop("table", []), options.pop("stream", [])
    options.pop("queue", None)
    if options or parts.netloc or parts.path:
        raise ConfigurationError(f"{url!r}: write memory://, with ?table=NAME:KEY,KEY and ?stream=NAME:SHARDS")
    found = MemoryStreams()
    for name, _, key in (table.partition(":") for table in tables):
        found.create_table(name, key.split(",") if key else ("id",))
    for name, _, shards in (stream.partition(":") for stream in streams):
        found.create_stream(name, shards=_number(shards or "1"))
    yield found


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ConfigurationError(f"a stream has at least one shard, and {text!r} is no number of them")
    return int(text)
