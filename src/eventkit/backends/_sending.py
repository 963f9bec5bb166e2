"""Messages on their way to a queue, as values that every backend understands. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from eventkit.errors import ConfigurationError
from eventkit.publish import Outgoing

__all__ = [
    "MAX_BYTES",
    "Attributes",
    "QueueMessage",
    "deduplication_id",
    "is_fifo",
    "queue_message",
    "require_groups",
    "text_attribute",
]

MAX_BYTES = 1_048_576
"""Body and message attributes together, of one message or of one batch ("Amazon SQS message quotas")."""

Attributes = Mapping[str, Mapping[str, Any]]
"""Message attributes in Lambda's form: `dataType` with `stringValue`, or `binaryValue` in base64."""


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A message to be put into a queue."""

    body: str
    attributes: Attributes = field(default_factory=dict[str, Mapping[str, Any]])
    group: str | None = None
    deduplication_id: str | None = None
    trace: str | None = None
    """The X-Ray trace header."""

    @property
    def size(self) -> int:
        """Bytes that count towards SQS's limit: the body, and the attributes' names, types and values."""
        return _length(self.body) + sum(_length(name) + _attribute_size(one) for name, one in self.attributes.items())


def _attribute_size(attribute: Mapping[str, Any]) -> int:
    binary = len(attribute.get("binaryValue", "")) * 3 // 4  # base64 writes three bytes as four characters
    return _length(attribute["dataType"]) + _length(attribute.get("stringValue", "")) + binary


def _length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def text_attribute(text: str) -> dict[str, object]:
    """A message attribute of the type String, in Lambda's form."""
    return {"stringValue": text, "stringListValues": [], "binaryListValues": [], "dataType": "String"}


def queue_message(message: Outgoing) -> QueueMessage:
    """The message that a queue gets of what was published."""
    attributes = {name: text_attribute(value) for name, value in message.attributes.items()}
    return QueueMessage(message.text, attributes, message.group, message.deduplication_id)


def deduplication_id(message: QueueMessage) -> str:
    """The message's own deduplication id, or the one that content-based deduplication gives it."""
    return message.deduplication_id or sha256(message.body.encode("utf-8", "surrogatepass")).hexdigest()


def is_fifo(address: str) -> bool:
    """Whether a name, URL or ARN is a FIFO queue's or topic's: the suffix says so, and nothing else does."""
    return address.endswith(".fifo")


def require_groups(kind: str, address: str, messages: Sequence[Outgoing]) -> None:
    """Raises `ConfigurationError` when a FIFO queue or topic would get a message without a group."""
    if is_fifo(address) and not all(message.group for message in messages):
        raise ConfigurationError(
            f"{kind} {address!r} is FIFO, so each message needs a group: send(…, group=…) with what must keep its order"
        )
