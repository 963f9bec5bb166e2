"""What happens to an app, the same in every runtime: what arrives, and the faults in place of its handlers' calls."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Any, Literal, cast

from eventkit.app import App, Route
from eventkit.backends._sending import is_fifo
from eventkit.buckets import Bucket
from eventkit.errors import ConfigurationError
from eventkit.events import Inserted, ObjectCreated, Removed
from eventkit.outcomes import Reject, Retry
from eventkit.resources import Queue, Resource, Stream, Streamed, Table
from eventkit.sources import Selector
from eventkit.testing.entrance import Entrance
from eventkit.testing.events import kinesis_record, s3_event, s3_record, stream_record
from eventkit.testing.examples import Examples, example_of
from eventkit.testing.world import Queues

__all__ = ["NO_EXAMPLES", "Fault", "Order", "Scenario", "scenarios_of"]

Step = BaseException | float | None
"""What happens at a call: it is raised, so many seconds pass, or nothing, before the handler is called."""

HOURS = 7_200.0
"""Seconds that a scenario lasts at most."""

GROUP = "g"

Order = Literal["time", "stream", "key"]
"""In which order calls are compared: by their times; in the one order of a stream; or within each key."""

NO_EXAMPLES: Examples = {}


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a message in place of the handler's calls.

    Attributes:
        message: Which message, counted from 1 as they were sent.
        steps: What happens at each call, one after the other; then the handler is called. Infinity lasts until the
            call is cut off.
        handler: The handler that this happens to; None is each of them.
        always: Whether the last step happens for ever.
    """

    message: int
    steps: tuple[Step, ...]
    handler: str | None = None
    always: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens, the same in every runtime.

    Attributes:
        name: What it is about.
        arrange: Sends the messages.
        faults: What goes wrong.
        queues: The queues' attributes.
        lasts: Seconds until what is to be seen is looked at, where the queues are not empty before.
        counted: Whether attempts are compared: records that are held back in their group are received, and counted,
            more or less often, depending on how many a runtime takes at once.
        order: In which order calls are compared.
        repeated: Whether further calls for the same record are compared: Lambda handles records once more that were
            handled behind one that failed, where keys of a shard are handled apart.
        shards: How many shards each table and stream has.
        keeps: Whether there is an on-failure destination.
    """

    name: str
    arrange: Callable[[Entrance], None]
    faults: tuple[Fault, ...] = ()
    queues: Queues = field(default_factory=Queues)
    lasts: float = HOURS
    counted: bool = True
    order: Order = "time"
    repeated: bool = True
    shards: int = 1
    keeps: bool = False


def scenarios_of(app: App, examples: Examples = NO_EXAMPLES) -> list[Scenario]:
    """Scenarios for each of the app's sources that a queue or a stream can bring.

    Raises `ConfigurationError` where an example is missing, or there is no such source.
    """
    found: dict[Resource, dict[str, Route]] = {}
    for route in app.routes():
        for selector in route.source.selectors:
            found.setdefault(selector.resource, {})[route.name] = route
    if not found:
        raise ConfigurationError(f"the app {app.name!r} has no source, so there is no parity")
    return [one for resource, routes in found.items() for one in _scenarios(resource, [*routes.values()], examples)]


def _scenarios(resource: Resource, routes: Sequence[Route], examples: Examples) -> Iterator[Scenario]:
    if isinstance(resource, Streamed):
        return _of_stream(_StreamSource(cast("Table[Any] | Stream[Any]", resource), routes, examples))
    return _of_source(_Source(resource, routes, examples))


BROKEN = RuntimeError("a fault of the scenario")


class _Source:
    """A source, and how its example is sent."""

    def __init__(self, resource: Resource, routes: Sequence[Route], examples: Examples) -> None:
        self.resource = resource
        self.routes = routes
        selectors = (one for route in routes for one in route.source.selectors if one.resource == resource)
        self._selector: Selector = next(selectors)
        self._example = example_of(self._selector, examples)

    @property
    def fifo(self) -> bool:
        return is_fifo(self.resource.name)

    def send(self, t: Entrance, times: int = 1) -> None:
        """Send the example so many times, in one group where there are any."""
        for _ in range(times):
            if isinstance(self.resource, Bucket):
                self.upload(t, 1)
            else:
                t.send(cast("Queue[object]", self.resource), self._example, group=GROUP if self.fifo else None)

    def upload(self, t: Entrance, objects: int) -> None:
        """Let as many objects come about, in one notification."""
        bucket, key = cast("Bucket", self.resource), str(self._example)
        created = any(issubclass(kind, ObjectCreated) for kind in self._selector.events)
        (t.upload if created else t.remove)(bucket, *[key] * objects)

    def put(self, t: Entrance, text: str) -> None:
        """Put a text into the source's queue as it is."""
        t.put(self.resource, text, group=GROUP if self.fifo else None)


def _of_source(source: _Source) -> Iterator[Scenario]:
    name = f"{source.resource.kind} {source.resource.name}"

    def scenario(title: str, *faults: Fault, times: int = 1, counted: bool = True) -> Scenario:
        return Scenario(f"{name}: {title}", partial(source.send, times=times), faults, counted=counted)

    yield scenario("success")
    yield scenario("retry by exception", Fault(1, (BROKEN, BROKEN)))
    yield scenario("retry with a delay", Fault(1, (Retry(after=7), Retry(after=0))))
    yield scenario("reject", Fault(1, (Reject("no good"),)))
    yield scenario("received too often", Fault(1, (BROKEN,), always=True))
    yield scenario("duplicates", times=2)
    yield scenario("more than a batch", times=13, counted=not source.fifo)
    yield Scenario(f"{name}: poison", partial(_poison, source))
    yield Scenario(f"{name}: unmatched", partial(_elsewhere, source))
    yield from (
        scenario(f"timeout of {one.name}", Fault(1, (inf,), one.name)) for one in source.routes if _is_timed(one)
    )
    mixed = (Fault(2, (BROKEN,)), Fault(3, (Reject("no good"),)), Fault(5, (Retry(after=5),)))
    yield scenario(
        "failure in the middle of a group" if source.fifo else "partial batch", *mixed, times=6, counted=not source.fifo
    )
    if len(source.routes) > 1:
        yield scenario("several routes, one failing", Fault(1, (BROKEN, Retry(after=3)), source.routes[-1].name))
    if isinstance(source.resource, Bucket):
        nested = Fault(1, (None, BROKEN))
        yield Scenario(f"{name}: nested records, one failing", partial(source.upload, objects=2), (nested,))


def _is_timed(route: Route) -> bool:
    return route.options.timeout is not None


def _poison(source: _Source, t: Entrance) -> None:
    for text in ("{", "null", '{"Records": [{"eventSource": "aws:s3", "s3": {}}]}'):
        source.put(t, text)


def _elsewhere(source: _Source, t: Entrance) -> None:
    from pydantic_core import to_json

    source.put(t, to_json(s3_event(s3_record("ObjectCreated:Put", "eventkit-elsewhere", "a.jpg"))).decode())


TWO_KEYS = ("a", "b")
"""Partition keys; their hashes lie in the two halves of all, so of two shards each has one."""

MOST_RETRIES = 10
"""A route's pauses between more attempts may take longer than a scenario."""


class _StreamSource:
    """A table or a stream, and how its example is written."""

    def __init__(self, resource: Table[Any] | Stream[Any], routes: Sequence[Route], examples: Examples) -> None:
        self.resource = resource
        self.routes = routes
        selectors = (one for route in routes for one in route.source.selectors if one.resource == resource)
        self._selector: Selector = next(selectors)
        self._example = example_of(self._selector, examples)

    @property
    def ends(self) -> bool:
        """Whether records that always fail are given up within a scenario, and for one reason whatever the pauses."""
        options = self.resource.stream
        by_retries = options.retries is not None and options.retries <= MOST_RETRIES and options.max_age is None
        by_age = options.max_age is not None and options.max_age <= HOURS / 2 and options.retries is None
        # Without bisecting, what is given up with a key's record are those behind it: in Lambda those of all keys.
        return (by_retries or by_age) and (options.bisect or not self.resource.keyed)

    def write(self, t: Entrance, keys: Sequence[str]) -> None:
        """Write the example for each partition key; items have their own."""
        for key in keys:
            if isinstance(self.resource, Stream):
                t.put_records(self.resource, self._example, key=key)
            else:
                t.change(self.resource, **self._images())

    def poison(self, t: Entrance) -> None:
        """Write a record that nobody can decode, between two that are good."""
        self.write(t, ["1"])
        if isinstance(self.resource, Stream):
            t.deliver(kinesis_record(b"{\xff", t.name_of(self.resource)))
        else:
            item = {"id": "poison"}
            record = stream_record("INSERT", t.name_of(self.resource), keys=item, new=item, number=0)
            t.deliver({**record, "dynamodb": {"Keys": {"id": {"N": "no number"}}}})
        self.write(t, ["1"])

    def _images(self) -> dict[str, Any]:
        kinds = self._selector.events
        images = {"new": self._example, "old": self._example}
        kept = images.keys() - ({"old"} if Inserted in kinds else {"new"} if Removed in kinds else set[str]())
        return {name: images[name] for name in kept}


def _of_stream(source: _StreamSource) -> Iterator[Scenario]:
    """The times between attempts are each runtime's own, so no times are compared."""
    resource, options = source.resource, source.resource.stream
    order: Order = "key" if resource.keyed else "stream"

    def scenario(title: str, *faults: Fault, records: int = 1, keys: Sequence[str] = ("1",)) -> Scenario:
        write = partial(source.write, keys=[key for _ in range(records) for key in keys])
        repeated = not resource.keyed and options.max_age is None
        name = f"{resource.kind} {resource.name}: {title}"
        return Scenario(name, write, faults, order=order, repeated=repeated, keeps=True)

    yield scenario("success")
    yield scenario("retry by exception", Fault(1, (BROKEN, BROKEN)))
    yield scenario("retry with a delay", Fault(1, (Retry(after=7), Retry(after=0))))
    yield scenario("reject", Fault(1, (Reject("no good"),)), records=2)
    yield dataclasses.replace(scenario("poison"), arrange=source.poison)
    yield scenario("duplicates", records=2)
    yield scenario("more than a batch", records=options.batch + 3)
    mixed = (Fault(2, (BROKEN,)), Fault(3, (Reject("no good"),)), Fault(5, (Retry(after=5),)))
    yield scenario("failure in the middle of a shard", *mixed, records=6)
    yield from (
        scenario(f"timeout of {one.name}", Fault(1, (inf,), one.name)) for one in source.routes if _is_timed(one)
    )
    if source.ends:
        yield scenario("failing for ever", Fault(3, (BROKEN,), always=True), records=5)
    if len(source.routes) > 1:
        yield scenario("several routes, one failing", Fault(1, (BROKEN, Retry(after=3)), source.routes[-1].name))
    if isinstance(resource, Stream):
        several = scenario("two shards, one of which fails", Fault(1, (BROKEN,) * 4), records=3, keys=TWO_KEYS)
        yield dataclasses.replace(several, order="key", shards=2)
        yield scenario("keys beside each other, one failing", Fault(1, (BROKEN,) * 3), records=3, keys=TWO_KEYS)
