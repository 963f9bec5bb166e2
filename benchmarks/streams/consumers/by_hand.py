"""A loop by hand with aioboto3 for each shard: get a page, handle its records, and go on.

With the option `saved` it writes a checkpoint into a table of DynamoDB after each page, and nobody shares the shards.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from itertools import count
from typing import Any

import aioboto3
from boto3.dynamodb.types import TypeDeserializer
from pydantic import BaseModel

LIMIT = 1_000
IDLE = 0.25
"""Seconds between two reads of a shard that has nothing new."""

PACE = 0.2
"""Seconds between two reads of a shard of Kinesis, which allows 5 a second."""

Save = Callable[[str, str], Awaitable[None]]
"""Takes a shard, and the sequence number up to which it is done."""


class Order(BaseModel):
    """What a record holds."""

    id: int
    customer: str
    total: float
    items: list[str]
    paid: bool


class Counter:
    """Counts paid orders, and prints a line after each so many."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._numbers = count(1)

    async def handle(self, order: Order) -> None:
        """What users write."""
        if order.paid and next(self._numbers) % self._every == 0:
            print(flush=True)


def reader_of(kind: str) -> Callable[[Mapping[str, Any]], Order]:
    """What reads a record into a model."""
    if kind == "stream":
        return lambda record: Order.model_validate_json(record["Data"])
    deserialize = TypeDeserializer().deserialize

    def read(record: Mapping[str, Any]) -> Order:
        image = record["dynamodb"]["NewImage"]
        return Order.model_validate({name: deserialize(value) for name, value in image.items()})

    return read


def sequence_of(kind: str, record: Mapping[str, Any]) -> str:
    """A record's place."""
    return str(record["SequenceNumber"] if kind == "stream" else record["dynamodb"]["SequenceNumber"])


class Reader:
    """Reads the shards of a stream."""

    def __init__(self, client: Any, kind: str, counter: Counter, save: Save) -> None:  # noqa: ANN401 - a client of either service
        self._client = client
        self._kind = kind
        self._counter = counter
        self._save = save
        self._read = reader_of(kind)

    async def consume(self, stream: str, shard: str) -> None:
        """Consume a shard until the process is killed."""
        found = await self._client.get_shard_iterator(
            **({"StreamARN": stream} if self._kind == "stream" else {"StreamArn": stream}),
            ShardId=shard,
            ShardIteratorType="TRIM_HORIZON",
        )
        iterator = found["ShardIterator"]
        clock = asyncio.get_running_loop().time
        while iterator:
            began = clock()
            page = await self._client.get_records(ShardIterator=iterator, Limit=LIMIT)
            for record in page["Records"]:
                await self._counter.handle(self._read(record))
            if page["Records"]:
                await self._save(shard, sequence_of(self._kind, page["Records"][-1]))
            iterator = page.get("NextShardIterator")
            pause = (PACE if self._kind == "stream" else 0.0) if page["Records"] else IDLE
            await asyncio.sleep(max(0.0, began + pause - clock()))


async def shards_of(kind: str, dynamodb: Any, streams: Any, name: str) -> tuple[str, list[str]]:  # noqa: ANN401 - clients
    """The stream's ARN and its shards."""
    if kind == "stream":
        arn = (await streams.describe_stream_summary(StreamName=name))["StreamDescriptionSummary"]["StreamARN"]
        return arn, [shard["ShardId"] for shard in (await streams.list_shards(StreamARN=arn))["Shards"]]
    arn = (await dynamodb.describe_table(TableName=name))["Table"]["LatestStreamArn"]
    described = await streams.describe_stream(StreamArn=arn)
    return arn, [shard["ShardId"] for shard in described["StreamDescription"]["Shards"]]


def saver(dynamodb: Any, name: str) -> Save:  # noqa: ANN401 - a client
    """What writes checkpoints."""

    async def save(shard: str, sequence: str) -> None:
        item = {"consumer": {"S": name}, "shard": {"S": shard}, "checkpoint": {"S": sequence}}
        await dynamodb.put_item(TableName="checkpoints", Item=item)

    return save


async def forget(_shard: str, _sequence: str) -> None:
    """Write nothing."""


async def consume(endpoint: str, name: str, kind: str, every: int, *, saved: bool) -> None:
    """Consume all shards."""
    session: Any = aioboto3.Session()
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(session.client(service, endpoint_url=endpoint, region_name="us-east-1"))
            for service in ("dynamodb", "kinesis" if kind == "stream" else "dynamodbstreams")
        ]
        dynamodb, streams = clients
        stream, shards = await shards_of(kind, dynamodb, streams, name)
        reader = Reader(streams, kind, Counter(every), saver(dynamodb, name) if saved else forget)
        await asyncio.gather(*(reader.consume(stream, shard) for shard in shards))


def main(endpoint: str, name: str, kind: str, every: str, option: str = "") -> None:
    """Run the loops."""
    asyncio.run(consume(endpoint, name, kind, int(every), saved=option == "saved"))


if __name__ == "__main__":
    main(*sys.argv[1:])
