"""A worker that is told to stop with fifty handlers running and a long poll open (Q9).

Most of the handlers take longer than the worker gives them. Five more messages are sent after the signal, sooner or
later, so that the open poll receives what nobody will handle, while handlers end and after they were cancelled. The
visibility timeout is long: what is in flight afterwards is stuck.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from benchmarks.soak import effects, oracles
from benchmarks.soak.arena import Arena, Patience, scaled
from benchmarks.soak.effects import Logs
from benchmarks.soak.fleet import Fleet, Worker
from benchmarks.soak.queues import SoakQueue
from benchmarks.soak.report import Result, events_of, facts_of
from benchmarks.soak.worker import Load, Orders
from eventkit_poller import Settings

__all__ = ["Q9", "Q9_FULL", "Plan"]

RUNNING = 50
LATE = 5
VISIBILITY = 600
LOAD = Load(0.5, 2.5)
SETTINGS = Settings(concurrency=RUNNING + 10, wait=2, drain=1, flush=2)
EARLIEST = 0.3
"""Seconds from the moment when all run to the signal, at most."""

LATEST = 1.6
"""Seconds from the signal to the late messages, at most: then the long poll is still open, and the drain is over."""

TICK = 0.01
PATIENCE = 30.0
ENDING = 1.0
"""Seconds that the process itself may take to end when its poller has."""


@dataclass(frozen=True, slots=True)
class Plan:
    """So many stops."""

    stops: int

    def scaled(self, share: float) -> "Plan":
        """The same with fewer stops, at least one."""
        return replace(self, stops=scaled(self.stops, share))

    def run(self, arena: Arena) -> Result:
        """Run the scenario."""
        return _run(arena, self)


Q9 = Plan(15)
Q9_FULL = Plan(100)


@dataclass(frozen=True, slots=True)
class _Stop:
    """What one stop left. `left` are the messages that are visible in the queue, and how often each was received."""

    sent: Sequence[str]
    left: Mapping[str, int]
    stuck: int
    running: int
    seconds: float


def _run(arena: Arena, plan: Plan) -> Result:
    began = time.monotonic()
    chance = Random(arena.seed)  # noqa: S311 - no secret
    stops: list[_Stop] = []
    with arena.fleet() as fleet:
        for turn in range(plan.stops):
            arena.say(f"q9: {turn} of {plan.stops} stops")
            stops.append(_stop(arena.sqs.create(f"q9-{turn}", VISIBILITY), fleet, turn, chance))
        logs = effects.read(fleet.folder)
    facts = _facts(stops, logs)
    facts |= {"ended wrongly": fleet.faults, "seed": arena.seed, "seconds": time.monotonic() - began}
    none = ("lost", "duplicates", "received again", "done and given back", "stuck in flight", "ended wrongly")
    bounds = {**dict.fromkeys(none, 0), "slowest stop, s": _deadline()}
    return Result("q9", "Workers told to stop (SIGTERM)", _note(), facts, bounds, events_of(logs))


def _stop(queue: SoakQueue, fleet: Fleet, turn: int, chance: Random) -> _Stop:
    messages = [oracles.name(turn, place) for place in range(RUNNING + LATE)]
    queue.send(messages[:RUNNING])
    orders = Orders([queue.name], LOAD, SETTINGS)
    worker = fleet.start(orders)
    _until_all_run(worker, fleet)
    fleet.wait(chance.uniform(0, EARLIEST))
    running = queue.counts.in_flight
    began = time.monotonic()
    fleet.ask()
    worker.process.join(chance.uniform(0, LATEST))
    queue.send(messages[RUNNING:])
    fleet.end(orders.deadline)
    seconds = time.monotonic() - began
    stuck = queue.counts.in_flight
    return _Stop(messages, queue.take(), stuck, running, seconds)


def _until_all_run(worker: Worker, fleet: Fleet) -> None:
    patience = Patience(PATIENCE)
    while worker.begun < RUNNING and not patience.ends(worker.begun):
        fleet.wait(TICK)


def _facts(stops: Sequence[_Stop], logs: Logs) -> dict[str, float | None]:
    sent = [message for stop in stops for message in stop.sent]
    left = {message: receives for stop in stops for message, receives in stop.left.items()}
    late = {message for stop in stops for message in stop.sent[RUNNING:]}
    finished = oracles.done(oracles.merged(logs))
    return facts_of(logs, sent, left.keys()) | {
        "stops": len(stops),
        "slowest stop, s": max(stop.seconds for stop in stops),
        "running when stopped": min(stop.running for stop in stops),
        "left in the queue": len(left),
        "received while stopping": sum(left.get(message, 0) for message in late),
        "done and given back": len(finished.keys() & left.keys()),
        "stuck in flight": sum(stop.stuck for stop in stops),
    }


def _deadline() -> float:
    return Orders([], LOAD, SETTINGS).deadline + ENDING


def _note() -> str:
    return (
        f"{RUNNING} handlers that take {LOAD.least:g} to {LOAD.most:g} s, and a long poll of {SETTINGS.wait:g} s open; "
        f"{LATE} more messages sent up to {LATEST:g} s after the signal; {SETTINGS.drain:g} s to drain, "
        f"{SETTINGS.flush:g} s to flush, {ENDING:g} s for the process to end; what is left is visible at once"
    )
