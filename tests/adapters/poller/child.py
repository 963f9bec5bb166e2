"""A process that is a poller: prints what happens, one word a line, and at the end what is left of its queue."""

import asyncio
import json
import logging
import signal
import sys
import threading
import time
from contextlib import suppress

from eventkit import App, Backoff, Queue
from eventkit.backends.memory import MemoryBackend
from eventkit.publish import Outgoing
from eventkit_poller import Poller, Settings, run_poller


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")  # at once, since threads say things, too
    sys.stdout.flush()


class Words(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.msg)


def hang(_: str) -> None:
    say("handling")
    threading.Event().wait()


async def work(text: str) -> None:
    say("handling")
    await asyncio.sleep(float(text))


async def ignore_cancellation(_: str) -> None:
    say("handling")
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            say("cancelled")


async def block(text: str) -> None:
    say("handling")
    if text == "500" and not blocked:
        blocked.append(text)
        time.sleep(500)  # noqa: ASYNC251 - what a handler must not do


async def spin(text: str) -> None:
    say("handling")
    if text == "500" and not blocked:
        blocked.append(text)
        while True:
            with suppress(Exception):
                json.loads("[1]")


async def exit_process(text: str) -> None:
    say("handling")
    if text == "500" and not blocked:
        blocked.append(text)
        raise SystemExit(7)


async def leak(_: str) -> None:
    say("handling")
    blocked.append(asyncio.create_task(asyncio.sleep(500)))


blocked: list[object] = []
HANDLERS = {
    "plain": hang,
    "async": work,
    "stubborn": ignore_cancellation,
    "block": block,
    "spin": spin,
    "exit": exit_process,
    "leak": leak,
}


async def main(kind: str, drain: float) -> None:
    backend = MemoryBackend()
    backend.create_queue("jobs", visibility=600)
    await backend.publish("queue", "jobs", [Outgoing("0.2"), Outgoing("500")])
    app = App("child")
    app.on(Queue[str]("jobs"), retry=Backoff(base=0.01, cap=0.01))(HANDLERS[kind])
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    summary = await run_poller(Poller(app, backend, Settings(wait=1, drain=drain, stall=0.2)))

    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    visible = await backend.receive("jobs", 10, 0)
    say("left", backend.depth("jobs"), "visible", len(visible), "restored", after == before, summary)


if __name__ == "__main__":
    signal.alarm(60)  # a poller that does not stop must not outlive the test
    logging.getLogger("eventkit").addHandler(Words())
    logging.getLogger("eventkit").setLevel(logging.INFO)
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
