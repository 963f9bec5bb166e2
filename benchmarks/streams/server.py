"""Streams in memory that several processes read, through AWS's own protocols."""

import asyncio
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import TypeVar

from benchmarks.streams.http import serving
from benchmarks.streams.service import Service
from eventkit.streams.memory import MemoryStreams

__all__ = ["StreamServer", "open_server"]

T = TypeVar("T")


class StreamServer:
    """A server that runs on a thread of its own, and who plays its world."""

    def __init__(self, endpoint: str, streams: MemoryStreams, loop: asyncio.AbstractEventLoop) -> None:
        self.endpoint: str = endpoint
        """Where clients of Kinesis, DynamoDB and DynamoDB Streams find it."""
        self._streams = streams
        self._loop = loop

    def play(self, verb: Callable[[MemoryStreams], T]) -> T:
        """Do something to the streams, between two requests. Call it on another thread than the server's."""

        async def run() -> T:
            return verb(self._streams)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def shards(self, stream: str) -> Sequence[str]:
        """The names of the stream's shards, the oldest first."""
        listing = asyncio.run_coroutine_threadsafe(self._streams.shards(stream), self._loop).result()
        return [shard.id for shard in listing.shards]


@contextmanager
def open_server(clock: Callable[[], float] = time.time) -> Generator[StreamServer]:
    """A server without any stream, for the length of the block. `clock` gives seconds since 1970."""
    opened: Future[tuple[StreamServer, asyncio.Event]] = Future()
    thread = Thread(target=lambda: asyncio.run(_serve(opened, clock)), name="streams")
    thread.start()
    server, stop = opened.result()
    try:
        yield server
    finally:
        server.play(lambda _: stop.set())
        thread.join()


async def _serve(opened: "Future[tuple[StreamServer, asyncio.Event]]", clock: Callable[[], float]) -> None:
    streams, stop = MemoryStreams(clock=clock), asyncio.Event()
    async with serving(Service(streams).answer, clock) as endpoint:
        opened.set_result((StreamServer(endpoint, streams, asyncio.get_running_loop()), stop))
        await stop.wait()
