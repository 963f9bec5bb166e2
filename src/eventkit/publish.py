"""Sending messages to queues and topics."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

from eventkit.errors import AuthorError, RouteError
from eventkit.resources import Destination, Queue, Topic
from eventkit.values import Value

__all__ = ["Outgoing", "Publisher", "Sender", "To"]

M_contra = TypeVar("M_contra", contravariant=True)


class Outgoing(Value):
    """One message to be sent: its text, and the group and deduplication id that FIFO queues and topics want."""

    text: str
    group: str | None = None
    deduplication_id: str | None = None
    attributes: Mapping[str, str] = MappingProxyType[str, str]({})


class Publisher(Protocol):
    """The port by which messages are sent."""

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        """Send all the messages to one `queue` or `topic`, by name, URL or ARN, in order.

        When it returns, the service has accepted every message. Raises `BackendError` when it did not; some may
        have been accepted all the same.
        """
        ...


class To(Value, Generic[M_contra]):
    """Marks a parameter that gets a sender: `Annotated[Sender[Job], To(jobs)]`."""

    destination: Destination[M_contra]


class Sender(Generic[M_contra]):
    """Sends messages of type `M` to one destination."""

    __slots__ = ("_address", "_destination", "_publisher")

    def __init__(self, destination: Destination[M_contra], address: str, publisher: Publisher) -> None:
        """`address` is the destination's physical name, URL or ARN."""
        self._destination = destination
        self._address = address
        self._publisher = publisher

    async def send(self, *messages: M_contra, group: str | None = None, deduplication_id: str | None = None) -> None:
        """Send messages; when it returns, the service has accepted them all.

        `group` and `deduplication_id` are for FIFO destinations; the latter goes with a single message. Raises
        `AuthorError` and `BackendError`.
        """
        if deduplication_id is not None and len(messages) > 1:
            raise AuthorError("one deduplication id on several messages would drop all but the first")
        outgoing = [Outgoing(self._destination.to_text(message), group, deduplication_id) for message in messages]
        if outgoing:
            await self._publisher.publish(kind_of(self._destination), self._address, outgoing)


def kind_of(destination: Destination[M_contra]) -> str:
    """What the destination is: `queue` or `topic`. Raises `RouteError` for anything else."""
    match destination:
        case Queue() | Topic():
            return destination.kind
        case _:
            raise RouteError(f"{destination!r} is neither a queue nor a topic")
