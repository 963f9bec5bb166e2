"""The suite with which a backend proves that it keeps what `eventkit.streams` promises. It needs pytest-asyncio.

A backend's author writes a class and a fixture for each kind of stream that it has::

    pytest.register_assert_rewrite("eventkit.testing.streams")     # in conftest.py, for failures that explain

    class TestMyTables(TableContract):
        lacking = {"roll": "the emulator's tables have one shard for ever", "expiry": "its cursors live on"}

        @pytest.fixture
        async def world(self) -> AsyncIterator[TableWorld]:
            ...

    class TestMyStreams(DataContract):
        ...

Each value that a world is asked to put is one record. On a table it is the item
`{"id": {"S": key}, "value": {"S": value}, "bytes": {"B": value in UTF-8}}`, on a stream a record with the partition
key `key` and the data `value` in UTF-8.
"""
# ruff: noqa: S101, PLR2004 - assert is how pytest tests; an expected number is clearest where it is expected

import base64
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol, TypeVar, cast

import pytest

from eventkit.errors import (
    BackendError,
    ConfigurationError,
    ExpiredCursorError,
    ThrottledError,
    TrimmedDataError,
    UnknownShardError,
)
from eventkit.streams import Cursor, Page, Shard, Streams, sequence_of, time_of
from eventkit.streams.positions import TRIM_HORIZON, After, Latest, Since

__all__ = ["DataContract", "DataWorld", "Feature", "StreamsContract", "StreamsWorld", "TableContract", "TableWorld"]

Raw = Mapping[str, object]
T = TypeVar("T")

Feature = Literal["shards", "end", "roll", "split", "merge", "expiry", "trimming", "throttling", "behind"]
"""What a service may lack; the world's verb of that name is not called then."""

QUIET = 4
"""Pages without records after which there are taken to be none."""

PATIENCE = 20
"""How often a read that is throttled is tried again."""


class StreamsWorld(Protocol):
    """A backend, and what the suite needs of its service; each test gets a world of its own.

    Every verb returns when the service shows its effect. `name` is what `create` has returned, `shard` a shard's name.
    """

    @property
    def streams(self) -> Streams:
        """The backend under test."""
        ...

    async def create(self, shards: int = 1) -> str:
        """Make a table with a stream of both images, or a stream, with so many shards; return its name.

        More shards than one are asked for only where the feature `shards` is there.
        """
        ...

    async def put(self, name: str, key: str, *values: str) -> None:
        """Write one record for each value, in order."""
        ...

    async def pause(self) -> None:
        """Let so much time pass that the service gives later records a later time, and throttles nobody any more."""
        ...

    async def end(self, name: str, shard: str) -> None:
        """Bring the shard to its end, in whatever way the service has (feature `end`)."""
        ...

    async def expire(self) -> None:
        """Let all cursors that there are become too old (feature `expiry`)."""
        ...

    async def trim(self, name: str, shard: str) -> None:
        """Let the service forget the records that the shard has by now, but not the shard (feature `trimming`)."""
        ...

    async def throttle(self) -> None:
        """Let the next call of `read` be throttled (feature `throttling`)."""
        ...


class TableWorld(StreamsWorld, Protocol):
    """A world of tables."""

    async def create_without_stream(self) -> str:
        """Make a table that has no stream, and return its name."""
        ...

    async def remove(self, name: str, key: str) -> None:
        """Delete the item with this key."""
        ...

    async def roll(self, name: str, shard: str) -> None:
        """End the shard, and let one new shard continue it (feature `roll`)."""
        ...


class DataWorld(StreamsWorld, Protocol):
    """A world of Kinesis data streams."""

    async def split(self, name: str, shard: str) -> None:
        """Split the shard in the middle of its hash keys (feature `split`)."""
        ...

    async def merge(self, name: str, shard: str, adjacent: str) -> None:
        """Merge two shards whose hash keys adjoin (feature `merge`)."""
        ...


def needs(*features: Feature) -> Callable[[T], T]:
    """Mark a test as one of what some services lack."""

    def mark(test: T) -> T:
        test.needs = features  # type: ignore[attr-defined]
        return test

    return mark


class StreamsContract:
    """What holds for both kinds, one promise per test; a backend subclasses `TableContract` and `DataContract`."""

    kind: ClassVar[str] = ""
    unknown_shard: ClassVar[str] = ""
    """A name that a shard may have, and none has."""

    lacking: ClassVar[Mapping[Feature, str]] = {}
    """What the service lacks, and why; the tests that need it are skipped with that reason."""
    deviations: ClassVar[Mapping[str, str]] = {}
    """Tests that are known to fail, by name, and why; one that passes after all is an error."""

    pytestmark: ClassVar[pytest.MarkDecorator] = pytest.mark.asyncio

    @pytest.fixture
    def world(self) -> StreamsWorld:
        """Overridden by the subclass."""
        raise NotImplementedError("a subclass of StreamsContract has a fixture `world`")

    @pytest.fixture(autouse=True)
    def _expectations(self, request: pytest.FixtureRequest) -> None:
        test = request.function
        reasons = [self.lacking[feature] for feature in getattr(test, "needs", ()) if feature in self.lacking]
        if reasons:
            pytest.skip("; ".join(reasons))
        if test.__name__ in self.deviations:
            request.applymarker(pytest.mark.xfail(reason=self.deviations[test.__name__], strict=True))

    async def test_a_stream_is_found_by_its_name_and_by_its_arn(self, world: StreamsWorld) -> None:
        """Whatever the resource is called in the configuration, the stream's ARN comes out."""
        name = await world.create()

        stream = await world.streams.resolve(self.kind, name)

        assert stream.startswith("arn:aws:")
        assert name in stream
        assert await world.streams.resolve(self.kind, stream) == stream
        assert await world.streams.resolve(self.kind, stream.partition("/stream/")[0]) == stream  # the table's ARN

    async def test_what_there_is_not_is_a_mistake_in_the_configuration(self, world: StreamsWorld) -> None:
        """An unknown name is a `ConfigurationError` that names it."""
        with pytest.raises(ConfigurationError, match="nobody-made-this"):
            await world.streams.resolve(self.kind, "nobody-made-this")

    async def test_a_new_stream_has_open_shards_without_parents(self, world: StreamsWorld) -> None:
        """Nothing has come before the first shards."""
        stream = await world.streams.resolve(self.kind, await world.create())

        listing = await world.streams.shards(stream)

        assert listing.shards
        assert {(shard.parents, shard.closed) for shard in listing.shards} == {((), False)}

    @needs("shards")
    async def test_all_shards_are_listed(self, world: StreamsWorld) -> None:
        """A listing has each shard once."""
        stream = await world.streams.resolve(self.kind, await world.create(3))

        assert len({shard.id for shard in (await world.streams.shards(stream)).shards}) == 3

    async def test_the_oldest_record_comes_first(self, world: StreamsWorld) -> None:
        """From the horizon on all records are read, in the order in which they were written."""
        name, stream, shard = await created(world, self.kind)
        await world.put(name, "a", "1", "2")
        await world.put(name, "b", "3")
        await world.put(name, "a", "4")

        records = await read_on(world, await world.streams.open(stream, shard, TRIM_HORIZON), 4)

        assert said(records) == [("a", "1"), ("a", "2"), ("b", "3"), ("a", "4")]

    async def test_latest_is_what_comes_later(self, world: StreamsWorld) -> None:
        """What was written before the cursor was opened is not read, and all is that was written afterwards."""
        name, stream, shard = await created(world, self.kind)
        await world.put(name, "a", "old")
        cursor = await world.streams.open(stream, shard, Latest())

        await world.put(name, "a", "new", "newer")

        assert said(await read_on(world, cursor, 3)) == [("a", "new"), ("a", "newer")]

    async def test_latest_of_an_empty_shard_is_its_first_record(self, world: StreamsWorld) -> None:
        """A cursor that was opened before there was anything misses nothing."""
        name, stream, shard = await created(world, self.kind)
        cursor = await world.streams.open(stream, shard, Latest())

        await world.put(name, "a", "1")

        assert said(await read_on(world, cursor, 2)) == [("a", "1")]

    async def test_behind_a_record_is_exactly_the_next(self, world: StreamsWorld) -> None:
        """From behind each record on, what follows it is read and nothing else."""
        name, stream, shard = await created(world, self.kind)
        await world.put(name, "a", "1", "2", "3")
        records = await read_on(world, await world.streams.open(stream, shard, TRIM_HORIZON), 3)

        for number, record in enumerate(records, start=1):
            cursor = await world.streams.open(stream, shard, After(sequence_of(record)))
            assert said(await read_on(world, cursor, 4 - number)) == said(records)[number:]

    async def test_behind_the_newest_record_is_what_comes_later(self, world: StreamsWorld) -> None:
        """A checkpoint at the newest record loses nothing of what is written after it."""
        name, stream, shard = await created(world, self.kind)
        await world.put(name, "a", "1")
        (record,) = await read_on(world, await world.streams.open(stream, shard, TRIM_HORIZON), 1)
        cursor = await world.streams.open(stream, shard, After(sequence_of(record)))

        await world.put(name, "a", "2")

        assert said(await read_on(world, cursor, 2)) == [("a", "2")]

    async def test_since_a_moment_is_what_was_written_then_or_later(self, world: StreamsWorld) -> None:
        """A moment by the service's clock divides what was written before it from what was written afterwards."""
        name, stream, shard = await created(world, self.kind)
        await world.put(name, "a", "old")
        await world.pause()
        moment = (await world.streams.shards(stream)).at
        await world.put(name, "a", "new", "newer")

        records = await read_on(world, await world.streams.open(stream, shard, Since(moment)), 3)

        # Times are rounded down to a second where the service has no finer ones.
        assert said([one for one in records if written(one) >= math.floor(moment)]) == [("a", "new"), ("a", "newer")]

    async def test_since_a_moment_before_the_stream_is_all_of_it(self, world: StreamsWorld) -> None:
        """A moment before the oldest record is no error."""
        name, stream, shard = await created(world, self.kind)
        at = (await world.streams.shards(stream)).at
        await world.put(name, "a", "1")

        assert said(await read_on(world, await world.streams.open(stream, shard, Since(at - 3600)), 1)) == [("a", "1")]

    async def test_no_more_are_read_than_asked_for(self, world: StreamsWorld) -> None:
        """Pages respect their limit, and one goes on where the other ended."""
        name, stream, shard = await created(world, self.kind)
        values = [str(number) for number in range(10)]
        await world.put(name, "a", *values)
        cursor = await world.streams.open(stream, shard, TRIM_HORIZON)

        first = await read(world, cursor, 3)
        assert len(first.records) <= 3
        assert first.next is not None
        rest = await read_on(world, first.next, 10 - len(first.records), limit=4)

        assert [value for _, value in said([*first.records, *rest])] == values

    async def test_the_greatest_limit_is_allowed(self, world: StreamsWorld) -> None:
        """A limit that the service does not know itself is no error."""
        name, stream, shard = await created(world, self.kind)
        await world.put(name, "a", "1")

        page = await read(world, await world.streams.open(stream, shard, TRIM_HORIZON), 10_000)

        assert said(page.records) == [("a", "1")]

    async def test_a_page_without_records_is_not_the_end(self, world: StreamsWorld) -> None:
        """An open shard always goes on, and what is written later is read by the cursor that went on."""
        name, stream, shard = await created(world, self.kind)
        page = await read(world, await world.streams.open(stream, shard, TRIM_HORIZON), 100)
        assert list(page.records) == []
        assert page.next is not None

        await world.put(name, "a", "1")

        assert said(await read_on(world, page.next, 1)) == [("a", "1")]

    async def test_a_cursor_can_be_read_again(self, world: StreamsWorld) -> None:
        """A read changes nothing, so an answer that was lost on the way is asked for again."""
        name, stream, shard = await created(world, self.kind)
        await world.put(name, "a", "1", "2")
        cursor = await world.streams.open(stream, shard, TRIM_HORIZON)

        assert said(await read_on(world, cursor, 2)) == said(await read_on(world, cursor, 2)) != []

    async def test_sequences_grow_as_numbers(self, world: StreamsWorld) -> None:
        """A record's place in its shard is a decimal text, greater for each next record."""
        name, stream, shard = await created(world, self.kind)
        await world.put(name, "a", *(str(number) for number in range(12)))

        records = await read_on(world, await world.streams.open(stream, shard, TRIM_HORIZON), 12)

        sequences = [sequence_of(record) for record in records]
        assert all(sequence.isdecimal() for sequence in sequences)
        assert len(sequences) == 12
        assert [*map(int, sequences)] == sorted({*map(int, sequences)})

    async def test_a_record_tells_when_it_was_written(self, world: StreamsWorld) -> None:
        """The time lies between those of the listings before and after, to a second."""
        name, stream, shard = await created(world, self.kind)
        before = (await world.streams.shards(stream)).at
        await world.put(name, "a", "1")
        after = (await world.streams.shards(stream)).at

        (record,) = await read_on(world, await world.streams.open(stream, shard, TRIM_HORIZON), 1)

        assert math.floor(before) <= written(record) <= after + 1

    @needs("shards")
    async def test_a_key_keeps_to_its_shard(self, world: StreamsWorld) -> None:
        """Each record is in one shard, and all of one key are in the same, in order."""
        name = await world.create(3)
        stream = await world.streams.resolve(self.kind, name)
        keys = [f"key {number}" for number in range(12)]
        for key in keys:
            await world.put(name, key, "1", "2")

        found = {shard.id: said(await read_shard(world, stream, shard.id)) for shard in await shards(world, stream)}

        assert sorted(one for records in found.values() for one in records) == sorted(
            (key, value) for key in keys for value in "12"
        )
        assert sum(bool(records) for records in found.values()) > 1
        for key in keys:
            assert [[v for k, v in records if k == key] for records in found.values()].count(["1", "2"]) == 1

    @needs("end")
    async def test_a_shard_that_has_ended_says_so(self, world: StreamsWorld) -> None:
        """All records of a closed shard are read, and then there is no next page."""
        name, stream, shard = await created(world, self.kind)
        await world.put(name, "a", "1", "2", "3")

        await world.end(name, shard)

        closed = {one.id: one.closed for one in await shards(world, stream)}
        assert closed[shard]
        records, ended = await read_out(world, await world.streams.open(stream, shard, TRIM_HORIZON), limit=2)
        assert said(records) == [("a", "1"), ("a", "2"), ("a", "3")]
        assert ended

    @needs("end")
    async def test_a_cursor_at_the_newest_record_learns_of_the_end(self, world: StreamsWorld) -> None:
        """Who had read everything before the shard was closed is told that nothing more comes."""
        name, stream, shard = await created(world, self.kind)
        await world.put(name, "a", "1")
        page = await read(world, await world.streams.open(stream, shard, TRIM_HORIZON), 100)
        assert page.next is not None

        await world.end(name, shard)

        assert await read_out(world, page.next) == ([], True)
        after = await world.streams.open(stream, shard, After(sequence_of(page.records[0])))
        assert await read_out(world, after) == ([], True)

    async def test_a_shard_that_there_is_not_is_unknown(self, world: StreamsWorld) -> None:
        """A shard that is gone raises an error of its own, for its records are gone, too."""
        _, stream, _ = await created(world, self.kind)

        with pytest.raises(UnknownShardError, match=self.unknown_shard):
            await world.streams.open(stream, self.unknown_shard, TRIM_HORIZON)

    async def test_a_stream_that_there_is_not_is_an_error(self, world: StreamsWorld) -> None:
        """A stream that is gone is a `BackendError`, whether it is listed or opened."""
        name, stream, shard = await created(world, self.kind)
        gone = stream.replace(name, "nobody-made-this")

        with pytest.raises(BackendError):
            await world.streams.shards(gone)
        with pytest.raises(BackendError):
            await world.streams.open(gone, shard, TRIM_HORIZON)

    @needs("expiry")
    async def test_a_cursor_that_is_too_old_has_expired(self, world: StreamsWorld) -> None:
        """An expired cursor says so, and one that is opened behind the last record read loses nothing."""
        name, stream, shard = await created(world, self.kind)
        await world.put(name, "a", "1", "2", "3")
        page = await read(world, await world.streams.open(stream, shard, TRIM_HORIZON), 1)
        assert page.next is not None

        await world.expire()

        with pytest.raises(ExpiredCursorError):
            await read(world, page.next, 1)
        again = await world.streams.open(stream, shard, After(sequence_of(page.records[0])))
        assert said(await read_on(world, again, 2)) == [("a", "2"), ("a", "3")]

    @needs("trimming")
    async def test_the_horizon_is_the_oldest_record_that_there_is(self, world: StreamsWorld) -> None:
        """What was trimmed is gone, and what came after it is read."""
        name, stream, shard = await created(world, self.kind)
        await world.put(name, "a", "1", "2")
        await world.trim(name, shard)
        await world.put(name, "a", "3")

        assert said(await read_on(world, await world.streams.open(stream, shard, TRIM_HORIZON), 2)) == [("a", "3")]

    @needs("throttling")
    async def test_who_asks_too_often_is_throttled(self, world: StreamsWorld) -> None:
        """A throttled read says so, and the same read succeeds later."""
        name, stream, shard = await created(world, self.kind)
        await world.put(name, "a", "1")
        cursor = await world.streams.open(stream, shard, TRIM_HORIZON)

        await world.throttle()

        with pytest.raises(ThrottledError):
            await world.streams.read(cursor, 100)
        await world.pause()
        assert said(await read_on(world, cursor, 1)) == [("a", "1")]


class TableContract(StreamsContract):
    """What a stream of a DynamoDB table promises."""

    kind: ClassVar[str] = "table"
    unknown_shard: ClassVar[str] = "shardId-00000000000000000001-00000000"

    @pytest.fixture
    def world(self) -> TableWorld:
        """Overridden by the subclass."""
        raise NotImplementedError("a subclass of TableContract has a fixture `world`")

    async def test_a_table_without_a_stream_is_a_mistake_in_the_configuration(self, world: TableWorld) -> None:
        """The error names the table, and what it lacks."""
        name = await world.create_without_stream()

        with pytest.raises(ConfigurationError, match=rf"{name}.*stream"):
            await world.streams.resolve("table", name)

    async def test_a_change_has_lambdas_shape(self, world: TableWorld) -> None:
        """An inserted, a modified and a removed item are records as Lambda delivers them, and nothing besides."""
        name, stream, shard = await created(world, "table")
        await world.put(name, "a", "grüße\n🌍", "new")
        await world.remove(name, "a")

        records = await read_on(world, await world.streams.open(stream, shard, TRIM_HORIZON), 3)

        old, new = item("a", "grüße\n🌍"), item("a", "new")
        assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
        assert [images(record) for record in records] == [
            {"NewImage": old},
            {"NewImage": new, "OldImage": old},
            {"OldImage": new},
        ]
        for record in records:
            assert_change(record, stream)
        assert len({record["eventID"] for record in records}) == 3

    @needs("trimming")
    async def test_a_checkpoint_before_the_horizon_is_refused(self, world: TableWorld) -> None:
        """Who would go on behind a record that is gone is told so, and so is a cursor whose records are gone."""
        name, stream, shard = await created(world, "table")
        await world.put(name, "a", "1", "2", "3")
        page = await read(world, await world.streams.open(stream, shard, TRIM_HORIZON), 1)
        assert page.next is not None

        await world.trim(name, shard)
        await world.put(name, "a", "4")

        with pytest.raises(TrimmedDataError):
            await world.streams.open(stream, shard, After(sequence_of(page.records[0])))
        with pytest.raises(TrimmedDataError):
            await read(world, page.next, 100)

    @needs("roll")
    async def test_a_shard_that_rolls_has_a_child(self, world: TableWorld) -> None:
        """The shard is closed, its child is open and names it, and what is written later is in the child."""
        name, stream, shard = await created(world, "table")
        await world.put(name, "a", "1")

        await world.roll(name, shard)
        await world.put(name, "a", "2")

        known = {one.id: one for one in await shards(world, stream)}
        (child,) = known.keys() - {shard}
        assert known[shard] == Shard(shard, (), closed=True)
        assert known[child] == Shard(child, (shard,), closed=False)
        assert said(await read_shard(world, stream, shard)) == [("a", "1")]
        assert said(await read_shard(world, stream, child)) == [("a", "2")]


class DataContract(StreamsContract):
    """What a Kinesis data stream promises."""

    kind: ClassVar[str] = "stream"
    unknown_shard: ClassVar[str] = "shardId-000000000999"

    @pytest.fixture
    def world(self) -> DataWorld:
        """Overridden by the subclass."""
        raise NotImplementedError("a subclass of DataContract has a fixture `world`")

    async def test_a_record_has_lambdas_shape(self, world: DataWorld) -> None:
        """A record is as Lambda delivers it, and has nothing besides."""
        name, stream, shard = await created(world, "stream")
        await world.put(name, "ключ", "grüße\n🌍")

        (record,) = await read_on(world, await world.streams.open(stream, shard, TRIM_HORIZON), 1)

        assert json.loads(json.dumps(record)) == {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": "ключ",
                "sequenceNumber": sequence_of(record),
                "data": base64.b64encode("grüße\n🌍".encode()).decode(),
                "approximateArrivalTimestamp": time_of(record),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard}:{sequence_of(record)}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": record["invokeIdentityArn"],
            "awsRegion": stream.split(":")[3],
            "eventSourceARN": stream,
        }
        assert isinstance(record["invokeIdentityArn"], str)

    @needs("behind")
    async def test_a_page_tells_how_far_it_is_behind(self, world: DataWorld) -> None:
        """Who has read everything is not behind, and who has not is."""
        name, stream, shard = await created(world, "stream")
        await world.put(name, "a", "1", "2")
        await world.pause()

        first = await read(world, await world.streams.open(stream, shard, TRIM_HORIZON), 1)
        assert first.next is not None
        last = await read(world, first.next, 1)

        assert first.behind is not None
        assert first.behind > 0
        assert last.behind == 0

    @needs("trimming")
    async def test_a_checkpoint_before_the_horizon_is_the_horizon(self, world: DataWorld) -> None:
        """Kinesis does not tell that records are gone: reading goes on with the oldest that there is."""
        name, stream, shard = await created(world, "stream")
        await world.put(name, "a", "1", "2", "3")
        page = await read(world, await world.streams.open(stream, shard, TRIM_HORIZON), 1)
        assert page.next is not None

        await world.trim(name, shard)
        await world.put(name, "a", "4")

        after = await world.streams.open(stream, shard, After(sequence_of(page.records[0])))
        assert said(await read_on(world, after, 2)) == [("a", "4")]
        assert said(await read_on(world, page.next, 2)) == [("a", "4")]

    @needs("split")
    async def test_a_split_has_two_children(self, world: DataWorld) -> None:
        """The shard is closed and keeps its records, and each key goes on in one of its children."""
        name, stream, shard = await created(world, "stream")
        keys = [f"key {number}" for number in range(12)]
        for key in keys:
            await world.put(name, key, "1")

        await world.split(name, shard)
        for key in keys:
            await world.put(name, key, "2")

        known = {one.id: one for one in await shards(world, stream)}
        children = known.keys() - {shard}
        assert known[shard] == Shard(shard, (), closed=True)
        assert {known[child] for child in children} == {Shard(child, (shard,), closed=False) for child in children}
        assert said(await read_shard(world, stream, shard)) == [(key, "1") for key in keys]
        found = [said(await read_shard(world, stream, child)) for child in children]
        assert sorted(one for records in found for one in records) == sorted((key, "2") for key in keys)
        assert [bool(records) for records in found] == [True, True]

    @needs("shards", "merge")
    async def test_a_merge_has_two_parents(self, world: DataWorld) -> None:
        """Both shards are closed and keep their records, and their child names both and gets what is written later."""
        name = await world.create(2)
        stream = await world.streams.resolve("stream", name)
        one, other = sorted(shard.id for shard in await shards(world, stream))
        keys = [f"key {number}" for number in range(12)]
        for key in keys:
            await world.put(name, key, "1")

        await world.merge(name, one, other)
        for key in keys:
            await world.put(name, key, "2")

        known = {shard.id: shard for shard in await shards(world, stream)}
        (child,) = known.keys() - {one, other}
        assert [known[one].closed, known[other].closed, known[child].closed] == [True, True, False]
        assert sorted(known[child].parents) == [one, other]
        before = [*(await read_shard(world, stream, one)), *(await read_shard(world, stream, other))]
        assert sorted(said(before)) == sorted((key, "1") for key in keys)
        assert said(await read_shard(world, stream, child)) == [(key, "2") for key in keys]


async def created(world: StreamsWorld, kind: str) -> tuple[str, str, str]:
    """The name, the ARN and the one shard of a new stream."""
    name = await world.create()
    stream = await world.streams.resolve(kind, name)
    (shard,) = await shards(world, stream)
    return name, stream, shard.id


async def shards(world: StreamsWorld, stream: str) -> Sequence[Shard]:
    """The shards of a stream."""
    return (await world.streams.shards(stream)).shards


async def read(world: StreamsWorld, cursor: Cursor, limit: int) -> Page:
    """One page; where the service has been asked too often, after a pause."""
    for _ in range(PATIENCE):
        try:
            return await world.streams.read(cursor, limit)
        except ThrottledError:
            await world.pause()
    return await world.streams.read(cursor, limit)


async def read_on(world: StreamsWorld, cursor: Cursor, count: int, limit: int = 1000) -> list[Raw]:
    """Read until there are so many records, the shard ends, or nothing more comes."""
    records, _ = await _read(world, cursor, count, limit)
    return records


async def read_out(world: StreamsWorld, cursor: Cursor, limit: int = 1000) -> tuple[list[Raw], bool]:
    """Read until the shard ends, or nothing more comes; and whether it has ended."""
    return await _read(world, cursor, math.inf, limit)


async def read_shard(world: StreamsWorld, stream: str, shard: str) -> list[Raw]:
    """All records of a shard."""
    records, _ = await read_out(world, await world.streams.open(stream, shard, TRIM_HORIZON))
    return records


async def _read(world: StreamsWorld, start: Cursor, count: float, limit: int) -> tuple[list[Raw], bool]:
    records: list[Raw] = []
    cursor: Cursor | None = start
    quiet = 0
    while cursor is not None and len(records) < count and quiet < QUIET:
        page = await read(world, cursor, limit)
        quiet = 0 if page.records else quiet + 1
        records += page.records
        cursor = page.next
    return records, cursor is None


def said(records: Sequence[Raw]) -> list[tuple[str, str]]:
    """The key and the value of each record."""
    return [_change_said(record) if "dynamodb" in record else _data_said(record) for record in records]


def _change_said(record: Raw) -> tuple[str, str]:
    change: Any = record["dynamodb"]
    return change["Keys"]["id"]["S"], change["NewImage"]["value"]["S"]


def _data_said(record: Raw) -> tuple[str, str]:
    facts: Any = record["kinesis"]
    return facts["partitionKey"], base64.b64decode(facts["data"]).decode()


def written(record: Raw) -> float:
    """When a record was written; it must say so."""
    time = time_of(record)
    assert time is not None
    return time


def item(key: str, value: str) -> Raw:
    """The item that a world puts into its table."""
    return {"id": {"S": key}, "value": {"S": value}, "bytes": {"B": base64.b64encode(value.encode()).decode()}}


def images(record: Raw) -> Raw:
    """The images that a change carries."""
    change = cast("Raw", record["dynamodb"])
    return {name: change[name] for name in ("NewImage", "OldImage") if name in change}


def assert_change(record: Raw, stream: str) -> None:
    """A change of the item `a` has the members that Lambda gives it, besides its images, and no other."""
    change: Any = {**cast("Raw", record["dynamodb"])}
    for name in images(record):
        del change[name]
    size = change.pop("SizeBytes")
    assert type(size) is int
    assert json.loads(json.dumps({**record, "dynamodb": change})) == {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": stream.split(":")[3],
        "dynamodb": {
            "ApproximateCreationDateTime": time_of(record),
            "Keys": {"id": {"S": "a"}},
            "SequenceNumber": sequence_of(record),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": stream,
    }
    assert isinstance(record["eventID"], str)
