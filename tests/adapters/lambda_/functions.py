"""The function that `test_runtime` runs under AWS's own client; the variable APP says of which app."""

import os
import threading
import time
from asyncio import Event
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from eventkit import App, Bucket, ObjectCreated, Queue, Retry, Topic
from eventkit_lambda import LambdaHandler

jobs = Queue[str]("jobs")
BACKEND = os.environ.get("BACKEND", "memory://?queue=jobs:jobs-dead")


class State:
    """What the lifespan made."""

    invocations = 0


@asynccontextmanager
async def lifespan(_: App) -> AsyncGenerator[State]:
    if os.environ.get("APP") == "broken":
        raise LookupError("there is no such secret")
    print("opened")  # noqa: T201 - what the test reads
    yield State()
    print("closed")  # noqa: T201 - likewise


def alive() -> App:
    """With a lifespan, and a handler on the loop."""
    app = App("app", lifespan=lifespan)

    @app.on(jobs)
    async def handle(text: str, state: State) -> None:
        state.invocations += 1
        print(f"invocation {state.invocations}")  # noqa: T201 - what the test reads
        if text == "hang":
            await Event().wait()
        if text == "block":
            time.sleep(60)  # noqa: ASYNC251 - what it is about
        if text != "done":
            raise ValueError(text)

    return app


def plain() -> App:
    """Of plain functions."""
    app = App("app")

    @app.on(jobs)
    def handle(text: str) -> None:
        if text == "hang":
            threading.Event().wait(60)
        if text == "block":
            time.sleep(60)
        if text != "done":
            raise Retry(after=1) from ValueError(text)

    @app.on(Bucket("photos").created())
    def on_photo(photo: ObjectCreated) -> None:
        raise ValueError(photo.key)

    @app.on(Topic[int]("numbers"))
    def on_number(number: int) -> None:
        """Takes nothing but numbers."""

    return app


handler = LambdaHandler(plain() if os.environ.get("APP") == "plain" else alive(), backend=BACKEND)
