"""What an app needs of an AWS account, found out from its sources and destinations. Pure.

By convention a bucket's events take the way that production usually gives them, so that others can listen too: bucket,
topic `<app>-<bucket>`, queue `<app>-<bucket>`. A topic that the app subscribes to feeds the queue `<app>-<topic>`, and
so does an event bus with all its events. Each queue has a dead-letter queue. What is given up of tables and streams
goes to the queue `<app>-failures`. What `Names` says about names, carriers and the on-failure destination holds here,
too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from types import UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from eventkit.app import App, Route
from eventkit.buckets import Bucket
from eventkit.buses import Bus
from eventkit.errors import ConfigurationError
from eventkit.events import ObjectEvent
from eventkit.events._base import parse_arn
from eventkit.events.s3 import FAMILIES
from eventkit.names import Names, dead_letter_name, name_in
from eventkit.outcomes import MAX_VISIBILITY
from eventkit.resources import Queue, Resource, Stream, Table, Topic

__all__ = [
    "BucketPlan",
    "BusPlan",
    "IndexPlan",
    "KeyType",
    "Plan",
    "QueuePlan",
    "StreamPlan",
    "SubscriptionPlan",
    "TablePlan",
    "TopicPlan",
    "plan_of",
]

KeyType = Literal["S", "N", "B"]
"""A key attribute's type as DynamoDB names it: text, number or binary."""

VISIBILITY = 30
"""Seconds; the default of Amazon SQS."""

TIMEOUTS = 6
"""Visibility as a multiple of the longest handler's timeout ("Using Lambda with Amazon SQS")."""

MAX_RECEIVES = 5
"""Receives before a message becomes a dead letter; AWS's guide for Lambda advises at least 5."""

SHARDS = 2
"""Shards of a data stream: the fewest in which records of different keys have no order."""

KEYS = 2
"""An index's partition key and its sort key."""

UNSTARRED = {
    "LifecycleTransition": "s3:LifecycleTransition",
    "IntelligentTiering": "s3:IntelligentTiering",
    "ReducedRedundancyLostObject": "s3:ReducedRedundancyLostObject",
    "ObjectAcl": "s3:ObjectAcl:Put",
}
"""Families of events that S3 offers under one name only ("Supported event types")."""


@dataclass(frozen=True, slots=True)
class QueuePlan:
    """A queue; `visibility` is in seconds, `dead_letter` the name of its dead-letter queue."""

    name: str
    dead_letter: str
    visibility: int = VISIBILITY
    max_receives: int = MAX_RECEIVES


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """A topic, and the buckets whose notifications it takes."""

    name: str
    buckets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SubscriptionPlan:
    """A queue gets what is published to a topic: in SNS's envelope, or with `raw` as it is."""

    topic: str
    queue: str
    raw: bool = False


@dataclass(frozen=True, slots=True)
class BucketPlan:
    """A bucket that reports events, by their names in S3's configuration, to a topic."""

    name: str
    topic: str
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BusPlan:
    """An event bus, and the queues that get all its events."""

    name: str
    queues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """A global secondary index: its keys with their types, and the attributes carried along; none means all of them."""

    name: str
    keys: tuple[tuple[str, KeyType], ...]
    carried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TablePlan:
    """A table with a stream of new and old images.

    Its partition key is the first field of the table's model. A class variable `sort_key` of the model names the
    field, a text, that is its sort key. A class variable `indexes` maps the names of indexes to names of fields: the
    partition key, the sort key, and those that are carried along. Models of one table may each have some.
    """

    name: str
    key: str
    key_type: KeyType = "S"
    sort_key: str | None = None
    indexes: tuple[IndexPlan, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """A Kinesis data stream with so many shards."""

    name: str
    shards: int = SHARDS


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that an app declares, by physical names, in the order in which the app names it.

    `on_failure` is the kind and the name of what takes records of tables and streams that are given up; None where the
    app has neither.
    """

    queues: tuple[QueuePlan, ...] = ()
    topics: tuple[TopicPlan, ...] = ()
    subscriptions: tuple[SubscriptionPlan, ...] = ()
    buckets: tuple[BucketPlan, ...] = ()
    tables: tuple[TablePlan, ...] = ()
    buses: tuple[BusPlan, ...] = ()
    streams: tuple[StreamPlan, ...] = ()
    on_failure: tuple[str, str] | None = None


def plan_of(app: App, names: Names, *, raw: bool = False) -> Plan:
    """What the app needs. `raw` lets queues get the messages of topics without SNS's envelope.

    Raises `ConfigurationError` for names that cannot be provisioned.
    """
    draft = _Draft(names, raw)
    for route in app.routes():
        for selector in route.source.selectors:
            draft.add_source(selector.resource, selector.events, route)
    for destination in app.destinations():
        draft.add_destination(destination)
    return draft.plan()


class _Draft:
    """A plan in the making; a name that is met again adds to what it names."""

    def __init__(self, names: Names, raw: bool) -> None:  # noqa: FBT001 - handed through
        self._names = names
        self._raw = raw
        self._visibility: dict[str, int] = {}
        self._topics: dict[str, dict[str, None]] = {}
        self._subscriptions: dict[tuple[str, str], bool] = {}
        self._buckets: dict[str, tuple[str, dict[str, None]]] = {}
        self._tables: dict[str, TablePlan] = {}
        self._streams: dict[str, StreamPlan] = {}
        self._buses: dict[str, dict[str, None]] = {}

    def add_source(self, resource: Resource, events: tuple[type[Any], ...], route: Route) -> None:
        """Add what brings these events of a resource to the route."""
        name = self._name(resource)
        if isinstance(resource, Table):
            self._table(name, cast("Any", resource).model)
            return
        if isinstance(resource, Stream):
            self._streams[name] = StreamPlan(name)
            return
        queue = self._queue(self._carrier(resource), route)
        if isinstance(resource, Bucket):
            self._bucket(resource, events, queue)
        elif isinstance(resource, Topic):
            self._topics.setdefault(name, {})
            self._subscriptions[name, queue] = self._raw
        elif resource.kind == Bus.kind:
            self._bus(resource, queue)

    def add_destination(self, destination: Resource) -> None:
        """Add what messages are published to."""
        if destination.kind == Topic.kind:
            self._topics.setdefault(self._name(destination), {})
        elif destination.kind == Bus.kind:
            self._buses.setdefault(self._name(destination), {})
        else:
            self._queue(self._name(destination))

    def plan(self) -> Plan:
        """Everything that was added."""
        return Plan(
            tuple(QueuePlan(name, dead_letter_name(name), seconds) for name, seconds in self._visibility.items()),
            tuple(TopicPlan(name, tuple(buckets)) for name, buckets in self._topics.items()),
            tuple(SubscriptionPlan(topic, queue, raw) for (topic, queue), raw in self._subscriptions.items()),
            tuple(BucketPlan(name, topic, tuple(events)) for name, (topic, events) in self._buckets.items()),
            tuple(self._tables.values()),
            tuple(BusPlan(name, tuple(queues)) for name, queues in self._buses.items()),
            tuple(self._streams.values()),
            self._on_failure() if self._tables or self._streams else None,
        )

    def _table(self, name: str, model: object) -> None:
        known = self._tables.get(name)
        indexes = dict.fromkeys([*(known.indexes if known else ()), *indexes_of(model)])
        self._tables[name] = TablePlan(name, *key_of(model), getattr(model, "sort_key", None), tuple(indexes))

    def _on_failure(self) -> tuple[str, str]:
        kind, address = self._names.on_failure or (Queue.kind, f"{self._names.app}-failures")
        return kind, _made("the on-failure destination", address)

    def _queue(self, name: str, route: Route | None = None) -> str:
        timeout = (route.options.timeout if route else None) or 0.0
        wanted = min(MAX_VISIBILITY, max(VISIBILITY, ceil(timeout * TIMEOUTS)))
        self._visibility[name] = max(wanted, self._visibility.get(name, 0))
        return name

    def _bucket(self, bucket: Bucket, events: tuple[type[Any], ...], queue: str) -> None:
        if queue.endswith(".fifo"):  # "Amazon S3 event notifications": FIFO queues and topics are no destinations
            raise ConfigurationError(f"{bucket} is carried by {queue!r}, and S3's notifications reach no FIFO queue")
        name, topic = self._name(bucket), f"{self._names.app}-{bucket.name}"
        self._topics.setdefault(topic, {})[name] = None
        self._subscriptions[topic, queue] = False
        known = self._buckets.setdefault(name, (topic, {}))[1]
        known |= dict.fromkeys(notification for event in events for notification in notifications_of(event))

    def _bus(self, bus: Resource, queue: str) -> None:
        if queue.endswith(".fifo"):  # "Amazon SQS queue targets": a FIFO queue would want one group for all events
            raise ConfigurationError(f"{bus} is carried by {queue!r}, and an event bus keeps no order")
        self._buses.setdefault(self._name(bus), {})[queue] = None

    def _name(self, resource: Resource) -> str:
        return _made(str(resource), self._names.address(resource))

    def _carrier(self, resource: Resource) -> str:
        return _made(f"the queue that carries {resource}", self._names.carrier(resource))


def _made(what: str, address: str) -> str:
    if parse_arn(address):
        raise ConfigurationError(
            f"{what} is configured as {address!r}, and what is provisioned gets its ARN from the account that it is "
            "made in: configure a name"
        )
    return name_in(address)


def notifications_of(event: type[ObjectEvent]) -> tuple[str, ...]:
    """The names in S3's configuration of what an event's class stands for."""
    families = [event.family] if event.family else list(FAMILIES)
    return tuple(UNSTARRED.get(family, f"s3:{family}:*") for family in families)


def key_of(model: object) -> tuple[str, KeyType]:
    """The partition key of a model's items: its first field, or the text `pk` where it has none."""
    kind = get_args(model)[0] if get_origin(model) in {Union, UnionType} else model
    for name, annotation in _fields(kind).items():
        return name, _key_type(annotation)
    return "pk", "S"


def indexes_of(model: object) -> tuple[IndexPlan, ...]:
    """The indexes that a model asks for. Raises `ConfigurationError` for one without a partition and a sort key."""
    declared: Mapping[str, Sequence[str]] = getattr(model, "indexes", {})
    fields = _fields(model)
    for name, members in declared.items():
        if len(members) < KEYS or not fields.keys() >= set(members[:KEYS]):
            raise ConfigurationError(f"indexes[{name!r}]: it begins with two fields of the model, which are its keys")
    return tuple(
        IndexPlan(name, tuple((key, _key_type(fields[key])) for key in members[:KEYS]), tuple(members[KEYS:]))
        for name, members in declared.items()
    )


def _fields(kind: object) -> Mapping[str, object]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
    try:
        return get_type_hints(cast("Any", kind))
    except TypeError:
        return {}


def _key_type(annotation: object) -> KeyType:
    if not isinstance(annotation, type):
        return "S"
    if issubclass(annotation, int | float | Decimal):
        return "N"
    return "B" if issubclass(annotation, bytes) else "S"
