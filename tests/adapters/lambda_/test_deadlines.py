"""Work that does not end is cut off in time for the response.

Handlers that hang would do so for a minute; each test says how little of it they get.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from eventkit import App, Delivery, Queue
from eventkit.outcomes import Interrupted
from tests.adapters.lambda_.harness import (
    DONE,
    FLAVOURS,
    Context,
    Functions,
    Json,
    app_of,
    behave,
    failed,
    fifo,
    messages,
    stream,
)

LONG = 60.0


def blocking(text: str) -> None:
    """Hang in a plain call, or do what the text says."""
    if text.startswith("hang"):
        time.sleep(LONG)
    behave(text)


def waiting_app(*, timeout: float | None = None, tried: list[str] | None = None) -> App:
    """An app that hangs on the loop."""
    app = App("app")

    async def wait(text: str) -> None:
        if tried is not None:
            tried.append(text)
        if text.startswith("hang"):
            await asyncio.Event().wait()
        behave(text)

    for queue in ("jobs", "jobs.fifo"):
        app.on(Queue[str](queue), name=queue, timeout=timeout)(wait)
    return app


APPS: dict[str, Callable[[], App]] = {
    "awaiting for ever": waiting_app,
    "blocking without a loop": lambda: app_of(blocking),
    "blocking the loop by an async handler": lambda: app_of(blocking, "async"),
    "blocking the loop by a plain handler": lambda: app_of(blocking, "mixed"),
}

every_app = pytest.mark.parametrize("app_made", APPS.values(), ids=APPS)


@every_app
@pytest.mark.parametrize(
    ("event", "response"),
    [
        (messages("done", "hang", "done"), failed("m2", "m3")),
        (fifo("a/done", "a/hang", "b/done", "a/done"), failed("m2", "m3", "m4")),
    ],
    ids=["standard", "fifo"],
)
def test_a_handler_that_hangs_is_reported_with_what_was_not_tried_and_not_with_what_was_done(
    functions: Functions, app_made: Callable[[], App], event: Json, response: object
) -> None:
    context = Context(0.5)

    assert functions(app_made())(event, context) == response
    assert 0 < context.get_remaining_time_in_millis() <= 200


@every_app
def test_after_a_cut_off_the_next_invocation_works(functions: Functions, app_made: Callable[[], App]) -> None:
    handler = functions(app_made())

    assert handler(messages("hang"), Context(0.3)) == failed("m1")
    assert handler(messages("done", "raise"), Context(5)) == failed("m2")
    assert handler(messages("done", "hang"), Context(0.3)) == failed("m2")
    assert handler(messages("done")) == DONE


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_stream_is_cut_off_at_the_record_at_hand(functions: Functions, flavour: str) -> None:
    assert functions(app_of(blocking, flavour))(stream("done", "hang", "done"), Context(0.5)) == failed("s2")


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_handler_that_catches_exceptions_is_cut_off_all_the_same(functions: Functions, flavour: str) -> None:
    def stubborn(_: str) -> None:
        while True:
            with suppress(Exception):
                time.sleep(LONG)

    assert functions(app_of(stubborn, flavour))(messages("anything"), Context(0.4)) == failed("m1")


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_handler_that_catches_everything_is_cut_off_while_it_recovers(functions: Functions, flavour: str) -> None:
    def stubborn(_: str) -> None:
        try:
            time.sleep(LONG)
        except BaseException:  # noqa: BLE001 - what a careless loop does
            time.sleep(LONG)

    context = Context(0.6)

    assert functions(app_of(stubborn, flavour), margin=0.4)(messages("anything"), context) == failed("m1")
    assert context.get_remaining_time_in_millis() > 0


def test_a_handler_that_refuses_to_be_cancelled_is_left_alone_and_ends_later(functions: Functions) -> None:
    ends: list[str] = []
    app = App("app")

    @app.on(Queue[str]("jobs"))
    async def stubborn(text: str) -> None:
        if text != "hang":
            return
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            try:
                await asyncio.Event().wait()
            finally:
                ends.append(text)

    handler = functions(app)

    assert handler(messages("done", "hang"), Context(0.4)) == failed("m1", "m2")
    assert handler(messages("done"), Context(5)) == DONE
    assert ends == ["hang"]


def test_a_handler_that_is_cancelled_may_tidy_up(functions: Functions) -> None:
    tidied: list[str] = []
    app = App("app")

    @app.on(Queue[str]("jobs"))
    async def tidy(text: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            tidied.append(text)

    assert functions(app)(messages("one", "two"), Context(0.3)) == failed("m1", "m2")
    assert tidied == ["one"]


def test_no_time_at_all_reports_everything(functions: Functions) -> None:
    for app in (waiting_app(), app_of(blocking)):
        assert functions(app)(messages("hang", "hang"), Context(0)) == failed("m1", "m2")


@pytest.mark.parametrize("flavour", ["async", "mixed"])
def test_a_routes_own_timeout_fails_its_record_alone(functions: Functions, flavour: str) -> None:
    app, queue = App("app"), Queue[str]("jobs")

    @app.on(queue, timeout=0.05)
    async def wait(text: str) -> None:
        if text == "hang":
            await asyncio.Event().wait()

    plain = App("app")

    @plain.on(queue, timeout=0.05)
    def block(text: str) -> None:
        blocking(text)

    handler = functions(app if flavour == "async" else plain)

    assert handler(messages("done", "hang", "done"), Context(10)) == failed("m2")
    assert handler(messages("done", "hang", "done")) == failed("m2")


def test_a_routes_timeout_that_is_longer_than_the_rest_does_not_prolong_it(functions: Functions) -> None:
    app = App("app")

    @app.on(Queue[str]("jobs"), timeout=LONG)
    def block(text: str) -> None:
        blocking(text)

    assert functions(app)(messages("done", "hang", "done"), Context(0.5)) == failed("m2", "m3")


def test_what_runs_at_once_is_cut_off_at_once(functions: Functions) -> None:
    app = App("app")

    @app.on(Queue[str]("jobs"), concurrency=3)
    async def wait(text: str) -> None:
        if text == "hang":
            await asyncio.Event().wait()

    response = functions(app)(messages("done", "hang", "done", "hang", "done", "hang", "done"), Context(0.4))

    assert response == failed("m2", "m4", "m6", "m7")


def test_one_that_blocks_takes_those_beside_it_along_and_not_what_was_done(functions: Functions) -> None:
    app = App("app")

    @app.on(Queue[str]("jobs"), concurrency=2)
    async def wait(text: str) -> None:
        if text == "block":
            time.sleep(LONG)  # noqa: ASYNC251 - what it is about
        if text == "hang":
            await asyncio.Event().wait()

    response = functions(app)(messages("done", "hang", "block", "done"), Context(0.5))

    assert response == failed("m2", "m3", "m4")


@pytest.mark.parametrize("flavour", ["plain", "async"])
def test_a_handler_is_told_its_deadline(functions: Functions, flavour: str) -> None:
    left: list[float | None] = []
    app, queue = App("app"), Queue[str]("jobs")

    def note(delivery: Delivery) -> None:
        left.append(None if delivery.deadline is None else delivery.deadline.remaining())

    if flavour == "async":

        @app.on(queue)
        async def handle(_: str, delivery: Delivery) -> None:
            note(delivery)
    else:

        @app.on(queue)
        def handle_plainly(_: str, delivery: Delivery) -> None:
            note(delivery)

    handler = functions(app, margin=2)
    handler(messages("one"), Context(10))
    handler(messages("one"))

    assert left[0] is not None
    assert 7 < left[0] <= 8
    assert left[1] is None


def test_a_finished_invocation_disturbs_nothing_that_runs_later(functions: Functions) -> None:
    handler = functions(app_of(behave))

    assert handler(messages("done"), Context(0.21)) == DONE
    time.sleep(0.1)  # past its deadline

    assert handler(messages("done"), Context(5)) == DONE


def test_two_functions_in_one_process_are_each_cut_off(functions: Functions) -> None:
    one, two = functions(app_of(blocking)), functions(app_of(blocking, "async"))

    for _ in range(2):
        assert one(messages("done"), Context(5)) == DONE
        assert two(messages("done", "hang"), Context(0.4)) == failed("m2")
        assert one(messages("done", "hang"), Context(0.4)) == failed("m2")


def test_an_interruption_is_no_exception_that_handlers_catch() -> None:
    assert not issubclass(Interrupted, Exception)
