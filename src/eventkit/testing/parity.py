"""Whether an app does the same in every runtime: the suite that a user runs on an app of their own.

In one line of a test file::

    class TestParity(ParityContract, app=app): ...

Each scenario is played in each runtime, and what is to be seen of it must be equal: which handlers were called with
what, when and in which attempt; what was published; what lies in dead-letter queues, and why; and what is left in
queues. Scenarios are made from the app's routes; an app's own are `Scenario`s too.
"""

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import TYPE_CHECKING, ClassVar, cast

from eventkit.app import App, Route
from eventkit.backends import Raw
from eventkit.backends._park import NOTE
from eventkit.backends._sending import is_fifo
from eventkit.buckets import Bucket
from eventkit.errors import ConfigurationError
from eventkit.events import ObjectCreated
from eventkit.inject import Overrides
from eventkit.names import Names, dead_letter_name
from eventkit.outcomes import Reject, Retry
from eventkit.resources import Queue, Resource, Table
from eventkit.sources import Selector
from eventkit.testing.entrance import Entrance
from eventkit.testing.events import s3_event, s3_record
from eventkit.testing.examples import Examples, example_of
from eventkit.testing.runtimes import RUNTIMES, Open, open_runtime
from eventkit.testing.watching import Call
from eventkit.testing.world import Queues, StandIns, World

if TYPE_CHECKING:
    import pytest

__all__ = ["Fault", "ParityContract", "Scenario", "Seen", "assert_parity", "play", "scenarios_of"]

Step = BaseException | float | None
"""What happens at a call: it is raised, so many seconds pass, or nothing, before the handler is called."""

HOURS = 7_200.0
"""Seconds that a scenario lasts at most."""

STEP = 60.0
"""Seconds between two looks at whether it is over."""

GROUP = "g"

NO_EXAMPLES: Examples = {}
NO_OVERRIDES: Overrides = {}


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
    """

    name: str
    arrange: Callable[[Entrance], None]
    faults: tuple[Fault, ...] = ()
    queues: Queues = field(default_factory=Queues)
    lasts: float = HOURS
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """What is to be seen of a scenario; each line is a text for people."""

    calls: tuple[str, ...]
    published: tuple[str, ...]
    dead: tuple[str, ...]
    left: tuple[str, ...]


def play(
    app: App,
    scenario: Scenario,
    runtime: str | Open,
    *,
    names: Names | None = None,
    overrides: Overrides = NO_OVERRIDES,
) -> Seen:
    """Play a scenario in a runtime, with the app's lifespan around it."""
    script = _Script(scenario.faults)
    opening = open_runtime(runtime) if isinstance(runtime, str) else runtime
    world = World(app, names or Names(app.name), scenario.queues, StandIns(overrides, act=script))
    world.open(opening)
    try:
        scenario.arrange(Entrance(lambda: world, ("sqs",)))
        script.number(record for queue in world.consumed for record in world.backend.messages(queue))
        _let_happen(world, scenario.lasts)
        return _seen(world, scenario)
    finally:
        world.close()


def assert_parity(
    app: App,
    scenarios: Iterable[Scenario] | None = None,
    *,
    examples: Examples = NO_EXAMPLES,
    runtimes: Sequence[str | Open] = RUNTIMES,
    names: Names | None = None,
    overrides: Overrides = NO_OVERRIDES,
) -> None:
    """Play the scenarios, by default those of the app's routes, in the runtimes, and compare what is to be seen.

    `examples` are messages for queues and topics, and keys for buckets; what is not given is made from the types.
    Raises `AssertionError` for the first scenario that differs, and says how.
    """
    for scenario in scenarios_of(app, examples) if scenarios is None else scenarios:
        first, *others = [play(app, scenario, one, names=names, overrides=overrides) for one in runtimes]
        for runtime, other in zip(runtimes[1:], others, strict=True):
            if other != first:
                raise AssertionError(_difference(scenario.name, (runtimes[0], first), (runtime, other)))


class ParityContract:
    """A test class: one test for each scenario. `class TestParity(ParityContract, app=app): ...`."""

    app: ClassVar[App]
    examples: ClassVar[Examples] = NO_EXAMPLES
    overrides: ClassVar[Overrides] = NO_OVERRIDES
    names: ClassVar[Names | None] = None
    scenarios: ClassVar[Sequence[Scenario]] = ()
    """Further scenarios, besides those of the app's routes."""

    def __init_subclass__(cls, *, app: App | None = None, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if app is not None:
            cls.app = app

    def pytest_generate_tests(self, metafunc: "pytest.Metafunc") -> None:
        """Make a test of each scenario."""
        scenarios = [*scenarios_of(self.app, self.examples), *self.scenarios]
        metafunc.parametrize("scenario", scenarios, ids=[scenario.name for scenario in scenarios])

    def test_every_runtime_does_the_same(self, scenario: Scenario) -> None:
        """What is to be seen of the scenario is the same in every runtime."""
        assert_parity(self.app, [scenario], names=self.names, overrides=self.overrides)


def scenarios_of(app: App, examples: Examples = NO_EXAMPLES) -> list[Scenario]:
    """Scenarios for each of the app's sources that a queue can bring: not for tables, which a poller does not read.

    Raises `ConfigurationError` where an example is missing, or there is no such source.
    """
    found: dict[Resource, dict[str, Route]] = {}
    for route in app.routes():
        for selector in route.source.selectors:
            if not isinstance(selector.resource, Table):
                found.setdefault(selector.resource, {})[route.name] = route
    if not found:
        raise ConfigurationError(f"the app {app.name!r} has no source that a queue can bring, so there is no parity")
    return [
        one for resource, routes in found.items() for one in _of_source(_Source(resource, [*routes.values()], examples))
    ]


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

    broken = RuntimeError("a fault of the scenario")
    yield scenario("success")
    yield scenario("retry by exception", Fault(1, (broken, broken)))
    yield scenario("retry with a delay", Fault(1, (Retry(after=7), Retry(after=0))))
    yield scenario("reject", Fault(1, (Reject("no good"),)))
    yield scenario("received too often", Fault(1, (broken,), always=True))
    yield scenario("duplicates", times=2)
    yield scenario("more than a batch", times=13, counted=not source.fifo)
    yield Scenario(f"{name}: poison", partial(_poison, source))
    yield Scenario(f"{name}: unmatched", partial(_elsewhere, source))
    yield from (
        scenario(f"timeout of {one.name}", Fault(1, (inf,), one.name)) for one in source.routes if _is_timed(one)
    )
    mixed = (Fault(2, (broken,)), Fault(3, (Reject("no good"),)), Fault(5, (Retry(after=5),)))
    yield scenario(
        "failure in the middle of a group" if source.fifo else "partial batch", *mixed, times=6, counted=not source.fifo
    )
    if len(source.routes) > 1:
        yield scenario("several routes, one failing", Fault(1, (broken, Retry(after=3)), source.routes[-1].name))
    if isinstance(source.resource, Bucket):
        nested = Fault(1, (None, broken))
        yield Scenario(f"{name}: nested records, one failing", partial(source.upload, objects=2), (nested,))


def _is_timed(route: Route) -> bool:
    return route.options.timeout is not None


def _poison(source: _Source, t: Entrance) -> None:
    for text in ("{", "null", '{"Records": [{"eventSource": "aws:s3", "s3": {}}]}'):
        source.put(t, text)


def _elsewhere(source: _Source, t: Entrance) -> None:
    from pydantic_core import to_json

    source.put(t, to_json(s3_event(s3_record("ObjectCreated:Put", "eventkit-elsewhere", "a.jpg"))).decode())


class _Script:
    """Lets the faults happen."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = faults
        self._numbers: dict[str, int] = {}
        self._tries: Counter[tuple[str, str]] = Counter()

    def number(self, records: Iterable[Raw]) -> None:
        """Take the messages' numbers from the order in which they came."""
        self._numbers = {str(record["messageId"]): number for number, record in enumerate(records, 1)}

    def __call__(self, call: Call) -> float:
        key = (call.handler, call.id)
        self._tries[key] += 1
        for fault in self._faults:
            if fault.message == self._numbers.get(call.id) and fault.handler in {None, call.handler}:
                return _happens(fault, self._tries[key])
        return 0.0


def _happens(fault: Fault, tried: int) -> float:
    if tried > len(fault.steps) and not fault.always:
        return 0.0
    step = fault.steps[min(tried, len(fault.steps)) - 1]
    if isinstance(step, BaseException):
        raise copy.copy(step)  # which does not carry the trace of the last time
    return step or 0.0


def _let_happen(world: World, seconds: float) -> None:
    """Let everything happen, for so long at most; with nothing in the queues there is nothing to wait for."""
    world.settle_blocking(0)
    while (left := seconds - world.loop.time()) > 0 and any(map(world.backend.messages, world.consumed)):
        world.settle_blocking(min(left, STEP))


def _seen(world: World, scenario: Scenario) -> Seen:
    messages = world.backend.messages
    dead = [dead_letter_name(queue) for queue in world.consumed if scenario.queues.dead_letters]
    published = (f"{one.kind} {one.address}: {one.text} group={one.group}" for one in world.backend.published)
    return Seen(
        tuple(_calls(world.watch.calls, counted=scenario.counted)),
        tuple(sorted(published)),
        tuple(sorted(f"{queue}: {_noted(record)}" for queue in dead for record in messages(queue))),
        tuple(sorted(f"{queue}: {record['body']}" for queue in world.consumed for record in messages(queue))),
    )


def _calls(calls: Sequence[Call], *, counted: bool) -> list[str]:
    """The calls by time. Those of one moment are in no order, except in a group."""
    ordered = sorted(calls, key=lambda one: (round(one.at, 1), one.group or f"{one.handler} {one.event!r}"))
    return [_call(one, counted=counted) for one in ordered]


def _call(call: Call, *, counted: bool) -> str:
    attempt = f" attempt {call.attempt}" if counted else ""
    return f"{round(call.at, 1)} s: {call.handler}({call.event!r}){attempt} group={call.group}"


def _noted(record: Raw) -> str:
    attributes = cast("Mapping[str, Mapping[str, object]]", record["messageAttributes"])
    note = attributes[NOTE]["stringValue"] if NOTE in attributes else "received too often"
    return f"{record['body']} ({note})"


def _difference(name: str, first: tuple[str | Open, Seen], second: tuple[str | Open, Seen]) -> str:
    (one, before), (other, after) = first, second
    lines = [f"{name}: the runtimes {_named(one)} and {_named(other)} differ"]
    for what in Seen.__slots__:
        here, there = (Counter[str](getattr(seen, what)) for seen in (before, after))
        lines += [f"  {what}, {_named(one)} alone: {line}" for line in (here - there).elements()]
        lines += [f"  {what}, {_named(other)} alone: {line}" for line in (there - here).elements()]
    return "\n".join(lines)


def _named(runtime: str | Open) -> str:
    return runtime if isinstance(runtime, str) else getattr(runtime, "__name__", repr(runtime))
