"""One route in one runtime: how its handler is called, and how what happens becomes an outcome.

asyncio is imported where it is used: it costs 40 ms of a cold start, and an app of plain functions never needs it.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from inspect import isawaitable
from typing import Protocol, TypeVar, cast

from eventkit.app import Route
from eventkit.delivery import Deadline, Delivery
from eventkit.errors import DecodeError, RouteError
from eventkit.events import AwsEvent, Message
from eventkit.inject import Injector, Scope, drive, drive_inline
from eventkit.middleware import CallNext, Middleware, wrap
from eventkit.outcomes import DONE, Deferred, Done, Interrupted, Outcome, Reject, Retry
from eventkit.sources import SKIPPED, Selector
from eventkit.values import Value

__all__ = ["Blocking", "Environment", "Execution", "Guards", "outcome_of"]

T = TypeVar("T")
log: logging.Logger = logging.getLogger("eventkit")


class Blocking(Protocol):
    """How a runtime calls plain functions from its event loop: at once, or on a thread."""

    async def call(self, function: Callable[[], T], timeout: float | None) -> T:  # noqa: ASYNC109 - the function may not be async
        """Call the function and return its value. Raises `TimeoutError` after `timeout` seconds."""
        ...


class Environment(Value):
    """What a runtime gives to its routes. `middleware` lies outside the app's own; `random` draws from 0 to 1."""

    blocking: Blocking
    random: Callable[[], float]
    middleware: tuple[Middleware, ...] = ()


class Guards(Value):
    """What lies around a route's deliveries: those that are all of their record, and those that are one of several."""

    alone: Middleware | None = None
    part: Middleware | None = None


Call = Callable[[AwsEvent, Deadline | None], Outcome | None]
"""Hands an event to a handler; None when the event's value shows that it is not the route's after all."""

CallOnLoop = Callable[[AwsEvent, Deadline | None], Awaitable[Outcome | None]]


Attempt = Callable[[Delivery], Awaitable[None]]
"""Calls a handler once, with its values; raises what it raises."""


class Execution:
    """One route with its handler ready to be called."""

    def __init__(self, route: Route, injector: Injector, environment: Environment, guards: Guards) -> None:
        self.route: Route = route
        self._injector = injector
        self._environment = environment
        self._guards = guards
        options = route.options
        limited = route.to is not None or options.timeout is not None or options.concurrency is not None
        layered = bool(route.middleware or environment.middleware)
        self._bare = not (limited or layered or route.signature.providers)
        self._makes = injector.makes(route.signature)
        self._attempt = self._within_limits()
        needs_loop = route.signature.is_async or injector.is_async(route.signature) or guards.part is not None
        self.inline: bool = not (limited or layered or needs_loop)
        """Whether the handler can be called without an event loop."""

    def call_inline(self, selector: Selector) -> Call:
        """Calls the handler without an event loop, where `inline` holds."""
        read, finished = selector.read or _itself, self._finished
        invoke = self.route.handler if self._bare else None

        def call(event: AwsEvent, deadline: Deadline | None) -> Outcome | None:
            try:
                value = read(event)
                if value is SKIPPED:
                    return None
                result = self._with_values(event, value, deadline) if invoke is None else invoke(value)
                if result is not None:
                    self._judge(result)
            except BaseException as error:  # noqa: BLE001 - a handler may raise anything, and harms only itself
                return finished(outcome_of(error), event)
            return DONE

        return call

    def _with_values(self, event: AwsEvent, value: object, deadline: Deadline | None) -> object:
        delivery = Delivery(event, value, self.route.name, deadline)
        handler, signature, injector = self.route.handler, self.route.signature, self._injector
        if not self._makes:
            return handler(value, **injector.ready_values(signature, delivery))
        with ExitStack() as stack:
            return handler(value, **drive_inline(injector.values(signature, Scope(delivery, stack))))

    def call_on_loop(self, selector: Selector) -> CallOnLoop:
        """Calls the handler on an event loop, with everything around it."""
        return self._guarded(selector, self._guards.alone)

    def call_part_on_loop(self, selector: Selector) -> CallOnLoop:
        """The same for one of several deliveries of a record: what is done is not run again for the others' sake."""
        return self._guarded(selector, self._guards.part)

    def _guarded(self, selector: Selector, guard: Middleware | None) -> CallOnLoop:
        read, name = selector.read or _itself, self.route.name
        guards = () if guard is None else (_settling(guard),)
        through = wrap((*self._environment.middleware, *guards, *self.route.middleware), self._innermost)
        invoke = cast("Callable[[object], Awaitable[object]]", self.route.handler)
        bare = self._bare and self.route.signature.is_async and guard is None

        async def call(event: AwsEvent, deadline: Deadline | None) -> Outcome | None:
            try:
                value = read(event)
                if value is SKIPPED:
                    return None
                if bare:
                    result = await invoke(value)
                    if result is not None:
                        self._judge(result)
                    return DONE
                outcome = self._checked(await through(Delivery(event, value, name, deadline)))
            except BaseException as error:  # noqa: BLE001 - a handler may raise anything, and harms only itself
                outcome = _outcome_on_loop(error)
            return outcome if outcome is DONE else self._finished(outcome, event)

        return call

    async def _innermost(self, delivery: Delivery) -> Outcome:
        try:
            await self._attempt(delivery)
        except BaseException as error:  # noqa: BLE001 - a handler may raise anything, and harms only itself
            return _outcome_on_loop(error)
        return DONE

    def _within_limits(self) -> Attempt:
        """One attempt with what the route asks for around it, and nothing else."""
        options = self.route.options
        attempt: Attempt = self._with_dependencies if self._makes else self._with_ready_values
        if options.timeout is not None:
            attempt = _timed(attempt, options.timeout)
        return attempt if options.concurrency is None else _limited(attempt, options.concurrency)

    async def _with_ready_values(self, delivery: Delivery) -> None:
        await self._handled(delivery, self._injector.ready_values(self.route.signature, delivery))

    async def _with_dependencies(self, delivery: Delivery) -> None:
        async with AsyncExitStack() as stack:
            values = await drive(self._injector.values(self.route.signature, Scope(delivery, stack)))
            await self._handled(delivery, values)

    async def _handled(self, delivery: Delivery, values: Mapping[str, object]) -> None:
        result = await self._invoke(delivery.event, values)
        self._judge(result)
        if self.route.to is not None and result is not None:
            several = isinstance(result, list | tuple)
            messages = cast("Sequence[object]", result) if several else (result,)
            await self._injector.sender(self.route.to, delivery).send(*messages)

    async def _invoke(self, event: object, values: Mapping[str, object]) -> object:
        call = partial(self.route.handler, event, **values)
        if self.route.signature.is_async:
            return await cast("Awaitable[object]", call())
        result = await self._environment.blocking.call(call, self.route.options.timeout)
        return await result if isawaitable(result) else result

    def _judge(self, result: object) -> None:
        """An outcome that a handler returns counts as if it were raised: a rejected message must not pass for done."""
        if isinstance(result, Retry | Reject):
            raise result
        if isawaitable(result):
            raise RouteError(f"{self.route.name} is a plain function and returned something to await")

    def _checked(self, outcome: object) -> Outcome:
        if isinstance(outcome, Done | Retry | Reject):
            return outcome
        returned = type(outcome).__name__
        raise RouteError(
            f"a middleware of {self.route.name} returned a {returned}, which is no outcome: return what call_next gives"
        )

    def _finished(self, outcome: Outcome, event: AwsEvent) -> Outcome:
        """The outcome with its delay, where the handler left that to the route; what is not done is logged."""
        outermost = event.outermost
        attempt = outermost.attempt if isinstance(outermost, Message) else 1
        if isinstance(outcome, Retry) and outcome.after is None:
            backoff = self.route.options.retry
            outcome = Retry(backoff.delay(attempt, self._environment.random), error=outcome.error, backoff=backoff)
        if isinstance(outcome, Reject) and outcome.handler is None:
            outcome = Reject(outcome.reason, error=outcome.error, handler=self.route.name)
        if outcome is not DONE:
            log_outcome(outcome, {"handler": self.route.name, "id": outermost.id, "attempt": attempt})
        return outcome


def _settling(layer: Middleware) -> Middleware:
    """The layer, whose exceptions are outcomes: what lies around it counts on that."""

    async def settled(delivery: Delivery, call_next: CallNext) -> Outcome:
        try:
            return await layer(delivery, call_next)
        except BaseException as error:  # noqa: BLE001 - a store or a key function may raise anything
            return _outcome_on_loop(error)

    return settled


def _timed(attempt: Attempt, seconds: float) -> Attempt:
    from asyncio import timeout

    async def timed(delivery: Delivery) -> None:
        async with timeout(seconds):
            await attempt(delivery)

    return timed


def _limited(attempt: Attempt, concurrency: int) -> Attempt:
    from asyncio import Semaphore

    slots = Semaphore(concurrency)

    async def limited(delivery: Delivery) -> None:
        async with slots:
            await attempt(delivery)

    return limited


def _itself(event: AwsEvent) -> object:
    return event


def outcome_of(error: BaseException) -> Outcome:
    """What an exception means. An interruption of the whole, from outside, passes."""
    match error:
        case Retry() | Reject():
            return error
        case DecodeError():
            return Reject(str(error), error=error)
        case Interrupted() | KeyboardInterrupt() | GeneratorExit():
            raise error
        case _:
            return Retry(error=error)


def _outcome_on_loop(error: BaseException) -> Outcome:
    """The same on an event loop, where a cancellation from outside passes, but not one that a handler made up."""
    from asyncio import CancelledError, current_task

    if isinstance(error, CancelledError):
        task = current_task()
        if task is not None and task.cancelling():
            raise error
    return outcome_of(error)


def log_outcome(outcome: Outcome, facts: Mapping[str, object]) -> None:
    """Log what was not done. The texts of exceptions are left out, since they may repeat a payload."""
    match outcome:
        case Retry(after, Deferred()):
            log.info("delivery.deferred", extra={**facts, "after": after})
        case Retry(after, error):
            from traceback import format_tb

            trace = "" if error is None else "".join(format_tb(error.__traceback__))
            more = {"after": after, "error": type(error).__qualname__ if error else None, "trace": trace}
            log.warning("delivery.retry", extra={**facts, **more})
        case Reject(reason):
            log.error("delivery.reject", extra={**facts, "reason": reason})
        case _:
            pass
