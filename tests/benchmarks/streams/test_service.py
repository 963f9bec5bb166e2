"""The stub speaks AWS's protocols: the streams of AWS keep their promises in front of it, through the real SDK."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar, cast

import aioboto3
import pytest
from botocore.exceptions import ClientError

from benchmarks.streams.http import serving
from benchmarks.streams.server import open_server
from benchmarks.streams.service import Service
from eventkit.errors import BackendError, ThrottledError
from eventkit.streams.memory import MemoryStreams
from eventkit.streams.positions import TRIM_HORIZON
from eventkit.testing.streams import DataContract, DataWorld, TableContract, TableWorld, images, said
from eventkit_aws.streams import AwsStreams, open_streams
from tests.contract.test_streams_memory import MemoryData, MemoryTables, MemoryWorld


class Tables(MemoryTables):
    def time(self) -> float:
        return self._clock.epoch + self._clock.now()


class Data(MemoryData):
    def time(self) -> float:
        return self._clock.epoch + self._clock.now()


class Served:
    """A world in memory whose streams are read through the stub."""

    def __init__(self, world: MemoryWorld, streams: AwsStreams) -> None:
        self.streams = streams
        self._world = world

    async def throttle(self) -> None:
        self._world.streams.fail(ThrottledError("too often"), "read", times=2)  # the SDK tries twice

    def __getattr__(self, verb: str) -> Any:  # noqa: ANN401 - any of the world's
        return getattr(self._world, verb)


@asynccontextmanager
async def reading(memory: MemoryStreams, clock: Callable[[], float] = time.time) -> AsyncGenerator[AwsStreams]:
    async with (
        serving(Service(memory).answer, clock) as endpoint,
        open_streams(f"sqs://?endpoint={endpoint}") as streams,
    ):
        yield streams


class TestTables(TableContract):
    deviations: ClassVar[Mapping[str, str]] = {
        "test_a_table_without_a_stream_is_a_mistake_in_the_configuration": "each table of the stub has a stream"
    }

    @pytest.fixture
    async def world(self) -> AsyncIterator[TableWorld]:
        world = Tables()
        async with reading(world.streams, world.time) as streams:
            yield cast("TableWorld", Served(world, streams))


class TestData(DataContract):
    @pytest.fixture
    async def world(self) -> AsyncIterator[DataWorld]:
        world = Data()
        async with reading(world.streams, world.time) as streams:
            yield cast("DataWorld", Served(world, streams))


async def test_an_item_that_expired_is_removed_by_dynamodb() -> None:
    memory = MemoryStreams()
    arn = memory.create_table("rows")
    memory.put_item("rows", {"id": {"S": "a"}})
    memory.delete_item("rows", {"id": {"S": "a"}}, expired=True)

    async with reading(memory) as streams:
        (shard,) = (await streams.shards(arn)).shards
        cursor = await streams.open(arn, shard.id, TRIM_HORIZON)
        inserted, removed = (await streams.read(cursor, 10)).records

    assert images(inserted) == {"NewImage": {"id": {"S": "a"}}}
    assert removed["userIdentity"] == {"principalId": "dynamodb.amazonaws.com", "type": "Service"}


async def test_an_action_that_there_is_not_is_refused() -> None:
    async with serving(Service(MemoryStreams()).answer) as endpoint:
        session: Any = aioboto3.Session()
        async with session.client("kinesis", endpoint_url=endpoint) as kinesis:
            with pytest.raises(ClientError, match="UnknownOperationException"):
                await kinesis.list_streams()


async def test_a_server_is_played_by_another_thread_and_ends_with_its_block() -> None:
    with open_server() as server:
        arn = server.play(lambda memory: memory.create_stream("clicks", shards=2))
        server.play(lambda memory: [memory.put("clicks", key, key) for key in "abcdef"])
        async with open_streams(f"sqs://?endpoint={server.endpoint}") as streams:
            cursors = [await streams.open(arn, shard, TRIM_HORIZON) for shard in server.shards(arn)]
            pages = [await streams.read(cursor, 10) for cursor in cursors]

        assert [bool(page.records) for page in pages] == [True, True]
        assert sorted(key for page in pages for key, _ in said(page.records)) == [*"abcdef"]

    async with open_streams(f"sqs://?endpoint={server.endpoint}") as streams:
        with pytest.raises(BackendError):
            await streams.shards(arn)
