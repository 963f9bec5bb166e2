"""Which queues an app needs polled, and which streams read. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeGuard

from eventkit.app import App, Route
from eventkit.errors import ConfigurationError
from eventkit.names import Names, name_in
from eventkit.resources import Resource, Stream, Table

__all__ = ["Plan", "PolledQueue", "ReadStream", "plan_of", "queues_of"]


@dataclass(frozen=True, slots=True)
class PolledQueue:
    """A queue to poll.

    Attributes:
        address: Its name, URL or ARN.
        resources: Whose events it brings, in the order in which the app names them.
        concurrency: How many of its records its routes can run at once; None where one of them sets no bound.
    """

    address: str
    resources: tuple[Resource, ...]
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class ReadStream:
    """A stream to read.

    Attributes:
        address: The name or ARN of the table or of the stream.
        resource: What its records are about, with how they are to be handed over.
    """

    address: str
    resource: Table[Any] | Stream[Any]

    @property
    def name(self) -> str:
        """What people call it: its kind and its name, for instance `table:orders`."""
        return f"{self.resource.kind}:{name_in(self.address)}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a poller reads for an app."""

    queues: tuple[PolledQueue, ...]
    streams: tuple[ReadStream, ...] = ()


def plan_of(app: App, names: Names) -> Plan:
    """What a poller reads for the app, in the order in which the app names it.

    Raises `ConfigurationError` where one stream is to be handed over in two ways.
    """
    feeds: dict[str, list[tuple[Resource, Route]]] = {}
    streams: dict[Resource, ReadStream] = {}
    for route in app.routes():
        for selector in route.source.selectors:
            resource: Resource = selector.resource
            if _is_streamed(resource):
                read = ReadStream(names.address(resource), resource)
                _require_alike(streams.setdefault(read.resource, read), read.resource)
            else:
                feeds.setdefault(names.carrier(resource), []).append((resource, route))
    return Plan(tuple(_polled(address, fed) for address, fed in feeds.items()), tuple(streams.values()))


def _is_streamed(resource: Resource) -> TypeGuard[Table[Any] | Stream[Any]]:
    return isinstance(resource, Table | Stream)


def _require_alike(known: ReadStream, resource: Table[Any] | Stream[Any]) -> None:
    if (known.resource.stream, known.resource.order_by) != (resource.stream, resource.order_by):
        raise ConfigurationError(
            f"{resource} is declared twice, with different stream=… or order_by=…: declare it once"
        )


def queues_of(app: App, names: Names) -> tuple[PolledQueue, ...]:
    """The queues that bring the events of the app's sources, each once."""
    return plan_of(app, names).queues


def _polled(address: str, fed: Iterable[tuple[Resource, Route]]) -> PolledQueue:
    resources = dict.fromkeys(resource for resource, _ in fed)
    bounds = {route.name: route.options.concurrency for _, route in fed}
    known = [bound for bound in bounds.values() if bound is not None]
    return PolledQueue(address, tuple(resources), sum(known) if len(known) == len(bounds) else None)
