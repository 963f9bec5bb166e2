"""A stub of streams with a backlog, made to be faster than its clients: `python -m benchmarks.streams.backlog`.

It prints its port. Of Kinesis, DynamoDB Streams and DynamoDB it speaks what a reader uses that reads every shard from
its beginning, page by page, and writes down how far it has come. Streams and tables come into being when they are
named; a stream has four shards. A page is rendered when its records are put, and is given once.

`POST /run` is for who measures: it puts records into a stream, and answers when the first of them are taken.
"""

import asyncio
import json
import time
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from benchmarks.poller.stub import loop_factory
from benchmarks.streams.http import serving
from benchmarks.streams.service import KINESIS, TABLES, Refused, Request

__all__ = ["LABEL", "PAGE", "SHARDS", "STREAM", "TABLE", "Stub", "main"]

SHARDS = 4
PAGE = 1_000
"""Records of one GetRecords: what DynamoDB Streams gives at most."""

ARN = "arn:aws:{service}:us-east-1:000000000000:"
STREAM = ARN.format(service="kinesis") + "stream/"
TABLE = ARN.format(service="dynamodb") + "table/"
LABEL = "/stream/2026-01-01T00:00:00.000"

FIRST = 10**24
"""Where sequence numbers begin."""

ORDER = {"id": 1, "customer": "Ada", "total": 9.5, "items": ["pen", "ink"], "paid": True}
ITEM = {
    "id": {"N": "1"},
    "customer": {"S": "Ada"},
    "total": {"N": "9.5"},
    "items": {"L": [{"S": "pen"}, {"S": "ink"}]},
    "paid": {"BOOL": True},
}

Item = dict[str, Any]


class Stream:
    """A stream: of each shard, the pages that are still to be given."""

    def __init__(self, render: Callable[[int], str]) -> None:
        """`render` makes a record of its number."""
        self._render = render
        self._pages: list[deque[str]] = [deque() for _ in range(SHARDS)]
        self._numbers = count(FIRST)
        self._taken = asyncio.Event()

    async def run(self, records: int) -> bytes:
        """Put records into each shard, in full pages; return when the first are taken."""
        self._taken.clear()
        pages = [[self._page() for _ in range(records // SHARDS // PAGE)] for _ in self._pages]
        for shard, new in zip(self._pages, pages, strict=True):
            shard.extend(new)
        await self._taken.wait()
        return b"{}"

    def take(self, shard: int) -> str:
        """The next page's records, as JSON without the brackets."""
        pages = self._pages[shard]
        if not pages:
            return ""
        self._taken.set()
        return pages.popleft()

    def _page(self) -> str:
        return ",".join(self._render(next(self._numbers)) for _ in range(PAGE))


class Stub:
    """All streams, and the items of all tables."""

    def __init__(self) -> None:
        self._streams: dict[str, Stream] = {}
        self._items: dict[tuple[str, str], Item] = {}
        self._actions: Mapping[str, Callable[[Request], bytes]] = {
            f"{TABLES}.DescribeStream": self._describe_stream,
            f"{TABLES}.GetShardIterator": self._iterator,
            f"{TABLES}.GetRecords": self._records,
            f"{KINESIS}.DescribeStreamSummary": self._summary,
            f"{KINESIS}.ListShards": lambda _: _json({"Shards": SHARD_LIST}),
            f"{KINESIS}.GetShardIterator": self._iterator,
            f"{KINESIS}.GetRecords": self._records,
            "DynamoDB_20120810.DescribeTable": self._describe_table,
            "DynamoDB_20120810.Query": self._query,
            "DynamoDB_20120810.PutItem": self._put,
        }

    async def answer(self, target: str, request: Request) -> bytes:
        """The response to a request. Raises `Refused`."""
        if not target:
            return await self._stream(request["stream"]).run(request["count"])
        action = self._actions.get(target)
        if action is None:
            raise Refused("UnknownOperationException")
        return action(request)

    def _stream(self, arn: str) -> Stream:
        if arn not in self._streams:
            self._streams[arn] = Stream(_record if arn.startswith(STREAM) else _change)
        return self._streams[arn]

    def _describe_table(self, request: Request) -> bytes:
        name = request["TableName"]
        key = [{"AttributeName": "consumer", "KeyType": "HASH"}, {"AttributeName": "shard", "KeyType": "RANGE"}]
        types = [{"AttributeName": one["AttributeName"], "AttributeType": "S"} for one in key]
        facts = {"KeySchema": key, "AttributeDefinitions": types, "TableStatus": "ACTIVE"}
        return _json({"Table": {"TableName": name, "LatestStreamArn": f"{TABLE}{name}{LABEL}", **facts}})

    def _describe_stream(self, request: Request) -> bytes:
        return _json({"StreamDescription": {"StreamArn": request["StreamArn"], "Shards": SHARD_LIST}})

    def _summary(self, request: Request) -> bytes:
        return _json({"StreamDescriptionSummary": {"StreamARN": STREAM + request["StreamName"]}})

    def _iterator(self, request: Request) -> bytes:
        if request["ShardIteratorType"] != "TRIM_HORIZON":
            raise Refused("ValidationException")
        stream = request.get("StreamARN") or request.get("StreamArn") or STREAM + request["StreamName"]
        return _json({"ShardIterator": f"{stream} {request['ShardId']}"})

    def _records(self, request: Request) -> bytes:
        iterator: str = request["ShardIterator"]
        stream, _, shard = iterator.partition(" ")
        records = self._stream(stream).take(int(shard[-1]))
        return f'{{"NextShardIterator":"{iterator}","MillisBehindLatest":0,"Records":[{records}]}}'.encode()

    def _query(self, request: Request) -> bytes:
        wanted = request["ExpressionAttributeValues"][":consumer"]["S"]
        return _json({"Items": [item for (consumer, _), item in self._items.items() if consumer == wanted]})

    def _put(self, request: Request) -> bytes:
        item: Item = request["Item"]
        key, values = (item["consumer"]["S"], item["shard"]["S"]), request.get("ExpressionAttributeValues", {})
        found = self._items.get(key, {})
        if values and (found.get("owner"), found.get("counter")) != (values.get(":owner"), values[":counter"]):
            raise Refused("ConditionalCheckFailedException")
        if not values and "ConditionExpression" in request and found:
            raise Refused("ConditionalCheckFailedException")
        self._items[key] = item
        return b"{}"


SHARD_LIST = [
    {"ShardId": f"shardId-{0:020}-{number:08}", "SequenceNumberRange": {"StartingSequenceNumber": "0"}}
    for number in range(SHARDS)
]


_NOW = time.time()
_DATA = b64encode(json.dumps(ORDER).encode()).decode()
_IMAGES = f'"Keys":{{"id":{{"N":"1"}}}},"NewImage":{json.dumps(ITEM)},"SizeBytes":120,"StreamViewType":"NEW_IMAGE"'


def _record(number: int) -> str:
    """A record of Kinesis."""
    return f'{{"SequenceNumber":"{number}","ApproximateArrivalTimestamp":{_NOW},"PartitionKey":"Ada","Data":"{_DATA}"}}'


def _change(number: int) -> str:
    """A record of DynamoDB Streams."""
    return (
        f'{{"eventID":"{number:032x}","eventName":"INSERT","eventVersion":"1.1","eventSource":"aws:dynamodb",'
        f'"awsRegion":"us-east-1","dynamodb":{{"ApproximateCreationDateTime":{_NOW:.0f},"SequenceNumber":"{number}",'
        f"{_IMAGES}}}}}"
    )


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


async def _serve() -> None:
    async with serving(Stub().answer) as endpoint:
        print(endpoint, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Serve until the process is ended."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve())


if __name__ == "__main__":
    main()
