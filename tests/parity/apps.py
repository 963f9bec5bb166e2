"""The app that every runtime gets: its handlers note each call and do what their message says."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from eventkit import (
    App,
    Backoff,
    Bucket,
    CallNext,
    Delivery,
    Names,
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
from tests.parity.scenarios import Job, Scenario, Stranger

__all__ = ["FLAVOURS", "NAMES", "Call", "Play", "app_of"]

FLAVOURS = ("async", "plain", "bare", "mixed")
"""How handlers are written: plain functions run without a loop, bare ones take nothing else, mixed ones are plain
functions on the loop."""

NAMES = Names("parity", via={"PHOTOS": "jobs"})


class Longest(Backoff):
    """A backoff without chance."""

    def delay(self, attempt: int, random: Callable[[], float]) -> float:  # noqa: ARG002 - that is the point
        return self.ceiling(attempt)


@dataclass(frozen=True)
class Call:
    """A call of a handler: when, in seconds; which, with what; and the receive count, 0 where it did not ask."""

    at: float
    route: str
    value: str
    attempt: int
    group: str | None = None


@dataclass
class Play:
    """What the handlers did. `hang` blocks a plain function; whoever runs it cuts it off."""

    now: Callable[[], float]
    hang: Callable[[], object]
    calls: list[Call] = field(default_factory=list[Call])
    _tries: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])

    def step(self, route: str, event: object, attempt: int) -> str:
        """Note the call, and say what to do."""
        value, steps, group = self._script(route, event)
        self.calls.append(Call(self.now(), route, value, attempt, group))
        self._tries[route, value] += 1
        return steps[min(self._tries[route, value], len(steps)) - 1]

    def _script(self, route: str, event: object) -> tuple[str, list[str], str | None]:
        match event:
            case Job():
                return event.id, event.audit if route == "audit" else event.steps, event.group
            case ObjectCreated() | Unmatched(ObjectCreated()):
                found = event.event if isinstance(event, Unmatched) else event
                assert isinstance(found, ObjectCreated)
                return found.key, found.key.split("/")[1].split(","), None
            case Unmatched(Message() as message):
                other = Stranger.model_validate_json(message.text)
                return other.stranger, other.steps, None
            case _:
                raise AssertionError(event)


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


Handler = Callable[..., object]


def handler_of(play: Play, flavour: str, route: str) -> Handler:
    """A handler of whatever comes; it returns the value, for who publishes it."""

    async def on_loop(event: object, delivery: Delivery) -> str:
        step = play.step(route, event, delivery.attempt)
        if step == "hang":
            await asyncio.sleep(3_600)
        act(step)
        return route

    def plain(event: object, delivery: Delivery) -> str:
        return bare(event, delivery.attempt)

    def bare(event: object, attempt: int = 0) -> str:
        step = play.step(route, event, attempt)
        if step == "hang":
            play.hang()
        act(step)
        return route

    def alone(event: object) -> str:
        return bare(event)

    found: dict[str, Handler] = {"async": on_loop, "plain": plain, "bare": alone, "mixed": plain}
    found[flavour].__qualname__ = route  # which names it where a route has no name
    return found[flavour]


async def passing(delivery: Delivery, call_next: CallNext) -> Outcome:
    return await call_next(delivery)


def app_of(play: Play, scenario: Scenario, flavour: str) -> App:
    app = App("parity", middleware=[passing] if flavour == "mixed" else [])
    jobs: Source[Job] = Queue[Job](scenario.queue)
    if scenario.narrow:
        jobs = Queue[Job | Stranger](scenario.queue).of(Job)

    def on(source: Source[object], route: str) -> None:
        options: dict[str, object] = {
            "retry": Longest(base=2),
            "timeout": scenario.timeout,
            "concurrency": scenario.concurrency,
        }
        if scenario.publishes:
            options["to"] = Queue[str]("results")
        register(app, source, handler_of(play, flavour, route), name=route, **options)

    on(jobs, "work")
    if scenario.audited:
        on(jobs, "audit")
    if not scenario.fifo:
        on(Bucket("photos").created(prefix="uploads/"), "photo")
    if scenario.fallback:
        app.unmatched(handler_of(play, flavour, "fallback"))
    return app
