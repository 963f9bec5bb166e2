"""Records in, outcomes out: what every runtime runs.

A `Dispatcher` is one app in one runtime. `handle` takes a record on an event loop, `handle_inline` without one; both
decode it, find the routes that take its events, hand each event to each of them, and make one outcome of all.
"""

import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, TypeVar, cast

from eventkit.app import App, Unmatched
from eventkit.decode import may_hold_events, unwrap
from eventkit.delivery import Deadline
from eventkit.errors import ConfigurationError, DecodeError
from eventkit.events import AwsEvent, Message, TestEvent
from eventkit.execution import Call, CallOnLoop, Environment, Execution, log_outcome
from eventkit.inject import Injector, Overrides
from eventkit.names import Names
from eventkit.outcomes import DONE, Outcome, Reject, combine
from eventkit.publish import Publisher, Sender
from eventkit.resources import Destination, Resource
from eventkit.routing import Candidate, Entry, RoutingTable
from eventkit.sources import SKIPPED, Selector
from eventkit.values import Value

__all__ = ["Dispatcher", "Wiring", "open_dispatcher", "opening_waits"]

log: logging.Logger = logging.getLogger("eventkit")

REJECTED_UNMATCHED = frozenset({"sqs", "sns"})
"""Services whose unmatched events are rejected: a message was meant for somebody, a notification need not be."""

T = TypeVar("T")
Raw = Mapping[str, object]

Deliver = Callable[[AwsEvent, Deadline | None], Outcome]
"""Hands an event to everyone who takes it."""

DeliverOnLoop = Callable[[AwsEvent, Deadline | None], Awaitable[Outcome]]


class Wiring(Value):
    """What an app is connected to: its resources' names, and what sends the messages that handlers publish."""

    names: Names
    publisher: Publisher | None = None

    def sender(self, destination: Destination[Any]) -> Sender[Any]:
        """The sender for a destination. Raises `ConfigurationError` when nothing can send."""
        if self.publisher is None or not isinstance(destination, Resource):
            raise ConfigurationError(f"nothing sends to {destination} here: this runtime was given no publisher")
        return Sender(destination, self.names.address(destination), self.publisher)


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
        on_loop = [Entry(selector, run.route.name, run.call_on_loop(selector)) for selector, run in entries]
        self.passed_over: Counter[str] = Counter()
        """How many events nobody took and nobody misses: `test` events of S3, and `ignored` notifications."""
        otherwise = fallback.call_inline(_UNMATCHED) if fallback else None
        otherwise_on_loop = fallback.call_on_loop(_UNMATCHED) if fallback else None
        self._inline = RoutingTable(names, inline, partial(_all_inline, _or_unwanted(otherwise, self.passed_over)))
        self._on_loop = RoutingTable(
            names, on_loop, partial(_all_on_loop, _or_unwanted_on_loop(otherwise_on_loop, self.passed_over))
        )

        self._inline_messages = self._inline.known(Message)
        self._on_loop_messages = self._on_loop.known(Message)

    def handle_inline(self, record: Raw, deadline: Deadline | None = None) -> Outcome:
        """The outcome of one record, for an app whose handlers are all `inline`."""
        deliver = _of_own_message(self._inline_messages, record)
        if deliver is not None:
            return deliver(Message(record), deadline)
        try:
            events = unwrap(record)
            if len(events) == 1:
                return self._inline.target(events[0])(events[0], deadline)
            return combine([self._inline.target(event)(event, deadline) for event in events])
        except DecodeError as error:
            return _undecodable(error)

    def handle(self, record: Raw, deadline: Deadline | None = None) -> Awaitable[Outcome]:
        """The outcome of one record, to be awaited at once."""
        deliver = _of_own_message(self._on_loop_messages, record)
        return self._handle(record, deadline) if deliver is None else deliver(Message(record), deadline)

    async def _handle(self, record: Raw, deadline: Deadline | None) -> Outcome:
        try:
            events = unwrap(record)
            if len(events) == 1:
                return await self._on_loop.target(events[0])(events[0], deadline)
            return combine([await self._on_loop.target(event)(event, deadline) for event in events])
        except DecodeError as error:
            return _undecodable(error)


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


def _all_on_loop(otherwise: DeliverOnLoop, candidates: Sequence[Candidate[CallOnLoop]]) -> DeliverOnLoop:
    """The same on an event loop."""
    if len(candidates) == 1 and candidates[0].is_certain:
        return cast("DeliverOnLoop", candidates[0].target)

    async def deliver(event: AwsEvent, deadline: Deadline | None) -> Outcome:
        outcomes: dict[str, Outcome] = {}
        for condition, route, call, _ in candidates:
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


def _undecodable(error: DecodeError) -> Outcome:
    outcome = Reject(str(error), error=error)
    log_outcome(outcome, {})
    return outcome


def _unwanted(event: AwsEvent, passed_over: Counter[str]) -> Outcome:
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
    outcome = Reject(f"no route takes this {type(event).__name__} of {event.service}:{event.resource_name}")
    log_outcome(outcome, facts)
    return outcome


def _or_unwanted(fallback: Call | None, passed_over: Counter[str]) -> Deliver:
    def deliver(event: AwsEvent, deadline: Deadline | None) -> Outcome:
        outcome = None if fallback is None else fallback(event, deadline)
        return _unwanted(event, passed_over) if outcome is None else outcome

    return deliver


def _or_unwanted_on_loop(fallback: CallOnLoop | None, passed_over: Counter[str]) -> DeliverOnLoop:
    async def deliver(event: AwsEvent, deadline: Deadline | None) -> Outcome:
        outcome = None if fallback is None else await fallback(event, deadline)
        return _unwanted(event, passed_over) if outcome is None else outcome

    return deliver


def opening_waits(app: App, wiring: Wiring) -> bool:
    """Whether `open_dispatcher` may have to wait for something, so that it takes an event loop."""
    injector = Injector({}, wiring.sender)
    routes = (*app.routes(), *([app.fallback] if app.fallback else []))
    return app.lifespan is not None or any(injector.is_async(route.signature) for route in routes)


@asynccontextmanager
async def open_dispatcher(
    app: App, environment: Environment, wiring: Wiring, overrides: Overrides | None = None
) -> AsyncGenerator[Dispatcher]:
    """Run the app's lifespan around a dispatcher for it. `overrides` replaces dependencies, in tests."""
    injector = Injector(overrides or {}, wiring.sender)
    routes, fallback = app.routes(), app.fallback
    async with AsyncExitStack() as stack:
        state = None if app.lifespan is None else await stack.enter_async_context(app.lifespan(app))
        await injector.open(state, [route.signature for route in (*routes, *([fallback] if fallback else []))], stack)
        executions = [Execution(route, injector, environment) for route in routes]
        yield Dispatcher(executions, Execution(fallback, injector, environment) if fallback else None, wiring.names)
