"""Every delivery is seen once, with what became of it, and what reached no handler is seen too."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

import pytest
from pydantic import BaseModel

from eventkit import App, Bucket, Delivery, Done, Middleware, Names, ObjectCreated, Queue, Reject, Retry, Unmatched
from eventkit.backends import Raw
from eventkit.dispatch import Wiring, open_dispatcher
from eventkit.execution import Environment
from eventkit.middleware import CallNext
from eventkit.outcomes import Outcome
from eventkit.testing import s3_event, s3_record, s3_test_event, sqs_record
from eventkit_local.watch import Seen, Watch

T = TypeVar("T")


class Job(BaseModel):
    id: int


class Inline:
    async def call(self, function: Callable[[], T], timeout: float | None) -> T:  # noqa: ARG002, ASYNC109 - as the port has it
        return function()


@dataclass
class State:
    app: str


@asynccontextmanager
async def lifespan(app: App) -> AsyncGenerator[State]:
    yield State(type(app).__name__)


def blog(*middleware: Middleware) -> App:
    app = App("blog", lifespan=lifespan, middleware=middleware)

    @app.on(Bucket("photos").created(suffix=".jpg"), name="plan")
    async def plan(photo: ObjectCreated) -> None:
        if photo.key == "bad.jpg":
            raise Retry(after=7)

    @app.on(Queue[Job]("jobs"), name="make")
    def make(job: Job, state: State) -> None:
        assert state.app == "App"
        if job.id > 1:
            raise ValueError(job.id)

    @app.on(Queue[Job]("jobs"), name="copy")
    def copy(job: Job) -> None:
        if job.id < 0:
            raise Reject("negative")

    return app


def ticking() -> Callable[[], float]:
    ticks = count()
    return lambda: float(next(ticks))


def seen(record: Raw, app: App | None = None) -> Sequence[Seen]:
    async def handled() -> Sequence[Seen]:
        watch = Watch(ticking())
        environment = Environment(Inline(), lambda: 0.5, (watch.middleware,))
        async with open_dispatcher(app or blog(), environment, Wiring(Names("blog"))) as run:
            return watch.seen(record, await run.handle(record))

    return asyncio.run(handled())


def test_each_route_that_takes_an_event_is_a_delivery() -> None:
    first, second = seen(sqs_record({"id": 1}, "jobs", attempt=3))

    assert (first.handler, second.handler) == ("make", "copy")
    assert first.outcome == second.outcome == Done()
    assert (first.seconds, first.attempt, first.path) == (1.0, 3, ("sqs:jobs",))


def test_a_retry_has_the_delay_that_the_route_chose() -> None:
    first, second = seen(sqs_record({"id": 2}, "jobs"))

    assert isinstance(first.outcome, Retry)
    assert first.outcome.after == 0.5
    assert isinstance(first.outcome.error, ValueError)
    assert second.outcome == Done()


def test_nested_events_are_deliveries_of_their_own() -> None:
    photos = s3_event(*(s3_record("ObjectCreated:Put", "photos", key) for key in ("a.jpg", "bad.jpg")))

    first, second = seen(sqs_record(photos, "blog-photos"))

    assert (first.outcome, second.outcome) == (Done(), Retry(after=7))
    assert first.path == ("sqs:blog-photos", "s3:photos")
    assert isinstance(second.event, ObjectCreated)
    assert second.event.key == "bad.jpg"


def test_a_message_that_does_not_validate_is_seen_at_the_handler_that_wanted_it() -> None:
    (only,) = seen(sqs_record({"id": "x"}, "jobs"))

    assert only.handler == "make"
    assert isinstance(only.outcome, Reject)


@pytest.mark.parametrize("record", [{"eventSource": "aws:sqs", "messageId": "1"}, {}, {"body": 1}])
def test_a_record_that_cannot_be_decoded_is_seen_without_an_event(record: Raw) -> None:
    (only,) = seen(record)

    assert (only.event, only.handler, only.path) == (None, None, ())
    assert isinstance(only.outcome, Reject)


def test_what_nobody_takes_is_seen_without_a_handler() -> None:
    (message,) = seen(sqs_record("text", "elsewhere"))
    (photo,) = seen(sqs_record(s3_event(s3_record("ObjectCreated:Put", "photos", "a.png")), "blog-photos"))
    (test,) = seen(sqs_record(s3_test_event("photos"), "blog-photos"))

    assert (message.handler, photo.handler, test.handler) == (None, None, None)
    assert isinstance(message.outcome, Reject)
    assert photo.outcome == test.outcome == Done()


def test_a_handler_of_the_unmatched_is_seen() -> None:
    app = blog()

    @app.unmatched
    def other(event: Unmatched) -> None:
        raise Reject(f"nobody takes {event.event.path}")

    (only,) = seen(sqs_record("text", "elsewhere"), app)

    assert only.handler is not None
    assert only.handler.endswith("other")


def test_the_watch_lies_outside_of_the_app_s_own_middleware() -> None:
    async def overrule(delivery: Delivery, call_next: CallNext) -> Outcome:
        await call_next(delivery)
        return Reject("overruled")

    first, _ = seen(sqs_record({"id": 1}, "jobs"), blog(overrule))

    assert first.outcome == Reject("overruled")


def test_a_record_that_was_not_handled_is_seen_as_it_was_settled() -> None:
    (only,) = Watch().seen(sqs_record({"id": 1}, "jobs"), Retry(after=0))

    assert (only.handler, only.outcome, only.seconds) == (None, Retry(after=0), 0.0)


def test_nothing_is_remembered_of_a_record_that_was_seen() -> None:
    record = sqs_record({"id": 1}, "jobs")
    watch = Watch()

    async def handle() -> None:
        environment = Environment(Inline(), lambda: 0.5, (watch.middleware,))
        async with open_dispatcher(blog(), environment, Wiring(Names("blog"))) as run:
            watch.seen(record, await run.handle(record))

    asyncio.run(handle())

    (only,) = watch.seen(record, Done())
    assert only.handler is None
