"""The event source mappings through which Lambda gets an app's events, and whether they are right. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from eventkit._json import is_object
from eventkit.app import App
from eventkit.errors import ConfigurationError
from eventkit.events._base import parse_arn
from eventkit.names import Names, name_in
from eventkit.resources import Queue, Resource, Stream, Table
from eventkit_lambda.mapping import differences, mapping_of
from eventkit_poller import plan_of

__all__ = ["faults_of", "mappings_of"]

Mapped = Queue[Any] | Table[Any] | Stream[Any]

SERVICES = {"sqs": Queue.kind, "dynamodb": Table.kind, "kinesis": Stream.kind}
"""The services of the ARNs that mappings name, and what they are here."""


def mappings_of(app: App, names: Names) -> Mapping[str, Mapping[str, object]]:
    """What the mapping of each queue, table and stream must have, by kind and physical name: `table:orders`.

    The names are those of "CreateEventSourceMapping" in the AWS Lambda API reference. A queue that carries the events
    of buckets and topics is among them; it needs none where these invoke the function themselves.
    """
    return {key: mapping_of(resource, names) for key, resource in _mapped(app, names)}


def faults_of(app: App, names: Names, listed: object) -> list[str]:
    """What is wrong with mappings, in sentences, each beginning with what it is about.

    `listed` is what "ListEventSourceMappings" answers, parsed; mappings of what the app does not take are ignored.
    Raises `ConfigurationError` where it is something else.
    """
    wanted, found = mappings_of(app, names), list(_listed(listed))
    wrong = [
        f"{key}: {sentence}"
        for key, mapping in found
        if key in wanted
        for sentence in differences(wanted[key], mapping)
    ]
    own = {_key(resource.kind, names.name(resource)) for resource in _sources(app)}
    missing = [key for key in wanted if key in own and key not in dict(found)]
    return [*wrong, *(f"{key}: there is no mapping, so Lambda gets nothing of it" for key in missing)]


def _mapped(app: App, names: Names) -> Iterator[tuple[str, Mapped]]:
    plan = plan_of(app, names)
    for queue in plan.queues:
        carrier = Queue[str](name_in(queue.address))
        yield _key(carrier.kind, carrier.name), carrier
    for stream in plan.streams:
        yield stream.name, stream.resource


def _sources(app: App) -> Iterable[Resource]:
    return (selector.resource for route in app.routes() for selector in route.source.selectors)


def _key(kind: str, name: str) -> str:
    return f"{kind}:{name}"


def _listed(listed: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    mappings = listed.get("EventSourceMappings") if is_object(listed) else None
    if not isinstance(mappings, list):
        raise ConfigurationError(
            "this is no list of event source mappings: write what `aws lambda list-event-source-mappings` says"
        )
    for mapping in cast("list[object]", mappings):
        arn = parse_arn(str(mapping.get("EventSourceArn"))) if is_object(mapping) else None
        if is_object(mapping) and arn is not None and arn.service in SERVICES:
            yield _key(SERVICES[arn.service], arn.name), mapping
