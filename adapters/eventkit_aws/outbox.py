"""A transactional outbox on Amazon DynamoDB: messages are sent if, and only if, what they tell was written.

::

    outbox = Outbox(orders, news)                        # what it sends to
    app.include(outbox.relay())                          # the table's stream brings its items to the relay

    await dynamodb.transact_write_items(TransactItems=[
        {"Put": {"TableName": "orders", "Item": order}},
        outbox.write(orders, OrderPlaced(id=1), group="1"),
    ])

The table's partition key is `lane` and its sort key `id`, both texts; its stream has new images, and `expires` may be
its TTL attribute. The messages of a group share a lane, so the stream keeps their order ("Change data capture for
DynamoDB Streams"; with Lambda, also where a shard is read in parallel).

Each message is sent at least once: a relay that ends between sending and the checkpoint sends again. On a FIFO
destination the second one is dropped, if it comes within five minutes, since the item's id is the deduplication id.
Elsewhere the receiver can tell it by the attribute `eventkit.outbox`, which holds that id.
"""

import os
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Protocol, TypeVar, cast
from uuid import uuid4

from pydantic import BaseModel, Field

from eventkit import Delivery, Depends, Inserted, Names, Reject, RouteError, Router, Sender, Table, To, new
from eventkit.backends._sending import require_sendable
from eventkit.outgoing import Attribute, Outgoing
from eventkit.publish import carried_on, kind_of
from eventkit.resources import Destination, Resource
from eventkit.values import replace
from eventkit_aws._calls import Call, call
from eventkit_aws._sessions import imported

__all__ = ["ID", "Outbox", "OutboxClient", "OutboxItem", "OutboxItems", "OutboxTable"]

M = TypeVar("M")

ID = "eventkit.outbox"
"""The message attribute that holds the item's id, the same each time a message is sent."""

KEPT = 604_800
"""Seconds until an item expires: 7 days, in which a stream that stood still can be looked after."""

_NONE: Mapping[str, Attribute] = {}


class OutboxItem(BaseModel):
    """One message that waits in the table.

    Attributes:
        lane: What keeps its order: destination and group, or the item itself.
        id: What tells it from all others.
        destination: The kind and the logical name of what it is sent to.
        text: The message.
        group: The message group.
        attributes: The message's attributes.
        carried: What it carries along.
        trace: The X-Ray trace header.
        expires: Unix time in seconds after which DynamoDB may delete the item.
    """

    sort_key: ClassVar[str] = "id"

    lane: str
    id: str
    destination: str
    text: str
    group: str | None = None
    attributes: dict[str, Attribute] = Field(default_factory=dict[str, Attribute])
    carried: dict[str, str] = Field(default_factory=dict[str, str])
    trace: str | None = None
    expires: int

    def outgoing(self) -> Outgoing:
        """The message as it is sent."""
        attributes = {**self.attributes, ID: self.id}
        return Outgoing(self.text, self.group, self.id, attributes, self.carried, self.trace)


class OutboxItems(Protocol):
    """The items of an outbox; `OutboxTable` deletes them in DynamoDB."""

    async def delete(self, item: OutboxItem) -> None:
        """Delete an item that was sent. Raises `BackendError`."""
        ...


class OutboxClient(Protocol):
    """What is called of a DynamoDB client; aioboto3's is one, and `blocking(client)` of boto3's."""

    @property
    def delete_item(self) -> Call: ...


class OutboxTable:
    """The table of an outbox, by its physical name."""

    def __init__(self, client: OutboxClient, name: str) -> None:
        """The client is the caller's to close; the role needs `dynamodb:DeleteItem`."""
        self._client = client
        self._name = name

    async def delete(self, item: OutboxItem) -> None:
        key = {"lane": {"S": item.lane}, "id": {"S": item.id}}
        await call(self._client.delete_item, f"DeleteItem in {self._name!r}", TableName=self._name, Key=key)


def _new_id() -> str:
    return str(uuid4())


class Outbox:
    """What writes messages beside the data that they tell of, and what sends them."""

    def __init__(
        self,
        *destinations: Destination[Any],
        name: str = "outbox",
        names: Names | None = None,
        new_id: Callable[[], str] = _new_id,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`destinations` are all that is sent to, `name` is the table's logical name.

        What that is called comes from the environment unless `names` says it. `clock` gives Unix time in seconds.
        Raises `RouteError` for what is no destination.
        """
        self.table: Table[OutboxItem] = Table[OutboxItem](name)
        self._destinations = {_label(destination): destination for destination in destinations}
        self._names = names or Names.from_environ("", os.environ)
        self._new_id = new_id
        self._clock = clock

    def write(
        self,
        destination: Destination[M],
        message: M,
        *,
        group: str | None = None,
        attributes: Mapping[str, Attribute] = _NONE,
        delivery: Delivery | None = None,
    ) -> dict[str, Any]:
        """The item of a TransactWriteItems request that puts the message into the outbox.

        `delivery` is what the caller handles: its trace goes on, and its hops are counted. Raises `RouteError` for a
        destination that the outbox does not send to, and what `Sender.send` raises before it sends.
        """
        label = _label(destination)
        if label not in self._destinations:
            raise RouteError(f"the outbox does not send to {destination}: name it where the outbox is made")
        carried, trace = ({}, None) if delivery is None else carried_on(delivery)
        encoded = destination.encode(message)
        outgoing = replace(
            encoded, group=group, attributes={**encoded.attributes, **attributes}, carried=carried, trace=trace
        )
        item = self._item(label, outgoing)
        _require_sendable(destination, item.outgoing())
        return {"Put": {"TableName": self._names.name(self.table), "Item": _typed(item)}}

    def _item(self, label: str, message: Outgoing) -> OutboxItem:
        item_id = self._new_id()
        return OutboxItem(
            lane=item_id if message.group is None else f"{label}:{message.group}",
            id=item_id,
            destination=label,
            text=message.text,
            group=message.group,
            attributes=dict(message.attributes),
            carried=dict(message.carried),
            trace=message.trace,
            expires=int(self._clock()) + KEPT,
        )

    def relay(self, items: Callable[..., OutboxItems] | None = None) -> Router:
        """The routes that send what the table's stream brings.

        `items` is a dependency that deletes what was sent; without one, items stay until they expire. An item for a
        destination that the outbox does not know any more is rejected.
        """
        router = Router()
        for label, destination in self._destinations.items():
            source = self.table.inserted().where(new("destination").equals(label))
            router.on(source, name=f"{self.table.name}.{label}")(_relaying(destination, items))
        others = self.table.inserted().where(new("destination").anything_but(*self._destinations))
        router.on(others, name=f"{self.table.name}.unknown")(_refuse)
        return router


Relay = Callable[[Inserted[OutboxItem], Sender[Any]], Any]


def _relaying(destination: Destination[Any], items: Callable[..., OutboxItems] | None) -> Callable[..., Any]:
    async def send(change: Inserted[OutboxItem], sender: Annotated[Sender[Any], To(destination)]) -> None:
        await sender.forward(change.new.outgoing())

    if items is None:
        return send

    async def send_and_delete(
        change: Inserted[OutboxItem],
        sender: Annotated[Sender[Any], To(destination)],
        sent: Annotated[OutboxItems, Depends(items)],
    ) -> None:
        await sender.forward(change.new.outgoing())
        await sent.delete(change.new)

    return send_and_delete


def _refuse(change: Inserted[OutboxItem]) -> None:
    raise Reject(f"the outbox knows no destination {change.new.destination!r}")


def _label(destination: Destination[Any]) -> str:
    """The kind and the logical name of a destination: `queue:orders`. Raises `RouteError`."""
    kind = kind_of(destination)
    return f"{kind}:{cast('Resource', destination).name}"


def _require_sendable(destination: Destination[Any], message: Outgoing) -> None:
    """What the service would refuse is refused before it is written; a bus's source is only known when it is sent."""
    kind, name = kind_of(destination), cast("Resource", destination).name
    unordered = message if name.endswith(".fifo") else replace(message, deduplication_id=None)
    named = {"source": "eventkit", **message.attributes} if kind == "bus" else message.attributes
    require_sendable(kind, name, [replace(unordered, attributes=named)])


def _typed(item: OutboxItem) -> dict[str, Any]:
    """The item as DynamoDB's API takes it."""
    serialize = imported("boto3.dynamodb.types").TypeSerializer().serialize
    return {name: serialize(value) for name, value in item.model_dump(exclude_none=True).items()}
