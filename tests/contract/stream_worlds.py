"""Worlds of streams: tables and Kinesis streams, made with boto3 in an emulator, and read with aioboto3."""

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from typing import Any, cast

import boto3

from eventkit_aws.streams import AwsStreams, open_streams

TRIES = 1000
"""How often an emulator is asked whether a stream is there; each answer takes it a millisecond or more."""


class Cloud:
    """An emulator at an endpoint, as one who provisions sees it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        sdk = cast("Any", boto3)
        self.dynamodb = sdk.client("dynamodb", endpoint_url=endpoint)
        self.kinesis = sdk.client("kinesis", endpoint_url=endpoint)
        self.numbers = count(1)


@contextmanager
def open_cloud(endpoint: str) -> Generator[Cloud]:
    cloud = Cloud(endpoint)
    yield cloud
    cloud.dynamodb.close()
    cloud.kinesis.close()


class World:
    """The names are new in each world, so the worlds of one cloud do not meet."""

    def __init__(self, streams: AwsStreams, cloud: Cloud) -> None:
        self.streams = streams
        self.cloud = cloud

    async def pause(self) -> None:
        """Until the next whole second, for real: the emulators tell the time so, and their clocks are the machine's."""
        await asyncio.sleep(1 - time.time() % 1)

    async def end(self, name: str, shard: str) -> None:
        raise NotImplementedError

    async def expire(self) -> None:
        raise NotImplementedError

    async def trim(self, name: str, shard: str) -> None:
        raise NotImplementedError

    async def throttle(self) -> None:
        raise NotImplementedError


class Tables(World):
    """DynamoDB."""

    async def create(self, shards: int = 1) -> str:
        assert shards == 1
        return self._create(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})

    async def create_without_stream(self) -> str:
        return self._create()

    async def put(self, name: str, key: str, *values: str) -> None:
        for value in values:
            item = {"id": {"S": key}, "value": {"S": value}, "bytes": {"B": value.encode()}}
            self.cloud.dynamodb.put_item(TableName=name, Item=item)

    async def remove(self, name: str, key: str) -> None:
        self.cloud.dynamodb.delete_item(TableName=name, Key={"id": {"S": key}})

    async def end(self, name: str, shard: str) -> None:  # noqa: ARG002 - the table has one
        self.cloud.dynamodb.update_table(TableName=name, StreamSpecification={"StreamEnabled": False})

    async def roll(self, name: str, shard: str) -> None:
        raise NotImplementedError

    def _create(self, **options: object) -> str:
        name = f"table-{next(self.cloud.numbers)}"
        self.cloud.dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            **options,
        )
        return name


class Data(World):
    """Kinesis Data Streams."""

    async def create(self, shards: int = 1) -> str:
        name = f"stream-{next(self.cloud.numbers)}"
        self.cloud.kinesis.create_stream(StreamName=name, ShardCount=shards)
        self._until_active(name)
        return name

    async def put(self, name: str, key: str, *values: str) -> None:
        for value in values:
            self.cloud.kinesis.put_record(StreamName=name, PartitionKey=key, Data=value.encode())

    async def end(self, name: str, shard: str) -> None:
        await self.split(name, shard)

    async def split(self, name: str, shard: str) -> None:
        (found,) = [one for one in self.cloud.kinesis.list_shards(StreamName=name)["Shards"] if one["ShardId"] == shard]
        keys = found["HashKeyRange"]
        middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2 + 1
        self.cloud.kinesis.split_shard(StreamName=name, ShardToSplit=shard, NewStartingHashKey=str(middle))
        self._until_active(name)

    async def merge(self, name: str, shard: str, adjacent: str) -> None:
        self.cloud.kinesis.merge_shards(StreamName=name, ShardToMerge=shard, AdjacentShardToMerge=adjacent)
        self._until_active(name)

    def _until_active(self, name: str) -> None:
        for _ in range(TRIES):
            found = self.cloud.kinesis.describe_stream_summary(StreamName=name)
            if found["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE":
                return
        raise AssertionError(f"{name} has not become active")


@asynccontextmanager
async def open_tables(cloud: Cloud) -> AsyncGenerator[Tables]:
    async with open_streams(f"sqs://?endpoint={cloud.endpoint}") as streams:
        yield Tables(streams, cloud)


@asynccontextmanager
async def open_data(cloud: Cloud) -> AsyncGenerator[Data]:
    async with open_streams(f"sqs://?endpoint={cloud.endpoint}") as streams:
        yield Data(streams, cloud)
