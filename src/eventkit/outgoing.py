"""Messages on their way out, as values."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice
from types import MappingProxyType

from eventkit.values import Value

__all__ = ["MAX_ATTRIBUTES", "Attribute", "Outgoing"]

MAX_ATTRIBUTES = 10
"""How many message attributes a message can have ("Amazon SQS message metadata")."""

Attribute = str | int | Decimal | bytes
"""A message attribute's value: a text is sent as String, a number as Number, bytes as Binary."""


class Outgoing(Value):
    """One message to be sent: its text, and the group and deduplication id that FIFO queues and topics want.

    Attributes:
        text: What is sent.
        group: What must keep its order among itself.
        deduplication_id: What makes a second sending within five minutes the same message.
        attributes: The message's own attributes. On an event bus `source` and `detail-type` are the event's members.
        carried: Attributes that go along where the message has room for them, and none of that name of its own.
        trace: The X-Ray trace header.
    """

    text: str
    group: str | None = None
    deduplication_id: str | None = None
    attributes: Mapping[str, Attribute] = MappingProxyType[str, Attribute]({})
    carried: Mapping[str, str] = MappingProxyType[str, str]({})
    trace: str | None = None

    @property
    def all_attributes(self) -> dict[str, Attribute]:
        """The message's own attributes, then what it carries, as far as ten attributes allow."""
        further = (item for item in self.carried.items() if item[0] not in self.attributes)
        return {**self.attributes, **dict(self._as_room_allows(further))}

    def _as_room_allows(self, further: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        return islice(further, max(0, MAX_ATTRIBUTES - len(self.attributes)))
