"""The stub with a backlog gives each page once, and keeps leases and their conditions."""

import asyncio

import pytest

from benchmarks.streams.backlog import PAGE, SHARDS, STREAM, Stub
from benchmarks.streams.http import serving
from benchmarks.streams.service import Refused
from eventkit.streams import sequence_of
from eventkit.streams.leases import Lease, open_leases
from eventkit.streams.positions import TRIM_HORIZON, After
from eventkit_aws.streams import open_streams


async def test_each_shard_gives_its_pages_in_order_and_once() -> None:
    stub = Stub()
    async with (
        serving(stub.answer) as endpoint,
        open_streams(f"sqs://?endpoint={endpoint}") as streams,
        asyncio.TaskGroup() as group,
    ):
        stream = await streams.resolve("stream", "clicks")
        group.create_task(stub.answer("", {"stream": stream, "count": 2 * PAGE * SHARDS}))
        (shard, *others) = (await streams.shards(stream)).shards
        cursor = await streams.open(stream, shard.id, TRIM_HORIZON)

        pages = [(await streams.read(cursor, PAGE)).records for _ in range(3)]

    assert stream == f"{STREAM}clicks"
    assert len(others) == SHARDS - 1
    assert [len(records) for records in pages] == [PAGE, PAGE, 0]
    numbers = [int(sequence_of(record)) for records in pages for record in records]
    assert numbers == sorted(set(numbers))


async def test_a_lease_is_changed_by_who_has_seen_the_last_change() -> None:
    free = Lease("group", "arn", "shard")
    mine = Lease("group", "arn", "shard", owner="a", counter=1)
    further = Lease("group", "arn", "shard", owner="a", counter=2, checkpoint=After("7"))
    async with (
        serving(Stub().answer) as endpoint,
        open_leases(f"dynamodb://leases?endpoint={endpoint}") as leases,
    ):
        assert await leases.create(free)
        assert not await leases.create(free)
        assert await leases.swap(free, mine)
        assert not await leases.swap(free, mine)
        assert await leases.swap(mine, further)

        assert await leases.leases("group", "arn") == [further]
        assert await leases.leases("others", "arn") == []


async def test_an_action_that_there_is_not_is_refused() -> None:
    with pytest.raises(Refused, match="UnknownOperationException"):
        await Stub().answer("Kinesis_20131202.ListStreams", {})
