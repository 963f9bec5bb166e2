"""AWS resources as values: each names one resource and the type that flows through it.

A resource's type stands in brackets, `Queue[Job]("jobs")`, because a union cannot be passed as `type[M]`; it is
found at run time on `__orig_class__`, which `typing` sets on the instances of a subscripted generic class.
"""

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, Union, cast, get_args, overload

from eventkit._annotations import accepts
from eventkit.discriminators import ByAttribute
from eventkit.errors import DecodeError, RouteError
from eventkit.events import (
    AwsEvent,
    Change,
    Inserted,
    Item,
    KinesisRecord,
    Message,
    Modified,
    Notification,
    Removed,
)
from eventkit.outgoing import Outgoing
from eventkit.sources import SKIPPED, Selection, Selector, Source
from eventkit.stream_options import StreamOptions
from eventkit.validation import Reader, name_of

if TYPE_CHECKING:
    from eventkit.cloudevents import CloudEvents
    from eventkit.discriminators import ByField, Carrier, Discriminator, Upcaster
    from eventkit.event_types import EventTypes

__all__ = ["Destination", "Queue", "Resource", "Stream", "Streamed", "Table", "Topic"]

E = TypeVar("E", bound=AwsEvent)
M = TypeVar("M")
N = TypeVar("N")
N2 = TypeVar("N2")
N3 = TypeVar("N3")
M_contra = TypeVar("M_contra", contravariant=True)

_NAME = re.compile(r"[A-Za-z0-9._-]{1,256}")
"""A topic's name has at most 256 characters, a table's 255, a queue's 80, a bucket's 63."""


class Resource:
    """One AWS resource by its logical name; `Names` says what it is called in an account."""

    service: ClassVar[str]
    kind: ClassVar[str]

    def __init__(self, name: str) -> None:
        """`name` is the logical name: letters, digits, `-`, `_` and `.`. Raises `RouteError`."""
        if not _NAME.fullmatch(name):
            raise RouteError(f"{type(self).__name__}({name!r}): a name is made of letters, digits, '-', '_' and '.'")
        self.name = name

    def type_of(self, event: AwsEvent) -> str | None:  # noqa: ARG002 - most resources' events do not say it
        """The type that an event says it is, where it says one that texts may repeat."""
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Resource) and type(self) is type(other) and self.name == other.name

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class Typed(Resource, Generic[M]):
    """A resource through which values of one type flow. `strict` False lets pydantic convert JSON laxly."""

    def __init__(self, name: str, *, strict: bool = True) -> None:
        """`name` is the logical name. Raises `RouteError`."""
        super().__init__(name)
        self.strict = strict

    @cached_property
    def reader(self) -> Reader:
        """Reads the resource's type. Raises `RouteError` when the resource was made without one."""
        return Reader(self.model, strict=self.strict)

    @property
    def model(self) -> object:
        """The type that flows through the resource. Raises `RouteError` when it was made without one."""
        arguments = get_args(getattr(self, "__orig_class__", None))
        if not arguments or isinstance(arguments[0], TypeVar):
            made = type(self).__name__
            raise RouteError(f"{made}({self.name!r}) has no type: write {made}[YourModel]({self.name!r})")
        return arguments[0]


class Destination(Generic[M_contra]):
    """A resource that messages of type `M` are published to."""

    @property
    def model(self) -> object:
        """The type of the messages."""
        raise NotImplementedError

    def to_text(self, message: M_contra) -> str:
        """The message as it is sent. Raises what pydantic raises for a value that is not of the type."""
        raise NotImplementedError

    def encode(self, message: M_contra) -> Outgoing:
        """The message as it is sent, its attributes included. Raises what `to_text` raises."""
        return Outgoing(self.to_text(message))


class Texts(Typed[M], Source[M]):
    """What queues, topics, buses and streams share: the text of an event is the user's model."""

    events: ClassVar[tuple[type[AwsEvent], ...]]

    def __init__(
        self,
        name: str,
        *,
        strict: bool = True,
        types: "Discriminator | None" = None,
        upcasters: "Sequence[Upcaster]" = (),
    ) -> None:
        """`name` is the logical name.

        `types` is how a message says which type of event it is: `ByAttribute`, `ByField` or `CloudEvents`; by default
        pydantic finds the member of a union that fits. `upcasters` turn messages of older versions into current ones,
        each from one version into the next. Raises `RouteError`, here or when the resource is first used.
        """
        super().__init__(name, strict=strict)
        self.types: Discriminator | None = types
        self.upcasters: tuple[Upcaster, ...] = tuple(upcasters)
        if self.upcasters and types is None:
            raise RouteError(f"{self} has upcasters, and nothing says versions: add types=ByField(version=…)")

    @cached_property
    def event_types(self) -> "EventTypes | None":
        """What tells the messages' types apart; None where pydantic does. Raises `RouteError`."""
        if self.types is None:
            return None
        from eventkit.event_types import EventTypes  # what most resources do without, no cold start should pay for

        try:
            return EventTypes(self.types, self.model, self.upcasters, strict=self.strict)
        except RouteError as error:
            raise RouteError(f"{self}: {error}") from error

    def type_of(self, event: AwsEvent) -> str | None:
        return None if self.event_types is None else self.event_types.named(cast("Carrier", event))

    @property
    def selectors(self) -> tuple[Selector, ...]:
        return (Selector(self, self.events, self._reads(), self.model, narrows=self.types is not None),)

    # Overloads, because mypy joins `*kinds: type[N]` to a common base class.
    @overload
    def of(self, first: type[N], /) -> Source[N]: ...

    @overload
    def of(self, first: type[N], second: type[N2], /) -> Source[N | N2]: ...

    @overload
    def of(self, first: type[N], second: type[N2], third: type[N3], /) -> Source[N | N2 | N3]: ...

    def of(self, *kinds: type[Any]) -> Source[Any]:
        """Those messages of a union that are of these kinds. Raises `RouteError` for a kind that is not one of it."""
        for member in kinds:
            if not accepts(self.model, member):
                raise RouteError(f"{self} carries {name_of(self.model)}, of which {name_of(member)} is no kind")
        read = self._reads_kinds(kinds)
        return Selection((Selector(self, self.events, read, Union[kinds], narrows=True),))  # noqa: UP007 - made at run time

    def _reads(self) -> Callable[[AwsEvent], object]:
        types = self.event_types
        read = self.reader.text_reader() if types is None else types.reader()
        return cast("Callable[[AwsEvent], object]", read)  # `events` are those that have a text

    def _reads_kinds(self, kinds: tuple[type[Any], ...]) -> Callable[[AwsEvent], object]:
        if self.event_types is not None:
            read = self.event_types.reader(lambda member: any(accepts(kind, member) for kind in kinds))
            return cast("Callable[[AwsEvent], object]", read)
        read_any = self._reads()

        def read_kind(event: AwsEvent) -> object:
            value = read_any(event)
            return value if isinstance(value, kinds) else SKIPPED

        return read_kind


class Messages(Texts[M], Destination[M]):
    """What queues, topics and buses share: messages are taken from them, and published to them."""

    def to_text(self, message: M) -> str:
        """The message as it is sent: JSON, or the text itself where the type is `str`."""
        return self.encode(message).text

    def encode(self, message: M) -> Outgoing:
        """The message as it is sent, with what says its type. Raises `AuthorError` for one that is not of its types."""
        if self.event_types is None:
            return Outgoing(self.reader.to_text(message))
        return self.event_types.encode(message)


class Queue(Messages[M]):
    """An SQS queue whose messages' bodies are `M`s; a FIFO queue's name ends in `.fifo`.

    `Queue[str]` gives the body as it is; any other type is read from the body's JSON.
    """

    service = "sqs"
    kind = "queue"
    events: ClassVar[tuple[type[AwsEvent], ...]] = (Message,)

    @property
    def fifo(self) -> bool:
        """Whether the queue keeps order by message group."""
        return self.name.endswith(".fifo")


class Topic(Messages[M]):
    """An SNS topic whose messages are `M`s; the messages reach the app directly or through a queue.

    With raw delivery the queue holds the message alone, so the queue that carries the topic is known by its name
    (`Names.carrier`).
    """

    service = "sns"
    kind = "topic"
    events: ClassVar[tuple[type[AwsEvent], ...]] = (Notification, Message)


class Streamed(Generic[E]):
    """What tables and streams share: their events come from the shards of a stream, in an order.

    Attributes:
        stream: How the stream is consumed.
        order_by: Gives the key within which events keep their order, something hashable, or None for one that keeps
            its order among all of its shard. It is called before the event is matched or read.
    """

    stream: StreamOptions
    order_by: Callable[[E], object] | None

    @property
    def keyed(self) -> bool:
        """Whether events keep their order within keys, and not among all of their shard."""
        return self.order_by is not None or self.stream.parallel > 1

    def lane_of(self, event: AwsEvent) -> object | None:
        """The key within which an event of the resource keeps its order; None where that is its whole shard.

        Without `order_by` it is the key by which Lambda divides a shard, if `stream.parallel` says so
        (`ParallelizationFactor`): a change's item, a record's partition key; for a record of an aggregate that of the
        aggregate. Raises `DecodeError` where the event has no such key, and `RouteError` for one that is not hashable.
        """
        own = cast("E", event)
        if self.order_by is None:
            return self._divided_by(own) if self.keyed else None
        try:
            key = self.order_by(own)
        except Exception as error:
            why = f"order_by raised {type(error).__name__}"
            raise DecodeError(f"{self}: what a record is ordered by is missing: {why}") from error
        try:
            hash(key)
        except TypeError:
            raise RouteError(f"{self}: order_by gives a {type(key).__name__}, and a key must be hashable") from None
        return key

    def _divided_by(self, event: E) -> object:
        raise NotImplementedError


class Table(Typed[M], Streamed[Change[Item]]):
    """A DynamoDB table whose items are `M`s. Its methods are sources: what its stream reports."""

    service = "dynamodb"
    kind = "table"

    def __init__(
        self,
        name: str,
        *,
        strict: bool = True,
        stream: StreamOptions | None = None,
        order_by: Callable[[Change[Item]], object] | None = None,
    ) -> None:
        """`name` is the logical name.

        `stream` is how the table's changes are consumed. `order_by` gives the key within which they keep their order:
        `order_by=lambda change: change.keys["customer"]`. By default that is the shard. Raises `RouteError`.
        """
        super().__init__(name, strict=strict)
        self.stream: StreamOptions = stream or StreamOptions()
        self.order_by: Callable[[Change[Item]], object] | None = order_by

    def inserted(self) -> Source[Inserted[M]]:
        """Items that were not there before."""
        return self._source(Inserted)

    def modified(self) -> Source[Modified[M]]:
        """Items that changed."""
        return self._source(Modified)

    def removed(self) -> Source[Removed[M]]:
        """Items that were deleted, or expired."""
        return self._source(Removed)

    def changed(self) -> Source[Inserted[M] | Modified[M] | Removed[M]]:
        """All of them."""
        return self.inserted() | self.modified() | self.removed()

    def _source(self, change: type[Change[Any]]) -> Source[Any]:
        read = self.reader.item_reader()

        def typed(event: AwsEvent) -> object:
            return cast("Change[Any]", event).typed(read)

        return Selection((Selector(self, (change,), typed, change[self.model]),))  # type: ignore[index]

    def _divided_by(self, event: Change[Item]) -> object:
        return tuple(sorted(event.keys.items()))


class Stream(Texts[M], Streamed[KinesisRecord]):
    """A Kinesis data stream whose records are `M`s: JSON, which may be compressed by gzip, or aggregated by the KPL.

    `Stream[str]` gives a record's text, and `Stream[bytes]` its data as it is. A stream is a source only.
    """

    service = "kinesis"
    kind = "stream"
    events: ClassVar[tuple[type[AwsEvent], ...]] = (KinesisRecord,)

    def __init__(
        self,
        name: str,
        *,
        strict: bool = True,
        types: "ByField | CloudEvents | None" = None,
        upcasters: "Sequence[Upcaster]" = (),
        stream: StreamOptions | None = None,
        order_by: Callable[[KinesisRecord], object] | None = None,
    ) -> None:
        """As for a queue or topic, but that a record says what it is in itself, having no attributes.

        `stream` is how the stream is consumed. `order_by` gives the key within which records keep their order:
        `order_by=lambda record: record.partition_key`. By default that is the shard. Raises `RouteError`.
        """
        super().__init__(name, strict=strict, types=types, upcasters=upcasters)
        if isinstance(types, ByAttribute):
            raise RouteError(f"{self}: records of Kinesis have no attributes: write types=ByField({types.name!r})")
        self.stream: StreamOptions = stream or StreamOptions()
        self.order_by: Callable[[KinesisRecord], object] | None = order_by

    def _divided_by(self, event: KinesisRecord) -> object:
        return cast("KinesisRecord", event.outermost).partition_key

    def _reads(self) -> Callable[[AwsEvent], object]:
        return _data_of if self.model is bytes else super()._reads()


def _data_of(event: AwsEvent) -> bytes:
    return cast("KinesisRecord", event).data
