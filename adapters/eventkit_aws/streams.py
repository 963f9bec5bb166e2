"""Streams of Amazon DynamoDB's tables and of Amazon Kinesis.

`open_streams` makes its clients with aioboto3. The role needs `dynamodb:DescribeTable` on the tables,
`dynamodb:DescribeStream`, `GetShardIterator` and `GetRecords` on their streams, `kinesis:DescribeStreamSummary`,
`ListShards`, `GetShardIterator` and `GetRecords` on Kinesis's, and `kms:Decrypt` where those are encrypted.

What the services allow ("Quotas in Amazon DynamoDB", "Quotas and limits" of Kinesis Data Streams):

- DynamoDB: 10 DescribeStream a second for the account, each of 100 shards; GetRecords of 1,000 records or 1 MB, by two
  readers of a shard.
- Kinesis: 5 GetRecords a second for each shard, of 10,000 records or 10 MB, and 2 MB a second; 1,000 ListShards a
  second for each stream; 20 DescribeStreamSummary for the account.

Every call only reads, so one that is cancelled has changed nothing; the same cursor can be read again.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Protocol, TypeVar, cast

from eventkit.errors import BackendError, ConfigurationError, UnknownShardError
from eventkit.events._base import parse_arn
from eventkit.streams import Cursor, Listing, Page, Raw, Shard
from eventkit.streams.positions import After, Latest, Position, Since, TrimHorizon
from eventkit_aws._calls import Call, call, code_of, opened_on_demand
from eventkit_aws._sessions import Options, imported, split_claims
from eventkit_aws._stream_records import Fields, change_record, keep_sent, sent_records, stream_record

__all__ = ["AwsStreams", "KinesisClient", "TableStreamsClient", "TablesClient", "open_streams"]

NOT_FOUND = "ResourceNotFoundException"

MAX_CHANGES = 1_000
MAX_RECORDS = 10_000
"""Records of one GetRecords of DynamoDB Streams and of Kinesis."""

PAUSE = 0.1
"""Seconds between two pages of DescribeStream, which DynamoDB takes 10 times a second."""

SERVICES = ("dynamodb", "dynamodbstreams", "kinesis")
"""As the SDK calls them."""

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[object]]


class TablesClient(Protocol):
    """What is called of a DynamoDB client; aioboto3's is one."""

    @property
    def describe_table(self) -> Call: ...


class TableStreamsClient(Protocol):
    """What is called of a DynamoDB Streams client; aioboto3's is one."""

    @property
    def describe_stream(self) -> Call: ...
    @property
    def get_shard_iterator(self) -> Call: ...
    @property
    def get_records(self) -> Call: ...


class KinesisClient(Protocol):
    """What is called of a Kinesis client; aioboto3's is one."""

    @property
    def describe_stream_summary(self) -> Call: ...
    @property
    def list_shards(self) -> Call: ...
    @property
    def get_shard_iterator(self) -> Call: ...
    @property
    def get_records(self) -> Call: ...


class AwsStreams:
    """Streams over clients of the services; `eventkit.streams.Streams` says what its methods promise."""

    def __init__(
        self,
        dynamodb: TablesClient,
        dynamodbstreams: TableStreamsClient,
        kinesis: KinesisClient,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """The clients are the caller's to close. `sleep` takes seconds."""
        self._tables = _Tables(dynamodb, dynamodbstreams, sleep)
        self._kinesis = _Kinesis(kinesis)

    async def resolve(self, kind: str, address: str) -> str:
        return await (self._tables if kind == "table" else self._kinesis).resolve(address)

    async def shards(self, stream: str) -> Listing:
        return await self._service(stream).shards(stream)

    async def open(self, stream: str, shard: str, position: Position) -> Cursor:
        iterator = self._service(stream).iterator(stream, shard, position)
        return Cursor(stream, shard, await self._known(stream, shard, iterator))

    async def read(self, cursor: Cursor, limit: int) -> Page:
        return await self._known(cursor.stream, cursor.shard, self._service(cursor.stream).read(cursor, limit))

    def _service(self, stream: str) -> "_Tables | _Kinesis":
        arn = parse_arn(stream)
        return self._kinesis if arn and arn.service == "kinesis" else self._tables

    async def _known(self, stream: str, shard: str, answer: Awaitable[T]) -> T:
        """What was asked of a shard. A missing shard and a missing stream have the same code; the listing tells."""
        try:
            return await answer
        except BackendError as error:
            if code_of(error) != NOT_FOUND or shard in [one.id for one in (await self.shards(stream)).shards]:
                raise
            raise UnknownShardError(f"shard {shard!r} of {stream!r} is gone") from error


class _Tables:
    """DynamoDB Streams."""

    def __init__(self, tables: TablesClient, streams: TableStreamsClient, sleep: Sleep) -> None:
        self._tables = tables
        self._streams = streams
        self._sleep = sleep

    async def resolve(self, address: str) -> str:
        if "/stream/" in address:
            return address
        with _existing(f"table {address!r}"):
            found = await call(self._tables.describe_table, f"DescribeTable {address!r}", TableName=address)
        if not found["Table"].get("LatestStreamArn"):
            raise ConfigurationError(
                f"table {address!r} has no stream: enable one, with the view NEW_AND_OLD_IMAGES (StreamSpecification)"
            )
        return str(found["Table"]["LatestStreamArn"])

    async def shards(self, stream: str) -> Listing:
        what = f"DescribeStream of {stream!r}"
        page = await call(self._streams.describe_stream, what, StreamArn=stream)
        at, found = _date_of(page, what), _shards(page["StreamDescription"])
        while last := page["StreamDescription"].get("LastEvaluatedShardId"):
            await self._sleep(PAUSE)
            page = await call(self._streams.describe_stream, what, StreamArn=stream, ExclusiveStartShardId=last)
            found += _shards(page["StreamDescription"])
        return Listing(found, at)

    async def iterator(self, stream: str, shard: str, position: Position) -> str:
        match position:
            case TrimHorizon() | Since():
                begin = {"ShardIteratorType": "TRIM_HORIZON"}
            case Latest():
                begin = {"ShardIteratorType": "LATEST"}
            case After(sequence):
                begin = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": sequence}
        what = f"GetShardIterator of {shard!r} of {stream!r}"
        found = await call(self._streams.get_shard_iterator, what, StreamArn=stream, ShardId=shard, **begin)
        return str(found["ShardIterator"])

    async def read(self, cursor: Cursor, limit: int) -> Page:
        what, limit = f"GetRecords of {cursor.shard!r} of {cursor.stream!r}", min(limit, MAX_CHANGES)
        response = await call(self._streams.get_records, what, ShardIterator=cursor.token, Limit=limit)
        return _page([change_record(sent, cursor.stream) for sent in sent_records(response)], response, cursor)


class _Kinesis:
    """Kinesis Data Streams. It is told name and ARN, as by Amazon's client library: not all emulators know the ARN."""

    def __init__(self, client: KinesisClient) -> None:
        self._client = client

    async def resolve(self, address: str) -> str:
        what = f"DescribeStreamSummary of {address!r}"
        with _existing(f"stream {address!r}"):
            found = await call(self._client.describe_stream_summary, what, **_named(address))
        return str(found["StreamDescriptionSummary"]["StreamARN"])

    async def shards(self, stream: str) -> Listing:
        what = f"ListShards of {stream!r}"
        page = await call(self._client.list_shards, what, **_named(stream))
        at, found = _date_of(page, what), _shards(page)
        while token := page.get("NextToken"):  # it stands for the name
            page = await call(self._client.list_shards, what, StreamARN=stream, NextToken=token)
            found += _shards(page)
        return Listing(found, at)

    async def iterator(self, stream: str, shard: str, position: Position) -> str:
        begin: Fields
        match position:
            case TrimHorizon():
                begin = {"ShardIteratorType": "TRIM_HORIZON"}
            case Latest():
                begin = {"ShardIteratorType": "LATEST"}
            case Since(time):  # the SDK sends whole seconds, so this may be earlier
                begin = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": time}
            case After(sequence):
                begin = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": sequence}
        what = f"GetShardIterator of {shard!r} of {stream!r}"
        found = await call(self._client.get_shard_iterator, what, **_named(stream), ShardId=shard, **begin)
        return str(found["ShardIterator"])

    async def read(self, cursor: Cursor, limit: int) -> Page:
        what, stream = f"GetRecords of {cursor.shard!r} of {cursor.stream!r}", cursor.stream
        request = {"StreamARN": stream, "ShardIterator": cursor.token, "Limit": min(limit, MAX_RECORDS)}
        response = await call(self._client.get_records, what, **request)
        records = [stream_record(sent, stream, cursor.shard) for sent in sent_records(response)]
        return _page(records, response, cursor)


def _named(address: str) -> Mapping[str, str]:
    arn = parse_arn(address)
    return {"StreamName": arn.name, "StreamARN": address} if arn else {"StreamName": address}


@contextmanager
def _existing(what: str) -> Generator[None]:
    try:
        yield
    except BackendError as error:
        if code_of(error) != NOT_FOUND:
            raise
        raise ConfigurationError(f"there is no {what} in this account and Region; a full ARN names others") from error


def _shards(described: Mapping[str, Any]) -> tuple[Shard, ...]:
    return tuple(map(_shard, described["Shards"]))


def _shard(described: Mapping[str, Any]) -> Shard:
    parents = (described.get("ParentShardId"), described.get("AdjacentParentShardId"))
    end = described["SequenceNumberRange"].get("EndingSequenceNumber")
    return Shard(described["ShardId"], tuple(filter(None, parents)), closed=end is not None)


def _date_of(response: Mapping[str, Any], what: str) -> float:
    """When the service answered, by its clock, in whole seconds; of several pages the first is the safe one."""
    date = response["ResponseMetadata"]["HTTPHeaders"].get("date")
    if not date:
        raise BackendError(f"the answer to {what} has no Date, so the service's clock is not known")
    return parsedate_to_datetime(date).timestamp()


def _page(records: Sequence[Raw], response: Mapping[str, Any], cursor: Cursor) -> Page:
    token, behind = response.get("NextShardIterator"), response.get("MillisBehindLatest")
    following = Cursor(cursor.stream, cursor.shard, token) if token else None
    return Page(records, following, None if behind is None else behind / 1000)


@asynccontextmanager
async def open_streams(url: str = "sqs://") -> AsyncGenerator[AwsStreams]:
    """Streams with clients of aioboto3, each opened when it is first needed.

    The URL is that of the backend, and may hold `region`, `endpoint` and `connections`; each shard that is read holds a
    connection for the length of a call. Raises `MissingExtraError`, and `ConfigurationError` for any other option.
    """
    options = Options.from_url(split_claims(url).url)  # streams have no payloads that would be elsewhere
    client = partial(imported("aioboto3").Session().client, **options.client())
    async with AsyncExitStack() as stack:
        clients = [opened_on_demand(partial(_entered, stack, partial(client, service))) for service in SERVICES]
        yield AwsStreams(*cast("list[Any]", clients))


async def _entered(stack: AsyncExitStack, client: Callable[[], Any]) -> object:
    entered = await stack.enter_async_context(client())
    service = entered.meta.service_model.service_id.hyphenize()
    entered.meta.events.register(f"before-parse.{service}.GetRecords", keep_sent)
    return entered
