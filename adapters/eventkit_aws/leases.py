"""Leases in a table of Amazon DynamoDB: one item per shard, and one conditional write per change.

`DynamoLeases` takes a client of aioboto3, which may be shared; `open_leases` makes its own. Any number of groups and
streams share a table, which has a composite key and needs nothing else::

    AttributeDefinitions: [{AttributeName: consumer, AttributeType: S}, {AttributeName: shard, AttributeType: S}]
    KeySchema: [{AttributeName: consumer, KeyType: HASH}, {AttributeName: shard, KeyType: RANGE}]
    BillingMode: PAY_PER_REQUEST

`consumer` is the group, a blank and the stream's ARN. The other attributes of an item are the lease's: `checkpoint`,
`counter` (a number), `parents` (a list), and `owner`, `claimant`, `time` and `behind` where they are not None. The
times are texts, because a number of DynamoDB's does not hold every float.

The role needs `dynamodb:DescribeTable`, `Query`, `GetItem`, `PutItem` and `DeleteItem` on the table, and `CreateTable`
where the URL says `create=true`. All leases of a group on a stream lie in one partition, which takes 1,000 writes a
second.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from eventkit.errors import BackendError, ConfigurationError
from eventkit.streams.leases import Lease
from eventkit.streams.positions import checkpoint_of, text_of
from eventkit_aws._calls import Call, call, code_of, translated
from eventkit_aws._sessions import Options, imported

__all__ = ["DynamoLeases", "DynamoLeasesClient", "open_leases"]

SCHEMA = {
    "KeySchema": [
        {"AttributeName": "consumer", "KeyType": "HASH"},
        {"AttributeName": "shard", "KeyType": "RANGE"},
    ],
    "AttributeDefinitions": [
        {"AttributeName": "consumer", "AttributeType": "S"},
        {"AttributeName": "shard", "AttributeType": "S"},
    ],
}

PATIENCE = {"Delay": 1, "MaxAttempts": 60}
"""Seconds between two looks at a table that is being made, and how many there are; AWS takes some ten seconds."""

REFUSED = "ConditionalCheckFailedException"
MISSING = "ResourceNotFoundException"
BEING_MADE = "ResourceInUseException"

Item = dict[str, Any]


class DynamoLeasesClient(Protocol):
    """What is called of a DynamoDB client; aioboto3's is one."""

    @property
    def query(self) -> Call: ...
    @property
    def get_item(self) -> Call: ...
    @property
    def put_item(self) -> Call: ...
    @property
    def delete_item(self) -> Call: ...


class DynamoLeases:
    """A store over a client of DynamoDB; see `eventkit.streams.leases.LeaseStore` for what its verbs promise.

    An SDK repeats a write whose answer it did not get, and the second one is refused where the first one was done. A
    `swap` that was repeated and finds exactly what it was to write says True. `create` and `delete` cannot tell their
    own work from another's and say False; reading the lease shows whose it is. After a `BackendError`, or where the
    caller was cancelled, a write may have been done or not, or may even be done a moment later: read it back, and
    trust what a later swap from what was read says.

    Every method raises `ThrottledError`, a `BackendError`, where the table was asked too often.
    """

    def __init__(self, client: DynamoLeasesClient, table: str) -> None:
        """The client is the caller's to close."""
        self._client = client
        self._table = table

    async def leases(self, group: str, stream: str) -> Sequence[Lease]:
        consumer = _consumer(group, stream)
        page = await self._page(consumer)
        items: list[Item] = list(page["Items"])
        while "LastEvaluatedKey" in page:
            page = await self._page(consumer, ExclusiveStartKey=page["LastEvaluatedKey"])
            items += page["Items"]
        return [self._lease(item) for item in items]

    async def read(self, lease: Lease) -> Lease | None:
        found = await self._call("GetItem", self._client.get_item, Key=_key(lease), ConsistentRead=True)
        return self._lease(found["Item"]) if "Item" in found else None

    async def create(self, lease: Lease) -> bool:
        absent = {
            "ConditionExpression": "attribute_not_exists(#shard)",
            "ExpressionAttributeNames": {"#shard": "shard"},
        }
        return await self._write("PutItem", self._client.put_item, Item=_item(lease), **absent) is None

    async def swap(self, old: Lease, new: Lease) -> bool:
        refusal = await self._write(
            "PutItem",
            self._client.put_item,
            Item=_item(new),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **_unchanged(old),
        )
        return refusal is None or _was_done_before(refusal, new)

    async def delete(self, lease: Lease) -> bool:
        return await self._write("DeleteItem", self._client.delete_item, Key=_key(lease), **_unchanged(lease)) is None

    async def _page(self, consumer: str, **start: object) -> dict[str, Any]:
        return await self._call(
            "Query",
            self._client.query,
            KeyConditionExpression="#consumer = :consumer",
            ExpressionAttributeNames={"#consumer": "consumer"},
            ExpressionAttributeValues={":consumer": {"S": consumer}},
            ConsistentRead=True,
            **start,
        )

    async def _write(self, name: str, verb: Call, **request: object) -> BackendError | None:
        """Write on a condition. Gives the refusal where that does not hold."""
        try:
            await self._call(name, verb, **request)
        except BackendError as error:
            if code_of(error) != REFUSED:
                raise
            return error
        return None

    async def _call(self, name: str, verb: Call, **request: object) -> dict[str, Any]:
        return await call(verb, f"{name} on table {self._table!r}", TableName=self._table, **request)

    def _lease(self, item: Item) -> Lease:
        try:
            return _lease(item)
        except (KeyError, ValueError) as error:
            key = {name: item.get(name, {}).get("S") for name in ("consumer", "shard")}
            raise BackendError(
                f"table {self._table!r} holds an item that is no lease, or one of a newer eventkit: {key}"
            ) from error


def _consumer(group: str, stream: str) -> str:
    return f"{group} {stream}"  # an ARN has no blanks


def _key(lease: Lease) -> Item:
    return {"consumer": {"S": _consumer(lease.group, lease.stream)}, "shard": {"S": lease.shard}}


def _item(lease: Lease) -> Item:
    time, behind = (None if number is None else repr(number) for number in (lease.time, lease.behind))
    texts = {"owner": lease.owner, "claimant": lease.claimant, "time": time, "behind": behind}
    return {
        **_key(lease),
        "parents": {"L": [{"S": parent} for parent in lease.parents]},
        "checkpoint": {"S": text_of(lease.checkpoint)},
        "counter": {"N": str(lease.counter)},
        **{name: {"S": text} for name, text in texts.items() if text is not None},
    }


def _lease(item: Item) -> Lease:
    texts = {name: value["S"] for name, value in item.items() if "S" in value}
    group, _, stream = texts["consumer"].rpartition(" ")
    return Lease(
        group,
        stream,
        texts["shard"],
        parents=tuple(parent["S"] for parent in item["parents"]["L"]),
        checkpoint=checkpoint_of(texts["checkpoint"]),
        owner=texts.get("owner"),
        counter=int(item["counter"]["N"]),
        claimant=texts.get("claimant"),
        time=_number(texts.get("time")),
        behind=_number(texts.get("behind")),
    )


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)


def _unchanged(lease: Lease) -> dict[str, Any]:
    """The condition that there is a lease with this owner and this counter."""
    owner = {} if lease.owner is None else {":owner": {"S": lease.owner}}
    owned = "#owner = :owner" if owner else "attribute_not_exists(#owner)"
    return {
        "ConditionExpression": f"{owned} AND #counter = :counter",
        "ExpressionAttributeNames": {"#owner": "owner", "#counter": "counter"},
        "ExpressionAttributeValues": {":counter": {"N": str(lease.counter)}, **owner},
    }


def _was_done_before(refusal: BackendError, new: Lease) -> bool:
    """Whether a write was refused because it had been done: the SDK has repeated it, and what is there is `new`."""
    response = cast("Mapping[str, Any]", getattr(refusal.__cause__, "response", {}))
    return response.get("ResponseMetadata", {}).get("RetryAttempts", 0) > 0 and response.get("Item") == _item(new)


@asynccontextmanager
async def open_leases(url: str) -> AsyncGenerator[DynamoLeases]:
    """A store with its own client of aioboto3: `dynamodb://TABLE?region=eu-west-1`.

    The URL may hold `region`, `endpoint`, `connections`, and `create=true`, which makes the table where there is none
    and waits until it can be used; several processes may do so at the same time. Raises `MissingExtraError`,
    `BackendError`, and `ConfigurationError` for any other option, and for a table that is missing or not made for
    leases.
    """
    table, create, options = _parsed(url)
    async with AsyncExitStack() as stack:
        with translated("opening DynamoDB"):
            sdk = imported("aioboto3").Session().client("dynamodb", **options.client())
            client = await stack.enter_async_context(sdk)
        _check(table, await _ready(client, table, create=create))
        yield DynamoLeases(client, table)


def _parsed(url: str) -> tuple[str, bool, Options]:
    """The table, whether to make it, and the client's options in a store's URL. Raises `ConfigurationError`."""
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    create = given.pop("create", None)
    if not parts.netloc or parts.path.strip("/") or create not in {None, "true"}:
        raise ConfigurationError(
            f"{url!r}: write {parts.scheme}://TABLE, with ?region=…, ?endpoint=…, ?connections=… or ?create=true "
            "where needed"
        )
    return parts.netloc, create is not None, Options.from_url(f"{parts.scheme}://?{urlencode(given)}")


async def _ready(client: Any, table: str, *, create: bool) -> Item:  # noqa: ANN401 - the SDKs are typed by packages that users need not have
    """The description of a table that can be used, which is made where it is missing and `create` says so."""
    found = await _described(client, table)
    if found is None:
        if not create:
            raise ConfigurationError(
                f"there is no table {table!r} for leases in this account and Region: make it by your template, with "
                "the key that eventkit_aws.leases describes, or write ?create=true into the store's URL"
            )
        await _make(client, table)
    if found is None or found["TableStatus"] == "CREATING":
        with translated(f"waiting until table {table!r} can be used"):
            await client.get_waiter("table_exists").wait(TableName=table, WaiterConfig=PATIENCE)
        return await _describe(client, table)
    return found


async def _described(client: Any, table: str) -> Item | None:  # noqa: ANN401 - as above
    try:
        return await _describe(client, table)
    except BackendError as error:
        if code_of(error) != MISSING:
            raise
        return None


async def _describe(client: Any, table: str) -> Item:  # noqa: ANN401 - as above
    return cast("Item", (await call(client.describe_table, f"DescribeTable {table!r}", TableName=table))["Table"])


async def _make(client: Any, table: str) -> None:  # noqa: ANN401 - as above
    try:
        what = f"CreateTable {table!r}"
        await call(client.create_table, what, TableName=table, BillingMode="PAY_PER_REQUEST", **SCHEMA)
    except BackendError as error:
        if code_of(error) != BEING_MADE:  # another process was faster
            raise


def _check(table: str, found: Item) -> None:
    """Raise `ConfigurationError` where a table's key is not the one of leases."""
    types = {one["AttributeName"]: one["AttributeType"] for one in found["AttributeDefinitions"]}
    key = [(one["KeyType"], one["AttributeName"], types.get(one["AttributeName"])) for one in found["KeySchema"]]
    if sorted(key) != [("HASH", "consumer", "S"), ("RANGE", "shard", "S")]:
        raise ConfigurationError(
            f"table {table!r} was not made for leases: its key is {sorted(key)}, and must be the texts consumer (HASH) "
            "and shard (RANGE); name another table"
        )
