"""Event buses of Amazon EventBridge: what events are put on, and where they come from."""

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from eventkit.discriminators import ByAttribute, Discriminator, Upcaster
from eventkit.errors import AuthorError
from eventkit.events import AwsEvent, BusEvent
from eventkit.outgoing import Outgoing
from eventkit.resources import Messages
from eventkit.validation import name_of

__all__ = ["DETAIL_TYPE", "Bus"]

M = TypeVar("M")

DETAIL_TYPE: ByAttribute = ByAttribute("detail-type")
"""Events say what they are in EventBridge's own member for it."""


class Bus(Messages[M]):
    """An event bus whose events' details are `M`s, JSON objects each; `Bus[M]("default")` is the account's own.

    An event's `detail-type` is the type that its model declares, by default the name of the class, and its `source`
    is the app's name; `send(…, attributes={"source": …, "detail-type": …})` says otherwise. Events of other types are
    not the source's. An event carries its attributes among its `resources`, since EventBridge has no place for them.
    """

    service = "events"
    kind = "bus"
    events: ClassVar[tuple[type[AwsEvent], ...]] = (BusEvent,)

    def __init__(
        self,
        name: str,
        *,
        strict: bool = True,
        types: Discriminator | None = DETAIL_TYPE,
        upcasters: Sequence[Upcaster] = (),
    ) -> None:
        """As for a queue or topic, but with detail types. `types` None takes events of any type, if `M` fits them.

        Raises `RouteError`.
        """
        super().__init__(name, strict=strict, types=types, upcasters=upcasters)

    def encode(self, message: M) -> Outgoing:
        """The event as it is sent. Raises `AuthorError` for a message that is no JSON object."""
        encoded = super().encode(message)
        if not encoded.text.startswith("{"):
            raise AuthorError(f"{self}: an event's detail is a JSON object, and a {name_of(type(message))} is none")
        return encoded
