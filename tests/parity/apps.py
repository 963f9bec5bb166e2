"""The app that every runtime gets: its handlers do what their message says."""

import asyncio
from collections import Counter
from collections.abc import Callable

from eventkit import (
    App,
    Backoff,
    Bucket,
    CallNext,
    Delivery,
    Idempotent,
    ObjectCreated,
    Outcome,
    Queue,
    Reject,
    Retry,
    Source,
    Unmatched,
)
from eventkit.events import Message
from tests.core.harness import register
from tests.parity.scenarios import Job, Play, Stranger

__all__ = ["FLAVOURS", "app_of"]

FLAVOURS = ("async", "plain", "bare", "mixed")
"""How handlers are written: plain functions run without a loop, bare ones take nothing else, mixed ones are plain
functions on the loop."""

Handler = Callable[..., object]


def _script(route: str, event: object) -> tuple[str, list[str]]:
    """What tells the event from others, and what happens to it, attempt by attempt."""
    match event:
        case Job():
            return event.id, event.audit if route == "audit" else event.steps
        case ObjectCreated() | Unmatched(ObjectCreated()):
            found = event.event if isinstance(event, Unmatched) else event
            assert isinstance(found, ObjectCreated)
            return found.key, found.key.split("/")[1].split(",")
        case Unmatched(Message() as message):
            other = Stranger.model_validate_json(message.text)
            return other.stranger, other.steps
        case _:
            raise AssertionError(event)


class _Steps:
    """Which step is whose next one."""

    def __init__(self) -> None:
        self._tries: Counter[tuple[str, str]] = Counter()

    def next(self, route: str, event: object) -> str:
        value, steps = _script(route, event)
        self._tries[route, value] += 1
        return steps[min(self._tries[route, value], len(steps)) - 1]


def act(step: str) -> None:
    match step.split():
        case ["retry"]:
            raise Retry
        case ["retry", seconds]:
            raise Retry(after=float(seconds))
        case ["reject"]:
            raise Reject("no good")
        case ["error"]:
            raise ValueError("CANARY")
        case ["exit"]:
            raise SystemExit(1)
        case _:
            assert step == "done", step


def handler_of(flavour: str, route: str) -> Handler:
    """A handler of whatever comes; it returns its name, for who publishes it."""
    steps = _Steps()

    def alone(event: object) -> str:
        act(steps.next(route, event))
        return route

    async def on_loop(event: object, delivery: Delivery) -> str:
        assert delivery.handler == route
        await asyncio.sleep(0)
        return alone(event)

    def plain(event: object, delivery: Delivery) -> str:
        assert delivery.handler == route
        return alone(event)

    found: dict[str, Handler] = {"async": on_loop, "plain": plain, "bare": alone, "mixed": plain}
    found[flavour].__qualname__ = route  # which names it where a route has no name
    return found[flavour]


async def passing(delivery: Delivery, call_next: CallNext) -> Outcome:
    return await call_next(delivery)


def app_of(play: Play, flavour: str) -> App:
    app = App("parity", middleware=[passing] if flavour == "mixed" else [])
    jobs: Source[Job] = Queue[Job](play.queue)
    if play.narrow:
        jobs = Queue[Job | Stranger](play.queue).of(Job)

    def on(source: Source[object], route: str) -> None:
        options: dict[str, object] = {
            "retry": Backoff(base=2),
            "timeout": play.timeout,
            "concurrency": play.concurrency,
        }
        if play.idempotent and route == "work":
            options["idempotent"] = Idempotent[Job](key=lambda job: job.id)
        if play.publishes:
            options["to"] = Queue[str]("results")
        register(app, source, handler_of(flavour, route), name=route, **options)

    on(jobs, "work")
    if play.audited:
        on(jobs, "audit")
    if not play.fifo:
        on(Bucket("photos").created(prefix="uploads/"), "photo")
    if play.fallback:
        app.unmatched(handler_of(flavour, "fallback"))
    return app
