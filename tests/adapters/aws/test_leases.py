"""Tables of leases are found, checked and made; and what becomes of refusals and of answers that are lost."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from itertools import count
from typing import Any, cast

import aiohttp
import boto3
import pytest
from aiohttp import web
from botocore.exceptions import ClientError

import eventkit_aws.leases
from eventkit.errors import BackendError, ConfigurationError, ThrottledError
from eventkit.streams.leases import Lease
from eventkit.values import replace
from eventkit_aws.leases import DynamoLeases, DynamoLeasesClient, open_leases
from tests.adapters.aws.fakes import Answers, FakeClient, refusal

FREE = Lease("app", "arn", "shard")
OWNED = replace(FREE, owner="a", counter=7)
NEXT = replace(OWNED, counter=8)

VERBS: Mapping[str, Callable[[DynamoLeases], Awaitable[object]]] = {
    "query": lambda store: store.leases("app", "arn"),
    "get_item": lambda store: store.read(FREE),
    "put_item": lambda store: store.create(FREE),
    "put_item ": lambda store: store.swap(OWNED, NEXT),
    "delete_item": lambda store: store.delete(OWNED),
}
"""What each verb calls, and the verb."""

NUMBERS = count(1)


def leases(**answers: Answers) -> tuple[DynamoLeases, FakeClient]:
    client = FakeClient(**answers)
    return DynamoLeases(cast("DynamoLeasesClient", client), "shared"), client


def item(lease: Lease) -> dict[str, Any]:
    """How the table holds a lease that has an owner and has not been read from."""
    return {
        "consumer": {"S": "app arn"},
        "shard": {"S": lease.shard},
        "owner": {"S": lease.owner},
        "counter": {"N": str(lease.counter)},
        "checkpoint": {"S": "TRIM_HORIZON"},
        "parents": {"L": []},
    }


def refused(found: Mapping[str, Any], repeats: int) -> ClientError:
    """What botocore raises for a write on a condition, after so many repeats, with what is in the way."""
    code = {"Error": {"Code": "ConditionalCheckFailedException", "Message": "the secret"}}
    metadata = {"RetryAttempts": repeats, "HTTPStatusCode": 400}
    return ClientError(cast("Any", {**code, "ResponseMetadata": metadata, **found}), "PutItem")


@pytest.fixture
def dynamodb(moto: str) -> Iterator[Any]:
    client = cast("Any", boto3).client("dynamodb", endpoint_url=moto)
    yield client
    client.close()


@pytest.fixture
def table() -> str:
    return f"lease-table-{next(NUMBERS)}"  # moto forgets nothing when a server stops


Answer = tuple[int, Mapping[str, Any]]


def answer_of(code: str) -> Answer:
    return 400, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "the secret"}


def described(status: str) -> Answer:
    return 200, {"Table": {"TableStatus": status, **eventkit_aws.leases.SCHEMA}}


@asynccontextmanager
async def serving(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncGenerator[str]:
    app = web.Application()
    app.router.add_post("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


class Script:
    """A DynamoDB that gives the answers of a script, each operation its own, the last one for good."""

    def __init__(self, **answers: list[Answer]) -> None:
        self.asked: list[str] = []
        self._answers = answers

    async def answer(self, request: web.Request) -> web.Response:
        operation = request.headers["X-Amz-Target"].partition(".")[2]
        self.asked.append(operation)
        answers = self._answers[operation]
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        return web.json_response(body, status=status, content_type="application/x-amz-json-1.0")


async def test_a_missing_table_is_named_with_what_makes_it(moto: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no table 'absent' .* template.*\?create=true"):
        async with open_leases(f"dynamodb://absent?endpoint={moto}"):
            pass


async def test_a_table_is_made_when_asked_for_and_found_from_then_on(moto: str, dynamodb: Any, table: str) -> None:  # noqa: ANN401 - an SDK's client
    async with open_leases(f"dynamodb://{table}?endpoint={moto}&create=true") as store:
        assert await store.create(OWNED)
    made = dynamodb.describe_table(TableName=table)["Table"]
    async with open_leases(f"dynamodb://{table}?endpoint={moto}&create=true") as store:
        again = await store.read(FREE)
    async with open_leases(f"dynamodb://{table}?endpoint={moto}&region=us-east-1&connections=2") as store:
        unasked = await store.read(FREE)

    assert made["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert again == unasked == OWNED


async def test_a_table_as_documented_is_one_for_leases(moto: str, dynamodb: Any, table: str) -> None:  # noqa: ANN401 - an SDK's client
    documentation = eventkit_aws.leases.__doc__ or ""
    template = documentation.partition("::\n")[2].partition("\n\n`")[0]
    dynamodb.create_table(TableName=table, **cast("Any", import_module("yaml")).safe_load(template))

    async with open_leases(f"dynamodb://{table}?endpoint={moto}") as store:
        assert await store.create(FREE)


async def test_several_processes_may_ask_for_the_table_at_the_same_time(moto: str, table: str) -> None:
    async def process() -> bool:
        async with open_leases(f"dynamodb://{table}?endpoint={moto}&create=true") as store:
            return await store.create(FREE)

    assert sorted(await asyncio.gather(*(process() for _ in range(5)))) == [False, False, False, False, True]


async def test_a_table_that_another_process_has_just_begun_to_make_is_waited_for() -> None:
    script = Script(
        DescribeTable=[answer_of("ResourceNotFoundException"), described("ACTIVE")],
        CreateTable=[answer_of("ResourceInUseException")],
    )
    async with serving(script.answer) as endpoint, open_leases(f"dynamodb://shared?endpoint={endpoint}&create=true"):
        pass

    assert script.asked[:3] == ["DescribeTable", "CreateTable", "DescribeTable"]


async def test_a_table_that_is_being_made_is_waited_for_whoever_makes_it() -> None:
    script = Script(DescribeTable=[described("CREATING"), described("ACTIVE")])
    async with serving(script.answer) as endpoint, open_leases(f"dynamodb://shared?endpoint={endpoint}"):
        pass

    assert set(script.asked) == {"DescribeTable"}
    assert len(script.asked) > 1


@pytest.mark.parametrize("create", ["", "&create=true"])
async def test_a_table_that_cannot_be_looked_at_is_not_taken_for_missing(create: str) -> None:
    script = Script(DescribeTable=[answer_of("AccessDeniedException")])
    async with serving(script.answer) as endpoint:
        with pytest.raises(BackendError, match=r"DescribeTable 'shared' failed: .* lacks the permission") as raised:
            async with open_leases(f"dynamodb://shared?endpoint={endpoint}{create}"):
                pass

    assert "secret" not in str(raised.value)
    assert script.asked == ["DescribeTable"]


@pytest.mark.parametrize(
    ("code", "kind"), [("AccessDeniedException", BackendError), ("LimitExceededException", ThrottledError)]
)
async def test_a_table_that_may_not_be_made_is_a_backend_error(code: str, kind: type[BackendError]) -> None:
    script = Script(DescribeTable=[answer_of("ResourceNotFoundException")], CreateTable=[answer_of(code)])
    async with serving(script.answer) as endpoint:
        with pytest.raises(BackendError, match=f"CreateTable 'shared' failed: {code}") as raised:
            async with open_leases(f"dynamodb://shared?endpoint={endpoint}&create=true"):
                pass

    assert type(raised.value) is kind


@pytest.mark.parametrize(
    "key",
    [
        {"id": ("HASH", "S")},
        {"consumer": ("HASH", "S")},
        {"shard": ("HASH", "S"), "consumer": ("RANGE", "S")},
        {"consumer": ("HASH", "S"), "shard": ("RANGE", "N")},
        {"consumer": ("HASH", "S"), "checkpoint": ("RANGE", "S")},
    ],
    ids=str,
)
@pytest.mark.parametrize("create", ["", "&create=true"])
async def test_a_table_with_another_key_is_left_alone(
    moto: str,
    dynamodb: Any,  # noqa: ANN401 - an SDK's client
    table: str,
    key: Mapping[str, tuple[str, str]],
    create: str,
) -> None:
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": name, "KeyType": role} for name, (role, _) in key.items()],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, (_, kind) in key.items()],
        BillingMode="PAY_PER_REQUEST",
    )

    with pytest.raises(ConfigurationError, match=f"table '{table}' was not made for leases"):
        async with open_leases(f"dynamodb://{table}?endpoint={moto}{create}"):
            pass


@pytest.mark.parametrize(
    "url",
    [
        "dynamodb://",
        "dynamodb://?create=true",
        "dynamodb://shared/path",
        "dynamodb://shared?create=yes",
        "dynamodb://shared?create=",
        "dynamodb://shared?skew=3",
    ],
)
async def test_a_url_that_says_something_else_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="write dynamodb://"):
        async with open_leases(url):
            pass


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "code", ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"]
)
async def test_a_table_that_is_asked_too_often_says_so(verb: str, code: str) -> None:
    store, _ = leases(**{verb.strip(): [refusal(code)]})

    with pytest.raises(ThrottledError, match=f"on table 'shared' failed: {code}") as raised:
        await VERBS[verb](store)

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("error", [refusal("InternalServerError"), TimeoutError()], ids=["refused", "not reached"])
async def test_whatever_else_goes_wrong_is_a_backend_error(verb: str, error: Exception) -> None:
    store, _ = leases(**{verb.strip(): [error]})

    with pytest.raises(BackendError, match="on table 'shared' failed") as raised:
        await VERBS[verb](store)

    assert type(raised.value) is BackendError
    assert raised.value.__cause__ is error


async def test_leases_are_read_consistently_page_after_page_even_where_one_is_empty() -> None:
    store, client = leases(
        query=[
            {"Items": [item(OWNED)], "LastEvaluatedKey": {"a": {"S": "1"}}},
            {"Items": [], "LastEvaluatedKey": {"a": {"S": "2"}}},
            {"Items": [item(replace(NEXT, shard="last"))]},
        ]
    )

    assert list(await store.leases("app", "arn")) == [OWNED, replace(NEXT, shard="last")]

    requests = client.requests("query")
    assert [request.get("ExclusiveStartKey") for request in requests] == [None, {"a": {"S": "1"}}, {"a": {"S": "2"}}]
    assert all(request["ConsistentRead"] for request in requests)


async def test_a_lease_is_read_consistently() -> None:
    store, client = leases(get_item=[{"Item": item(OWNED)}])

    assert await store.read(FREE) == OWNED

    assert client.requests("get_item") == [
        {"TableName": "shared", "Key": {"consumer": {"S": "app arn"}, "shard": {"S": "shard"}}, "ConsistentRead": True}
    ]


@pytest.mark.parametrize(
    "wrong", [{"checkpoint": {"S": "HALFWAY"}}, {"counter": {"N": "1.5"}}, {"counter": {"S": "7"}}], ids=str
)
async def test_an_item_that_is_no_lease_is_a_backend_error_that_names_it(wrong: Mapping[str, Any]) -> None:
    broken = {**item(OWNED), **wrong}
    store, _ = leases(query=[{"Items": [broken]}], get_item=[{"Item": broken}])

    with pytest.raises(BackendError, match=r"'shared' holds an item that is no lease.*'shard': 'shard'"):
        await store.read(FREE)
    with pytest.raises(BackendError, match="'shared' holds an item that is no lease"):
        await store.leases("app", "arn")


@pytest.fixture
async def losing(moto: str, table: str) -> AsyncIterator[DynamoLeases]:
    """A store with a lease, whose connection breaks after the first swap was done and before its answer comes."""
    lost = 0

    async def forward(request: web.Request) -> web.StreamResponse:
        nonlocal lost
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        async with aiohttp.ClientSession() as session, session.post(moto, data=body, headers=headers) as answer:
            found = await answer.read()
        if b"ReturnValuesOnConditionCheckFailure" in body and not lost and request.transport is not None:
            lost += 1
            request.transport.abort()
        return web.Response(body=found, status=answer.status, content_type="application/x-amz-json-1.0")

    async with (
        serving(forward) as endpoint,
        open_leases(f"dynamodb://{table}?endpoint={endpoint}&create=true") as store,
    ):
        await store.create(OWNED)
        yield store
    assert lost


async def test_a_swap_whose_answer_was_lost_and_that_the_sdk_has_repeated_has_succeeded(losing: DynamoLeases) -> None:
    assert await losing.swap(OWNED, NEXT)

    assert await losing.read(FREE) == NEXT
    assert not await losing.swap(OWNED, NEXT)


@pytest.mark.parametrize(
    ("found", "repeats", "succeeded"),
    [
        (NEXT, 1, True),
        (NEXT, 0, False),
        (replace(NEXT, owner="b"), 1, False),
        (replace(NEXT, counter=9), 1, False),
    ],
    ids=["done before", "another has written the same", "another's", "changed since"],
)
async def test_a_refused_swap_has_succeeded_only_where_it_was_repeated_and_is_there(
    found: Lease, repeats: int, *, succeeded: bool
) -> None:
    store, _ = leases(put_item=[refused({"Item": item(found)}, repeats)])

    assert await store.swap(OWNED, NEXT) is succeeded


async def test_a_lease_that_is_gone_is_not_swapped_however_often_it_was_tried() -> None:
    store, _ = leases(put_item=[refused({}, 1)])

    assert not await store.swap(OWNED, NEXT)


async def test_a_creation_that_was_repeated_does_not_take_the_lease_for_its_own() -> None:
    store, _ = leases(put_item=[refused({"Item": item(OWNED)}, 1)])

    assert not await store.create(OWNED)
