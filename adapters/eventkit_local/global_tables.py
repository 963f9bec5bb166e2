"""A table in several Regions that are kept in step: what stands for a global table of DynamoDB on this machine.

::

    async with global_table(session.plan.tables[0], session.aws, ["us-east-1", "eu-west-1"]):
        ...  # what is written in one Region can be read in the other a moment later

eventkit itself does it: for each Region an app takes the changes of the table there, and repeats them in the others.

What writers must do
    Each item has `updated_at`, a whole number such as milliseconds since 1970, and `region`, where it was written. A
    write that replaces an item gives it a later `updated_at` than it had, whatever the clock says.

What happens then
    The last writer wins: the later `updated_at`, and of equal ones the greater name of a Region. A write or a deletion
    has no effect where there is a later version of the item, so two Regions that do not write any more agree. A change
    is repeated by the Region where the item was written, so it does not come back. A deletion does once, as the stream
    does not say who deleted; it then finds nothing to delete.

DynamoDB itself has marks of its own for all that ("How DynamoDB global tables work"), and needs no attributes.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple, Protocol

from boto3.dynamodb.types import TypeSerializer

from eventkit.app import App
from eventkit.backends import open_backend
from eventkit.errors import BackendError
from eventkit.events import Inserted, Modified, Removed
from eventkit.events.dynamodb import Item
from eventkit.outcomes import Reject
from eventkit.resources import Table
from eventkit.streams import open_streams
from eventkit.streams.leases import open_leases
from eventkit_aws._calls import Call, call, code_of
from eventkit_aws._sessions import Options, imported
from eventkit_local.dev import Aws, running
from eventkit_local.plan import Plan, TablePlan
from eventkit_local.provision import provision
from eventkit_poller import Poller, Settings, StreamAccess

__all__ = [
    "DynamoDbClient",
    "DynamoDbReplica",
    "Replica",
    "Version",
    "global_table",
    "repeat",
    "replication",
    "version_of",
]

Changed = Inserted[Item] | Modified[Item] | Removed[Item]

STOPPING = 5.0
"""Seconds that changes under way get at the end."""

REFUSED = "ConditionalCheckFailedException"
LATEST = "attribute_not_exists(#at) OR #at < :at OR (#at = :at AND #region <= :region)"
"""The condition of every write: there is no item, or an earlier version of it, or the same."""


class Version(NamedTuple):
    """When and where an item was written; the greater one is the later one."""

    updated_at: int
    region: str


def version_of(item: Item) -> Version:
    """The version of an item. Raises `Reject` for one that does not say."""
    at, region = item.get("updated_at"), item.get("region")
    if isinstance(at, int) and isinstance(region, str):
        return Version(at, region)
    raise Reject("an item of a global table has updated_at, a whole number, and region, a text; see global_tables")


class Replica(Protocol):
    """The table in another Region. Neither verb has an effect where there is a later version of the item."""

    async def put(self, item: Item) -> None:
        """Write the item as it is."""
        ...

    async def delete(self, key: Item, version: Version) -> None:
        """Delete the item, if it is of this version or an earlier one."""
        ...


async def repeat(change: Changed, region: str, others: Sequence[Replica]) -> None:
    """Repeat a change of the table in one Region in the others."""
    image = change.old if isinstance(change, Removed) else change.new
    version = version_of(image)
    if isinstance(change, Removed):
        for replica in others:
            await replica.delete(change.keys, version)
    elif version.region == region:  # else it was repeated here
        for replica in others:
            await replica.put(image)


def replication(table: str, region: str, others: Sequence[Replica]) -> App:
    """An app that takes the changes of the table in one Region, and repeats them in the others."""
    app = App(f"{table}-{region}")

    @app.on(Table[dict[str, Any]](table).changed(), name="repeat")
    async def repeated(change: Changed) -> None:
        await repeat(change, region, others)

    return app


class DynamoDbClient(Protocol):
    """What is called of a DynamoDB client; aioboto3's is one."""

    @property
    def put_item(self) -> Call: ...
    @property
    def delete_item(self) -> Call: ...


class DynamoDbReplica:
    """A `Replica` over a client that is the caller's to close. Raises `BackendError`."""

    def __init__(self, client: DynamoDbClient, table: str) -> None:
        self._client = client
        self._table = table

    async def put(self, item: Item) -> None:
        await self._write(self._client.put_item, version_of(item), Item=_typed(item))

    async def delete(self, key: Item, version: Version) -> None:
        await self._write(self._client.delete_item, version, Key=_typed(key))

    async def _write(self, verb: Call, version: Version, **request: object) -> None:
        condition = {
            "ConditionExpression": LATEST,
            "ExpressionAttributeNames": {"#at": "updated_at", "#region": "region"},
            "ExpressionAttributeValues": _typed({":at": version.updated_at, ":region": version.region}),
        }
        try:
            await call(verb, f"a write to table {self._table!r}", TableName=self._table, **request, **condition)
        except BackendError as error:
            if code_of(error) != REFUSED:
                raise


@asynccontextmanager
async def global_table(table: TablePlan, aws: Aws, regions: Sequence[str]) -> AsyncGenerator[None]:
    """Make the table in each of these Regions of an emulator, and keep them in step for the length of the block.

    Raises:
        ConfigurationError: Nobody has permitted to make tables there.
        BackendError: The emulator refuses, or cannot be reached.
    """
    for region in regions:
        await provision(Plan(tables=(table,)), aws.in_region(region).target, lambda _: None)
    async with AsyncExitStack() as stack:
        replicas = {region: await _replica(stack, table.name, aws, region) for region in regions}
        pollers = [await _poller(stack, table.name, aws, region, replicas) for region in regions]
        async with running(*pollers):
            yield


async def _replica(stack: AsyncExitStack, table: str, aws: Aws, region: str) -> Replica:
    options = Options(region, aws.endpoint_url).client()
    client: Any = await stack.enter_async_context(imported("aioboto3").Session().client("dynamodb", **options))
    return DynamoDbReplica(client, table)


async def _poller(stack: AsyncExitStack, table: str, aws: Aws, region: str, replicas: Mapping[str, Replica]) -> Poller:
    others = [replica for name, replica in replicas.items() if name != region]
    streams = await stack.enter_async_context(open_streams(aws.in_region(region).backend_url))
    leases = await stack.enter_async_context(open_leases("memory://"))
    nothing = await stack.enter_async_context(open_backend("memory://"))  # the app has no queue
    settings = Settings(drain=STOPPING, handover=STOPPING)
    return Poller(replication(table, region, others), nothing, settings, streams=StreamAccess(streams, leases))


def _typed(item: Item) -> dict[str, Any]:
    serializer = TypeSerializer()
    return {name: serializer.serialize(value) for name, value in item.items()}
