"""Which queues an app needs polled. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from eventkit.app import App, Route
from eventkit.names import Names
from eventkit.resources import Resource, Table

__all__ = ["Plan", "PolledQueue", "plan_of", "queues_of"]


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
class Plan:
    """What a poller reads for an app, and the resources that it cannot read: tables, whose streams come later."""

    queues: tuple[PolledQueue, ...]
    unsupported: tuple[Resource, ...] = ()


def plan_of(app: App, names: Names) -> Plan:
    """What a poller reads for the app, in the order in which the app names it."""
    feeds: dict[str, list[tuple[Resource, Route]]] = {}
    unsupported: dict[Resource, None] = {}
    for route in app.routes():
        for selector in route.source.selectors:
            resource: Resource = selector.resource
            if isinstance(resource, Table):
                unsupported[resource] = None
            else:
                feeds.setdefault(names.carrier(resource), []).append((resource, route))
    return Plan(tuple(_polled(address, fed) for address, fed in feeds.items()), tuple(unsupported))


def queues_of(app: App, names: Names) -> tuple[PolledQueue, ...]:
    """The queues that bring the events of the app's sources, each once."""
    return plan_of(app, names).queues


def _polled(address: str, fed: Iterable[tuple[Resource, Route]]) -> PolledQueue:
    resources = dict.fromkeys(resource for resource, _ in fed)
    bounds = {route.name: route.options.concurrency for _, route in fed}
    known = [bound for bound in bounds.values() if bound is not None]
    return PolledQueue(address, tuple(resources), sum(known) if len(known) == len(bounds) else None)
