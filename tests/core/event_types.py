"""What the tests of event types share: models with names and versions, and the ways in which a message comes."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar, Literal

from pydantic import BaseModel

from eventkit import AwsEvent, Queue, Topic
from eventkit.discriminators import Discriminator, Upcaster
from eventkit.outgoing import Outgoing
from tests.core.harness import Json, notification, only, sns, sqs


class Paid(BaseModel):
    id: int


class PlacedV1(BaseModel):
    price: str


class PlacedV2(BaseModel):
    event_version: ClassVar[int] = 2
    cents: int


class Placed(BaseModel):
    event_type: ClassVar[str] = "shop.placed"
    event_version: ClassVar[int] = 3
    cents: int
    currency: str


class PaidInField(BaseModel):
    kind: Literal["paid"] = "paid"
    id: int


class PlacedInFieldV1(BaseModel):
    kind: Literal["placed"] = "placed"
    price: str


class PlacedInField(BaseModel):
    kind: Literal["placed"] = "placed"
    version: Literal[2] = 2
    cents: int


def in_cents(old: PlacedV1) -> PlacedV2:
    return PlacedV2(cents=int(Decimal(old.price) * 100))


def with_currency(old: PlacedV2) -> Placed:
    return Placed(cents=old.cents, currency="EUR")


def field_in_cents(old: PlacedInFieldV1) -> PlacedInField:
    return PlacedInField(cents=int(Decimal(old.price) * 100))


def queue_of(model: object, types: Discriminator, *upcasters: Upcaster) -> Queue[Any]:
    queue: Any = Queue
    made: Queue[Any] = queue[model]("orders", types=types, upcasters=upcasters)
    return made


def topic_of(model: object, types: Discriminator, *upcasters: Upcaster) -> Topic[Any]:
    topic: Any = Topic
    made: Topic[Any] = topic[model]("orders", types=types, upcasters=upcasters)
    return made


def in_queue(text: str, **attributes: object) -> Json:
    """A message in a queue, with these attributes; a number's is of the type Number."""
    described = {
        name: {"dataType": "String" if isinstance(value, str) else "Number", "stringValue": str(value)}
        for name, value in attributes.items()
    }
    return sqs(text, "orders", messageAttributes=described)


def in_topic(text: str, **attributes: object) -> Json:
    """A notification in Lambda."""
    return sns(text, "orders", MessageAttributes=_of_sns(attributes))


def in_topic_in_queue(text: str, **attributes: object) -> Json:
    """A notification in a queue."""
    return sqs(notification(text, "orders", MessageAttributes=_of_sns(attributes)))


def _of_sns(attributes: Mapping[str, object]) -> Json:
    return {name: {"Type": "String", "Value": str(value)} for name, value in attributes.items()}


def sent(message: Outgoing, way: Callable[..., Json] = in_queue) -> Json:
    """The record that a message arrives as."""
    return way(message.text, **message.attributes)


def read(queue: Queue[Any] | Topic[Any], record: Json) -> Any:  # noqa: ANN401 - a value of the model
    """What a handler of the resource gets."""
    (selector,) = queue.selectors
    assert selector.read is not None
    event: AwsEvent = only(record)
    return selector.read(event)
