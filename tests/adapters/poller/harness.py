"""What the poller's tests share: queues in memory and in virtual time, whose calls are noted and can fail."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from eventkit import App, BackendError, Queue, Reject
from eventkit.backends import Raw, Unsettled
from eventkit.backends.memory import MemoryBackend
from eventkit.publish import Outgoing
from eventkit_poller import Observation, Observe, Poller, Settings, Settled, Timing


@dataclass(frozen=True)
class Slow:
    seconds: float


Fault = Exception | Slow | Callable[[Sequence[Raw]], Sequence[Raw]]
"""What a call does instead: raise, take so long, or fail for some of its records."""

OUTAGE = BackendError("the service cannot be reached")


class LoopClock:
    """The loop's time, as the memory backend wants it."""

    epoch = 0.0

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()


@dataclass(frozen=True)
class Call:
    verb: str
    queue: str
    records: int
    """How many were asked for, or acknowledged."""
    at: float


class Service:
    """A memory backend that notes its calls, takes `latency` seconds for each, and fails as it is told."""

    def __init__(self, *queues: str, latency: float = 0.0, dead: bool = True, visibility: float = 30.0) -> None:
        """Each queue has a dead-letter queue, `<queue>-dead`, unless `dead` is False."""
        self.memory = MemoryBackend(clock=LoopClock())
        self.calls: list[Call] = []
        self.received = 0
        self.last: Sequence[Raw] = ()
        """What the last receive brought that brought something."""
        self.faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self.latency = latency
        for queue in queues:
            grave = queue.replace(".fifo", "") + "-dead" + (".fifo" if queue.endswith(".fifo") else "")
            if dead:
                self.memory.create_queue(grave)
            self.memory.create_queue(
                queue, visibility=visibility, dead_letter=grave if dead else None, max_receives=100
            )

    async def send(self, queue: str, *texts: str, group: str | None = None) -> None:
        await self.memory.publish("queue", queue, [Outgoing(text, group) for text in texts])

    def count(self, verb: str, queue: str | None = None) -> int:
        return sum(call.verb == verb and queue in (None, call.queue) for call in self.calls)

    async def visible(self, queue: str) -> list[str]:
        """The texts that another consumer would get now."""
        found: list[str] = []
        while records := await self.memory.receive(queue, 10, 0):
            found += [str(record["body"]) for record in records]
        return found

    async def visibility(self, queue: str) -> float:
        return await self.memory.visibility(queue)

    async def receive(self, queue: str, limit: int, wait: float, visibility: float | None = None) -> Sequence[Raw]:
        await self._begin("receive", queue, limit)
        records = await self.memory.receive(queue, limit, wait, visibility)
        self.received += len(records)
        self.last = records or self.last
        return records

    async def delete(self, queue: str, records: Sequence[Raw]) -> Unsettled:
        failed = await self._begin("delete", queue, len(records), records)
        left = await self.memory.delete(queue, [record for record in records if record not in failed])
        return Unsettled(failed, left.lost)

    async def extend(self, queue: str, delays: Sequence[tuple[Raw, float]]) -> Unsettled:
        failed = await self._begin("extend", queue, len(delays), [record for record, _ in delays])
        left = await self.memory.extend(queue, [delay for delay in delays if delay[0] not in failed])
        return Unsettled(failed, left.lost)

    async def park(self, queue: str, record: Raw, reject: Reject) -> None:
        await self._begin("park", queue, 1)
        await self.memory.park(queue, record, reject)

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        await self._begin("publish", address, len(messages))
        await self.memory.publish(kind, address, messages)

    async def _begin(self, verb: str, queue: str, count: int, records: Sequence[Raw] = ()) -> Sequence[Raw]:
        self.calls.append(Call(verb, queue, count, asyncio.get_running_loop().time()))
        if self.latency:
            await asyncio.sleep(self.latency)
        fault = self.faults[verb].popleft() if self.faults[verb] else None
        if isinstance(fault, Exception):
            raise fault
        if isinstance(fault, Slow):
            await asyncio.sleep(fault.seconds)
            return ()
        return fault(records) if fault else ()


def app_of(handler: Callable[[str], object], *queues: str, concurrency: int | None = None) -> App:
    """An app with one handler on each of the queues."""
    app = App("test")
    for queue in queues or ("jobs",):
        app.on(Queue[str](queue), concurrency=concurrency, name=queue)(handler)
    return app


def poller_of(
    app: App,
    service: Service,
    settings: Settings | None = None,
    *,
    observe: Callable[[Settled], None] | None = None,
    watch: Observe | None = None,
    random: Callable[[], float] = lambda: 0.5,
) -> Poller:
    """A poller in the loop's time; `observe` gets what is settled, `watch` everything."""

    def seen(one: Observation) -> None:
        if watch is not None:
            watch(one)
        if observe is not None and isinstance(one, Settled):
            observe(one)

    timing = Timing(asyncio.get_running_loop().time, random)
    return Poller(app, service, settings, observe=seen, timing=timing)


@asynccontextmanager
async def running(poller: Poller) -> AsyncGenerator["asyncio.Task[object]"]:
    """Run the poller for the length of the block, and stop it in good order."""
    task: asyncio.Task[object] = asyncio.get_running_loop().create_task(poller.run())
    try:
        yield task
    finally:
        poller.stop()
        await task


async def until(holds: Callable[[], bool], seconds: float = 600.0) -> None:
    """Let time pass until something holds; how much passes in reality is up to the loop."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(max(0.005, (loop.time() - began) / 100))
