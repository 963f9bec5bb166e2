"""Amazon SNS notifications, as Lambda delivers them and as SQS queues hold them ("Fanout to Amazon SQS queues").

Lambda spells `SigningCertUrl` and `UnsubscribeUrl`, SQS and HTTP spell `SigningCertURL` and `UnsubscribeURL`;
eventkit reads neither.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from pydantic_core import from_json

from eventkit._json import is_list, is_object
from eventkit.errors import DecodeError
from eventkit.events._base import AttributeValue, AwsEvent, finite, text_or_none

__all__ = ["Notification"]


class Notification(AwsEvent):
    """One notification of a topic. A route on a `Topic[M]` gets the message as its model."""

    __slots__ = ("_text",)
    service: ClassVar[str] = "sns"

    def __init__(self, record: Mapping[str, object], via: AwsEvent | None = None) -> None:
        """A view of the notification's own fields (what Lambda's record holds under `Sns`).

        Raises `DecodeError` when topic or message are missing.
        """
        raw: Any = record
        self._raw = raw
        self._via = via
        self._text: str = raw.get("Message")
        if type(self._text) is not str or type(raw.get("TopicArn")) is not str:
            raise DecodeError("an SNS notification lacks its topic or its message")

    @property
    def text(self) -> str:
        """The message that was published."""
        return self._text

    @property
    def id(self) -> str:
        return str(self._raw.get("MessageId", ""))

    @property
    def source_arn(self) -> str:
        return self._raw["TopicArn"]  # type: ignore[no-any-return]

    @property
    def subject(self) -> str | None:
        """The subject, where the publisher gave one."""
        return text_or_none(self._raw.get("Subject"))

    @property
    def sent(self) -> datetime | None:
        """When the message was published."""
        try:
            return datetime.fromisoformat(str(self._raw.get("Timestamp")))
        except ValueError:
            return None

    @property
    def attributes(self) -> Mapping[str, AttributeValue]:
        """The message attributes. Raises `DecodeError` when one is not what its type says."""
        attributes = self._raw.get("MessageAttributes")
        if not is_object(attributes):
            return {}
        return {name: _attribute(value) for name, value in attributes.items()}

    def __repr__(self) -> str:
        return f"Notification(id={self.id!r}, topic={self.resource_name!r})"


def _attribute(value: object) -> AttributeValue:
    fields = value if is_object(value) else {}
    try:
        match fields.get("Type"):
            case "String":
                return str(fields["Value"])
            case "Number":
                return finite(str(fields["Value"]))
            case "Binary":
                return a2b_base64(str(fields["Value"]))
            case "String.Array":
                return _array(from_json(str(fields["Value"]), allow_inf_nan=False))
            case _:
                pass
    except (KeyError, InvalidOperation, Base64Error, ValueError) as error:
        raise DecodeError("a message attribute does not hold what its type says") from error
    raise DecodeError("a message attribute has no type that Amazon SNS knows")


def _array(values: object) -> tuple[str | Decimal | bool | None, ...]:
    if not is_list(values):
        raise ValueError("a String.Array holds no list")
    return tuple(_member(value) for value in values)


def _member(value: object) -> str | Decimal | bool | None:
    match value:
        case None | bool() | str():
            return value
        case int() | float():
            return finite(str(value))
        case _:
            raise ValueError("a String.Array holds something other than texts, numbers, booleans and null")
