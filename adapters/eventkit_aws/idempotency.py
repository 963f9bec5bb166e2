"""An idempotency store in a table of Amazon DynamoDB: one item per key, and one conditional write per verb.

`DynamoDbStore` takes a client, which may be shared; `open_store` makes its own with aioboto3, and
`open_blocking_store` uses boto3, for Lambda, where aioboto3 is not installed. The table has the partition key `id`, a
text; `create_table` makes it, and switches on time to live. The role needs `dynamodb:PutItem`, `UpdateItem` and
`DeleteItem` on it.

DynamoDB tells no time, so leases are judged by the clocks of those who write. Nothing counts as over before all clocks
say so that are within `skew` seconds of each other; after a crash, a key is free that much later.
"""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from math import ceil
from typing import Any, Protocol, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from eventkit.errors import BackendError, ConfigurationError
from eventkit.stores import Claimed, Claiming, Finished, InProgress
from eventkit_aws._calls import Call, call, code_of, on_demand, translated
from eventkit_aws._sessions import Options, imported

__all__ = [
    "MAX_SKEW",
    "DynamoDbClient",
    "DynamoDbStore",
    "blocking_store",
    "create_table",
    "open_blocking_store",
    "open_store",
]

MAX_SKEW = 30.0
"""Seconds by which the clocks of two writers may differ."""

LINGER = 86_400
"""Seconds for which an item stays after its lease, for an owner that comes late."""

IN_PROGRESS, FINISHED = "in progress", "finished"
OURS = "#owner = :owner AND #state = :in_progress"
REFUSED = "ConditionalCheckFailedException"

Item = dict[str, dict[str, str]]


class DynamoDbClient(Protocol):
    """What is called of a DynamoDB client; aioboto3's is one, and `eventkit_aws.sqs.blocking(client)` of boto3's."""

    @property
    def put_item(self) -> Call: ...
    @property
    def update_item(self) -> Call: ...
    @property
    def delete_item(self) -> Call: ...


class DynamoDbStore:
    """A store over a client of DynamoDB; see `eventkit.stores.IdempotencyStore` for what its verbs promise."""

    def __init__(
        self, client: DynamoDbClient, table: str, *, skew: float = MAX_SKEW, clock: Callable[[], float] = time.time
    ) -> None:
        """The client is the caller's to close. `skew` is in seconds; `clock` gives Unix time in seconds."""
        self._client = client
        self._table = table
        self._skew = skew
        self._clock = clock

    async def claim(self, key: str, claiming: Claiming) -> Claimed | InProgress | Finished:
        now = self._clock()
        item = {
            "id": {"S": key},
            "owner": {"S": claiming.owner},
            "fingerprint": {"S": claiming.fingerprint},
            "state": {"S": IN_PROGRESS},
            **_times(now + claiming.lease, LINGER),
        }
        over = {":over": _milliseconds(now - self._skew)}
        condition = {
            "ConditionExpression": "attribute_not_exists(id) OR #expires <= :over",
            "ExpressionAttributeNames": {"#expires": "expires"},
            "ExpressionAttributeValues": over,
        }
        refused = await self._write("PutItem", self._client.put_item, Item=item, **condition)
        return Claimed() if refused is None else self._seen(refused, claiming, now)

    async def renew(self, key: str, owner: str, lease: float) -> bool:
        return await self._update(key, owner, _times(self._clock() + lease, LINGER)) is None

    async def complete(self, key: str, owner: str, ttl: float) -> bool:
        changes = {**_times(self._clock() + ttl, self._skew), "state": {"S": FINISHED}}
        refused = await self._update(key, owner, changes)
        return refused is None or _is(refused, owner, FINISHED)  # the first answer may have been lost

    async def release(self, key: str, owner: str) -> bool:
        condition = {
            "ConditionExpression": OURS,
            "ExpressionAttributeNames": {"#owner": "owner", "#state": "state"},
            "ExpressionAttributeValues": {":owner": {"S": owner}, ":in_progress": {"S": IN_PROGRESS}},
        }
        return await self._write("DeleteItem", self._client.delete_item, Key={"id": {"S": key}}, **condition) is None

    def _seen(self, found: Item, claiming: Claiming, now: float) -> Claimed | InProgress | Finished:
        """What an item means that was in the way of a claim."""
        fingerprint = found["fingerprint"]["S"]
        if found["state"]["S"] == FINISHED:
            return Finished(fingerprint)
        if _is(found, claiming.owner, IN_PROGRESS):  # the first answer was lost
            return Claimed()
        return InProgress(fingerprint, max(0.0, int(found["expires"]["N"]) / 1000 + self._skew - now))

    async def _update(self, key: str, owner: str, changes: Item) -> Item | None:
        """Change the owner's item while it is in progress; gives the item where it is not."""
        return await self._write(
            "UpdateItem",
            self._client.update_item,
            Key={"id": {"S": key}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in changes),
            ConditionExpression=OURS,
            ExpressionAttributeNames={"#owner": "owner", "#state": "state", **{f"#{name}": name for name in changes}},
            ExpressionAttributeValues={
                ":owner": {"S": owner},
                ":in_progress": {"S": IN_PROGRESS},
                **{f":{name}": value for name, value in changes.items()},
            },
        )

    async def _write(self, name: str, verb: Call, **request: object) -> Item | None:
        """Write on a condition. Where that does not hold, gives the item as it is, empty where there is none."""
        try:
            await call(
                verb,
                f"{name} on table {self._table!r}",
                TableName=self._table,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **request,
            )
        except BackendError as error:
            if code_of(error) != REFUSED:
                raise
            return cast("Item", getattr(error.__cause__, "response", {}).get("Item") or {})
        return None


def _is(found: Item, owner: str, state: str) -> bool:
    return found.get("owner") == {"S": owner} and found.get("state") == {"S": state}


def _times(expires: float, kept: float) -> Item:
    """When the item is over, in milliseconds, and when DynamoDB may delete it, in seconds."""
    return {"expires": _milliseconds(expires), "ttl": {"N": str(ceil(expires + kept))}}


def _milliseconds(seconds: float) -> dict[str, str]:
    return {"N": str(ceil(seconds * 1000))}


def _parsed(url: str) -> tuple[str, float, Options]:
    """The table, the skew and the client's options in a store's URL. Raises `ConfigurationError`."""
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    try:
        skew = float(given.pop("skew", MAX_SKEW))
    except ValueError:
        skew = -1.0
    if not parts.netloc or parts.path.strip("/") or not 0 <= skew < LINGER:
        raise ConfigurationError(
            f"{url!r}: write {parts.scheme}://TABLE, with ?region=…, ?endpoint=…, ?connections=… or ?skew=SECONDS "
            "where needed"
        )
    return parts.netloc, skew, Options.from_url(f"{parts.scheme}://?{urlencode(given)}")


@asynccontextmanager
async def _client(options: Options) -> AsyncGenerator[Any]:
    async with imported("aioboto3").Session().client("dynamodb", **options.client()) as client:
        yield client


@asynccontextmanager
async def open_store(url: str) -> AsyncGenerator[DynamoDbStore]:
    """A store with its own client of aioboto3: `dynamodb://TABLE?region=eu-west-1`.

    The URL may hold `region`, `endpoint`, `connections` and `skew`. Raises `MissingExtraError`, `ConfigurationError`
    for any other option, and `BackendError`.
    """
    table, skew, options = _parsed(url)
    async with AsyncExitStack() as stack:
        with translated("opening DynamoDB"):
            client = await stack.enter_async_context(_client(options))
        yield DynamoDbStore(client, table, skew=skew)


@asynccontextmanager
async def open_blocking_store(url: str) -> AsyncGenerator[DynamoDbStore]:
    """The same over boto3, whose calls block: `dynamodb+boto3://TABLE`, for Lambda."""
    yield blocking_store(url)


def blocking_store(url: str) -> DynamoDbStore:
    """See `open_blocking_store`; such a store need not be closed. Raises `ConfigurationError`."""
    table, skew, options = _parsed(url)
    client = on_demand(lambda: imported("boto3").client("dynamodb", **options.client()))
    return DynamoDbStore(cast("DynamoDbClient", client), table, skew=skew)


async def create_table(url: str) -> None:
    """Make the table of a store's URL, paid per request, with time to live, where there is none yet.

    Nothing else makes it. Raises as `open_store`.
    """
    table, _, options = _parsed(url)
    with translated(f"creating table {table!r}"):
        async with _client(options) as client:
            await _created(client, table)
            await client.get_waiter("table_exists").wait(TableName=table)
            described = await client.describe_time_to_live(TableName=table)
            if described["TimeToLiveDescription"].get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}:
                return
            specification = {"Enabled": True, "AttributeName": "ttl"}
            await client.update_time_to_live(TableName=table, TimeToLiveSpecification=specification)


async def _created(client: Any, table: str) -> None:  # noqa: ANN401 - the SDKs are typed by packages that users need not have
    try:
        await client.create_table(
            TableName=table,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    except Exception as error:
        if code_of(error) != "ResourceInUseException":
            raise
