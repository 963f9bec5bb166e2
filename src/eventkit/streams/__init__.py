"""The port by which streams are read: shards, where one stands in them, and pages of records.

A stream is Amazon Kinesis's, or the one of a DynamoDB table. It consists of shards; each is a sequence of records
that ends when the shard is split, merged or rolled, and then its children go on. Records have the shape in which
Lambda delivers them, whatever the backend, so everything after it is the same.

Backends are found by the scheme of their URL, through the entry-point group `eventkit.streams`; the built-in ones
load the same way. The conformance suite in `eventkit.testing.streams` proves that one keeps what is promised here.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, cast

from eventkit.decode import record_id
from eventkit.errors import ConfigurationError
from eventkit.streams.positions import Position
from eventkit.values import Value

__all__ = ["GROUP", "Cursor", "Listing", "Page", "Shard", "Streams", "open_streams", "sequence_of", "time_of"]

GROUP = "eventkit.streams"

Raw = Mapping[str, object]
"""A record, as parsed JSON in Lambda's shape."""


class Shard(Value):
    """A shard of a stream.

    Attributes:
        id: Its name, unique in the stream.
        parents: The shards that it continues: none, one, or the two that were merged. They may be gone by now.
        closed: Whether it has an end.
    """

    id: str
    parents: tuple[str, ...] = ()
    closed: bool = False


class Listing(Value):
    """The shards of a stream, as far as the service tells: it is eventually consistent, so some may be left out.

    `at` is the moment by the service's clock, in seconds since 1970.
    """

    shards: tuple[Shard, ...]
    at: float


class Cursor(Value):
    """A place in a shard that records can be read from, for a while: AWS's shard iterator."""

    stream: str
    shard: str
    token: str


class Page(Value):
    """What was read.

    Attributes:
        records: The records, in order; there may be none in the midst of a shard.
        next: Where to go on; None at the end of the shard.
        behind: Seconds that lie between the last record and the newest one; None where the service does not tell.
    """

    records: Sequence[Raw]
    next: Cursor | None
    behind: float | None = None


class Streams(Protocol):
    """A service with streams. Every method raises `BackendError`, and `ThrottledError` where it was asked too often."""

    async def resolve(self, kind: str, address: str) -> str:
        """The ARN of the stream of a `table`, or of a `stream`, by name or ARN.

        Raises `ConfigurationError` where there is none: the table or the stream is unknown, or the table has no stream.
        """
        ...

    async def shards(self, stream: str) -> Listing:
        """All shards of the stream, open and closed, in no order."""
        ...

    async def open(self, stream: str, shard: str, position: Position) -> Cursor:
        """A cursor at a position of the shard.

        `Since` may open earlier than it says, where the service cannot find records by time: the caller drops what is
        older. Raises `TrimmedDataError` where the position is older than what is kept, if the service tells (Kinesis
        starts at the oldest record), and `UnknownShardError` where the shard is gone.
        """
        ...

    async def read(self, cursor: Cursor, limit: int) -> Page:
        """At most `limit` records (1 to 10,000; a service may give fewer), without waiting for any.

        Raises `ExpiredCursorError` where the cursor is too old, and `TrimmedDataError` where what it points at is gone.
        """
        ...


Opener = Callable[[str], AbstractAsyncContextManager[Streams]]
"""What an entry point of the group names: takes the URL, gives the backend."""


def open_streams(url: str) -> AbstractAsyncContextManager[Streams]:
    """The streams for a URL, by its scheme, which is that of the backend: `sqs://` is AWS, `memory://` this process.

    Raises `ConfigurationError` when no installed backend has the scheme.
    """
    from importlib.metadata import entry_points  # as in `eventkit.backends`

    scheme = url.partition(":")[0]
    found = {point.name: point for point in entry_points(group=GROUP)}
    if scheme not in found:
        known = ", ".join(f"{name}://" for name in sorted(found)) or "none"
        raise ConfigurationError(f"there are no streams for {scheme!r}; the installed backends are {known}")
    return cast("Opener", found[scheme].load())(url)


def sequence_of(record: Raw) -> str:
    """A stream record's place in its shard; empty where it has none."""
    return record_id(record) or ""


def time_of(record: Raw) -> float | None:
    """When a stream record was written, in seconds since 1970, to about a second; None where it does not say."""
    for part, name in (("dynamodb", "ApproximateCreationDateTime"), ("kinesis", "approximateArrivalTimestamp")):
        facts = record.get(part)
        seconds = cast("Mapping[str, object]", facts).get(name) if isinstance(facts, Mapping) else None
        if isinstance(seconds, int | float):
            return float(seconds)
    return None
