"""Records in, outcomes out: what every runtime runs.

A `Dispatcher` is one app in one runtime. `handle` takes a record on an event loop, `handle_inline` without one; both
decode it, find the routes that take its events, hand each event to each of them, and make one outcome of all.
"""

import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from eventkit.app import App, Route, Unmatched
from eventkit.batch import LaneOf, lane_by
from eventkit.decode import Ordering, may_hold_events, unwrap
from eventkit.delivery import Deadline, Delivery
from eventkit.errors import ConfigurationError, DecodeError, EventkitError, MissingExtraError, RouteError
from eventkit.events import AwsEvent, Message, TestEvent
from eventkit.execution import Call, CallOnLoop, Environment, Execution, Guards, log_outcome
from eventkit.inject import Injector, Overrides
from eventkit.names import Names
from eventkit.outcomes import DONE, Outcome, Reject, Retry, combine
from eventkit.publish import Publisher, Sender
from eventkit.resources import Destination, Resource, Streamed
from eventkit.routing import Candidate, Entry, RoutingTable, is_about
from eventkit.sources import SKIPPED, Selector
from eventkit.values import Value

if TYPE_CHECKING:
    from eventkit.stores import IdempotencyStore

__all__ = ["Dispatcher", "Wiring", "open_dispatcher", "opening_waits"]

log: logging.Logger = logging.getLogger("eventkit")

REJECTED_UNMATCHED = frozenset({"sqs", "sns"})
"""Services whose unmatched events are rejected: a message was meant for somebody, a notification need not be."""

T = TypeVar("T")
Raw = Mapping[str, object]

Deliver = Callable[[AwsEvent, Deadline | None], Outcome]
"""Hands an event to everyone who takes it."""

DeliverOnLoop = Callable[[AwsEvent, Deadline | None], Awaitable[Outcome]]

EventLane = Callable[[AwsEvent], Hashable]
"""What an event keeps its order within."""

Unwanted = Callable[[AwsEvent], Outcome]
"""The outcome of an event that nobody takes."""


class Wiring(Value):
    """What an app is connected to: its resources' names, what sends messages, and what remembers what was done."""

    names: Names
    publisher: Publisher | None = None
    store: "IdempotencyStore | None" = None

    def sender(self, destination: Destination[Any], delivery: Delivery | None = None) -> Sender[Any]:
        """The sender for a destination, for one who handles a delivery.

        Raises `ConfigurationError` when nothing can send.
        """
        if self.publisher is None or not isinstance(destination, Resource):
            raise ConfigurationError(f"nothing sends to {destination} here: this runtime was given no publisher")
        address, source = self.names.address(destination), self.names.app
        return Sender(destination, address, self.publisher, source=source, delivery=delivery)


class Calls(Value):
    """How a route is called with the only event of a record that it alone takes, and with one of several."""

    alone: CallOnLoop
    part: CallOnLoop

    @classmethod
    def of(cls, run: Execution, selector: Selector) -> "Calls":
        """The calls of a route for one of its selectors."""
        return cls(run.call_on_loop(selector), run.call_part_on_loop(selector))


class Dispatcher:
    """One app in one runtime; `open_dispatcher` makes it."""

    def __init__(self, executions: Sequence[Execution], fallback: Execution | None, names: Names) -> None:
        entries = [(selector, run) for run in executions for selector in run.route.source.selectors]
        everything = [*executions, *([fallback] if fallback else [])]
        self.inline: bool = all(run.inline for run in everything)
        """Whether every handler can be called without an event loop."""
        self.concurrency: int = max((run.route.options.concurrency or 1 for run in everything), default=1)
        """How many deliveries the app asks to run at once."""
        inline = [Entry(selector, run.route.name, run.call_inline(selector)) for selector, run in entries]
        on_loop = [Entry(selector, run.route.name, Calls.of(run, selector)) for selector, run in entries]
        self.passed_over: Counter[str] = Counter()
        """How many events nobody took and nobody misses: `test` events of S3, and `ignored` notifications."""
        otherwise = fallback.call_inline(_UNMATCHED) if fallback else None
        otherwise_on_loop = Calls.of(fallback, _UNMATCHED) if fallback else None
        unwanted = partial(_unwanted, names, [selector for selector, _ in entries], self.passed_over)
        self._inline = RoutingTable(names, inline, partial(_all_inline, _or_unwanted(otherwise, unwanted)))
        self._on_loop = RoutingTable(names, on_loop, partial(_whole_on_loop, otherwise_on_loop, unwanted))
        self._parts = RoutingTable(names, on_loop, partial(_part_on_loop, otherwise_on_loop, unwanted))

        self._inline_messages = self._inline.known(Message)
        self._on_loop_messages = self._on_loop.known(Message)
        self._lanes = _lanes(names, entries)

    def lane_by(self, ordering: Ordering) -> LaneOf:
        """What tells the lanes of a batch apart that has this ordering."""
        return self.lane_of if ordering is Ordering.SHARD and self._lanes is not None else lane_by(ordering)

    def lane_of(self, record: Raw) -> Hashable:
        """What a stream's record keeps its order within: its key, or None where that is its whole shard.

        So it is where its resource tells no keys apart, and for an aggregate of records with several keys.
        """
        if self._lanes is None:
            return None
        try:
            found = {lane_of(event) for event in unwrap(record) if (lane_of := self._lanes.target(event))}
        except EventkitError:  # which becomes the record's outcome when it is handled
            return None
        return found.pop() if len(found) == 1 else None

    def handle_inline(self, record: Raw, deadline: Deadline | None = None) -> Outcome:
        """The outcome of one record, for an app whose handlers are all `inline`."""
        deliver = _of_own_message(self._inline_messages, record)
        if deliver is not None:
            return deliver(Message(record), deadline)
        try:
            events = self._events(record)
            if len(events) == 1:
                return self._inline.target(events[0])(events[0], deadline)
            return combine([self._inline.target(event)(event, deadline) for event in events])
        except (DecodeError, MissingExtraError, RouteError) as error:
            return _undecodable(error)

    def handle(self, record: Raw, deadline: Deadline | None = None) -> Awaitable[Outcome]:
        """The outcome of one record, to be awaited at once."""
        deliver = _of_own_message(self._on_loop_messages, record)
        return self._handle(record, deadline) if deliver is None else deliver(Message(record), deadline)

    async def _handle(self, record: Raw, deadline: Deadline | None) -> Outcome:
        try:
            events = self._events(record)
            if len(events) == 1:
                return await self._on_loop.target(events[0])(events[0], deadline)
            return combine([await self._parts.target(event)(event, deadline) for event in events])
        except (DecodeError, MissingExtraError, RouteError) as error:
            return _undecodable(error)

    def _events(self, record: Raw) -> Sequence[AwsEvent]:
        """The events in a record. Raises `DecodeError` also where one has no key, and so no place in any order."""
        events = unwrap(record)
        if self._lanes is not None:
            for event in events:
                if lane_of := self._lanes.target(event):
                    lane_of(event)
        return events


def _lanes(
    names: Names, entries: Sequence[tuple[Selector, Execution]]
) -> RoutingTable[EventLane, EventLane | None] | None:
    """What tells the lanes of a stream's events apart; None where nothing does."""
    resources = {one.resource: None for one, _ in entries if isinstance(one.resource, Streamed)}
    keyed: list[Entry[EventLane]] = [
        Entry(Selector(one, (AwsEvent,), None, one), "", one.lane_of) for one in resources if one.keyed
    ]
    return RoutingTable(names, keyed, _first_of) if keyed else None


def _first_of(candidates: Sequence[Candidate[EventLane]]) -> EventLane | None:
    return candidates[0].target if candidates else None


def _of_own_message(known: Mapping[object, T], record: Raw) -> T | None:
    """What takes a record that is plainly the own message of a queue seen before; None sends it the long way round.

    Most records are such messages, and the short way takes a fifth off the whole of their dispatch.
    """
    try:
        deliver = known.get(record.get("eventSourceARN"))
        if deliver is None or record.get("eventSource") != "aws:sqs":
            return None
        body = record.get("body")
    except (AttributeError, TypeError):  # not an object, or an ARN that is not a text
        return None
    return deliver if type(body) is str and not may_hold_events(body) else None


def _all_inline(otherwise: Deliver, candidates: Sequence[Candidate[Call]]) -> Deliver:
    """One call for all that take an event of one kind from one origin, and `otherwise` where none does."""
    calls = [(candidate.route, _on_condition(candidate)) for candidate in candidates]
    if len(candidates) == 1 and candidates[0].is_certain:
        return cast("Deliver", candidates[0].target)
    if len(calls) == 1:
        return _or_otherwise(calls[0][1], otherwise)

    def deliver(event: AwsEvent, deadline: Deadline | None) -> Outcome:
        outcomes: dict[str, Outcome] = {}
        for route, call in calls:
            outcome = None if route in outcomes else call(event, deadline)
            if outcome is not None:
                outcomes[route] = outcome
        return combine(outcomes.values()) if outcomes else otherwise(event, deadline)

    return deliver


def _or_otherwise(only: Call, otherwise: Deliver) -> Deliver:
    def deliver(event: AwsEvent, deadline: Deadline | None) -> Outcome:
        outcome = only(event, deadline)
        return otherwise(event, deadline) if outcome is None else outcome

    return deliver


def _on_condition(candidate: Candidate[Call]) -> Call:
    condition, call = candidate.condition, candidate.target
    if condition is None:
        return call

    def call_if(event: AwsEvent, deadline: Deadline | None) -> Outcome | None:
        try:
            if not condition(event):
                return None
        except DecodeError as error:  # the condition looks at something that is not valid
            return _undecodable(error)
        return call(event, deadline)

    return call_if


def _whole_on_loop(fallback: Calls | None, unwanted: Unwanted, candidates: Sequence[Candidate[Calls]]) -> DeliverOnLoop:
    """The same on an event loop, for the only event of a record."""
    several = len({candidate.route for candidate in candidates}) > 1
    calls = [(one.condition, one.route, one.target.part if several else one.target.alone) for one in candidates]
    if len(candidates) == 1 and candidates[0].is_certain:
        return cast("DeliverOnLoop", candidates[0].target.alone)
    return _all_on_loop(calls, _or_unwanted_on_loop(fallback.alone if fallback else None, unwanted))


def _part_on_loop(fallback: Calls | None, unwanted: Unwanted, candidates: Sequence[Candidate[Calls]]) -> DeliverOnLoop:
    """The same for one event of several."""
    calls = [(one.condition, one.route, one.target.part) for one in candidates]
    return _all_on_loop(calls, _or_unwanted_on_loop(fallback.part if fallback else None, unwanted))


def _all_on_loop(
    calls: Sequence[tuple[Callable[[AwsEvent], bool] | None, str, CallOnLoop]], otherwise: DeliverOnLoop
) -> DeliverOnLoop:
    async def deliver(event: AwsEvent, deadline: Deadline | None) -> Outcome:
        outcomes: dict[str, Outcome] = {}
        for condition, route, call in calls:
            try:
                if route in outcomes or (condition is not None and not condition(event)):
                    continue
            except DecodeError as error:  # the condition looks at something that is not valid
                outcomes[route] = _undecodable(error)
                continue
            outcome = await call(event, deadline)
            if outcome is not None:
                outcomes[route] = outcome
        return combine(outcomes.values()) if outcomes else await otherwise(event, deadline)

    return deliver


def _unmatched(event: AwsEvent) -> object:
    return SKIPPED if isinstance(event, TestEvent) else Unmatched(event)


_UNMATCHED = Selector(Resource("unmatched"), (AwsEvent,), _unmatched, Unmatched)


def _undecodable(error: DecodeError | MissingExtraError | RouteError) -> Outcome:
    """A record that nobody can decode is rejected; one that this installation, or this app, cannot comes again."""
    outcome = Reject(str(error), error=error) if isinstance(error, DecodeError) else Retry(error=error)
    log_outcome(outcome, {"reason": str(error)})
    return outcome


def _unwanted(names: Names, selectors: Sequence[Selector], passed_over: Counter[str], event: AwsEvent) -> Outcome:
    """The outcome of an event that no route takes: a test event and a notification are done, a message is rejected."""
    facts = {"id": event.outermost.id, "path": event.path}
    if isinstance(event, TestEvent):
        passed_over["test"] += 1
        log.info("event.test", extra=facts)
        return DONE
    if event.service not in REJECTED_UNMATCHED:
        passed_over["ignored"] += 1
        log.info("event.ignored", extra=facts)
        return DONE
    said = (selector.resource.type_of(event) for selector in selectors if is_about(names, selector, event))
    named = next((f", which says it is {name!r}" for name in said if name is not None), "")
    outcome = Reject(f"no route takes this {type(event).__name__} of {event.service}:{event.resource_name}{named}")
    log_outcome(outcome, facts)
    return outcome


def _or_unwanted(fallback: Call | None, unwanted: Unwanted) -> Deliver:
    def deliver(event: AwsEvent, deadline: Deadline | None) -> Outcome:
        outcome = None if fallback is None else fallback(event, deadline)
        return unwanted(event) if outcome is None else outcome

    return deliver


def _or_unwanted_on_loop(fallback: CallOnLoop | None, unwanted: Unwanted) -> DeliverOnLoop:
    async def deliver(event: AwsEvent, deadline: Deadline | None) -> Outcome:
        outcome = None if fallback is None else await fallback(event, deadline)
        return unwanted(event) if outcome is None else outcome

    return deliver


def opening_waits(app: App, wiring: Wiring) -> bool:
    """Whether `open_dispatcher` may have to wait for something, so that it takes an event loop."""
    injector = Injector(app.overrides, wiring.sender)
    routes = (*app.routes(), *([app.fallback] if app.fallback else []))
    return app.lifespan is not None or any(injector.is_async(route.signature) for route in routes)


@asynccontextmanager
async def open_dispatcher(
    app: App, environment: Environment, wiring: Wiring, overrides: Overrides | None = None
) -> AsyncGenerator[Dispatcher]:
    """Run the app's lifespan around a dispatcher for it. `overrides` replaces dependencies, in tests.

    Raises `ConfigurationError` for an app that needs an idempotency store and was given none.
    """
    _require_store(app, wiring)
    injector = Injector(app.overrides if overrides is None else overrides, wiring.sender)

    def execution(route: Route) -> Execution:
        return Execution(route, injector, environment, _guards(app.name, route, wiring.store, environment))

    routes, fallback = app.routes(), app.fallback
    async with AsyncExitStack() as stack:
        state = None if app.lifespan is None else await stack.enter_async_context(app.lifespan(app))
        await injector.open(state, [route.signature for route in (*routes, *([fallback] if fallback else []))], stack)
        yield Dispatcher(
            [execution(route) for route in routes], execution(fallback) if fallback else None, wiring.names
        )


def _guards(app: str, route: Route, store: "IdempotencyStore | None", environment: Environment) -> Guards:
    if store is None:
        return Guards()
    from eventkit.guard import Chance, guards_of  # an app without a store does not pay for it

    return Guards(*guards_of(app, route, store, Chance(environment.random)))


def _require_store(app: App, wiring: Wiring) -> None:
    route = next((one for one in app.routes() if one.options.idempotent is not None), None)
    if route is not None and wiring.store is None:
        from eventkit.stores import STORE

        raise ConfigurationError(
            f"{route.name} is idempotent, and this runtime was given no store that remembers what was done: pass "
            f"store=…, or set {STORE} to dynamodb://TABLE or redis://HOST:PORT/DB"
        )
