"""What lies around an app in a test: queues, topics, buses and streams, in virtual time, and what consumes them."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from itertools import count
from types import MappingProxyType
from typing import Any, TypeVar

from eventkit.app import App
from eventkit.backends import Raw
from eventkit.backends._sending import QueueMessage
from eventkit.backends.memory import MemoryBackend
from eventkit.buckets import Bucket
from eventkit.buses import Bus
from eventkit.errors import ConfigurationError
from eventkit.inject import Overrides
from eventkit.names import Names, dead_letter_name, name_in
from eventkit.outcomes import Outcome
from eventkit.outgoing import Attribute, Outgoing
from eventkit.resources import Queue, Resource, Stream, Streamed, Table, Topic
from eventkit.stores import IdempotencyStore
from eventkit.stores.memory import MemoryStore
from eventkit.testing.clock import START
from eventkit.testing.loop import VirtualLoop
from eventkit.testing.runtimes import Open, Runtime, Stage
from eventkit.testing.threads import VirtualThreads
from eventkit.testing.watching import RANDOM, Act, Watch, WatchedApp
from eventkit.testing.world_streams import WorldStreams
from eventkit.values import Value

__all__ = ["NOT_RUNNING", "Published", "Queues", "Settlement", "StandIns", "World"]

T = TypeVar("T")

NOT_RUNNING = "the app does not run: write async with TestApp(app) as t"

BREATH = 0.02
"""Seconds that a poller may wait for slots to come together, though nothing else is to happen."""

PAUSE = 0.25
"""Seconds that it may wait before it reads a shard again."""


class Published(Value):
    """A message that the app published. `kind` is `queue`, `topic` or `bus`, `address` what that is called."""

    kind: str
    address: str
    text: str
    group: str | None = None
    deduplication_id: str | None = None
    attributes: Mapping[str, Attribute] = MappingProxyType[str, Attribute]({})


@dataclass(frozen=True, slots=True)
class Queues:
    """The attributes of the queues in a test.

    Attributes:
        visibility: Their visibility timeout in seconds. It is what an invocation of Lambda may take, too, because AWS
            wants it no shorter ("Using Lambda with Amazon SQS"); 15 minutes is the longest that there is.
        max_receives: After so many receives a message goes to the dead-letter queue.
        dead_letters: Whether the queues have dead-letter queues.
    """

    visibility: float = 900.0
    max_receives: int = 5
    dead_letters: bool = True


@dataclass(frozen=True, slots=True)
class StandIns:
    """What is in a test in place of something else.

    Attributes:
        overrides: Dependencies' functions, and what is called instead of each.
        store: What idempotent routes remember by.
        act: What happens before each call of a handler.
    """

    overrides: Overrides = field(default_factory=dict[Callable[..., object], Callable[..., object]])
    store: IdempotencyStore | None = None
    act: Act | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a record, and when in seconds since the test's start."""

    record: Raw
    outcome: Outcome
    at: float


class _LoopClock:
    """The loop's time, as the backend wants it."""

    epoch = START

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = loop.time

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()


class WorldBackend(MemoryBackend):
    """The backend in memory, noting what is published; a test looks into its queues."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        numbers = count(1)
        self.time: Callable[[], float] = loop.time
        super().__init__(clock=_LoopClock(loop), new_id=lambda: f"m{next(numbers)}")
        self.published: list[Published] = []

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        await super().publish(kind, address, messages)
        self.published += [
            Published(kind, address, one.text, one.group, one.deduplication_id, one.attributes) for one in messages
        ]

    async def arrive(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        """Publish as somebody else than the app."""
        await super().publish(kind, address, messages)

    def has(self, queue: str) -> bool:
        """Whether the queue is declared."""
        return name_in(queue) in self._queues

    def put(self, queue: str, message: QueueMessage) -> None:
        """Put a message into the queue, as somebody else than the app."""
        self._queue(queue).send(self.time(), self._new_id(), message)

    def messages(self, queue: str) -> list[Raw]:
        """The messages that are in the queue."""
        return self._queue(queue).records()

    def visible(self, queue: str) -> int:
        """How many messages a receive could get."""
        return self._queue(queue).visible(self.time())


class World:
    """An app on its stage. It lives in a thread of its own, and only while a test lets it: see `settle`."""

    def __init__(self, app: App, names: Names, queues: Queues, stand_ins: StandIns, shards: int = 1) -> None:
        """`shards` is how many each table and stream has."""
        self.names: Names = names
        self.loop: VirtualLoop = VirtualLoop()
        self.loop.set_debug(False)  # a function on its thread uses the loop while that stands still for it
        self.threads: VirtualThreads = VirtualThreads(self.loop)
        self.backend: WorldBackend = WorldBackend(self.loop)
        self.streams: WorldStreams = WorldStreams(lambda: START + self.loop.time())
        self.watch: Watch = Watch(self.loop.time, self._sleep)
        if stand_ins.act is not None:
            self.watch.act = stand_ins.act
        self.settled: list[Settlement] = []
        self.numbers: count[int] = count(1)
        """What tells the events apart that a test lets enter."""
        self.dropped: list[Raw] = []
        """What the runtime gave up."""
        self.runtime: Runtime | None = None
        self._app = app
        self._queues = queues
        self._shards = shards
        self._stand_ins = stand_ins
        self._stack = AsyncExitStack()
        self._thread = ThreadPoolExecutor(1, "eventkit-world")

    @property
    def consumed(self) -> tuple[str, ...]:
        """The queues that bring the app's events, by name."""
        found = (self.names.carrier(one) for one in self._sources() if not isinstance(one, Streamed))
        return tuple(dict.fromkeys(map(name_in, found)))

    def open(self, runtime: Open) -> None:
        """Begin the app's lifespan in the runtime, blocking. Raises what that raises."""
        app = WatchedApp(self._app, self.watch, self._stand_ins.overrides)
        stage = Stage(
            app,
            self.names,
            self.consumed,
            self.backend,
            self.threads,
            self.loop.time,
            lambda: RANDOM,
            self._queues.visibility,
            self._store(),
            lambda record, outcome: self.settled.append(Settlement(record, outcome, self.loop.time())),
            self.streams,
        )
        try:
            self._declare()
            self.runtime = self.run(self._opened(runtime, stage))
            self.dropped = self.runtime.dropped
        except BaseException:
            self._end()
            raise

    def close(self) -> None:
        """Stop in good order, and end the app's lifespan, blocking."""
        if self.runtime is None:
            return
        self.runtime = None
        try:
            self.run(self._stack.aclose())
        finally:
            self._end()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the app's world, however much time passes there."""
        return self._thread.submit(copy_context().run, self.loop.run_until_complete, work).result()

    def settle_blocking(self, seconds: float) -> None:
        """Let so much time pass, and everything happen that can happen by then."""
        self._settling(seconds).result()

    async def settle(self, seconds: float) -> None:
        """The same, while the caller's event loop goes on."""
        try:
            await asyncio.wrap_future(self._settling(seconds))
        except asyncio.CancelledError:
            self.loop.call_soon_threadsafe(self.loop.stop)
            raise

    def declare(self, queue: str) -> None:
        """Have a queue, with a dead-letter queue where queues have one."""
        name = name_in(queue)
        if self.backend.has(name):
            return
        dead = dead_letter_name(name) if self._queues.dead_letters else None
        if dead is not None and not self.backend.has(dead):
            self.backend.create_queue(dead, visibility=self._queues.visibility)
        self.backend.create_queue(
            name, visibility=self._queues.visibility, dead_letter=dead, max_receives=self._queues.max_receives
        )

    def _settling(self, seconds: float) -> "Future[None]":
        if self.runtime is None:
            raise ConfigurationError(NOT_RUNNING)
        return self._thread.submit(copy_context().run, self._settle, seconds, self.runtime)

    def _settle(self, seconds: float, runtime: Runtime) -> None:
        self.loop.run_for(seconds)
        self._go_on(BREATH, lambda: sum(map(self.backend.visible, self.consumed)))
        self._go_on(PAUSE, lambda: self.streams.unread)
        runtime.check()

    def _go_on(self, seconds: float, left: Callable[[], int]) -> None:
        """Go on as long as there is something left, and it becomes less."""
        waiting, before = left(), None
        while waiting and waiting != before:
            self.loop.run_for(seconds)
            waiting, before = left(), waiting

    def _store(self) -> IdempotencyStore | None:
        """What the test gives; otherwise one in memory where the app needs one, and none where it does not."""
        needed = any(route.options.idempotent is not None for route in self._app.routes())
        if self._stand_ins.store is None and needed:
            return MemoryStore(self.loop.time)
        return self._stand_ins.store

    async def _opened(self, runtime: Open, stage: Stage) -> Runtime:
        return await self._stack.enter_async_context(runtime(stage))

    def _end(self) -> None:
        self._thread.submit(self._close_loop).result()
        self._thread.shutdown()

    def _close_loop(self) -> None:
        self.threads.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def _sleep(self, seconds: float) -> None:
        if self.runtime is None:
            self.threads.sleep(seconds)
        else:
            self.runtime.sleep(seconds)

    def _sources(self) -> list[Resource]:
        selectors = (selector for route in self._app.routes() for selector in route.source.selectors)
        return list(dict.fromkeys(selector.resource for selector in selectors))

    def _declare(self) -> None:
        names, backend = self.names, self.backend
        for queue in self.consumed:
            self.declare(queue)
        for resource in (*self._app.destinations(), *self._sources()):
            match resource.kind:
                case Queue.kind:
                    self.declare(names.address(resource))
                case Topic.kind:
                    backend.create_topic(names.name(resource))
                case Bus.kind:
                    backend.create_bus(names.name(resource))
                case Table.kind | Stream.kind:
                    self.streams.declare(resource.kind, names.name(resource), self._shards)
                case _:
                    pass
        for resource in self._sources():
            if resource.kind == Topic.kind:
                backend.subscribe(names.name(resource), names.carrier(resource))
            elif resource.kind == Bus.kind:
                backend.add_rule(names.name(resource), names.carrier(resource))
        self._declare_for_rejects()

    def _declare_for_rejects(self) -> None:
        match self.names.on_failure:
            case (Queue.kind, address):
                self.declare(address)
            case (Topic.kind, address):
                self.backend.create_topic(name_in(address))
            case (Bucket.kind, address):
                self.backend.create_bucket(name_in(address))
            case _:
                pass
