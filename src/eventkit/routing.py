"""Which routes take an event, by its origin: the resource that it is about, never the transport that brought it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from eventkit.buses import Bus
from eventkit.events import AwsEvent, BusEvent, Message
from eventkit.names import Names, name_in
from eventkit.resources import Resource, Topic
from eventkit.sources import Selector

__all__ = ["Candidate", "Entry", "RoutingTable", "is_about", "verdict"]

T = TypeVar("T")
D = TypeVar("D")

REMEMBERED = 1024
"""Origins whose candidates are remembered. Origins come from outside, so the memory is bounded."""


class Entry(NamedTuple, Generic[T]):
    """A selector of a route, and what it leads to."""

    selector: Selector
    route: str
    target: T


class Candidate(NamedTuple, Generic[T]):
    """Something that takes an event about its resource if `condition` holds, or always where that is None.

    `narrows` says that the target may find, on reading the event's value, that it is not its own. A route takes an
    event once: by the first of its candidates that does.
    """

    condition: Callable[[AwsEvent], bool] | None
    route: str
    target: T
    narrows: bool

    @property
    def is_certain(self) -> bool:
        """Whether the target takes every event."""
        return self.condition is None and not self.narrows


class RoutingTable(Generic[T, D]):
    """Finds what takes an event."""

    def __init__(
        self, names: Names, entries: Sequence[Entry[T]], compose: Callable[[Sequence[Candidate[T]]], D]
    ) -> None:
        """`compose` makes one target of several candidates, or of none."""
        self._names = names
        self._entries = tuple(entries)
        self._compose = compose
        self._known: dict[type[AwsEvent], dict[object, D]] = {}

    def known(self, kind: type[AwsEvent]) -> Mapping[object, D]:
        """What takes events of this kind, by their origin, as far as there have been any."""
        return self._known.setdefault(kind, {})

    def target(self, event: AwsEvent) -> D:
        """What takes events of this kind from this origin."""
        try:
            return self._known[event.__class__][event.origin]
        except KeyError:
            return self._found(event)

    def _found(self, event: AwsEvent) -> D:
        target = self._compose(
            [
                Candidate(
                    None if selector.condition is None else selector.condition.compiled(),
                    route,
                    target,
                    selector.narrows,
                )
                for selector, route, target in self._entries
                if isinstance(event, selector.events) and is_about(self._names, selector, event)
            ]
        )
        known = self._known.setdefault(type(event), {})
        if len(known) >= REMEMBERED:
            known.clear()
        known[event.origin] = target
        return target


def is_about(names: Names, selector: Selector, event: AwsEvent) -> bool:
    """Whether the event is about the selector's resource.

    A queue's message is about a topic when the queue is the topic's carrier: with raw delivery nothing else tells.
    Nor does an event name its bus; one that came in no queue may be of any bus whose rules invoke the function.
    """
    resource = selector.resource
    if isinstance(event, BusEvent):
        return resource.kind == Bus.kind and _brings(names, resource, event.outermost)
    if event.service == resource.service:
        return names.is_origin(resource, event.resource_name, event.source_arn)
    return resource.kind == Topic.kind and isinstance(event, Message) and _brings(names, resource, event)


def _brings(names: Names, resource: Resource, outermost: AwsEvent) -> bool:
    """Whether what AWS handed over is no queue's message, or one of the queue that carries the resource's events."""
    return not isinstance(outermost, Message) or name_in(names.carrier(resource)) == outermost.resource_name


def verdict(names: Names, selector: Selector, event: AwsEvent) -> str | None:
    """Why the selector does not take the event, in words; None where it does, its value apart."""
    if not is_about(names, selector, event):
        wanted = f"{selector.resource.service}:{names.name(selector.resource)}"
        return f"it is about {event.service}:{event.resource_name}, not {wanted}"
    if not isinstance(event, selector.events):
        kinds = " or ".join(kind.__name__ for kind in selector.events)
        return f"it is {type(event).__name__}, not {kinds}"
    if selector.condition is not None and not selector.condition.matches(event):
        return f"it does not hold that {selector.condition}"
    return None
