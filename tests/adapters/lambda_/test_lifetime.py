"""What lasts from the cold start to the end: the loop, the lifespan, and what is made once."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Annotated

import pytest

from eventkit import App, Depends, InjectionError, Queue, Sender, To
from eventkit_lambda import LambdaHandler
from tests.adapters.lambda_.harness import (
    DONE,
    FLAVOURS,
    Context,
    Functions,
    Service,
    app_of,
    behave,
    failed,
    fifo,
    messages,
)

jobs = Queue[str]("jobs")


class State:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop


class Background:
    def __init__(self, task: asyncio.Task[bool]) -> None:
        self.task = task


def app_with_lifespan(log: list[str]) -> App:
    @asynccontextmanager
    async def lifespan(_: App) -> AsyncGenerator[State]:
        log.append("open")
        yield State(asyncio.get_running_loop())
        log.append("close")

    return App("app", lifespan=lifespan)


def test_all_invocations_and_the_lifespan_run_on_one_loop(functions: Functions) -> None:
    loops: list[asyncio.AbstractEventLoop] = []
    app = app_with_lifespan([])

    @app.on(jobs)
    async def handle(_: str, state: State) -> None:
        loops.extend([asyncio.get_running_loop(), state.loop])

    handler = functions(app)
    for _ in range(3):
        handler(messages("one", "two"), Context(5))

    assert len(loops) == 12
    assert len(set(loops)) == 1


def test_a_task_of_the_lifespan_lives_on_after_an_invocation_that_was_cut_off(functions: Functions) -> None:
    @asynccontextmanager
    async def lifespan(_: App) -> AsyncGenerator[Background]:
        task = asyncio.create_task(asyncio.Event().wait())
        yield Background(task)
        task.cancel()

    app = App("app", lifespan=lifespan)
    ended: list[bool] = []

    @app.on(jobs)
    async def handle(text: str, background: Background) -> None:
        if text == "hang":
            await asyncio.Event().wait()
        ended.append(background.task.done() or background.task.cancelling() > 0)

    handler = functions(app)

    assert handler(messages("hang"), Context(0.3)) == failed("m1")
    assert handler(messages("look"), Context(5)) == DONE
    assert ended == [False]


def test_the_lifespan_runs_once_from_the_cold_start_to_the_close(functions: Functions) -> None:
    log: list[str] = []
    app = app_with_lifespan(log)

    @app.on(jobs)
    def handle(text: str) -> None:
        log.append(text)

    handler = functions(app)
    assert log == ["open"]

    handler(messages("one"))
    handler(messages("two"))
    handler.close()
    handler.close()

    assert log == ["open", "one", "two", "close"]


def test_what_was_made_for_the_app_ends_before_the_lifespan(functions: Functions) -> None:
    log: list[str] = []
    app = app_with_lifespan(log)

    async def client(_: State) -> AsyncGenerator[str]:
        log.append("client open")
        yield "client"
        log.append("client close")

    def wrapper(inner: Annotated[str, Depends(client, scope="app")]) -> Iterator[str]:
        log.append("wrapper open")
        yield inner
        log.append("wrapper close")

    @app.on(jobs)
    def handle(_: str, inner: Annotated[str, Depends(wrapper, scope="app")]) -> None:
        log.append(inner)

    handler = functions(app)
    handler(messages("one"))
    handler.close()

    assert log == ["open", "client open", "wrapper open", "client", "wrapper close", "client close", "close"]


def test_a_lifespan_that_fails_fails_the_cold_start() -> None:
    @asynccontextmanager
    async def lifespan(app: App) -> AsyncGenerator[None]:
        if app.name == "app":
            raise LookupError("no such secret")
        yield

    with pytest.raises(LookupError, match="no such secret"):
        LambdaHandler(App("app", lifespan=lifespan), backend=Service())


def test_sigterm_between_invocations_closes_and_exits(functions: Functions) -> None:
    log: list[str] = []
    functions(app_with_lifespan(log))

    with pytest.raises(SystemExit) as exited:
        signal.raise_signal(signal.SIGTERM)

    assert exited.value.code == 0
    assert log == ["open", "close"]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_sigterm_during_an_invocation_closes_after_its_response(functions: Functions, flavour: str) -> None:
    log: list[str] = []

    def do(text: str) -> None:
        log.append(text)
        signal.raise_signal(signal.SIGTERM)
        behave(text)

    app = app_with_lifespan(log)
    app.include(app_of(do, flavour))

    response = functions(app)(messages("done:1", "raise:2", "done:3"), Context(5))

    assert response == failed("m2")
    assert log == ["open", "done:1", "raise:2", "done:3", "close"]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_handler_sees_the_context_variables_of_the_caller(functions: Functions, flavour: str) -> None:
    variable: ContextVar[str] = ContextVar("variable", default="nothing")
    seen: list[str] = []
    handler = functions(app_of(lambda _: seen.append(variable.get()), flavour))

    token = variable.set("request 1")
    handler(messages("one"), Context(5))
    variable.reset(token)
    handler(messages("one"), Context(5))

    assert seen == ["request 1", "nothing"]


def test_a_context_variable_that_is_set_on_the_loop_is_not_seen_by_the_next_invocation(functions: Functions) -> None:
    variable: ContextVar[str] = ContextVar("variable", default="nothing")
    seen: list[str] = []

    def note(text: str) -> None:
        seen.append(variable.get())
        variable.set(text)

    handler = functions(app_of(note, "async"))
    handler(messages("one"))
    handler(messages("two"))

    assert seen == ["nothing", "nothing"]


def test_what_a_handler_returns_and_sends_goes_by_the_backend(functions: Functions) -> None:
    service = Service()
    app, mail = App("app"), Queue[str]("mail")

    @app.on(jobs, to=mail)
    async def forward(text: str, sender: Annotated[Sender[str], To(mail)]) -> str:
        await sender.send("sent")
        return text

    assert functions(app, service)(messages("returned")) == DONE
    assert service.sent == [("queue", "mail", ["sent"]), ("queue", "mail", ["returned"])]


def test_records_run_at_once_as_far_as_a_route_allows(functions: Functions) -> None:
    all_there = asyncio.Barrier(4)
    app = App("app")

    @app.on(jobs, concurrency=4)
    async def meet(_: str) -> None:
        await all_there.wait()

    assert functions(app)(messages(*"abcdefgh"), Context(5)) == DONE


def test_no_more_records_run_at_once_than_a_route_allows(functions: Functions) -> None:
    running: list[int] = []
    most: list[int] = []
    app = App("app")

    @app.on(jobs, concurrency=4)
    async def count(_: str) -> None:
        running.append(1)
        most.append(len(running))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running.pop()

    assert functions(app)(messages(*"abcdefghijkl"), Context(5)) == DONE
    assert max(most) == 4


def test_groups_run_at_once_and_each_in_its_order(functions: Functions) -> None:
    both_there = asyncio.Barrier(2)
    log: list[str] = []
    app = App("app")

    @app.on(Queue[str]("jobs.fifo"), concurrency=4)
    async def meet(text: str) -> None:
        log.append(f"begin {text}")
        await both_there.wait()
        log.append(f"end {text}")

    assert functions(app)(fifo("a/a1", "a/a2", "b/b1", "b/b2"), Context(5)) == DONE
    for group in "ab":
        assert [line for line in log if line[-2] == group] == [
            f"begin {group}1",
            f"end {group}1",
            f"begin {group}2",
            f"end {group}2",
        ]


def test_without_concurrency_records_run_one_after_the_other(functions: Functions) -> None:
    log: list[str] = []
    app = App("app")

    @app.on(jobs)
    async def handle(text: str) -> None:
        log.append(f"begin {text}")
        await asyncio.sleep(0)
        log.append(f"end {text}")

    assert functions(app)(messages("1", "2", "3"), Context(5)) == DONE
    assert log == [f"{what} {number}" for number in "123" for what in ("begin", "end")]


class Waiting:
    def __await__(self) -> Iterator[None]:
        yield


def test_a_plain_dependency_that_turns_out_to_wait_is_an_error_that_says_so() -> None:
    app = App("app")

    def sly() -> object:
        return Waiting()

    @app.on(jobs)
    def handle(_: str, inner: Annotated[object, Depends(sly, scope="app")]) -> None:
        """Never called."""

    with pytest.raises(InjectionError, match="declare the dependency with async def"):
        LambdaHandler(app, backend=Service())


LEAN = """
import sys
from typing import Annotated

import eventkit, eventkit_lambda

heavy = {"PIL", "aioboto3", "aiohttp", "asyncio", "boto3", "botocore", "email", "importlib.metadata"}
assert not heavy & set(sys.modules), f"by import: {heavy & set(sys.modules)}"

from eventkit import App, Bucket, Delivery, Depends, ObjectCreated, Queue
from eventkit_lambda import LambdaHandler

app = App("app")

def client():
    yield object()

def handle(text: str, delivery: Delivery, client: Annotated[object, Depends(client)]) -> None:
    if text == "raise":
        raise ValueError

app.on(Queue[str]("jobs"), name="one")(handle)
app.on(Queue[str]("jobs.fifo"), name="two")(handle)

@app.on(Bucket("photos").created())
def on_photo(photo: ObjectCreated, shared: Annotated[object, Depends(client, scope="app")]) -> None:
    raise ValueError

class Context:
    def get_remaining_time_in_millis(self):
        return 5000

def message(queue, number, body="text"):
    arn = "arn:aws:sqs:us-east-1:123456789012:" + queue
    return {"messageId": f"m{number}", "body": body, "eventSource": "aws:sqs", "eventSourceARN": arn, "attributes": {}}

handler = LambdaHandler(app)
for queue in ("jobs", "jobs.fifo"):
    assert handler({"Records": [message(queue, 1), message(queue, 2)]}, Context()) == {"batchItemFailures": []}
photo = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventVersion": "2.1"}
photo["s3"] = {"bucket": {"name": "photos", "arn": "arn:aws:s3:::photos"}, "object": {"key": "a"}}
try:
    handler({"Records": [photo]}, Context())
except Exception as error:
    assert type(error).__name__ == "InvocationFailed", error
else:
    raise AssertionError("it has to fail")
handler.close()
heavy -= {"email", "importlib.metadata"}  # pydantic's, at the first model
assert not heavy & set(sys.modules), f"by use: {heavy & set(sys.modules)}"
"""


def test_an_app_of_plain_functions_imports_neither_asyncio_nor_an_sdk() -> None:
    result = subprocess.run([sys.executable, "-c", LEAN], capture_output=True, text=True, check=False, timeout=60)

    assert result.returncode == 0, result.stderr
