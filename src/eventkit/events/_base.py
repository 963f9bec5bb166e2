"""What every AWS event has in common: a light view over the parsed record, and the envelopes it came in."""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

__all__ = ["Arn", "AttributeValue", "AwsEvent", "finite", "parse_arn", "text_or_none"]

AttributeValue = str | Decimal | bytes | tuple[str | Decimal | bool | None, ...]
"""A message attribute: String, Number, Binary or String.Array."""


ARN_PARTS = 6
"""`arn:partition:service:region:account:resource` ("Identify AWS resources with ARNs")."""


class Arn(NamedTuple):
    """The parts of an Amazon Resource Name that eventkit needs; `name` is the queue's, topic's, bus's or table's."""

    service: str
    region: str
    account: str
    name: str


@lru_cache(maxsize=1024)
def parse_arn(text: str) -> Arn | None:
    """The parts of an ARN, or None where the text is not one (some published sample events hold mere words)."""
    parts = text.split(":", 5)
    if len(parts) != ARN_PARTS or parts[0] != "arn":
        return None
    resource = parts[5]
    name = resource.split("/")[1] if resource.startswith(("table/", "stream/", "event-bus/")) else resource
    return Arn(parts[2], parts[3], parts[4], name)


def text_or_none(value: object) -> str | None:
    """The value if it is a non-empty text."""
    return value if isinstance(value, str) and value else None


def finite(text: str) -> Decimal:
    """The number that a message attribute holds. Raises `InvalidOperation` where it is none, or NaN or infinite."""
    number = Decimal(text)
    if not number.is_finite():
        raise InvalidOperation
    return number


class AwsEvent:
    """One event as AWS describes it, seen through the record that holds it.

    `via` is the event whose body this one was in: the SQS message, the SNS notification, or None when it came
    directly. Values are equal when their kind and their records are.
    """

    __slots__ = ("_raw", "_via")

    service: ClassVar[str]

    def __init__(self, record: Mapping[str, object], via: "AwsEvent | None" = None) -> None:
        self._raw: Any = record
        self._via = via

    @property
    def record(self) -> Mapping[str, object]:
        """The parsed JSON that this event is a view of."""
        return self._raw  # type: ignore[no-any-return]  # kept as Any so that views can index it

    @property
    def via(self) -> "AwsEvent | None":
        """The envelope it came in, or None."""
        return self._via

    @property
    def id(self) -> str:
        """What identifies the event, or its nearest envelope that has an identity; empty where nothing does."""
        return self._via.id if self._via is not None else ""

    @property
    def source_arn(self) -> str:
        """The ARN of the resource that the event is about, as the record states it."""
        raise NotImplementedError

    @property
    def origin(self) -> str:
        """What tells origins of one service apart: the ARN, or for S3 the bucket's name, which is unique by itself."""
        return self.source_arn

    @property
    def resource_name(self) -> str | None:
        """The physical name of that resource; None where the record names a resource of another service."""
        arn = parse_arn(self.source_arn)
        if arn is None:
            return self.source_arn
        return arn.name if arn.service == self.service else None

    @property
    def attributes(self) -> Mapping[str, AttributeValue]:
        """The message attributes of the nearest envelope; empty where there is none."""
        return self._via.attributes if self._via is not None else {}

    def envelopes(self) -> "Iterator[AwsEvent]":
        """This event, then the envelope it came in, and so on to what AWS handed over."""
        event: AwsEvent | None = self
        while event is not None:
            yield event
            event = event.via

    @property
    def outermost(self) -> "AwsEvent":
        """What AWS handed over: the outermost envelope, or the event itself."""
        event = self
        while event._via is not None:
            event = event._via
        return event

    @property
    def path(self) -> tuple[str, ...]:
        """The way it came, outermost first: `("sqs:media", "sns:photos", "s3:photos")`."""
        return tuple(f"{event.service}:{event.resource_name}" for event in self.envelopes())[::-1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AwsEvent) and type(self) is type(other) and bool(self._raw == other._raw)

    def __hash__(self) -> int:
        return hash((type(self), self.id, self.source_arn))
