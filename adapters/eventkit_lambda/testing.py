"""The Lambda entrypoint in a test: `TestApp(app, runtime="lambda")` finds it here.

What calls it is a model of AWS's side: event source mappings of queues and streams, and asynchronous invocations
("Using Lambda with Amazon SQS", "Using Lambda with DynamoDB", "How Lambda handles errors and retries with
asynchronous invocation"). There is one execution environment, so invocations come one after the other.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from itertools import count
from math import inf
from typing import Any, TypeVar, cast

from eventkit.app import App
from eventkit.backends import Raw
from eventkit.batch import HELD
from eventkit.buckets import Bucket
from eventkit.decode import Ordering, record_id
from eventkit.delivery import Deadline
from eventkit.failures import GivenUp, document_of, keep
from eventkit.names import name_in
from eventkit.outcomes import DONE, Interrupted, Outcome, Reject
from eventkit.outgoing import Outgoing
from eventkit.resources import Stream, Streamed, Table
from eventkit.testing.clock import START
from eventkit.testing.loop import TimelessLoop
from eventkit.testing.runtimes import Stage
from eventkit_lambda._alarm import Alarm
from eventkit_lambda._host import Host
from eventkit_lambda._mapping_response import failed
from eventkit_lambda._stream_mapping import Side, StreamMapping
from eventkit_lambda.handler import LambdaHandler
from eventkit_lambda.mapping import mapping_of

__all__ = ["LambdaRuntime", "open_lambda"]

T = TypeVar("T")

BATCH = 10
"""Messages that a mapping hands over at most, by default."""

WAIT = 20.0
"""Seconds that a mapping waits for messages."""

PAUSES = (60.0, 120.0)
"""Seconds before the second and the third attempt of an asynchronous invocation; there is no fourth."""


class VirtualAlarm(Alarm):
    """An alarm that rings in virtual time, where time passes: in `sleep`."""

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        super().__init__(clock)
        self._sleep = sleep

    @property
    def works(self) -> bool:
        return False  # it needs no signals

    @property
    def left(self) -> float:
        """Seconds until it rings; infinity where it does not."""
        return max(0.0, min(self._limits, default=inf) - self._clock())

    def sleep(self, seconds: float) -> None:
        """Let time pass. Raises `Interrupted` when a limit is reached meanwhile."""
        if self.left > seconds:
            self._sleep(seconds)
            return
        self._sleep(self.left)
        raise Interrupted("the time for this work is over")


class _Context:
    """The part of Lambda's context object that is used."""

    def __init__(self, end: float, clock: Callable[[], float]) -> None:
        self._deadline = Deadline(end, clock)

    def get_remaining_time_in_millis(self) -> int:
        return round(self._deadline.remaining() * 1000)


class _Function(LambdaHandler):
    """The entrypoint, telling what became of each record."""

    def __init__(self, stage: Stage) -> None:
        """Begin the lifespan, as a cold start does. Raises what that raises."""
        self.alarm: VirtualAlarm = VirtualAlarm(stage.clock, stage.threads.sleep)
        self._rejects: dict[str | None, Reject] = {}
        self._stage = stage
        ids = count(1)
        host = Host(
            stage.clock,
            stage.random,
            lambda: self.alarm,
            lambda: _loop(stage, self.alarm),
            lambda: START + stage.clock(),
            lambda: f"f{next(ids)}",
        )
        super().__init__(stage.app, names=stage.names, backend=stage.backend, store=stage.store, host=host)

    def _outcomes(self, records: Sequence[Raw], ordering: Ordering, end: float | None) -> list[Outcome]:
        self._rejects.clear()
        outcomes = super()._outcomes(records, ordering, end)
        for record, outcome in zip(records, outcomes, strict=True):
            if outcome is not HELD:
                self._stage.settled(record, self._rejects.get(record_id(record), outcome))
        return outcomes

    async def _parked(self, record: Raw, reject: Reject) -> Outcome:
        outcome = await super()._parked(record, reject)
        if outcome == DONE:
            self._rejects[record_id(record)] = reject
        return outcome


def _loop(stage: Stage, alarm: VirtualAlarm) -> TimelessLoop:
    """The function's own loop: while it has nothing to do, time passes for all."""

    def pass_time(seconds: float) -> bool:
        if min(seconds, alarm.left) == inf:
            return False
        alarm.sleep(seconds)
        return True

    loop = TimelessLoop(stage.clock, pass_time, lambda: False)
    loop.set_debug(False)
    return loop


class LambdaRuntime:
    """A Lambda function, and what invokes it."""

    direct: bool = True

    def __init__(self, stage: Stage, function: _Function, tasks: asyncio.TaskGroup) -> None:
        self.dropped: list[Raw] = []
        self._stage = stage
        self._function = function
        self._tasks = tasks
        self._running: list[asyncio.Task[None]] = []
        self._handling: set[asyncio.Task[Any]] = set()
        self._queues: set[str] = set()
        self._documents = count(1)
        self._environment = asyncio.Lock()
        for queue in stage.queues:
            self.consume(queue)
        for resource in _streamed(stage.app):
            self._start(self._mapping(resource).run())

    async def stop(self) -> None:
        """End the mappings, and return when what was handed over is handled."""
        for task in self._running:
            task.cancel()
        while self._handling:
            await asyncio.wait(self._handling)

    def consume(self, queue: str) -> None:
        if name_in(queue) not in self._queues:
            self._queues.add(name_in(queue))
            self._start(self._map(queue))

    def invoke(self, event: Raw) -> None:
        self._start(self._invoke_asynchronously(event))

    def sleep(self, seconds: float) -> None:
        self._function.alarm.sleep(seconds)

    def check(self) -> None:
        """Nothing ends it: a mapping that fails is an error of the whole."""

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._running.append(self._tasks.create_task(work))

    def _mapping(self, resource: Table[Any] | Stream[Any]) -> StreamMapping:
        stage = self._stage
        side = Side(
            stage.names.app,
            stage.streams,
            lambda records: self._to_the_end(self._invoke({"Records": [*records]})),
            self._discard,
            lambda: START + stage.clock(),
            lambda: f"d{next(self._documents)}",
        )
        factor = mapping_of(resource, stage.names)["ParallelizationFactor"]
        return StreamMapping(resource, stage.names.address(resource), cast("int", factor), side)

    async def _discard(self, failure: GivenUp) -> None:
        """Send what is given up to the on-failure destination, as Lambda does: metadata to queues and topics."""
        match self._stage.names.on_failure:
            case None:
                self.dropped.append({"Records": [*failure.records]})
            case (Bucket.kind, _) as destination:
                await keep(failure, destination, self._stage.backend)
            case (kind, address):
                message = Outgoing(json.dumps(document_of(failure)))
                await self._stage.backend.publish(kind, address, [message])

    async def _map(self, queue: str) -> None:
        while True:
            records = await self._stage.backend.receive(queue, BATCH, WAIT)
            if records:
                await self._to_the_end(self._handed_over(queue, records))

    async def _handed_over(self, queue: str, records: Sequence[Raw]) -> None:
        response = await self._invoke({"Records": list(records)})
        again = failed(response, [record_id(record) for record in records])
        done = [record for record in records if record_id(record) not in again]
        await self._stage.backend.delete(queue, done)

    async def _to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Do what a stop must not cut off."""
        task = self._tasks.create_task(work)
        self._handling.add(task)
        task.add_done_callback(self._handling.discard)
        return await asyncio.shield(task)

    async def _invoke_asynchronously(self, event: Raw) -> None:
        for pause in (0.0, *PAUSES):
            await asyncio.sleep(pause)
            if await self._to_the_end(self._invoke(event)) is not None:
                return
        self.dropped.append(event)

    async def _invoke(self, event: Raw) -> str | None:
        """The function's response as text, or None where it failed."""
        payload = json.loads(json.dumps(event))
        async with self._environment:
            context = _Context(self._stage.clock() + self._stage.timeout, self._stage.clock)
            try:
                return json.dumps(await self._stage.threads.call(lambda: self._function(payload, context), None))
            except (Exception, Interrupted):  # noqa: BLE001 - whatever it is, Lambda reports it and goes on
                return None


def _streamed(app: App) -> Sequence[Table[Any] | Stream[Any]]:
    """The tables and streams that the app takes events of."""
    selectors = (selector for route in app.routes() for selector in route.source.selectors)
    found = dict.fromkeys(selector.resource for selector in selectors)
    return [cast("Table[Any] | Stream[Any]", resource) for resource in found if isinstance(resource, Streamed)]


@asynccontextmanager
async def open_lambda(stage: Stage) -> AsyncGenerator[LambdaRuntime]:
    """Run the app in a Lambda function."""
    function = await stage.threads.call(lambda: _Function(stage), None)
    try:
        async with asyncio.TaskGroup() as tasks:
            runtime = LambdaRuntime(stage, function, tasks)
            try:
                yield runtime
            finally:
                await runtime.stop()
    finally:
        await stage.threads.call(function.close, None)
