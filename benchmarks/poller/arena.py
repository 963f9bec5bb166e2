"""The processes of a measurement: the stub on one core, those that consume on another."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientTimeout

from benchmarks.environment import ROOT
from benchmarks.poller.contenders import Contender

__all__ = [
    "PATIENCE",
    "Consumer",
    "Failed",
    "Feed",
    "Report",
    "consuming",
    "cpu_of",
    "memory_of",
    "open_stub",
    "process",
]

PATIENCE = 300.0
"""Seconds in which messages that were put into a queue must have been deleted."""

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


class Failed(Exception):  # noqa: N818 - what became of the measurement
    """A contender ended or stood still; the text says which."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the stub saw of a run; latencies in seconds, the median and the 99th percentile."""

    seconds: float
    requests: Mapping[str, int]
    since_available: tuple[float, float]
    since_received: tuple[float, float]


class Feed:
    """The stub, as who measures sees it."""

    def __init__(self, endpoint: str, session: ClientSession) -> None:
        self.endpoint: str = endpoint
        """Where clients find it."""
        self._session = session

    async def run(self, queue: str, count: int, body: str) -> Report:
        """Put messages into a queue; wait until they are deleted."""
        request = {"queue": queue, "count": count, "body": body}
        async with self._session.post(f"{self.endpoint}/run", json=request) as response:
            report: dict[str, Any] = await response.json(content_type=None)
        return Report(**report)


@dataclass(frozen=True, slots=True)
class Consumer:
    """A contender that runs."""

    contender: Contender
    process: asyncio.subprocess.Process

    async def consume(self, feed: Feed, count: int) -> Report:
        """Consume so many messages. Raises `Failed`."""
        name = self.contender.name
        run = asyncio.ensure_future(feed.run(self.contender.queue, count, self.contender.body))
        end = asyncio.ensure_future(self.process.wait())
        try:
            await asyncio.wait((run, end), timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            if run.done():
                return run.result()
            raise Failed(
                f"{name} ended with the status {end.result()}" if end.done() else f"{name} does not delete its messages"
            )
        finally:
            run.cancel()
            end.cancel()

    @property
    def cpu(self) -> float:
        """Seconds of CPU time that the process has used."""
        return cpu_of(self.process.pid)

    @property
    def memory(self) -> float:
        """MiB in memory."""
        return memory_of(self.process.pid)


def cpu_of(pid: int) -> float:
    """Seconds of CPU time that a process has used: Linux numbers the CPU clock of a process like this."""
    return time.clock_gettime(~pid << 3 | 2)


def memory_of(pid: int) -> float:
    """MiB that a process has in memory: the resident set size (proc(5))."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@asynccontextmanager
async def open_stub() -> AsyncGenerator[Feed]:
    """A stub in a process of its own."""
    command = (sys.executable, "-m", "benchmarks.poller.stub")
    async with process(command, {}, 0) as stub, ClientSession(timeout=ClientTimeout(total=PATIENCE)) as session:
        assert stub.stdout is not None
        port = int(await stub.stdout.readline())
        yield Feed(f"http://127.0.0.1:{port}", session)


@asynccontextmanager
async def consuming(contenders: list[Contender], endpoint: str) -> AsyncGenerator[list[Consumer]]:
    """The contenders' processes, which are killed at the end: they hold nothing."""
    async with AsyncExitStack() as stack:
        yield [
            Consumer(one, await stack.enter_async_context(process(one.command(endpoint), one.environment, -1)))
            for one in contenders
        ]


@asynccontextmanager
async def process(
    command: tuple[str | Path, ...], environment: Mapping[str, str], core: int
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A process on one of the cores, by its place, for the length of the block."""
    with _on_core(core):
        started = await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            env={**os.environ, **CREDENTIALS, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,  # the stub's port
        )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


@contextmanager
def _on_core(place: int) -> Generator[None]:
    """Let what is started meanwhile run on one of the cores, where the system can be told and has several."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[place]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
