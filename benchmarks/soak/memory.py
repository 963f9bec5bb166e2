"""The memory of a worker that lives: empty receives all the time, and bursts of messages (in the spirit of Q13)."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.soak import effects
from benchmarks.soak.arena import Arena
from benchmarks.soak.effects import Kind, Line
from benchmarks.soak.fleet import Fleet
from benchmarks.soak.oracles import merged, name, slope
from benchmarks.soak.queues import SoakQueue
from benchmarks.soak.report import Result, events_of, facts_of
from benchmarks.soak.worker import Load, Orders
from eventkit_poller import Settings

__all__ = ["Q13", "Q13_FULL", "Plan"]

QUEUES = 20
BURST = 50
PAUSE = 2.0
"""Seconds from burst to burst: long enough for the worker to be idle in between."""

VISIBILITY = 30
SETTINGS = Settings(concurrency=QUEUES + 30, wait=1, drain=5)
WARM = 1 / 3
"""The share of the run after which samples count: caches and arenas fill at the beginning."""

MIB = 1024.0
"""KiB in a MiB."""


@dataclass(frozen=True, slots=True)
class Plan:
    """So many seconds, and by how many MiB/h the memory may be shown to grow."""

    seconds: float
    growth: float

    def scaled(self, share: float) -> "Plan":
        """The same for a shorter time, at least five seconds."""
        return replace(self, seconds=max(5.0, self.seconds * share))

    def run(self, arena: Arena) -> Result:
        """Run the scenario."""
        return _run(arena, self)


Q13 = Plan(60, 60)  # a minute cannot show less than 1 MiB in it
Q13_FULL = Plan(1_800, 1)


def _run(arena: Arena, plan: Plan) -> Result:
    began = time.monotonic()
    queues = [arena.sqs.create(f"q13-{number}", VISIBILITY) for number in range(QUEUES)]
    orders = Orders([queue.name for queue in queues], Load(0, 0.02), SETTINGS)
    with arena.fleet() as fleet:
        fleet.start(orders)
        sent = _bursts(arena, plan, queues[0], fleet)
        fleet.ask()
        fleet.end(orders.deadline)
        logs = effects.read(fleet.folder)
    facts = facts_of(logs, sent) | _growth(merged(logs))
    facts |= {"seed": arena.seed, "seconds": time.monotonic() - began, "ended wrongly": fleet.faults}
    facts |= {"left in the queue": queues[0].counts.total, "empty receives, about": round(plan.seconds) * (QUEUES - 1)}
    none = ("lost", "duplicates", "left in the queue", "ended wrongly")
    bounds = {**dict.fromkeys(none, 0), "tasks when idle, growth": QUEUES, "  its lower end": plan.growth}
    return Result("q13", "The memory of a worker that lives", _note(plan), facts, bounds, events_of(logs))


def _bursts(arena: Arena, plan: Plan, queue: SoakQueue, fleet: Fleet) -> list[str]:
    sent: list[str] = []
    end = time.monotonic() + plan.seconds
    while time.monotonic() < end:
        burst = [name(number, 0) for number in range(len(sent), len(sent) + BURST)]
        queue.send(burst)
        sent += burst
        arena.say(f"q13: {end - time.monotonic():.0f} s to go, {len(sent)} messages sent")
        fleet.wait(PAUSE)
    return sent


def _growth(lines: Sequence[Line]) -> dict[str, float | None]:
    memory = _late([(line.at, line.number / MIB) for line in lines if line.kind is Kind.MEMORY])
    tasks = _late([(line.at, float(line.number)) for line in lines if line.kind is Kind.TASKS])
    fitted = slope(memory)
    return {
        "RSS at the end, MiB": memory[-1][1] if memory else None,
        "RSS slope, MiB/h": fitted.hourly if fitted else None,
        "  95 % interval, ±": fitted.margin if fitted else None,
        "  its lower end": fitted.hourly - fitted.margin if fitted else None,
        "tasks when idle, growth": _growth_of_least([number for _, number in tasks]),
    }


def _late(samples: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    return samples[round(len(samples) * WARM) :]


def _growth_of_least(numbers: Sequence[float]) -> float | None:
    """By how much the least of the second half exceeds that of the first."""
    half = len(numbers) // 2
    return min(numbers[half:]) - min(numbers[:half]) if half else None


def _note(plan: Plan) -> str:
    return (
        f"1 worker on {QUEUES} queues for {plan.seconds:g} s: {QUEUES - 1} of them are always empty and asked each "
        f"second, one gets {BURST} messages every {PAUSE:g} s; the first third of the samples is left out"
    )
