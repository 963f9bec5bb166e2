"""What catching up with a stream costs, measured in interleaved rounds, each a backlog of the same size."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import ClientSession, ClientTimeout

from benchmarks.poller.arena import PATIENCE, Failed, cpu_of, memory_of, process
from benchmarks.report import RESULT
from benchmarks.sections import MEMORY, RECORDS
from benchmarks.streams.contenders import Contender

__all__ = ["FULL", "QUICK", "Columns", "Consumer", "Feed", "Plan", "consuming", "measure", "open_stub"]

Columns = dict[str, dict[str, list[float]]]
"""Of each column and each row, a value a round."""

COLUMNS = (RESULT, RECORDS, MEMORY)
PAUSE = 0.02
"""Seconds in which a process that has done its work writes its last checkpoints and comes to rest."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: for how many seconds rounds are begun (there are two at least), and records in each."""

    seconds: float
    count: int


FULL = Plan(seconds=45, count=40_000)
QUICK = Plan(seconds=4, count=8_000)


class Feed:
    """The stub, as who measures sees it."""

    def __init__(self, endpoint: str, pid: int, session: ClientSession) -> None:
        self.endpoint: str = endpoint
        """Where clients find it."""
        self.pid: int = pid
        """Its process."""
        self._session = session

    async def run(self, stream: str, count: int) -> None:
        """Put records into a stream; wait until the first are taken."""
        async with self._session.post(self.endpoint, json={"stream": stream, "count": count}) as response:
            response.raise_for_status()


@dataclass(frozen=True, slots=True)
class Consumer:
    """A contender that runs."""

    contender: Contender
    process: asyncio.subprocess.Process

    async def catch_up(self, feed: Feed, count: int) -> dict[str, float]:
        """Put a backlog, and wait until it is handled: a value of each column. Raises `Failed`."""
        assert self.process.stdout is not None
        before = cpu_of(self.process.pid)
        try:
            async with asyncio.timeout(PATIENCE):
                await feed.run(self.contender.stream, count)
                began = time.monotonic()
                line = await self.process.stdout.readline()
        except TimeoutError as error:
            raise Failed(f"{self.contender.name} does not handle its records") from error
        seconds = time.monotonic() - began
        if not line:
            raise Failed(f"{self.contender.name} ended with the status {await self.process.wait()}")
        await asyncio.sleep(PAUSE)
        used = cpu_of(self.process.pid) - before
        return {RESULT: used * 1e6 / count, RECORDS: count / seconds, MEMORY: memory_of(self.process.pid)}


@asynccontextmanager
async def open_stub() -> AsyncGenerator[Feed]:
    """A stub in a process of its own."""
    command = (sys.executable, "-m", "benchmarks.streams.backlog")
    async with process(command, {}, 0) as stub, ClientSession(timeout=ClientTimeout(total=PATIENCE)) as session:
        assert stub.stdout is not None
        yield Feed((await stub.stdout.readline()).decode().strip(), stub.pid, session)


@asynccontextmanager
async def consuming(contenders: Sequence[Contender], feed: Feed, count: int) -> AsyncGenerator[list[Consumer]]:
    """The contenders' processes, which are killed at the end."""
    async with AsyncExitStack() as stack:
        yield [
            Consumer(one, await stack.enter_async_context(process(one.command(feed.endpoint, count), {}, -1)))
            for one in contenders
        ]


async def measure(plan: Plan, feed: Feed, consumers: Sequence[Consumer]) -> Columns:
    """Samples of every column. The first round is not counted."""
    columns: Columns = {column: {one.contender.name: [] for one in consumers} for column in COLUMNS}
    for one in consumers:
        await one.catch_up(feed, plan.count)
    end, rounds = time.monotonic() + plan.seconds, 0
    while rounds < 2 or time.monotonic() < end:  # noqa: PLR2004 - a median needs more than one
        rounds += 1
        for one in consumers:
            for column, value in (await one.catch_up(feed, plan.count)).items():
                columns[column][one.contender.name].append(value)
    return columns
