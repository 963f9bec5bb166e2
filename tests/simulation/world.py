"""A simulated run: processes that come, go and are killed, until the last one finds everything settled."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from itertools import count
from random import Random
from typing import Any

from eventkit.backends import Backend
from eventkit_poller import Poller, Settings, Summary, Timing
from tests.adapters.poller.virtual import VirtualLoop
from tests.simulation.connection import Connection
from tests.simulation.handlers import PROCESS, Process, app_of
from tests.simulation.ledger import Ledger
from tests.simulation.scenario import Life, Scenario
from tests.simulation.service import Service
from tests.simulation.verdict import Stopped, check_end, check_stop

__all__ = ["Run", "Variant", "simulate"]

Work = Coroutine[Any, Any, Any] | Generator[Any, None, Any]

LIMIT = 20_000.0
"""Seconds in which the last poller must have settled everything."""

RECOVERY = 21.0
"""Seconds after an outage by which a poller must have received again: its longest pause, and one more."""

BAD_NEWS = {"poller.broken", "observer.failed"}
"""What a poller must never log."""


def _as_it_is(backend: Backend) -> Backend:
    return backend


@dataclass(frozen=True, slots=True)
class Variant:
    """What is simulated: the poller, and what lies between it and its connection."""

    poller: type[Poller] = Poller
    wrap: Callable[[Backend], Backend] = _as_it_is


@dataclass(frozen=True, slots=True)
class Run:
    """What happened, what of it was wrong, and how often a message was delivered."""

    scenario: Scenario
    trace: Sequence[tuple[float, str, str]]
    wrongs: Sequence[str]
    deliveries: int


def simulate(scenario: Scenario, variant: Variant | None = None) -> Run:
    """Play the scenario; equal ones are played equally."""
    with asyncio.Runner(loop_factory=_loop) as runner:
        ledger = runner.run(_play(scenario, variant or Variant()))
    return Run(scenario, ledger.trace, ledger.wrongs, len(ledger.tenures))


class _Task(asyncio.Task[Any]):
    """A task with a number, so that sets of tasks are in the same order whenever a scenario is played."""

    def __init__(
        self, number: int, work: Work, *, loop: asyncio.AbstractEventLoop, context: Context | None = None
    ) -> None:
        self._number = number
        super().__init__(work, loop=loop, context=context)

    def __hash__(self) -> int:
        return self._number


def _loop() -> VirtualLoop:
    loop, numbers = VirtualLoop(), count()

    def start(loop: asyncio.AbstractEventLoop, work: Work, context: Context | None = None) -> _Task:
        task = _Task(next(numbers), work, loop=loop, context=context)
        process = PROCESS.get()
        if process is not None:
            process.tasks.append(task)
        return task

    loop.set_task_factory(start)
    return loop


async def _play(scenario: Scenario, variant: Variant) -> Ledger:
    loop, random = asyncio.get_running_loop(), Random(f"service {scenario.seed}")  # noqa: S311 - it has to be repeatable
    service = Service(scenario.queues, random)
    ledger = Ledger(scenario, service)
    loop.set_exception_handler(lambda _, facts: ledger.wrong("loop", str(facts.get("exception", facts))))
    world = _World(variant, ledger, random)
    with _logs(ledger):
        others = [loop.create_task(work) for work in (world.send(), *map(world.live, scenario.lives))]
        await asyncio.sleep(scenario.faults.until)
        await world.last()
        await asyncio.gather(*others)
        check_end(ledger)
        world.over.set()
    return ledger


class _World:
    """Where pollers live."""

    def __init__(self, variant: Variant, ledger: Ledger, random: Random) -> None:
        self.over = asyncio.Event()
        self._variant = variant
        self._ledger = ledger
        self._random = random

    async def send(self) -> None:
        """Send the messages, each at its time."""
        for job in sorted(self._ledger.scenario.jobs, key=lambda job: (job.at, job.number)):
            await asyncio.sleep(max(0.0, job.at - self._ledger.now))
            self._ledger.service.send(job)

    async def live(self, life: Life) -> None:
        """One poller's life as the scenario wants it."""
        await asyncio.sleep(life.begin)
        being = self._being(life)
        run = being.start()
        await asyncio.wait((run,), timeout=life.end - self._ledger.now)
        await (being.kill(run) if life.how == "kill" else being.stop(run))

    async def last(self) -> None:
        """The life of the poller that settles what the others have left."""
        scenario = self._ledger.scenario
        longest = max(queue.visibility for queue in scenario.queues)
        being = self._being(Life("last", Settings(drain=0, hold=3600 if scenario.calm else 4 * longest), 0, 0))
        run = being.start()
        try:
            async with asyncio.timeout(LIMIT):
                for queue in scenario.queues:
                    while len(self._ledger.service.queues[queue.name]):  # noqa: ASYNC110 - the queue has no event
                        await asyncio.sleep(3)
        except TimeoutError:
            self._ledger.wrong("last", "does not come to an end")
        await being.stop(run)

    def _being(self, life: Life) -> "_Being":
        ledger = self._ledger
        process = Process(life.name, ledger, self.over)
        PROCESS.set(process)
        connection = Connection(life.name, life.settings, ledger, self._random)
        poller = self._variant.poller(
            app_of(*(queue.name for queue in ledger.scenario.queues)),
            self._variant.wrap(connection),
            life.settings,
            observe=partial(ledger.observe, life.name),
            timing=Timing(asyncio.get_running_loop().time, Random(f"{life.name} {ledger.scenario.seed}").random),  # noqa: S311 - as above
        )
        return _Being(life, ledger, process, connection, poller)


@dataclass(frozen=True, slots=True)
class _Being:
    """A poller in its process."""

    life: Life
    ledger: Ledger
    process: Process
    connection: Connection
    poller: Poller

    def start(self) -> "asyncio.Task[Summary]":
        loop, ledger = asyncio.get_running_loop(), self.ledger
        ledger.note(self.life.name, "starts")
        for _, end in ledger.scenario.faults.outages:
            if end > ledger.now:
                loop.call_at(end + RECOVERY, ledger.check_recovery, self.life, end)
        return loop.create_task(self.poller.run())

    async def kill(self, run: "asyncio.Task[Summary]") -> None:
        """End it as `kill -9` does: nothing that it does from now on has an effect."""
        self.connection.alive = False
        self.ledger.kill(self.life.name)
        self.poller.stop()
        self.poller.stop()
        await asyncio.gather(run, return_exceptions=True)

    async def stop(self, run: "asyncio.Task[Summary]") -> None:
        """End it in good order."""
        loop, ledger, life = asyncio.get_running_loop(), self.ledger, self.life
        if run.done():
            ledger.wrong(life.name, "has ended by itself")
        ledger.note(life.name, life.how)
        begun, blocked = ledger.now, ledger.blocked
        ledger.stops[life.name] = begun
        if life.how == "cancel":
            run.cancel()
        else:
            self.poller.stop()
        loop.call_at(begun + min(life.again, LIMIT), self.poller.stop)
        await asyncio.wait((run,))
        took = ledger.now - begun - (ledger.blocked - blocked)
        for _ in range(3):
            await asyncio.sleep(0)
        left = [task for task in self.process.tasks if not task.done() and task not in self.process.stuck]
        error = None if run.cancelled() else run.exception()
        check_stop(ledger, Stopped(life, took, self.poller.summary, left, error))


class _Handler(logging.Handler):
    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    def emit(self, record: logging.LogRecord) -> None:
        process = PROCESS.get()
        who = process.name if process else "loop"
        if record.msg in BAD_NEWS:
            self._ledger.wrong(who, f"logs {record.msg}: {record.__dict__.get('error')}")
        elif record.msg == "receive.abandoned" and not self._ledger.asks(who) and not self._ledger.blocked:
            self._ledger.wrong(who, f"logs {record.msg}, and no receive was open")
        else:
            self._ledger.note(who, record.msg)


@contextmanager
def _logs(ledger: Ledger) -> Generator[None]:
    """Note what the poller logs; what the core logs of handlers that fail is nobody's concern."""
    core, poller, handler = logging.getLogger("eventkit"), logging.getLogger("eventkit.poller"), _Handler(ledger)
    before = core.level, poller.level, poller.propagate
    core.setLevel(logging.CRITICAL + 1)
    poller.setLevel(logging.INFO)
    poller.propagate = False
    poller.addHandler(handler)
    try:
        yield
    finally:
        poller.removeHandler(handler)
        core_level, poller_level, poller.propagate = before
        core.setLevel(core_level)
        poller.setLevel(poller_level)
