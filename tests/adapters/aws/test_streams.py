"""What the streams of AWS do with answers that no emulator gives."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from aiohttp import web

from eventkit.errors import (
    BackendError,
    ConfigurationError,
    ExpiredCursorError,
    ThrottledError,
    TrimmedDataError,
    UnknownShardError,
)
from eventkit.streams import Cursor, Listing, Page, Shard
from eventkit.streams.positions import TRIM_HORIZON, After, Latest, Position, Since
from eventkit_aws.streams import AwsStreams, open_streams
from tests.adapters.aws.fakes import Answer, Answers, FakeClient, refusal

TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders"
CHANGES = f"{TABLE}/stream/2024-06-10T19:26:16.525"
CLICKS = "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"
CLICKS_NAMED = {"StreamName": "clicks", "StreamARN": CLICKS}
BOTH = pytest.mark.parametrize("stream", [CHANGES, CLICKS], ids=["DynamoDB", "Kinesis"])

METADATA = {"ResponseMetadata": {"HTTPHeaders": {"date": "Tue, 14 Nov 2023 22:13:20 GMT"}}}
DATE = 1_700_000_000.0


def streams_of(client: FakeClient, naps: list[float] | None = None) -> AwsStreams:
    async def sleep(seconds: float) -> None:
        if naps is not None:
            naps.append(seconds)

    either = cast("Any", client)
    return AwsStreams(either, either, either, sleep=sleep)


def shard(number: int, *parents: int, closed: bool = False) -> dict[str, Any]:
    names = ("ParentShardId", "AdjacentParentShardId")
    found = {name: f"shard-{parent}" for name, parent in zip(names, parents, strict=False)}
    end = {"EndingSequenceNumber": "9"} if closed else {}
    return {"ShardId": f"shard-{number}", "SequenceNumberRange": {"StartingSequenceNumber": "1"} | end} | found


def described(*shards: Mapping[str, Any], last: str | None = None) -> dict[str, Any]:
    more = {} if last is None else {"LastEvaluatedShardId": last}
    return {"StreamDescription": {"Shards": shards} | more} | METADATA


def listed(*shards: Mapping[str, Any], token: str | None = None) -> dict[str, Any]:
    return {"Shards": shards} | ({} if token is None else {"NextToken": token}) | METADATA


def listing(*shards: Mapping[str, Any]) -> dict[str, Answers]:
    """The same shards, whichever service is asked."""
    return {"describe_stream": [described(*shards)], "list_shards": [listed(*shards)]}


async def test_the_stream_of_a_table_is_its_latest() -> None:
    client = FakeClient(describe_table=[{"Table": {"LatestStreamArn": CHANGES}}])

    assert [await streams_of(client).resolve("table", address) for address in ("orders", TABLE)] == [CHANGES] * 2

    assert client.calls == [("describe_table", {"TableName": "orders"}), ("describe_table", {"TableName": TABLE})]


async def test_the_arn_of_a_tables_stream_is_taken_as_it_is() -> None:
    client = FakeClient()

    assert await streams_of(client).resolve("table", CHANGES) == CHANGES

    assert client.calls == []


async def test_a_table_without_a_stream_is_told_what_to_enable() -> None:
    client = FakeClient(describe_table=[{"Table": {}}])

    with pytest.raises(ConfigurationError, match=r"table 'orders' has no stream: .*NEW_AND_OLD_IMAGES"):
        await streams_of(client).resolve("table", "orders")


async def test_a_kinesis_stream_is_asked_for_by_name_or_arn() -> None:
    client = FakeClient(describe_stream_summary=[{"StreamDescriptionSummary": {"StreamARN": CLICKS}}])

    assert [await streams_of(client).resolve("stream", address) for address in ("clicks", CLICKS)] == [CLICKS] * 2

    assert client.requests("describe_stream_summary") == [{"StreamName": "clicks"}, CLICKS_NAMED]


@pytest.mark.parametrize("kind", ["table", "stream"])
async def test_what_there_is_not_is_the_operators_to_repair(kind: str) -> None:
    missing = [refusal("ResourceNotFoundException")]
    client = FakeClient(describe_table=missing, describe_stream_summary=missing)

    with pytest.raises(ConfigurationError, match=f"no {kind} 'orders' in this account and Region"):
        await streams_of(client).resolve(kind, "orders")


@pytest.mark.parametrize("kind", ["table", "stream"])
async def test_a_lookup_that_fails_may_succeed_later(kind: str) -> None:
    denied = refusal("AccessDeniedException")
    client = FakeClient(describe_table=[denied], describe_stream_summary=[denied])

    with pytest.raises(BackendError, match="lacks the permission") as raised:
        await streams_of(client).resolve(kind, "orders")

    assert raised.value.__cause__ is denied


async def test_all_pages_of_a_tables_shards_are_asked_for_and_not_too_fast() -> None:
    pages = [described(shard(1, closed=True), last="shard-1"), described(shard(2, 1), last="shard-2"), described()]
    client, naps = FakeClient(describe_stream=pages), list[float]()

    found = await streams_of(client, naps).shards(CHANGES)

    assert found == Listing((Shard("shard-1", (), closed=True), Shard("shard-2", ("shard-1",))), DATE)
    assert client.requests("describe_stream") == [
        {"StreamArn": CHANGES},
        {"StreamArn": CHANGES, "ExclusiveStartShardId": "shard-1"},
        {"StreamArn": CHANGES, "ExclusiveStartShardId": "shard-2"},
    ]
    assert naps == [0.1, 0.1]


async def test_all_pages_of_kinesis_shards_are_asked_for() -> None:
    pages = [listed(shard(1, closed=True), shard(2, closed=True), token="more"), listed(shard(3, 1, 2))]
    client = FakeClient(list_shards=pages)

    found = await streams_of(client).shards(CLICKS)

    ended = (Shard("shard-1", (), closed=True), Shard("shard-2", (), closed=True))
    assert found == Listing((*ended, Shard("shard-3", ("shard-1", "shard-2"))), DATE)
    assert client.requests("list_shards") == [CLICKS_NAMED, {"StreamARN": CLICKS, "NextToken": "more"}]


@BOTH
async def test_an_end_of_null_is_none(stream: str) -> None:
    one = shard(1)
    one["SequenceNumberRange"]["EndingSequenceNumber"] = None
    client = FakeClient(**listing(one))

    assert (await streams_of(client).shards(stream)).shards == (Shard("shard-1"),)


@BOTH
async def test_an_answer_that_tells_no_time_is_an_error(stream: str) -> None:
    silent: dict[str, Any] = {"ResponseMetadata": {"HTTPHeaders": {}}}
    client = FakeClient(describe_stream=[described() | silent], list_shards=[listed() | silent])

    with pytest.raises(BackendError, match="has no Date"):
        await streams_of(client).shards(stream)


@pytest.mark.parametrize(
    ("position", "asked"),
    [
        (TRIM_HORIZON, {"ShardIteratorType": "TRIM_HORIZON"}),
        (Latest(), {"ShardIteratorType": "LATEST"}),
        (Since(7.5), {"ShardIteratorType": "TRIM_HORIZON"}),
        (After("12"), {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": "12"}),
    ],
    ids=str,
)
async def test_a_position_in_a_tables_stream_is_an_iterator(position: Position, asked: dict[str, Any]) -> None:
    client = FakeClient(get_shard_iterator=[{"ShardIterator": "token"}])

    assert await streams_of(client).open(CHANGES, "shard-1", position) == Cursor(CHANGES, "shard-1", "token")

    assert client.calls == [("get_shard_iterator", {"StreamArn": CHANGES, "ShardId": "shard-1"} | asked)]


@pytest.mark.parametrize(
    ("position", "asked"),
    [
        (TRIM_HORIZON, {"ShardIteratorType": "TRIM_HORIZON"}),
        (Latest(), {"ShardIteratorType": "LATEST"}),
        (Since(7.5), {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 7.5}),
        (After("12"), {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": "12"}),
    ],
    ids=str,
)
async def test_a_position_in_a_kinesis_stream_is_an_iterator(position: Position, asked: dict[str, Any]) -> None:
    client = FakeClient(get_shard_iterator=[{"ShardIterator": "token"}])

    assert await streams_of(client).open(CLICKS, "shard-1", position) == Cursor(CLICKS, "shard-1", "token")

    assert client.calls == [("get_shard_iterator", CLICKS_NAMED | {"ShardId": "shard-1"} | asked)]


@pytest.mark.parametrize(
    ("stream", "limit", "request_"),
    [
        (CHANGES, 10_000, {"ShardIterator": "token", "Limit": 1_000}),
        (CHANGES, 7, {"ShardIterator": "token", "Limit": 7}),
        (CLICKS, 10_000, {"ShardIterator": "token", "Limit": 10_000, "StreamARN": CLICKS}),
    ],
)
async def test_no_more_is_asked_for_than_the_service_gives(stream: str, limit: int, request_: dict[str, Any]) -> None:
    client = FakeClient(get_records=[{"Records": []}])

    await streams_of(client).read(Cursor(stream, "shard-1", "token"), limit)

    assert client.calls == [("get_records", request_)]


@pytest.mark.parametrize(
    ("stream", "answer", "following", "behind"),
    [
        (CHANGES, {"NextShardIterator": "next"}, "next", None),
        (CHANGES, {"NextShardIterator": None}, None, None),
        (CHANGES, {}, None, None),
        (CLICKS, {"NextShardIterator": "next", "MillisBehindLatest": 1500}, "next", 1.5),
        (CLICKS, {"MillisBehindLatest": 0, "ChildShards": []}, None, 0.0),
    ],
)
async def test_a_page_says_where_it_goes_on(
    stream: str, answer: dict[str, Any], following: str | None, behind: float | None
) -> None:
    none: list[object] = []
    client = FakeClient(get_records=[{"Records": none} | answer])

    page = await streams_of(client).read(Cursor(stream, "shard-1", "token"), 10)

    assert page == Page([], Cursor(stream, "shard-1", following) if following else None, behind)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ExpiredIteratorException", ExpiredCursorError),
        ("TrimmedDataAccessException", TrimmedDataError),
        ("ProvisionedThroughputExceededException", ThrottledError),
        ("LimitExceededException", ThrottledError),
        ("ThrottlingException", ThrottledError),
        ("KMSThrottlingException", ThrottledError),
        ("KMSAccessDeniedException", BackendError),
        ("InternalServerError", BackendError),
    ],
)
@BOTH
async def test_what_a_service_refuses_has_an_error_of_its_own(
    stream: str, code: str, error: type[BackendError]
) -> None:
    client = FakeClient(get_shard_iterator=[refusal(code)], get_records=[refusal(code)])

    with pytest.raises(BackendError, match=rf"GetShardIterator of 'shard-1' of '{stream}' failed: {code}") as opening:
        await streams_of(client).open(stream, "shard-1", TRIM_HORIZON)
    with pytest.raises(BackendError, match=rf"GetRecords of 'shard-1' of '{stream}' failed: {code}") as reading:
        await streams_of(client).read(Cursor(stream, "shard-1", "the secret token"), 10)

    assert [type(opening.value), type(reading.value)] == [error, error]
    assert "secret" not in f"{opening.value} {reading.value}"


NOT_FOUND = refusal("ResourceNotFoundException")


async def asked_both(client: FakeClient, stream: str) -> Sequence[BackendError]:
    """The errors with which a shard is opened and read."""
    streams = streams_of(client)
    with pytest.raises(BackendError) as opening:
        await streams.open(stream, "shard-1", TRIM_HORIZON)
    with pytest.raises(BackendError) as reading:
        await streams.read(Cursor(stream, "shard-1", "token"), 10)
    return opening.value, reading.value


@BOTH
async def test_a_shard_that_is_not_listed_any_more_is_gone(stream: str) -> None:
    client = FakeClient(get_shard_iterator=[NOT_FOUND], get_records=[NOT_FOUND], **listing(shard(2)))

    for error in await asked_both(client, stream):
        assert isinstance(error, UnknownShardError)
        assert "'shard-1'" in str(error)


@BOTH
async def test_a_shard_is_not_gone_while_it_is_listed(stream: str) -> None:
    client = FakeClient(get_shard_iterator=[NOT_FOUND], get_records=[NOT_FOUND], **listing(shard(1)))

    for error in await asked_both(client, stream):
        assert type(error) is BackendError


@BOTH
async def test_a_stream_that_is_gone_is_not_taken_for_a_shard_that_is(stream: str) -> None:
    gone: Sequence[Answer] = [NOT_FOUND]
    client = FakeClient(get_shard_iterator=gone, get_records=gone, describe_stream=gone, list_shards=gone)

    for error in await asked_both(client, stream):
        assert type(error) is BackendError
        assert f"of '{stream}' failed: ResourceNotFoundException; what it names is not in this account" in str(error)


@pytest.mark.parametrize("url", ["sqs://?regoin=eu-west-1", "sqs://host", "sqs://?connections=none"])
async def test_an_option_that_there_is_not_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="region="):
        async with open_streams(url):
            pass


class Service:
    """A service over HTTP that gives the same answer to whatever it is asked."""

    def __init__(self, answer: object) -> None:
        self.asked: list[tuple[str, Any]] = []
        self._answer = answer

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.headers["X-Amz-Target"].partition(".")[2], await request.json()))
        return web.json_response(self._answer, content_type="application/x-amz-json-1.1")


@asynccontextmanager
async def served(service: Service) -> AsyncGenerator[str]:
    """Serve it, and give the URL that a backend has there, with options that are not for streams."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port, *_ = runner.addresses[0]
        yield f"sqs://?region=eu-west-1&endpoint=http://{host}:{port}&claim_bucket=payloads&claim_cleanup=1"
    finally:
        await runner.cleanup()


async def test_what_the_sdk_does_not_know_is_delivered_all_the_same() -> None:
    sent = {"eventID": "1", "novelty": 1, "dynamodb": {"Keys": {"id": {"S": "1"}}, "NewImage": {"id": {"V": [0.5]}}}}
    service = Service({"Records": [sent], "NextShardIterator": "next"})

    async with served(service) as url, open_streams(url) as streams:
        page = await streams.read(Cursor(CHANGES, "shard-1", "token"), 10)

    assert page == Page([sent | {"eventSourceARN": CHANGES}], Cursor(CHANGES, "shard-1", "next"))
    assert service.asked == [("GetRecords", {"ShardIterator": "token", "Limit": 10})]


async def test_a_moment_is_asked_for_in_whole_seconds() -> None:
    service = Service({"ShardIterator": "token"})

    async with served(service) as url, open_streams(url) as streams:
        await streams.open(CLICKS, "shard-1", Since(1_700_000_000.9))

    ((_, asked),) = service.asked
    assert (asked["ShardIteratorType"], asked["Timestamp"]) == ("AT_TIMESTAMP", 1_700_000_000)
