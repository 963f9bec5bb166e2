"""Which deliveries are the same: an event's key, and the digest that tells another payload under the same key."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from decimal import Decimal
from json import dumps
from typing import Any, Generic, TypeVar, cast

from pydantic_core import from_json

from eventkit.delivery import Delivery
from eventkit.errors import DecodeError, RouteError
from eventkit.events import AwsEvent, Change, KinesisRecord, Message, Notification, ObjectEvent
from eventkit.values import Value

__all__ = ["Idempotent", "Identify", "Identity", "by_key", "by_record"]

E_contra = TypeVar("E_contra", contravariant=True)

IMAGES = ("Keys", "NewImage", "OldImage")
"""The members of a stream record that say what changed; the others say when and in which order."""


class Idempotent(Value, Generic[E_contra]):
    """Lets a route's handler run once for each key: `idempotent=Idempotent(key=lambda job: (job.bucket, job.key))`.

    `key` gives what makes two events the same work: texts, numbers, dates, models, and tuples, lists, sets or dicts
    of those. Equal numbers are the same key, whichever type they have. An event without a key (None, an empty text,
    nothing but those, or an error on the way) is rejected. The key holds for the route, under its name, in its app.

    `ttl` is for how many seconds it is remembered that the work was done. `in_progress` is for how many seconds an
    attempt has the key; the poller renews it while the handler runs, and in Lambda the deadline counts instead. After
    a crash the next attempt waits that long.

    Only what was done is remembered: a retried or rejected event frees its key. The same key with another payload is
    rejected; `payload` gives what counts as that, by default all that the event says. Effects outside are repeated
    when a process dies between the effect and its record, so pass the key on where another service can use one.

    Raises `RouteError` for times that are not above 0.
    """

    key: Callable[[E_contra], object]
    ttl: float = 86_400.0
    in_progress: float = 60.0
    payload: Callable[[E_contra], object] | None = None

    def __post_init__(self) -> None:
        for name in ("ttl", "in_progress"):
            seconds = getattr(self, name)
            if not seconds > 0:
                raise RouteError(f"{name}={seconds!r}: it must be a number of seconds greater than 0")
        if not callable(self.key):
            raise RouteError(f"key={self.key!r}: it must be a function that takes the event")


class Identity(Value):
    """What a delivery is known by in a store: two digests in hexadecimal digits."""

    key: str
    fingerprint: str


Identify = Callable[[Delivery], Identity]
"""Gives a delivery's identity. Raises `DecodeError` where the event has no key, `RouteError` where it cannot be one."""


def by_key(app: str, route: str, idempotent: Idempotent[Any]) -> Identify:
    """Deliveries are the same where the route's key function says so."""

    def identify(delivery: Delivery) -> Identity:
        key = canonical(_key(idempotent, delivery.event))
        said = payload(delivery.source) if idempotent.payload is None else canonical(idempotent.payload(delivery.event))
        return Identity(_digest(app, route, key), _digest(said))

    return identify


def by_record(app: str, route: str) -> Identify:
    """Deliveries are the same where they hand the same part of the same record to the route."""

    def identify(delivery: Delivery) -> Identity:
        event, outermost = delivery.source, delivery.source.outermost
        record = outermost.id or _json(outermost.record)
        part = "" if event is outermost else _json(event.record)
        return Identity(_digest(app, route, record, part), _digest(payload(event)))

    return identify


def payload(event: AwsEvent) -> str:
    """What the event says, as text: without what differs between deliveries of the same."""
    match event:
        case Message(text=text) | Notification(text=text):
            return _message(text)
        case Change():
            change = cast("Mapping[str, object]", event.record["dynamodb"])
            return _json([event.record.get("eventName"), *(change.get(member) for member in IMAGES)])
        case KinesisRecord():
            return _data(event)
        case ObjectEvent():
            return _json([event.name, event.bucket, event.key, event.version_id, event.etag])
        case _:
            return _json(event.record)


def canonical(value: object) -> str:
    """The value as text that is equal for equal values. Raises `RouteError` for what cannot be a key."""
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value).items()
        return "{" + ",".join(sorted(f"{canonical(key)}:{canonical(one)}" for key, one in pairs)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(canonical, cast("list[object]", value))) + "]"
    if isinstance(value, AbstractSet):
        return "<" + ",".join(sorted(map(canonical, cast("AbstractSet[object]", value)))) + ">"
    return _scalar(value)


def _scalar(value: object) -> str:
    match value:
        case None | bool() | str():
            return dumps(value)
        case int() | float() | Decimal():
            return _number(value)
        case bytes():
            return f"bytes {value.hex()}"
        case datetime():
            return f"time {(value.astimezone(UTC) if value.tzinfo else value).isoformat()}"
        case _:
            return _other(value)


def _other(value: object) -> str:
    """A model's or dataclass's fields, and whatever else pydantic writes as JSON: dates, UUIDs, enumerations."""
    from dataclasses import fields, is_dataclass  # not for every cold start

    from pydantic import BaseModel
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    if isinstance(value, BaseModel):
        return canonical(dict(value))
    if is_dataclass(value) and not isinstance(value, type):
        return canonical({field.name: getattr(value, field.name) for field in fields(value)})
    try:
        return f"{type(value).__name__} {canonical(to_jsonable_python(value))}"
    except PydanticSerializationError:
        raise RouteError(f"an idempotency key cannot hold a {type(value).__name__}") from None


def _number(value: float | Decimal) -> str:
    """Its digits and its exponent, without rounding: 1, 1.0 and Decimal("1.00") are one number."""
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise RouteError("an idempotency key cannot hold NaN or an infinite number")
    text = "".join(map(str, digits)).lstrip("0")
    significant = text.rstrip("0")
    if not significant:
        return "0"
    return f"{'-' if sign else ''}{significant}e{exponent + len(text) - len(significant)}"


def _key(idempotent: Idempotent[Any], event: object) -> object:
    try:
        key = idempotent.key(event)
    except Exception as error:
        raise DecodeError(f"the idempotency key is missing: its function raised {type(error).__name__}") from error
    if _is_nothing(key):
        raise DecodeError("the idempotency key is missing: its function gave nothing that identifies the event")
    return key


def _is_nothing(key: object) -> bool:
    if isinstance(key, tuple | list | AbstractSet):
        return all(map(_is_nothing, cast("tuple[object]", key)))
    if isinstance(key, Mapping):
        return all(map(_is_nothing, cast("Mapping[object, object]", key).values()))
    return key is None or key in ("", b"")


def _message(text: str) -> str:
    """JSON without its spaces and the order of its members; another text as it is."""
    try:
        return _json(from_json(text))
    except ValueError:
        return dumps(text)


def _data(record: KinesisRecord) -> str:
    """The text, where the data are one; the data themselves otherwise, which a handler of bytes takes all the same."""
    try:
        return _message(record.text)
    except DecodeError:
        return record.data.hex()


def _json(value: object) -> str:
    return dumps(value, sort_keys=True, separators=(",", ":"))


def _digest(*parts: str) -> str:
    from hashlib import sha256  # a millisecond of a cold start, and most apps need none

    return sha256(dumps(parts).encode()).hexdigest()
