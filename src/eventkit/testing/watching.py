"""An app whose handlers are watched: the same routes, each with a note of its calls."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, cast

from eventkit.app import App, Route, Unmatched
from eventkit.delivery import Delivery
from eventkit.events import AwsEvent, Change, KinesisRecord
from eventkit.execution import outcome_of
from eventkit.inject import Overrides
from eventkit.outcomes import DONE, Interrupted, Outcome, Reject, Retry
from eventkit.sources import Selection, Source
from eventkit.values import replace

__all__ = ["RANDOM", "Act", "Call", "Watch", "WatchedApp"]

RANDOM = 1.0
"""What chance always draws: a delay that is left to the route's `Backoff` is the longest that it allows."""

_read: ContextVar[AwsEvent] = ContextVar("eventkit_testing_read")
"""What the event that is handled was read from. So handlers are watched without a parameter more, which would change
how a runtime calls them."""


@dataclass(slots=True)
class Call:
    """A call of a handler.

    Attributes:
        handler: The route's name.
        event: What the handler got.
        attempt: Which attempt it was, from 1; where the service does not count it is 1.
        at: When it began, in seconds since the test's start.
        id: What identifies the record that brought the event.
        group: What keeps its order: the record's message group, its partition key, or its item's key.
        path: The way the event came, outermost first.
        outcome: What the handler said, or None where it was cut off or has not returned. What it raised is the
            outcome's `error`.
    """

    handler: str
    event: object
    attempt: int
    at: float
    id: str = field(repr=False)
    group: str | None
    path: tuple[str, ...] = field(repr=False)
    outcome: Outcome | None = None


Act = Callable[[Call], float]
"""Called before each call of a handler: gives the seconds that pass first, or raises in the handler's place."""


def _as_it_is(_: Call) -> float:
    return 0.0


@dataclass(slots=True)
class Watch:
    """Notes calls. `sleep` is for plain functions; `act` may interfere."""

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    act: Act = _as_it_is
    calls: list[Call] = field(default_factory=list[Call])

    def begin(self, route: Route, event: object) -> Call:
        """Note that a call begins."""
        source = event.event if isinstance(event, Unmatched) else _read.get()
        delivery = Delivery(source, event, route.name)
        now = self.clock()
        call = Call(route.name, event, delivery.attempt, now, delivery.id, _group_of(delivery, source), delivery.path)
        self.calls.append(call)
        return call


class WatchedApp(App):
    """The same app, whose handlers' calls are noted, and some of whose dependencies are replaced."""

    def __init__(self, app: App, watch: Watch, overrides: Overrides) -> None:
        lifespan = app.lifespan
        super().__init__(app.name, lifespan=None if lifespan is None else lambda _: lifespan(app))
        self._routes = [_watched(route, watch) for route in app.routes()]
        self._unmatched = None if app.fallback is None else _watched(app.fallback, watch)
        self._overrides = overrides

    @property
    def overrides(self) -> Overrides:
        return self._overrides


def _watched(route: Route, watch: Watch) -> Route:
    signature = route.signature
    function = _async(route, watch) if signature.is_async else _plain(route, watch)
    source: Source[Any] = Selection(tuple(replace(one, read=_noting(one.read)) for one in route.source.selectors))
    return replace(route, source=source, signature=replace(signature, function=function))


def _noting(read: Callable[[AwsEvent], object] | None) -> Callable[[AwsEvent], object]:
    def noting(event: AwsEvent) -> object:
        _read.set(event)
        return event if read is None else read(event)

    return noting


def _plain(route: Route, watch: Watch) -> Callable[..., object]:
    def handler(event: object, **values: object) -> object:
        call = watch.begin(route, event)
        try:
            if pause := watch.act(call):
                watch.sleep(pause)
            result = route.handler(event, **values)
        except Interrupted:
            raise
        except BaseException as error:
            call.outcome = _outcome(route, call, error)
            raise
        call.outcome = _outcome(route, call, result)
        return result

    return handler


def _async(route: Route, watch: Watch) -> Callable[..., object]:
    async def handler(event: object, **values: object) -> object:
        call = watch.begin(route, event)
        try:
            if pause := watch.act(call):
                await asyncio.sleep(pause)
            result = await cast("Awaitable[object]", route.handler(event, **values))
        except (Interrupted, asyncio.CancelledError):
            raise
        except BaseException as error:
            call.outcome = _outcome(route, call, error)
            raise
        call.outcome = _outcome(route, call, result)
        return result

    return handler


def _group_of(delivery: Delivery, source: AwsEvent) -> str | None:
    match source:
        case KinesisRecord():
            return source.partition_key
        case Change():
            return " ".join(map(str, source.keys.values()))
        case _:
            return delivery.group


def _outcome(route: Route, call: Call, result: object) -> Outcome:
    """What a handler says by what it returns or raises, with the delay that its route gives."""
    outcome = outcome_of(result) if isinstance(result, BaseException) else DONE
    match outcome:
        case Reject():
            return Reject(outcome.reason, error=outcome.error, handler=outcome.handler or route.name)
        case Retry(after=None, error=error):
            return Retry(route.options.retry.delay(call.attempt, lambda: RANDOM), error=error)
        case _:
            return outcome
