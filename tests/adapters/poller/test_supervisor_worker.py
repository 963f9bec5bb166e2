"""A poller that is a worker: what it tells its supervisor, and whom it obeys. Here both are in one process."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator

import pytest

from eventkit import App, Queue
from eventkit.backends.memory import MemoryBackend
from eventkit.publish import Outgoing
from eventkit_poller import Poller, Settings, Summary
from eventkit_poller.health import Health, health_of
from eventkit_poller.reports import STOP, Report
from eventkit_poller.worker import Link, run_worker

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="workers are for POSIX")


class World:
    """A worker that handles one message, and its supervisor's end of the link."""

    def __init__(self) -> None:
        self.handling, self.enough = asyncio.Event(), asyncio.Event()
        self.ours, its = socket.socketpair()
        self.ours.settimeout(0)
        self.worker = asyncio.create_task(self._run(its))

    async def hears(self) -> list[Report]:
        """All reports, when the worker has ended."""
        told = b""
        while received := await asyncio.get_running_loop().sock_recv(self.ours, 4096):
            told += received
        return [Report.from_line(line) for line in told.splitlines()]

    async def stops(self) -> None:
        """Wait until the poller has begun to stop. While its slot is taken, no receive is open that it waits for."""
        while self.poller.state.serving:  # noqa: ASYNC110 - in some turn of the loop, and nobody is told
            await asyncio.sleep(0)

    async def says(self, text: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.ours, text)

    async def ended(self) -> Summary:
        async with asyncio.timeout(30):
            return await self.worker

    async def _run(self, link: socket.socket) -> Summary:
        backend = MemoryBackend()
        backend.create_queue("jobs", visibility=600)
        await backend.publish("queue", "jobs", [Outgoing("a")])
        app = App("shop")

        @app.on(Queue[str]("jobs"))
        async def work(_: str) -> None:
            self.handling.set()
            await self.enough.wait()

        self.poller = poller = Poller(app, backend, Settings(concurrency=1, wait=1))
        return await run_worker(poller, Link("shop", link, lambda: health_of(poller.state)))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    async with asyncio.timeout(30):
        await world.handling.wait()
        yield world
    world.ours.close()
    world.worker.cancel()


async def test_it_reports_how_it_is_and_at_last_what_became_of_the_records(world: World) -> None:
    await world.says(STOP)
    await world.stops()
    world.enough.set()
    summary = await world.ended()
    first, *_, last = await world.hears()

    assert (first.app, first.serving, first.summary) == ("shop", False, Summary())
    assert (last.app, last.serving, last.health.ready, last.summary) == ("shop", False, False, summary)
    assert summary == Summary(received=1, done=1)


def test_what_it_reports_is_read_as_it_was_written() -> None:
    health = Health(alive=True, ready=True, facts={"queues": {"jobs": {"in_flight": 1, "oldest": 0.5, "failures": 0}}})
    report = Report("shop", serving=True, health=health, summary=Summary(received=2, done=1, lost=1), in_flight=3)

    assert Report.from_line(report.to_line()) == report
    assert report.to_line().endswith(b"}\n")


async def test_a_supervisor_that_is_gone_is_a_stop(world: World) -> None:
    world.ours.close()
    await world.stops()
    world.enough.set()

    assert await world.ended() == Summary(received=1, done=1)


async def test_signals_and_the_supervisor_s_stop_are_one_stop(world: World) -> None:
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    await world.stops()
    await world.says(STOP)
    signal.raise_signal(signal.SIGINT)
    for _ in range(5):  # turns of the loop, in which what was sent is received
        await asyncio.sleep(0)
    world.enough.set()

    assert await world.ended() == Summary(received=1, done=1)


async def test_the_supervisor_s_second_stop_cancels_the_handlers(world: World) -> None:
    await world.says(STOP * 2)

    assert await world.ended() == Summary(received=1, released=1)
