"""Messages on their way to a queue, a topic or an event bus, as values that every backend understands. Pure."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from eventkit.backends._bus import bus_entry
from eventkit.errors import AuthorError, ConfigurationError, MessageTooLargeError
from eventkit.outgoing import MAX_ATTRIBUTES, Attribute, Outgoing

__all__ = [
    "MAX_BYTES",
    "MAX_SIZES",
    "Attributes",
    "QueueMessage",
    "attribute",
    "deduplication_id",
    "is_fifo",
    "queue_message",
    "require_sendable",
    "size_of",
    "text_attribute",
]

MAX_BYTES = 1_048_576
"""Body and message attributes together, of one message or of one batch ("Amazon SQS message quotas")."""

MAX_SIZES: Mapping[str, int] = {"queue": MAX_BYTES, "topic": 262_144, "bus": 262_144}
"""The same for each kind of destination ("Amazon SNS endpoints and quotas", "PutEvents" of Amazon EventBridge)."""

_NAME = re.compile(r"(?!(?i:aws|amazon)\.)(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)")
"""What an attribute may be called ("Amazon SQS message metadata")."""

_REFUSED = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no message may hold ("SendMessage" in the SQS API reference)."""

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
    encoded: str = attribute.get("binaryValue", "")
    binary = len(encoded) * 3 // 4 - encoded.count("=")  # base64 writes three bytes as four characters
    return _length(attribute["dataType"]) + _length(attribute.get("stringValue", "")) + binary


def _length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def attribute(value: Attribute) -> dict[str, object]:
    """A message attribute in Lambda's form; its type follows from the value."""
    match value:
        case str():
            return text_attribute(value)
        case bytes():
            held: dict[str, object] = {"binaryValue": b64encode(value).decode("ascii"), "dataType": "Binary"}
        case _:
            held = {"stringValue": str(value), "dataType": "Number"}
    return {"stringListValues": [], "binaryListValues": [], **held}


def text_attribute(text: str) -> dict[str, object]:
    """A message attribute of the type String, in Lambda's form."""
    return {"stringValue": text, "stringListValues": [], "binaryListValues": [], "dataType": "String"}


def queue_message(message: Outgoing) -> QueueMessage:
    """The message that a queue gets of what was published."""
    attributes = {name: attribute(value) for name, value in message.all_attributes.items()}
    return QueueMessage(message.text, attributes, message.group, message.deduplication_id, message.trace)


def deduplication_id(message: QueueMessage) -> str:
    """The message's own deduplication id, or the one that content-based deduplication gives it."""
    return message.deduplication_id or sha256(message.body.encode("utf-8", "surrogatepass")).hexdigest()


def is_fifo(address: str) -> bool:
    """Whether a name, URL or ARN is a FIFO queue's or topic's: the suffix says so, and nothing else does."""
    return address.endswith(".fifo")


def size_of(kind: str, message: Outgoing) -> int:
    """Bytes of a message that count towards the limit of that kind of destination."""
    return bus_entry(message).size if kind == "bus" else queue_message(message).size


def require_sendable(kind: str, address: str, messages: Sequence[Outgoing]) -> None:
    """Refuse what the service would refuse, before anything is sent.

    Raises `ConfigurationError` for a kind of destination that there is not and a group that is missing,
    `MessageTooLargeError`, and `AuthorError` for attributes that cannot be.
    """
    if kind not in MAX_SIZES:
        raise ConfigurationError(f"messages are published to a queue, a topic or an event bus, not to a {kind!r}")
    where = f"{kind} {address!r}"
    if kind != "bus":
        _require_groups(kind, address, messages)
    for message in messages:
        if kind == "bus":
            _require_event(where, message)
        _require_attributes(where, message.attributes)
        size = size_of(kind, message)
        if size > MAX_SIZES[kind]:
            raise MessageTooLargeError(where, size, MAX_SIZES[kind])


def _require_groups(kind: str, address: str, messages: Sequence[Outgoing]) -> None:
    if is_fifo(address) and not all(message.group for message in messages):
        raise ConfigurationError(
            f"{kind} {address!r} is FIFO, so each message needs a group: send(…, group=…) with what must keep its order"
        )


def _require_event(where: str, message: Outgoing) -> None:
    if message.group is not None or message.deduplication_id is not None:
        raise AuthorError(f"{where} keeps neither order nor repetitions away: send without group and deduplication_id")
    entry = bus_entry(message)
    if not entry.source or not entry.detail_type or not entry.detail.lstrip().startswith("{"):
        raise AuthorError(f"an event to {where} has a source, a detail-type, and a JSON object as its detail")


def _require_attributes(where: str, attributes: Mapping[str, Attribute]) -> None:
    if len(attributes) > MAX_ATTRIBUTES:
        raise AuthorError(f"a message to {where} has {len(attributes)} attributes, and {MAX_ATTRIBUTES} are the most")
    for name, value in attributes.items():
        if not _NAME.fullmatch(name):
            raise AuthorError(f"a message to {where} has an attribute {name!r}: {_NAMES}")
        if not _is_sendable(value):
            raise AuthorError(f"a message to {where} has an attribute {name!r} that is empty, or that AWS cannot carry")


_NAMES = "a name is made of letters, digits, '_', '-' and single '.' inside, and does not begin with AWS. or Amazon."


def _is_sendable(value: Attribute) -> bool:
    match value:
        case str():
            return bool(value) and not _REFUSED.search(value)
        case bytes():
            return bool(value)
        case bool():
            return False
        case _:
            return value == value and abs(value) != float("inf")  # noqa: PLR0124 - NaN alone is not itself
