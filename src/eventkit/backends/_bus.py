"""Events of Amazon EventBridge: as PutEvents takes them, and as targets get them ("PutEvents", "Event structure").

An event has no message attributes. `source` and `detail-type` are members of its own; any other attribute is written
`name=value` among its `resources`, which may hold any texts, so that an event carries what a message does. Pure.
"""

from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic_core import from_json

from eventkit.outgoing import Attribute, Outgoing

__all__ = ["BusEntry", "bus_entry", "delivered"]


@dataclass(frozen=True, slots=True)
class BusEntry:
    """One event to be put on a bus. `trace` is the X-Ray trace header."""

    source: str
    detail_type: str
    detail: str
    resources: tuple[str, ...] = ()
    trace: str | None = None

    @property
    def size(self) -> int:
        """Bytes that count towards EventBridge's limit ("Calculating PutEvents event entry size")."""
        return sum(len(text.encode("utf-8", "surrogatepass")) for text in self._texts())

    def _texts(self) -> tuple[str, ...]:
        return (self.source, self.detail_type, self.detail, *self.resources)


def bus_entry(message: Outgoing) -> BusEntry:
    """The event that a bus gets of what was published."""
    attributes = message.all_attributes
    source, detail_type = (str(attributes.pop(name, "")) for name in ("source", "detail-type"))
    resources = tuple(f"{name}={_text(value)}" for name, value in attributes.items())
    return BusEntry(source, detail_type, message.text, resources, message.trace)


def _text(value: Attribute) -> str:
    return b64encode(value).decode("ascii") if isinstance(value, bytes) else str(value)


def delivered(entry: BusEntry, *, event_id: str, sent: datetime, region: str, account: str) -> dict[str, object]:
    """The event as targets get it, a queue as its message's body."""
    return {
        "version": "0",
        "id": event_id,
        "detail-type": entry.detail_type,
        "source": entry.source,
        "account": account,
        "time": sent.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": list(entry.resources),
        "detail": from_json(entry.detail),
    }
