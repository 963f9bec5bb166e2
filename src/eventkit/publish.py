"""Sending messages to queues, topics and event buses."""

import re
from collections.abc import Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from eventkit.delivery import Delivery
from eventkit.errors import AuthorError, DecodeError, RouteError
from eventkit.events import AttributeValue
from eventkit.outcomes import Reject
from eventkit.outgoing import Attribute, Outgoing
from eventkit.resources import Destination, Resource
from eventkit.values import Value, replace

__all__ = ["HOPS", "MAX_HOPS", "Outgoing", "Publisher", "Sender", "To"]

M_contra = TypeVar("M_contra", contravariant=True)

HOPS = "eventkit.hops"
"""The message attribute that counts the handlers through which a message came about."""

MAX_HOPS = 8
"""Handlers in a row whose messages lead to each other. A longer way is taken for a loop, and not continued."""

TRACEPARENT = "traceparent"
"""The message attribute of a W3C trace context ("Trace Context", W3C Recommendation)."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_TRACE = re.compile(r"[!-~]{1,256}")
"""An X-Ray trace header is made of these, and not longer than a proper one with room to spare."""

_NONE: Mapping[str, Attribute] = {}


class Publisher(Protocol):
    """The port by which messages are sent."""

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        """Send all the messages to one `queue`, `topic` or `bus`, by name, URL or ARN, in order.

        When it returns, the service has accepted every message. Raises `AuthorError` before anything is sent for a
        message that the service would refuse, and `BackendError` when it did not accept them; some may have been
        accepted all the same.
        """
        ...


class To(Value, Generic[M_contra]):
    """Marks a parameter that gets a sender: `Annotated[Sender[Job], To(jobs)]`."""

    destination: Destination[M_contra]


class Sender(Generic[M_contra]):
    """Sends messages of type `M` to one destination.

    What a handler sends goes on with the trace of what it handles, and counts one hop more.
    """

    __slots__ = ("_address", "_delivery", "_destination", "_publisher", "_source")

    def __init__(
        self,
        destination: Destination[M_contra],
        address: str,
        publisher: Publisher,
        *,
        source: str = "",
        delivery: Delivery | None = None,
    ) -> None:
        """`address` is the destination's physical name, URL or ARN, `source` what event buses call the sender.

        `delivery` is what the sender's user handles.
        """
        self._destination = destination
        self._address = address
        self._publisher = publisher
        self._source = source
        self._delivery = delivery

    async def send(
        self,
        *messages: M_contra,
        group: str | None = None,
        deduplication_id: str | None = None,
        attributes: Mapping[str, Attribute] = _NONE,
    ) -> None:
        """Send messages; when it returns, the service has accepted them all.

        `group` and `deduplication_id` are for FIFO destinations; the latter goes with a single message. `attributes`
        are added to each message's own. Raises `AuthorError` before anything is sent, `BackendError`, and `Reject`
        where the handled message came `MAX_HOPS` hops already.
        """
        if deduplication_id is not None and len(messages) > 1:
            raise AuthorError("one deduplication id on several messages would drop all but the first")
        outgoing = [
            self._addressed(self._destination.encode(one), group, deduplication_id, attributes) for one in messages
        ]
        if outgoing:
            await self._publisher.publish(kind_of(self._destination), self._address, outgoing)

    async def forward(self, *messages: Outgoing) -> None:
        """Send messages that were encoded before; a deduplication id goes along where the destination is FIFO.

        Raises what `send` raises.
        """
        fifo = self._address.endswith(".fifo")
        outgoing = [
            replace(
                message,
                deduplication_id=message.deduplication_id if fifo else None,
                attributes={**self._common(), **message.attributes},
            )
            for message in messages
        ]
        if outgoing:
            await self._publisher.publish(kind_of(self._destination), self._address, outgoing)

    def _addressed(
        self, message: Outgoing, group: str | None, deduplication_id: str | None, attributes: Mapping[str, Attribute]
    ) -> Outgoing:
        carried, trace = carried_on(self._delivery) if self._delivery is not None else ({}, None)
        return replace(
            message,
            group=group,
            deduplication_id=deduplication_id,
            attributes={**self._common(), **message.attributes, **attributes},
            carried=carried,
            trace=trace,
        )

    def _common(self) -> Mapping[str, Attribute]:
        return {"source": self._source} if kind_of(self._destination) == "bus" else _NONE


def carried_on(delivery: Delivery) -> tuple[dict[str, str], str | None]:
    """What goes on from a delivery with the messages of its handler: attributes, and the X-Ray trace header.

    Raises `Reject` where the message that is handled came `MAX_HOPS` hops already.
    """
    attributes = _readable_attributes(delivery)
    hops = _hops(attributes.get(HOPS))
    if hops >= MAX_HOPS:
        raise Reject(f"a loop: this message came about by {hops} handlers in a row, so nothing is sent in answer to it")
    carried = {HOPS: str(hops + 1)}
    context = attributes.get(TRACEPARENT)
    if isinstance(context, str) and _TRACEPARENT.fullmatch(context):
        carried[TRACEPARENT] = context
    trace = delivery.trace
    return carried, trace if trace and _TRACE.fullmatch(trace) else None


def _readable_attributes(delivery: Delivery) -> Mapping[str, AttributeValue]:
    """The attributes; none where they cannot be read: a handler that did not look at them must not fail for them."""
    try:
        return delivery.attributes
    except DecodeError:
        return {}


def _hops(value: AttributeValue | None) -> int:
    """The count that an attribute holds; 0 where it is none of ours."""
    text = str(value)
    return int(text) if re.fullmatch(r"[0-9]{1,3}", text) else 0


def kind_of(destination: object) -> str:
    """What the destination is: `queue`, `topic` or `bus`. Raises `RouteError` for anything else."""
    if isinstance(destination, Resource) and isinstance(destination, Destination):
        return destination.kind
    raise RouteError(f"{destination!r} is no queue, topic or event bus")
