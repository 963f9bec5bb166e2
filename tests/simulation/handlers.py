"""The handlers of a simulated run: they do with each message what the scenario says."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

from eventkit import App, Delivery, Queue, Reject, Retry
from tests.adapters.poller.virtual import VirtualLoop
from tests.simulation.ledger import Ledger
from tests.simulation.scenario import Kind, Step
from tests.simulation.tenures import Result

__all__ = ["PROCESS", "Process", "app_of"]


@dataclass(slots=True, eq=False)
class Process:
    """What a poller runs in.

    Attributes:
        name: The poller's.
        ledger: What happens is noted there.
        over: Set when the simulation ends.
        tasks: Those that were started in it.
        stuck: Those of them that a handler keeps for itself.
    """

    name: str
    ledger: Ledger
    over: asyncio.Event
    tasks: list["asyncio.Task[object]"] = field(default_factory=list["asyncio.Task[object]"])
    stuck: "set[asyncio.Task[object] | None]" = field(default_factory=set["asyncio.Task[object] | None"])


PROCESS: ContextVar[Process | None] = ContextVar("PROCESS", default=None)


@lru_cache
def app_of(*queues: str) -> App:
    """An app that takes the messages of these queues."""
    app = App("simulation")
    for queue in queues:
        app.on(Queue[int](queue), name=queue)(handle)
    return app


async def handle(_: int, delivery: Delivery) -> None:
    """Do what the scenario says of the message at this attempt."""
    process = PROCESS.get()
    assert process is not None
    ledger = process.ledger
    tenure, step = ledger.handle(process.name, delivery.source.record)
    result: Result = "failed"
    try:
        await DEEDS[step.kind](process, step)
        result = "done"
    except Reject:
        result = "rejected"
        raise
    finally:
        ledger.handled(process.name, tenure, step, result)


async def _done(_: Process, step: Step) -> None:
    await asyncio.sleep(step.seconds)


async def _fail(_: Process, step: Step) -> None:
    await asyncio.sleep(step.seconds)
    raise ValueError


async def _retry(_: Process, step: Step) -> None:
    await asyncio.sleep(step.seconds)
    raise Retry(step.seconds)


async def _reject(_: Process, step: Step) -> None:
    await asyncio.sleep(step.seconds)
    raise Reject("no")


async def _hang(process: Process, _: Step) -> None:
    await process.over.wait()
    raise ValueError


async def _swallow(process: Process, _: Step) -> None:
    """Hang, whoever cancels it."""
    process.stuck.add(asyncio.current_task())
    while not process.over.is_set():
        try:
            await process.over.wait()
        except asyncio.CancelledError:
            continue


async def _stubborn(process: Process, step: Step) -> None:
    """Hang until cancelled, then take some more time and be done after all."""
    process.stuck.add(asyncio.current_task())
    try:
        await process.over.wait()
    except asyncio.CancelledError:
        await asyncio.sleep(step.seconds)


async def _spiteful(process: Process, step: Step) -> None:
    """The same, but reject it."""
    await _stubborn(process, step)
    raise Reject("too late")


async def _cancelled(_: Process, step: Step) -> None:
    await asyncio.sleep(step.seconds)
    raise asyncio.CancelledError


async def _exit(_: Process, step: Step) -> None:
    await asyncio.sleep(step.seconds)
    raise SystemExit


async def _interrupt(_: Process, step: Step) -> None:
    await asyncio.sleep(step.seconds)
    raise KeyboardInterrupt


async def _leak(process: Process, _: Step) -> None:
    """Leave a task behind."""
    process.stuck.add(asyncio.create_task(process.over.wait()))


async def _block(process: Process, step: Step) -> None:
    """Keep the event loop for itself."""
    process.ledger.blocked += step.seconds
    cast("VirtualLoop", asyncio.get_running_loop()).block(step.seconds)


DEEDS: Mapping[Kind, Callable[[Process, Step], Awaitable[None]]] = {
    "done": _done,
    "fail": _fail,
    "retry": _retry,
    "reject": _reject,
    "hang": _hang,
    "swallow": _swallow,
    "stubborn": _stubborn,
    "spiteful": _spiteful,
    "cancelled": _cancelled,
    "exit": _exit,
    "interrupt": _interrupt,
    "leak": _leak,
    "block": _block,
}
