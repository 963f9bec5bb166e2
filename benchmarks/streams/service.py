"""As much of the JSON protocols of Kinesis and DynamoDB Streams as a reader uses, in front of streams in memory.

The members of requests and responses are those of the "Amazon Kinesis Data Streams API Reference" and the "Amazon
DynamoDB API Reference". Pages of listings are not modelled, and neither are tables without a stream.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from eventkit.errors import EventkitError, ExpiredCursorError, ThrottledError, TrimmedDataError
from eventkit.streams import Cursor, Page, Raw, Shard
from eventkit.streams.memory import MemoryStreams
from eventkit.streams.positions import TRIM_HORIZON, After, Latest, Position, Since

__all__ = ["KINESIS", "TABLES", "Refused", "Request", "Service"]

Request = Mapping[str, Any]
Fields = dict[str, Any]

TABLES = "DynamoDBStreams_20120810"
KINESIS = "Kinesis_20131202"

MAX_CHANGES = 1_000
MAX_RECORDS = 10_000
"""Records of one GetRecords where the request names no limit."""

CODES: Mapping[type[EventkitError], str] = {
    ExpiredCursorError: "ExpiredIteratorException",
    TrimmedDataError: "TrimmedDataAccessException",
}
THROTTLED = {TABLES: "LimitExceededException", KINESIS: "ProvisionedThroughputExceededException"}
NOT_FOUND = "ResourceNotFoundException"


class Refused(Exception):  # noqa: N818 - an answer, and the code of AWS's that it has
    """A request that is answered with an error; the text is its code."""


class Service:
    """Answers requests."""

    def __init__(self, streams: MemoryStreams) -> None:
        self._streams = streams
        self._actions: Mapping[str, Callable[[Request], Awaitable[Fields]]] = {
            "DynamoDB_20120810.DescribeTable": self._table,
            f"{TABLES}.DescribeStream": self._describe_stream,
            f"{TABLES}.GetShardIterator": self._iterator,
            f"{TABLES}.GetRecords": self._changes,
            f"{KINESIS}.DescribeStreamSummary": self._summary,
            f"{KINESIS}.ListShards": self._list_shards,
            f"{KINESIS}.GetShardIterator": self._iterator,
            f"{KINESIS}.GetRecords": self._records,
        }

    async def answer(self, target: str, request: Request) -> bytes:
        """The response to a request; `target` is its header `x-amz-target`. Raises `Refused`."""
        action = self._actions.get(target)
        if action is None:
            raise Refused("UnknownOperationException")
        try:
            return json.dumps(await action(request)).encode()
        except ThrottledError as error:
            raise Refused(THROTTLED[target.partition(".")[0]]) from error
        except EventkitError as error:
            raise Refused(CODES.get(type(error), NOT_FOUND)) from error

    async def _table(self, request: Request) -> Fields:
        name = request["TableName"]
        return {"Table": {"TableName": name, "LatestStreamArn": await self._streams.resolve("table", name)}}

    async def _describe_stream(self, request: Request) -> Fields:
        listing = await self._streams.shards(request["StreamArn"])
        return {"StreamDescription": {"StreamArn": request["StreamArn"], "Shards": [*map(_described, listing.shards)]}}

    async def _summary(self, request: Request) -> Fields:
        arn = await self._streams.resolve("stream", request.get("StreamARN") or request["StreamName"])
        return {"StreamDescriptionSummary": {"StreamARN": arn, "StreamStatus": "ACTIVE"}}

    async def _list_shards(self, request: Request) -> Fields:
        listing = await self._streams.shards(request["StreamARN"])
        return {"Shards": [*map(_described, listing.shards)]}

    async def _iterator(self, request: Request) -> Fields:
        stream = request.get("StreamARN") or request["StreamArn"]
        cursor = await self._streams.open(stream, request["ShardId"], _position(request))
        return {"ShardIterator": _text(cursor)}

    async def _changes(self, request: Request) -> Fields:
        page = await self._page(request, MAX_CHANGES)
        return {"Records": [*map(_change, page.records)], **_following(page)}

    async def _records(self, request: Request) -> Fields:
        page = await self._page(request, MAX_RECORDS)
        behind = round((page.behind or 0) * 1000)
        return {"Records": [*map(_record, page.records)], **_following(page), "MillisBehindLatest": behind}

    async def _page(self, request: Request, most: int) -> Page:
        stream, shard, token = request["ShardIterator"].split(" ")
        return await self._streams.read(Cursor(stream, shard, token), request.get("Limit", most))


def _described(shard: Shard) -> Fields:
    parents = dict(zip(("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False))
    end = {"EndingSequenceNumber": "1"} if shard.closed else {}
    return {"ShardId": shard.id, **parents, "SequenceNumberRange": {"StartingSequenceNumber": "0", **end}}


def _position(request: Request) -> Position:
    match request["ShardIteratorType"]:
        case "TRIM_HORIZON":
            return TRIM_HORIZON
        case "LATEST":
            return Latest()
        case "AT_TIMESTAMP":
            return Since(request["Timestamp"])
        case "AFTER_SEQUENCE_NUMBER":
            return After(request.get("StartingSequenceNumber") or request["SequenceNumber"])
        case _:
            raise Refused("ValidationException")


def _text(cursor: Cursor) -> str:
    return f"{cursor.stream} {cursor.shard} {cursor.token}"


def _following(page: Page) -> Fields:
    return {"NextShardIterator": _text(page.next)} if page.next else {}


def _change(record: Raw) -> Fields:
    """A record as DynamoDB Streams sends it: without its stream, and with large letters in who has made the change."""
    sent = {name: value for name, value in record.items() if name not in {"eventSourceARN", "userIdentity"}}
    identity = cast("Mapping[str, object]", record.get("userIdentity", {}))
    if identity:
        sent["userIdentity"] = {name[:1].upper() + name[1:]: value for name, value in identity.items()}
    return sent


def _record(record: Raw) -> Fields:
    facts = cast("Mapping[str, object]", record["kinesis"])
    return {
        "SequenceNumber": facts["sequenceNumber"],
        "ApproximateArrivalTimestamp": facts["approximateArrivalTimestamp"],
        "PartitionKey": facts["partitionKey"],
        "Data": facts["data"],
    }
