"""The runtimes side by side, each on a queue in memory and in virtual time, and what can be seen of them afterwards."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from math import ceil
from typing import Any

from eventkit import BackendError, Reject, Retry
from eventkit.backends import Backend, Raw, Unsettled
from eventkit.backends._park import NOTE
from eventkit.backends.memory import Clock, MemoryBackend
from eventkit.publish import Outgoing
from eventkit.testing import TestApp, VirtualClock
from eventkit_lambda import LambdaHandler
from eventkit_poller import Observation, Poller, Settings, Settled, Timing
from tests.adapters.poller.harness import LoopClock
from tests.adapters.poller.virtual import VirtualLoop
from tests.parity.apps import NAMES, Call, Play, app_of
from tests.parity.scenarios import Scenario

__all__ = ["Alter", "Changed", "Seen", "as_it_is", "in_lambda", "in_poller", "in_test_app"]

END = 99.7
"""Seconds of virtual time after which nothing more is handled; between the moments at which anything happens."""

LONG = 50_000.0
"""Seconds after which every message is visible again."""

WAIT = 20.0

SLOTS = 40
"""So many that each receive of the poller asks for ten, as Lambda's do, however fast its threads answer: with fewer,
records of a group that are held back are not always received, and then count an attempt less."""

Alter = Callable[[Backend], Backend]


@dataclass(frozen=True)
class Seen:
    """What can be seen of a run."""

    calls: tuple[Call, ...]
    left: tuple[str, ...]
    """Texts of the messages that are still in the queue."""
    dead: tuple[tuple[str, str], ...]
    """Those in the dead-letter queue, each with what stands on it."""
    published: tuple[str, ...]


def as_it_is(backend: Backend) -> Backend:
    return backend


class Changed:
    """A backend behind another one; what is not overridden passes."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    async def visibility(self, queue: str) -> float:
        return await self.backend.visibility(queue)

    async def receive(self, queue: str, limit: int, wait: float, visibility: float | None = None) -> Sequence[Raw]:
        return await self.backend.receive(queue, limit, wait, visibility)

    async def delete(self, queue: str, records: Sequence[Raw]) -> Unsettled:
        return await self.backend.delete(queue, records)

    async def extend(self, queue: str, delays: Sequence[tuple[Raw, float]]) -> Unsettled:
        return await self.backend.extend(queue, delays)

    async def park(self, queue: str, record: Raw, reject: Reject) -> None:
        await self.backend.park(queue, record, reject)

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        await self.backend.publish(kind, address, messages)


def in_lambda(scenario: Scenario, flavour: str, alter: Alter = as_it_is) -> Seen:
    """The Lambda entrypoint, and what stands for the event source mapping: it deletes what is not reported."""
    clock = VirtualClock(autojump=True)
    memory = memory_of(scenario, clock)
    backend = alter(memory)
    play = Play(clock.now, lambda: threading.Event().wait(60))
    handler = LambdaHandler(app_of(play, scenario, flavour), names=NAMES, backend=backend)
    with asyncio.Runner() as mapping:
        mapping.run(send(memory, scenario))
        try:
            while memory.depth(scenario.queue):
                records = list(mapping.run(backend.receive(scenario.queue, 10, WAIT)))
                if clock.now() > END:
                    break
                if records:
                    response = handler(json.loads(json.dumps({"Records": records})))
                    reported = {failure["itemIdentifier"] for failure in response["batchItemFailures"]}
                    done = [record for record in records if record["messageId"] not in reported]
                    mapping.run(backend.delete(scenario.queue, done))
        finally:
            handler.close()
        return mapping.run(seen(scenario, play, memory, clock))


def in_poller(scenario: Scenario, flavour: str, alter: Alter = as_it_is) -> Seen:
    """The poller. Where handlers are plain functions on threads, time stands still until all of these answer."""
    unanswered = hanging = 0
    released = threading.Event()

    def busy() -> bool:
        waiting = unanswered if hanging and scenario.fifo else hanging  # in a group the others wait for the one
        return flavour != "async" and unanswered > waiting

    class Counting(Changed):
        async def receive(self, queue: str, limit: int, wait: float, visibility: float | None = None) -> Sequence[Raw]:
            nonlocal unanswered
            records = await super().receive(queue, limit, wait, visibility)
            unanswered += len(records)
            return records

    def begin_to_hang() -> None:
        nonlocal hanging
        hanging += 1

    def answered(one: Observation) -> None:
        nonlocal unanswered, hanging
        if not isinstance(one, Settled):
            return
        unanswered -= 1
        if isinstance(one.outcome, Retry) and isinstance(one.outcome.error, TimeoutError):
            hanging -= 1

    async def main() -> Seen:
        loop = asyncio.get_running_loop()
        clock = LoopClock()
        memory = memory_of(scenario, clock)

        def hang() -> None:
            loop.call_soon_threadsafe(begin_to_hang)
            released.wait(60)

        play = Play(loop.time, hang)
        timing = Timing(loop.time, lambda: 1.0)
        app = app_of(play, scenario, flavour)
        poller = Poller(
            app,
            Counting(alter(memory)),
            Settings(concurrency=SLOTS, wait=WAIT),
            names=NAMES,
            observe=answered,
            timing=timing,
        )
        await send(memory, scenario)
        polling = asyncio.create_task(poller.run())
        while memory.depth(scenario.queue) and loop.time() < END and not polling.done():  # noqa: ASYNC110 - no event
            await asyncio.sleep(min(0.5, END + 0.05 - loop.time()))
        poller.stop()
        await polling
        released.set()
        return await seen(scenario, play, memory, clock)

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(busy)) as runner:
        return runner.run(main())


def in_test_app(scenario: Scenario, flavour: str) -> Seen:
    """`TestApp`, and what `design.md` says that outcomes do to a queue."""

    async def main() -> Seen:
        loop = asyncio.get_running_loop()
        clock = LoopClock()
        memory = memory_of(scenario, clock)
        play = Play(loop.time, lambda: None)
        await send(memory, scenario)
        async with TestApp(app_of(play, scenario, flavour), names=NAMES) as t:
            while memory.depth(scenario.queue):
                records = await memory.receive(scenario.queue, 10, WAIT)
                if loop.time() > END:
                    break
                for record, outcome in zip(records, await t.send({"Records": records}), strict=True):
                    await settle(memory, scenario.queue, record, outcome)
            await memory.publish("queue", "results", [Outgoing(one.text) for one in t.published])
        return await seen(scenario, play, memory, clock)

    async def settle(memory: MemoryBackend, queue: str, record: Raw, outcome: object) -> None:
        match outcome:
            case Retry(after):
                assert after is not None
                await memory.extend(queue, [(record, after)])
                return
            case Reject():
                try:
                    await memory.park(queue, record, outcome)
                except BackendError:
                    await memory.extend(queue, [(record, 1)])
                    return
            case _:
                pass
        await memory.delete(queue, [record])

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


def memory_of(scenario: Scenario, clock: Clock) -> MemoryBackend:
    numbers = count(1)
    memory = MemoryBackend(clock=clock, new_id=lambda: f"m{next(numbers)}")
    memory.create_queue("results")
    memory.create_queue(scenario.grave)
    memory.create_queue(
        scenario.queue,
        dead_letter=scenario.grave if scenario.dead_letter else None,
        max_receives=scenario.max_receives,
    )
    return memory


async def send(memory: MemoryBackend, scenario: Scenario) -> None:
    messages = [
        Outgoing(one.text, one.group, str(number) if one.group else None)
        for number, one in enumerate(scenario.messages)
    ]
    await memory.publish("queue", scenario.queue, messages)


async def seen(scenario: Scenario, play: Play, memory: MemoryBackend, clock: Clock) -> Seen:
    dead = await drained(memory, scenario.grave)
    published = await drained(memory, "results")
    await clock.wait(asyncio.Event(), LONG)
    left = [*await drained(memory, scenario.queue), *await drained(memory, scenario.grave)]
    return Seen(
        calls=in_order(play.calls, scenario),
        left=tuple(sorted(str(record["body"]) for record in left)),
        dead=tuple(sorted((str(record["body"]), note_on(record)) for record in dead)),
        published=tuple(sorted(str(record["body"]) for record in published)),
    )


async def drained(memory: MemoryBackend, queue: str) -> list[Raw]:
    """Take everything out of a queue."""
    found: list[Raw] = []
    while records := await memory.receive(queue, 10, 0):
        await memory.delete(queue, records)
        found += records
    return found


def note_on(record: Raw) -> str:
    attributes: Any = record["messageAttributes"]
    return attributes[NOTE]["stringValue"] if NOTE in attributes else ""


def in_order(calls: Iterable[Call], scenario: Scenario) -> tuple[Call, ...]:
    """The calls by time. Those of one moment are in no order, except in a group."""
    rounded = [replace(call, at=ceil(call.at) if scenario.jitter else round(call.at, 1)) for call in calls]
    return tuple(
        sorted(rounded, key=lambda call: (call.at, *((call.group,) if call.group else (call.route, call.value))))
    )
