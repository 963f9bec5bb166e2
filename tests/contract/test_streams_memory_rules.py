"""What the streams in memory alone promise: AWS's times and limits to the number, and what goes wrong on demand."""

from collections.abc import Mapping, Sequence
from hashlib import md5
from typing import Any

import pytest

from eventkit._json import is_object
from eventkit.decode import unwrap
from eventkit.errors import (
    BackendError,
    ConfigurationError,
    ExpiredCursorError,
    ThrottledError,
    TrimmedDataError,
    UnknownShardError,
)
from eventkit.events import Inserted, KinesisRecord, Modified, Removed, StreamView
from eventkit.events.dynamodb import Item
from eventkit.streams import Cursor, Shard, sequence_of, time_of
from eventkit.streams.memory import MemoryStreams, open_streams
from eventkit.streams.positions import TRIM_HORIZON, After, Latest, Since
from eventkit.testing import VirtualClock
from eventkit.testing.clock import START
from eventkit.testing.events import stream_record
from tests.core.corpora import load, needed

Raw = Mapping[str, object]

FIRST = "shardId-000000000000"
SECOND = "shardId-000000000001"
DAY = 86_400


def service() -> tuple[MemoryStreams, VirtualClock]:
    clock = VirtualClock()
    return MemoryStreams(clock=lambda: clock.epoch + clock.now()), clock


def order(key: str, total: int = 1) -> Raw:
    return {"id": {"S": key}, "total": {"N": str(total)}}


def members(record: Raw, part: str) -> Any:  # noqa: ANN401 - a part of a record
    return record[part]


async def horizon(streams: MemoryStreams, stream: str, shard: str = FIRST) -> Cursor:
    return await streams.open(stream, shard, TRIM_HORIZON)


async def names(streams: MemoryStreams, stream: str) -> list[str]:
    return [shard.id for shard in (await streams.shards(stream)).shards]


def shapes(value: object) -> object:
    """The members of a record and the types of what they hold."""
    return {name: shapes(one) for name, one in value.items()} if is_object(value) else type(value)


def images(record: Raw) -> tuple[type, Item | None, Item | None]:
    """What happened in a change, and the item before and after it."""
    (event,) = unwrap(record)
    return type(event), getattr(event, "old", None), getattr(event, "new", None)


async def test_a_partition_key_goes_where_its_md5_lies() -> None:
    streams, _ = service()
    clicks = streams.create_stream("clicks", shards=16)

    for key in ("a", "b", "visitor 4", "ключ"):
        record = streams.put(clicks, key, b"")
        digit = int(md5(key.encode(), usedforsecurity=False).hexdigest()[0], 16)  # 16 shards: one for each first digit
        assert members(record, "eventID").startswith(f"shardId-{digit:012d}:")


async def test_an_items_partition_key_decides_on_its_shard() -> None:
    streams, _ = service()
    orders = streams.create_table("orders", ("customer", "number"), shards=8)
    for customer in range(20):
        for number in range(3):
            streams.put_item("orders", {"customer": {"S": str(customer)}, "number": {"N": str(number)}})

    shards = [streams.records(orders, shard) for shard in await names(streams, orders)]
    found = [{str(members(record, "dynamodb")["Keys"]["customer"]["S"]) for record in records} for records in shards]

    assert sorted(customer for customers in found for customer in customers) == sorted(map(str, range(20)))
    assert sum(map(bool, found)) > 4
    assert sum(map(len, shards)) == 60


async def test_the_same_verbs_give_the_same_records() -> None:
    async def played() -> Sequence[Sequence[Raw]]:
        streams, clock = service()
        clicks = streams.create_stream("clicks", shards=2)
        orders = streams.create_table("orders")
        for number in range(20):
            clock.advance(0.0015)
            streams.put(clicks, f"key {number}", str(number))
            streams.put_item("orders", order(str(number % 3), number))
        streams.split(clicks, FIRST)
        streams.put(clicks, "a", "after")
        return [streams.records(one, shard) for one in (clicks, orders) for shard in await names(streams, one)]

    assert await played() == await played()


async def test_items_are_remembered_for_their_images() -> None:
    streams, _ = service()
    orders = streams.create_table("orders")
    streams.put_item("orders", order("1", 1))
    streams.put_item("orders", order("1", 2))
    streams.delete_item("orders", {"id": {"S": "1"}})
    streams.put_item("orders", order("1", 3))

    (shard,) = await names(streams, orders)

    first, second = {"id": "1", "total": 1}, {"id": "1", "total": 2}
    assert [images(record) for record in streams.records(orders, shard)] == [
        (Inserted, None, first),
        (Modified, first, second),
        (Removed, second, None),
        (Inserted, None, {"id": "1", "total": 3}),
    ]


def test_a_write_that_changes_nothing_is_no_record() -> None:
    streams, _ = service()
    streams.create_table("orders")
    streams.put_item("orders", order("1"))

    assert streams.put_item("orders", order("1")) is None
    assert streams.delete_item("orders", {"id": {"S": "2"}}) is None


def test_a_time_to_live_removes_as_a_service() -> None:
    streams, _ = service()
    streams.create_table("orders")
    streams.put_item("orders", order("1"))

    record = streams.delete_item("orders", {"id": {"S": "1"}}, expired=True)

    assert record is not None
    (removed,) = unwrap(record)
    assert isinstance(removed, Removed)
    assert removed.expired


@pytest.mark.parametrize("view", list(StreamView))
@pytest.mark.parametrize("expired", [False, True])
def test_changes_have_the_shape_of_the_event_factory(view: StreamView, *, expired: bool) -> None:
    streams, _ = service()
    streams.create_table("orders", view=view)
    made = [
        streams.put_item("orders", order("1", 1)),
        streams.put_item("orders", order("1", 2)),
        streams.delete_item("orders", {"id": {"S": "1"}}, expired=expired),
    ]

    keys, old, new = {"id": "1"}, {"id": "1", "total": 1}, {"id": "1", "total": 2}
    expected = [
        stream_record("INSERT", "orders", keys=keys, new=old, view=view),
        stream_record("MODIFY", "orders", keys=keys, new=new, old=old, view=view),
        stream_record("REMOVE", "orders", keys=keys, old=new, view=view, expired=expired),
    ]

    for record, like in zip(made, expected, strict=True):
        assert record is not None
        change = members(like, "dynamodb")
        change["ApproximateCreationDateTime"] = int(change["ApproximateCreationDateTime"])  # Lambda writes either
        assert shapes(record) == shapes(like)


@needed
def test_records_have_the_shape_of_lambdas_own() -> None:
    streams, _ = service()
    streams.create_table("orders")
    streams.create_stream("clicks")
    change = streams.put_item("orders", order("1"))
    data = streams.put("clicks", "a", "{}")

    (lambdas_change, *_) = load("dynamodb/aws-lambda-java-libs--dynamo_event-29e28f7d.json")["Records"]
    (lambdas_data, *_) = load("kinesis/aws-lambda-go--kinesis-event-49b1391a.json")["Records"]

    assert change is not None
    assert change.keys() == lambdas_change.keys() - {"userIdentity"}
    facts, known = members(change, "dynamodb"), lambdas_change["dynamodb"]
    assert {name: type(facts[name]) for name in facts} == {name: type(known[name]) for name in known}
    assert shapes(data) == shapes(lambdas_data)


def test_a_record_of_a_stream_is_decoded() -> None:
    streams, _ = service()
    streams.create_stream("clicks")

    (event,) = unwrap(streams.put("clicks", "a", b"\x00\xff"))

    assert isinstance(event, KinesisRecord)
    assert (event.data, event.resource_name) == (b"\x00\xff", "clicks")


async def test_times_are_whole_milliseconds_or_whole_seconds() -> None:
    streams, clock = service()
    clicks = streams.create_stream("clicks")
    streams.create_table("orders")
    clock.advance(1.9996)

    assert (await streams.shards(clicks)).at == START + 1.999
    assert time_of(streams.put("clicks", "a", "")) == START + 1.999
    change = streams.put_item("orders", order("1"))
    assert change is not None
    assert time_of(change) == START + 1


def test_sequence_numbers_do_not_sort_as_texts() -> None:
    streams, _ = service()
    streams.create_stream("clicks")

    sequences = [sequence_of(streams.put("clicks", "a", "")) for _ in range(4)]

    assert sequences == sorted(sequences, key=int) != sorted(sequences)
    assert all(21 <= len(sequence) <= 40 for sequence in sequences)


@pytest.mark.parametrize(("kind", "life"), [("table", 900), ("stream", 300)])
async def test_a_cursor_lives_to_the_second(kind: str, life: int) -> None:
    streams, clock = service()
    stream = streams.create_table("orders") if kind == "table" else streams.create_stream("clicks")
    (shard,) = await names(streams, stream)
    cursor = await horizon(streams, stream, shard)

    clock.advance(life - 0.001)
    page = await streams.read(cursor, 1)
    clock.advance(0.001)

    with pytest.raises(ExpiredCursorError):
        await streams.read(cursor, 1)
    assert page.next is not None
    assert (await streams.read(page.next, 1)).next is not None


async def test_all_cursors_expire_on_demand() -> None:
    streams, _ = service()
    clicks = streams.create_stream("clicks")
    streams.put(clicks, "a", "1")
    page = await streams.read(await horizon(streams, clicks), 1)
    assert page.next is not None

    streams.expire_cursors()

    with pytest.raises(ExpiredCursorError):
        await streams.read(page.next, 1)
    assert len((await streams.read(await horizon(streams, clicks), 1)).records) == 1


@pytest.mark.parametrize(("kind", "most"), [("table", 1_000), ("stream", 10_000)])
async def test_a_page_has_its_greatest_size(kind: str, most: int) -> None:
    streams, _ = service()
    stream = streams.create_table("orders") if kind == "table" else streams.create_stream("clicks")
    for number in range(most + 1):
        if kind == "table":
            streams.put_item("orders", order("1", number))
        else:
            streams.put("clicks", "a", "")
    (shard,) = await names(streams, stream)

    page = await streams.read(await horizon(streams, stream, shard), 10_000)

    assert len(page.records) == most
    assert page.next is not None
    assert len((await streams.read(page.next, 10_000)).records) == 1


@pytest.mark.parametrize("limit", [0, 10_001])
async def test_a_limit_that_the_port_does_not_allow_is_refused(limit: int) -> None:
    streams, _ = service()
    clicks = streams.create_stream("clicks")

    with pytest.raises(BackendError, match="from 1 to 10000"):
        await streams.read(await horizon(streams, clicks), limit)


async def test_a_sixth_read_of_a_shard_in_a_second_is_throttled() -> None:
    streams, clock = service()
    clicks = streams.create_stream("clicks", shards=2)
    cursor = await horizon(streams, clicks)
    for _ in range(5):
        clock.advance(0.1)
        await streams.read(cursor, 1)

    with pytest.raises(ThrottledError, match=f"{FIRST}.* 5 reads"):
        await streams.read(cursor, 1)
    await streams.read(await horizon(streams, clicks, SECOND), 1)
    clock.advance(0.6)

    await streams.read(cursor, 1)


async def test_a_third_reader_of_a_shard_is_throttled_where_readers_are_limited() -> None:
    streams, clock = service()
    orders = streams.create_table("orders")
    streams.limit_readers(orders)
    (shard,) = await names(streams, orders)
    one, two, three = [await horizon(streams, orders, shard) for _ in range(3)]
    page = await streams.read(one, 1)
    await streams.read(two, 1)
    assert page.next is not None

    await streams.read(page.next, 1)  # the first reader goes on
    with pytest.raises(ThrottledError, match="2 readers"):
        await streams.read(three, 1)
    clock.advance(1)

    await streams.read(three, 1)


async def test_records_are_kept_for_a_day() -> None:
    streams, clock = service()
    orders = streams.create_table("orders")
    streams.put_item("orders", order("1"))
    (shard,) = await names(streams, orders)
    clock.advance(10)
    streams.put_item("orders", order("2"))

    clock.advance(DAY - 10)
    assert len(streams.records(orders, shard)) == 2
    clock.advance(0.001)

    assert len(streams.records(orders, shard)) == 1
    assert streams.lost(orders) == 1


async def test_a_stream_keeps_records_for_as_long_as_it_is_told() -> None:
    streams, clock = service()
    clicks = streams.create_stream("clicks", retention=7 * DAY)
    streams.put(clicks, "a", "1")

    clock.advance(7 * DAY)
    assert len(streams.records(clicks, FIRST)) == 1
    clock.advance(0.001)

    assert streams.records(clicks, FIRST) == []


async def test_a_shard_that_has_ended_is_forgotten_with_its_records() -> None:
    streams, clock = service()
    orders = streams.create_table("orders")
    streams.put_item("orders", order("1"))
    (shard,) = await names(streams, orders)
    child = streams.roll(orders, shard)

    clock.advance(DAY - 1)
    cursor = await horizon(streams, orders, shard)
    clock.advance(1)

    assert (await streams.shards(orders)).shards == (Shard(child, (shard,)),)
    assert streams.lost(orders) == 1
    with pytest.raises(UnknownShardError):
        await streams.open(orders, shard, TRIM_HORIZON)
    with pytest.raises(UnknownShardError):
        await streams.read(cursor, 1)


async def test_a_shard_is_forgotten_on_demand() -> None:
    streams, _ = service()
    clicks = streams.create_stream("clicks")
    streams.put(clicks, "a", "1")
    low, high = streams.split(clicks, FIRST)

    streams.drop(clicks, FIRST)

    assert await names(streams, clicks) == [low, high]
    assert streams.lost(clicks) == 1


async def test_trimming_goes_up_to_a_position() -> None:
    streams, clock = service()
    clicks = streams.create_stream("clicks")
    records: list[Raw] = []
    for number in range(6):
        records.append(streams.put(clicks, "a", str(number)))
        clock.advance(1)

    streams.trim(clicks, FIRST, After(sequence_of(records[1])))
    assert list(streams.records(clicks, FIRST)) == records[2:]
    streams.trim(clicks, FIRST, Since(START + 4))
    assert list(streams.records(clicks, FIRST)) == records[4:]
    streams.trim(clicks, FIRST, After(sequence_of(records[0])))
    assert list(streams.records(clicks, FIRST)) == records[4:]
    streams.trim(clicks, FIRST)

    assert streams.records(clicks, FIRST) == []


async def test_the_service_counts_what_nobody_has_read() -> None:
    streams, _ = service()
    clicks = streams.create_stream("clicks")
    for number in range(10):
        streams.put(clicks, "a", str(number))
    page = await streams.read(await horizon(streams, clicks), 4)

    streams.trim(clicks, FIRST, After(sequence_of(page.records[1])))
    assert streams.lost(clicks) == 0
    streams.trim(clicks, FIRST)

    assert streams.lost(clicks) == 6


async def test_a_checkpoint_at_the_last_record_trimmed_is_refused_and_a_cursor_behind_it_is_not() -> None:
    streams, _ = service()
    orders = streams.create_table("orders")
    streams.put_item("orders", order("1"))
    (shard,) = await names(streams, orders)
    page = await streams.read(await horizon(streams, orders, shard), 10)
    assert page.next is not None

    streams.trim(orders, shard)
    streams.put_item("orders", order("2"))

    with pytest.raises(TrimmedDataError):
        await streams.open(orders, shard, After(sequence_of(page.records[0])))
    assert len((await streams.read(page.next, 10)).records) == 1


async def test_a_sequence_number_of_another_shard_is_refused() -> None:
    streams, _ = service()
    clicks = streams.create_stream("clicks", shards=2)
    record = streams.put(clicks, "a", "1")  # 0x0c...: the first shard

    with pytest.raises(BackendError, match="no sequence number of it"):
        await streams.open(clicks, SECOND, After(sequence_of(record)))


async def test_a_stream_finds_records_by_time_and_a_table_does_not() -> None:
    streams, clock = service()
    clicks, orders = streams.create_stream("clicks"), streams.create_table("orders")
    for number in range(3):
        streams.put(clicks, "a", str(number))
        streams.put_item("orders", order(str(number)))
        clock.advance(10)
    (shard,) = await names(streams, orders)

    by_time = await streams.read(await streams.open(clicks, FIRST, Since(START + 10)), 10)
    from_the_first = await streams.read(await streams.open(orders, shard, Since(START + 10)), 10)

    assert [time_of(record) for record in by_time.records] == [START + 10, START + 20]
    assert len(from_the_first.records) == 3


async def test_a_page_says_how_old_the_first_unread_record_is() -> None:
    streams, clock = service()
    clicks = streams.create_stream("clicks")
    for number in range(3):
        streams.put(clicks, "a", str(number))
        clock.advance(10)
    cursor = await horizon(streams, clicks)

    assert (await streams.read(cursor, 1)).behind == 20
    assert (await streams.read(cursor, 3)).behind == 0


async def test_children_share_what_their_parents_had() -> None:
    streams, _ = service()
    clicks = streams.create_stream("clicks", shards=2)

    low, high = streams.split(clicks, SECOND)
    merged = streams.merge(clicks, low, FIRST)

    assert {shard.id: (shard.parents, shard.closed) for shard in (await streams.shards(clicks)).shards} == {
        FIRST: ((), True),
        SECOND: ((), True),
        low: ((SECOND,), True),
        high: ((SECOND,), False),
        merged: ((FIRST, low), False),
    }
    for number in range(64):
        streams.put(clicks, str(number), "")  # every hash key has a shard still
    assert len(streams.records(clicks, merged)) + len(streams.records(clicks, high)) == 64


async def test_sequence_numbers_grow_from_parents_to_children() -> None:
    streams, _ = service()
    clicks = streams.create_stream("clicks", shards=2)
    parents = [streams.put(clicks, str(number), "") for number in range(9)]

    streams.merge(clicks, FIRST, SECOND)
    child = streams.put(clicks, "a", "")

    assert int(sequence_of(child)) > max(int(sequence_of(record)) for record in parents)


def test_shards_that_do_not_adjoin_are_not_merged() -> None:
    streams, _ = service()
    clicks = streams.create_stream("clicks", shards=3)

    with pytest.raises(BackendError, match="do not adjoin"):
        streams.merge(clicks, FIRST, "shardId-000000000002")
    with pytest.raises(BackendError, match="do not adjoin"):
        streams.merge(clicks, FIRST, FIRST)

    streams.merge(clicks, FIRST, SECOND)


def test_a_shard_ends_once() -> None:
    streams, _ = service()
    clicks = streams.create_stream("clicks", shards=2)
    streams.split(clicks, FIRST)

    with pytest.raises(BackendError, match="has ended already"):
        streams.split(clicks, FIRST)
    with pytest.raises(BackendError, match="has ended already"):
        streams.merge(clicks, SECOND, FIRST)

    streams.split(clicks, SECOND)  # the merge that was refused has ended neither


async def test_listings_leave_out_shards_on_demand() -> None:
    streams, _ = service()
    clicks = streams.create_stream("clicks")
    children = [*streams.split(clicks, FIRST)]

    streams.hide(clicks, FIRST, times=2)

    assert await names(streams, clicks) == children
    assert await names(streams, clicks) == children
    assert await names(streams, clicks) == [FIRST, *children]
    assert (await streams.read(await horizon(streams, clicks), 1)).next is None  # it was there all the time


async def test_pages_are_empty_in_the_midst_on_demand() -> None:
    streams, _ = service()
    clicks = streams.create_stream("clicks")
    streams.put(clicks, "a", "1")
    streams.split(clicks, FIRST)
    streams.stall(clicks, times=2)

    cursor = await horizon(streams, clicks)
    for _ in range(2):
        page = await streams.read(cursor, 10)
        assert page.records == []
        assert page.next is not None
        cursor = page.next

    page = await streams.read(cursor, 10)
    assert len(page.records) == 1
    assert page.next is None


async def test_calls_fail_as_often_as_was_asked_for() -> None:
    streams, _ = service()
    clicks = streams.create_stream("clicks")
    streams.fail(ThrottledError("not so fast"), "shards", "open", times=3)

    assert await streams.resolve("stream", "clicks") == clicks
    with pytest.raises(ThrottledError, match="not so fast"):
        await streams.shards(clicks)
    for _ in range(2):
        with pytest.raises(ThrottledError):
            await streams.open(clicks, FIRST, Latest())

    await streams.shards(clicks)


async def test_one_shard_fails_and_the_others_do_not() -> None:
    streams, _ = service()
    clicks = streams.create_stream("clicks", shards=2)
    one, other = await horizon(streams, clicks, FIRST), await horizon(streams, clicks, SECOND)
    streams.fail(BackendError("unreachable"), shard=SECOND)

    await streams.shards(clicks)
    await streams.read(one, 1)
    with pytest.raises(BackendError, match="unreachable"):
        await streams.read(other, 1)

    await streams.read(other, 1)


@pytest.mark.parametrize(("after", "lost"), [(False, 2), (True, 0)])
async def test_an_answer_is_lost_after_its_effect_and_a_request_before_it(*, after: bool, lost: int) -> None:
    streams, _ = service()
    clicks = streams.create_stream("clicks")
    streams.put(clicks, "a", "1")
    streams.put(clicks, "a", "2")
    cursor = await horizon(streams, clicks)
    streams.fail(BackendError("connection reset"), "read", after=after)

    with pytest.raises(BackendError, match="connection reset"):
        await streams.read(cursor, 10)
    streams.trim(clicks, FIRST)

    assert streams.lost(clicks) == lost  # the service has given the records out, or has not


async def test_names_are_declared_once_and_kinds_are_apart() -> None:
    streams, _ = service()
    table, stream = streams.create_table("orders"), streams.create_stream("orders")

    with pytest.raises(ConfigurationError, match="already"):
        streams.create_table("orders")
    with pytest.raises(ConfigurationError, match="already"):
        streams.create_stream("orders")
    assert await streams.resolve("table", "orders") == table
    assert await streams.resolve("stream", "orders") == stream


def test_what_is_not_declared_is_told() -> None:
    streams, _ = service()
    streams.create_table("orders")

    with pytest.raises(BackendError, match=r"'clicks'.*create_stream"):
        streams.put("clicks", "a", "")
    with pytest.raises(BackendError, match=r"'users'.*create_table"):
        streams.put_item("users", order("1"))
    with pytest.raises(BackendError, match="lacks its key id"):
        streams.put_item("orders", {"total": {"N": "1"}})
    with pytest.raises(BackendError, match=r"'clicks'.*resolve\(\)"):
        streams.split("clicks", FIRST)


async def test_a_url_declares_tables_and_streams() -> None:
    url = "memory://?queue=jobs:dead&table=orders:customer,number&table=users&stream=clicks:4&stream=other"
    async with open_streams(url) as streams:
        clicks = await streams.resolve("stream", "clicks")
        other = await streams.resolve("stream", "other")
        assert [len(await names(streams, one)) for one in (clicks, other)] == [4, 1]
        assert streams.put_item("users", order("1"))
        assert streams.put_item("orders", {"customer": {"S": "a"}, "number": {"N": "1"}})


@pytest.mark.parametrize("url", ["memory://?tables=a", "memory://host", "memory://?stream=a:0", "memory://?stream=a:x"])
async def test_an_option_that_there_is_not_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        async with open_streams(url):
            pass


async def test_real_time_is_the_default() -> None:
    async with open_streams() as streams:
        listing = await streams.shards(streams.create_stream("clicks"))

    assert listing.at > START
