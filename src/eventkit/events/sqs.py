"""Amazon SQS messages, in the form in which Lambda delivers them ("Using Lambda with Amazon SQS")."""

from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import InvalidOperation
from typing import Any, ClassVar

from eventkit._json import is_object
from eventkit.errors import DecodeError
from eventkit.events._base import AttributeValue, AwsEvent, finite

__all__ = ["Message"]


LONGEST_COUNT = 9
"""Digits of a receive count that are believed."""

LONGEST_TIME = 14
"""Digits of a time in milliseconds that are believed; 13 reach beyond the year 2200."""


class Message(AwsEvent):
    """One message of a queue. A route on a `Queue[M]` gets the body as its model; the rest is on `Delivery`."""

    __slots__ = ("_text",)
    service: ClassVar[str] = "sqs"

    def __init__(self, record: Mapping[str, object], via: AwsEvent | None = None) -> None:
        """A view of one record. Raises `DecodeError` when it has no body that is a text."""
        raw: Any = record
        self._raw = raw
        self._via = via
        self._text: str = raw.get("body")
        if type(self._text) is not str:
            raise DecodeError("an SQS record has no body that is a text")

    @property
    def text(self) -> str:
        """The message's body."""
        return self._text

    @property
    def id(self) -> str:
        return str(self._raw.get("messageId", ""))

    @property
    def source_arn(self) -> str:
        arn = self._raw.get("eventSourceARN")
        return arn if type(arn) is str else ""

    @property
    def fifo(self) -> bool:
        """Whether the queue is a FIFO queue. Its name says so; a group id does not, fair queues have one too."""
        return self.source_arn.endswith(".fifo")

    @property
    def attempt(self) -> int:
        """How often the message has been received, this time included (approximate, says SQS)."""
        count = self._system("ApproximateReceiveCount")
        return max(1, int(count)) if count.isascii() and count.isdigit() and len(count) <= LONGEST_COUNT else 1

    @property
    def group(self) -> str | None:
        """The message group, on FIFO queues and on fair standard queues."""
        return self._system("MessageGroupId") or None

    @property
    def deduplication_id(self) -> str | None:
        """The deduplication id, on FIFO queues."""
        return self._system("MessageDeduplicationId") or None

    @property
    def trace(self) -> str | None:
        """The X-Ray trace header that the sender attached."""
        return self._system("AWSTraceHeader") or None

    @property
    def sent(self) -> datetime | None:
        """When the message was sent."""
        milliseconds = self._system("SentTimestamp")
        if not (milliseconds.isascii() and milliseconds.isdigit() and len(milliseconds) <= LONGEST_TIME):
            return None
        return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)

    @property
    def attributes(self) -> Mapping[str, AttributeValue]:
        """The message attributes. Raises `DecodeError` when one is not what its type says."""
        attributes = self._raw.get("messageAttributes")
        if not is_object(attributes):
            return {}
        return {name: _attribute(value) for name, value in attributes.items()}

    def _system(self, name: str) -> str:
        attributes = self._raw.get("attributes")
        value = attributes.get(name) if is_object(attributes) else None
        return value if isinstance(value, str) else ""

    def __repr__(self) -> str:
        return f"Message(id={self.id!r}, queue={self.resource_name!r})"


def _attribute(value: object) -> AttributeValue:
    fields = value if is_object(value) else {}
    try:
        match str(fields.get("dataType")).partition(".")[0]:  # a data type may carry a label: "Number.byte"
            case "String":
                return str(fields["stringValue"])
            case "Number":
                return finite(str(fields["stringValue"]))
            case "Binary":
                return a2b_base64(str(fields["binaryValue"]))
            case _:
                pass
    except (KeyError, InvalidOperation, Base64Error, ValueError) as error:
        raise DecodeError("a message attribute does not hold what its type says") from error
    raise DecodeError("a message attribute has no type that Amazon SQS knows")
