"""How events enter a test: typed, and by the paths that they take on AWS."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, TypeVar, cast

from pydantic_core import to_json, to_jsonable_python

from eventkit.backends import Raw
from eventkit.backends._sending import QueueMessage, is_fifo, queue_message
from eventkit.buckets import Bucket
from eventkit.buses import Bus
from eventkit.decode import STREAMS, records_of
from eventkit.errors import ConfigurationError
from eventkit.events import Message
from eventkit.names import name_in
from eventkit.outgoing import Attribute, Outgoing
from eventkit.publish import Sender
from eventkit.resources import Queue, Resource, Stream, Table, Topic
from eventkit.testing.events import (
    eventbridge_s3,
    kinesis_record,
    s3_event,
    s3_record,
    sns_envelope,
    sns_event,
    sns_record,
    stream_record,
)
from eventkit.testing.runtimes import Runtime
from eventkit.testing.world import NOT_RUNNING, World
from eventkit.values import replace

__all__ = ["Entrance"]

M = TypeVar("M")

_NONE: Mapping[str, Attribute] = {}


class Entrance:
    """Lets events enter. Nothing is handled before time goes on: see `TestApp.settle`."""

    def __init__(self, world: Callable[[], World], path: tuple[str, ...] | None = None, *, raw: bool = False) -> None:
        """`path` is what events of buckets and topics come through; None is the runtime's own way."""
        self._world = world
        self._path = path
        self._raw = raw

    def send(
        self,
        destination: Queue[M] | Topic[M] | Bus[M],
        *messages: M,
        group: str | None = None,
        attributes: Mapping[str, Attribute] = _NONE,
    ) -> None:
        """Send messages to a queue, topic or bus; `group` is what FIFO ones want.

        A message of a FIFO destination is never taken for a repetition. Raises `AuthorError` and
        `ConfigurationError`.
        """
        self._running()
        steps = self._steps(destination)
        for message in messages:
            if isinstance(destination, Topic) and (self._raw or steps == ["sns"]):
                self._notify(destination, replace(destination.encode(message), group=group), attributes, steps)
            else:
                self._publish(destination, message, group, attributes)

    def put(self, resource: Resource, text: str, *, group: str | None = None) -> None:
        """Put a text into a queue, or the queue that carries a resource's events, whether that can be read or not."""
        address = self._world().names.carrier(resource)
        self._put(address, QueueMessage(text, {}, group, self._unique(address)))

    def upload(self, bucket: Bucket, *keys: str, size: int = 1024, version_id: str | None = None) -> None:
        """Put objects into a bucket. The notifications of several lie in one message, or one invocation."""
        self._objects(bucket, "ObjectCreated:Put", keys, size, version_id)

    def remove(self, bucket: Bucket, *keys: str, version_id: str | None = None) -> None:
        """Delete objects of a bucket, likewise."""
        self._objects(bucket, "ObjectRemoved:Delete", keys, 0, version_id)

    def change(self, table: Table[M], *, new: M | None = None, old: M | None = None, keys: Sequence[str] = ()) -> None:
        """Change an item: `new` alone inserts it, `old` alone removes it, both modify it.

        `keys` are the names of the table's key attributes, by default the item's first one.
        """
        kind = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        images = [None if image is None else item_of(table, image) for image in (new, old)]
        item = images[0] or images[1]
        if item is None:
            raise ConfigurationError(f"{table}: a change has a new item, an old one, or both")
        world = self._world()
        named = {name: item[name] for name in keys or list(item)[:1]}
        number = next(world.numbers)
        record = stream_record(kind, world.names.name(table), keys=named, new=images[0], old=images[1], number=number)
        self._write(record)

    def put_records(self, stream: Stream[M], *records: M, key: str = "1") -> None:
        """Put records into a stream; `key` is their partition key, which decides on the shard."""
        world = self._world()
        name = world.names.name(stream)
        for one in records:
            self._write(kinesis_record(_data_of(stream, one), name, key=key, number=next(world.numbers)))

    def name_of(self, resource: Resource) -> str:
        """What the resource is called."""
        return self._world().names.name(resource)

    def deliver(self, event: Raw) -> None:
        """Let an event enter as AWS delivers it, or one record.

        An SQS record is put into the queue that it names, a stream's record written to the stream that it names.

        Raises `DecodeError` for what is no event that eventkit knows, and `ConfigurationError` for one that does not
        reach the runtime.
        """
        whole = {"Records": [event]} if {"eventSource", "EventSource"} & event.keys() else event
        records = records_of(whole)
        match records[0].get("eventSource") if records else None:
            case "aws:sqs":
                for record in records:
                    self._receive(record)
            case source if source in STREAMS:
                for record in records:
                    self._write(record)
            case _:
                self._running().invoke(whole)

    def _receive(self, record: Raw) -> None:
        """Put a queue's record into its queue."""
        message = Message(record)
        found = cast("Mapping[str, Mapping[str, object]]", record.get("messageAttributes") or {})
        unique = message.deduplication_id if message.fifo else None
        self._put(message.source_arn, QueueMessage(message.text, found, message.group, unique, message.trace))

    def _write(self, record: Raw) -> None:
        """Write a stream's record to its stream."""
        self._running()
        self._world().streams.write(record)

    def _publish(
        self,
        destination: Queue[M] | Topic[M] | Bus[M],
        message: M,
        group: str | None,
        attributes: Mapping[str, Attribute],
    ) -> None:
        world = self._world()
        address = world.names.address(destination)
        sender = Sender(destination, address, _Arriving(world), source=world.names.app)
        unique = self._unique(address)
        _at_once(sender.send(message, group=group, deduplication_id=unique, attributes=attributes))

    def _notify(
        self, topic: Topic[Any], message: Outgoing, attributes: Mapping[str, Attribute], steps: Sequence[str]
    ) -> None:
        """Deliver a topic's message as SNS does otherwise than in an envelope: directly, or raw."""
        world = self._world()
        found = {**message.attributes, **attributes}
        if steps == ["sns"]:
            number, name = next(world.numbers), world.names.name(topic)
            self._running().invoke(sns_event(sns_record(message.text, name, number=number, attributes=found)))
        else:
            carrier = world.names.carrier(topic)
            copy = replace(message, attributes=found, deduplication_id=self._unique(carrier))
            self._put(carrier, queue_message(copy))

    def _unique(self, address: str) -> str | None:
        """A deduplication id, where there must be one."""
        return f"eventkit-{next(self._world().numbers)}" if is_fifo(address) else None

    def _objects(self, bucket: Bucket, name: str, keys: Sequence[str], size: int, version_id: str | None) -> None:
        numbers = self._world().numbers
        physical = self._world().names.name(bucket)
        steps = self._steps(bucket)
        if steps[:1] == ["eventbridge"]:
            detail_type = "Object Created" if name.startswith("ObjectCreated") else "Object Deleted"
            events = [
                eventbridge_s3(detail_type, physical, key, size=size, version_id=version_id, number=next(numbers))
                for key in keys
            ]
            steps = steps[1:]
        else:
            records = [
                s3_record(name, physical, key, size=size, version_id=version_id, number=next(numbers)) for key in keys
            ]
            events = [s3_event(*records)]
        for event in events:
            self._carry(bucket, event, steps)

    def _carry(self, bucket: Bucket, event: Raw, steps: Sequence[str]) -> None:
        world = self._world()
        carrier, text = world.names.carrier(bucket), to_json(event).decode()
        topic = name_in(carrier)
        match steps:
            case []:
                self._running().invoke(event)
            case ["sns"]:
                self._running().invoke(sns_event(sns_record(text, topic, number=next(world.numbers))))
            case ["sns", "sqs"] if not self._raw:
                envelope = sns_envelope(text, topic, number=next(world.numbers))
                self._put(carrier, QueueMessage(to_json(envelope).decode()))
            case ["sqs"] | ["sns", "sqs"]:
                self._put(carrier, QueueMessage(text))
            case _:
                raise ConfigurationError(f"no event of {bucket} comes via {', '.join(map(repr, self._path or ()))}")

    def _steps(self, resource: Resource) -> list[str]:
        """The services that an event of the resource comes through. Raises `ConfigurationError`."""
        path = self._path
        match resource:
            case Queue():
                allowed, steps = path in {None, ("sqs",)}, ["sqs"]
            case Topic():
                own = ["sns"] if self._running().direct else ["sqs"]
                allowed, steps = path in {None, ("sns",), ("sqs",), ("sns", "sqs")}, [*path[-1:]] if path else own
            case Bucket():
                own = [] if self._running().direct else ["sqs"]
                allowed, steps = True, own if path is None else [*path]
            case _:
                allowed, steps = path in {None, ("sqs",), ("eventbridge", "sqs")}, ["sqs"]
        if not allowed:
            raise ConfigurationError(f"no event of {resource} comes via {', '.join(map(repr, path or ()))}")
        return steps

    def _put(self, queue: str, message: QueueMessage) -> None:
        world = self._world()
        world.declare(queue)
        self._running().consume(queue)
        world.backend.put(queue, message)

    def _running(self) -> Runtime:
        runtime = self._world().runtime
        if runtime is None:
            raise ConfigurationError(NOT_RUNNING)
        return runtime


def item_of(table: Table[M], image: M) -> Mapping[str, object]:
    """An item as whoever writes it to DynamoDB must: what has no type there is written as in JSON."""
    return cast("Mapping[str, object]", _held(table.reader.adapter.dump_python(image)))


def _held(value: object) -> object:
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, Mapping):
        return {name: _held(member) for name, member in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_held(member) for member in cast("Sequence[object]", value)]
    known = value is None or isinstance(value, _HELD)
    return cast("object", value if known else to_jsonable_python(value))


_HELD = (bool, str, int, Decimal, bytes, set, frozenset)


def _data_of(stream: Stream[M], record: M) -> bytes:
    """A record's data as a producer writes them."""
    if isinstance(record, bytes):
        return record
    types = stream.event_types
    return (stream.reader.to_text(record) if types is None else types.encode(record).text).encode()


class _Arriving:
    """A publisher that is not the app."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        await self._world.backend.arrive(kind, address, messages)


def _at_once(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never waits."""
    with suppress(StopIteration):
        work.send(None)
