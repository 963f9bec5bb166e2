"""Whether an app does the same in every runtime: the suite that a user runs on an app of their own.

In one line of a test file::

    class TestParity(ParityContract, app=app): ...

Each scenario is played in each runtime, and what is to be seen of it must be equal: which handlers were called with
what, when and in which attempt; what was published; what lies in dead-letter queues and in the on-failure destination,
and why; and what is left. Scenarios are made from the app's routes; an app's own are `Scenario`s too.

Of streams the times are not compared: Lambda waits as long as it likes before it tries again, a poller as long as the
route says. In which order records were handled, and what was given up, is.
"""

import copy
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from eventkit.app import App
from eventkit.backends import Raw
from eventkit.backends._park import NOTE
from eventkit.decode import STREAMS, record_id
from eventkit.failures import BATCHES
from eventkit.inject import Overrides
from eventkit.names import Names, dead_letter_name
from eventkit.outcomes import Retry
from eventkit.resources import Queue
from eventkit.streams import sequence_of
from eventkit.testing.entrance import Entrance
from eventkit.testing.examples import Examples
from eventkit.testing.runtimes import RUNTIMES, Open, open_runtime
from eventkit.testing.scenarios import NO_EXAMPLES, Fault, Order, Scenario, scenarios_of
from eventkit.testing.watching import Call
from eventkit.testing.world import StandIns, World
from eventkit.values import replace

if TYPE_CHECKING:
    import pytest

__all__ = ["Fault", "ParityContract", "Scenario", "Seen", "assert_parity", "play", "scenarios_of"]

STEP = 60.0
"""Seconds between two looks at whether it is over."""

ON_FAILURE = "eventkit-on-failure"
"""The queue that takes what is given up, where the app's names have none."""

NO_OVERRIDES: Overrides = {}


@dataclass(frozen=True, slots=True)
class Seen:
    """What is to be seen of a scenario; each line is a text for people."""

    calls: tuple[str, ...]
    published: tuple[str, ...]
    dead: tuple[str, ...]
    left: tuple[str, ...]
    given_up: tuple[str, ...]


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
    named = names or Names(app.name)
    if scenario.keeps and named.on_failure is None:
        named = replace(named, on_failure=(Queue.kind, ON_FAILURE))
    world = World(app, named, scenario.queues, StandIns(overrides, act=script), scenario.shards)
    world.open(opening)
    try:
        scenario.arrange(Entrance(lambda: world, ("sqs",)))
        messages = (record for queue in world.consumed for record in world.backend.messages(queue))
        script.number((*messages, *world.streams.written))
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


class _Script:
    """Lets the faults happen."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = faults
        self._numbers: dict[str, int] = {}
        self._tries: Counter[tuple[str, str]] = Counter()

    def number(self, records: Iterable[Raw]) -> None:
        """Take the messages' numbers from the order in which they came."""
        identities = (str(record.get("messageId") or record.get("eventID")) for record in records)
        self._numbers = {identity: number for number, identity in enumerate(identities, 1)}

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
    """Let everything happen, for so long at most; with nothing in queues and streams there is nothing to wait for."""
    world.settle_blocking(0)
    while (left := seconds - world.loop.time()) > 0 and _is_something_left(world):
        world.settle_blocking(min(left, STEP))


def _is_something_left(world: World) -> bool:
    given_up = sum(batch["batchSize"] for document in _kept(world) for batch in _batches(document))
    return any(map(world.backend.messages, world.consumed)) or len(_unhandled(world)) > given_up


def _seen(world: World, scenario: Scenario) -> Seen:
    messages = world.backend.messages
    dead = [dead_letter_name(queue) for queue in world.consumed if scenario.queues.dead_letters]
    sent = (one for one in world.backend.published if (one.kind, one.address) != world.names.on_failure)
    published = [f"{one.kind} {one.address}: {one.text} group={one.group}" for one in sent]
    return Seen(
        tuple(_calls(world.watch.calls, scenario)),
        tuple(sorted(published if scenario.repeated else {*published})),
        tuple(sorted(f"{queue}: {_noted(record)}" for queue in dead for record in messages(queue))),
        (
            *sorted(f"{queue}: {record['body']}" for queue in world.consumed for record in messages(queue)),
            *(f"{record['eventSourceARN']}: {sequence_of(record)}" for record in _unhandled(world)),
        ),
        tuple(sorted(line for document in _kept(world) for line in _given_up(document))),
    )


def _unhandled(world: World) -> Sequence[Raw]:
    """The records of streams that were neither done nor rejected."""
    handled = {record_id(one.record) for one in world.settled if not isinstance(one.outcome, Retry)}
    return [record for record in world.streams.written if record_id(record) not in handled]


def _kept(world: World) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The documents in the on-failure destination, and the notes of rejects on them."""
    if world.names.on_failure is not None and world.names.on_failure[0] == Queue.kind:
        for record in world.backend.messages(world.names.on_failure[1]):
            attributes: Any = record["messageAttributes"]
            yield json.loads(str(record["body"])), attributes.get(NOTE, {}).get("stringValue", "")


def _batches(kept: tuple[Mapping[str, Any], str]) -> Iterator[Mapping[str, Any]]:
    """The batch of a stream that a document is about, unless it was rejected, which the record's outcome tells."""
    document, note = kept
    yield from (document[name] for name in BATCHES.values() if name in document and not note)


def _given_up(kept: tuple[Mapping[str, Any], str]) -> Iterator[str]:
    document, note = kept
    condition = document["requestContext"]["condition"]
    for batch in (document[name] for name in BATCHES.values() if name in document):
        yield (
            f"{batch['streamArn']}: {batch['batchSize']} from {batch['startSequenceNumber']} "
            f"to {batch['endSequenceNumber']}: {condition} {note}"
        )


def _calls(calls: Sequence[Call], scenario: Scenario) -> list[str]:
    """The calls in the order in which they are compared."""
    known: Sequence[Call] = calls if scenario.repeated else _first_ones(calls)
    if scenario.order == "time":  # those of one moment are in no order, except in a group
        ordered = sorted(known, key=lambda one: (round(one.at, 1), one.group or f"{one.handler} {one.event!r}"))
        return [f"{round(one.at, 1)} s: {_call(one, counted=scenario.counted)}" for one in ordered]
    ordered = sorted(known, key=partial(_place, order=scenario.order))
    return [_call(one, counted=False) for one in ordered]


def _place(call: Call, order: Order) -> tuple[str, str]:
    """What a call keeps its order within; what comes of it in queues is in none."""
    origin = call.path[0]
    if order == "stream" and origin.startswith(tuple(service.removeprefix("aws:") for service in STREAMS)):
        return origin, ""
    return origin, call.group or f"{call.handler} {call.event!r}"


def _first_ones(calls: Sequence[Call]) -> Sequence[Call]:
    first: dict[tuple[str, str, str], Call] = {}
    for call in calls:
        first.setdefault((call.handler, call.id, repr(call.event)), call)
    return [*first.values()]


def _call(call: Call, *, counted: bool) -> str:
    attempt = f" attempt {call.attempt}" if counted else ""
    return f"{call.handler}({call.event!r}){attempt} group={call.group}"


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
        if here == there and getattr(before, what) != getattr(after, what):
            lines.append(f"  {what} are in another order: {_first_apart(getattr(before, what), getattr(after, what))}")
    return "\n".join(lines)


def _first_apart(before: Sequence[str], after: Sequence[str]) -> str:
    one, other = next(pair for pair in zip(before, after, strict=True) if pair[0] != pair[1])
    return f"{one}, and {other}"


def _named(runtime: str | Open) -> str:
    return runtime if isinstance(runtime, str) else getattr(runtime, "__name__", repr(runtime))
