"""Handlers that take five times the visibility timeout (Q2): nothing may be received twice.

The workers have twice as many slots as there are messages. A message whose visibility runs out is received again at
once, by a slot that has nothing else to do.
"""

import math
import time
from dataclasses import dataclass, replace

from benchmarks.soak import effects
from benchmarks.soak.arena import Arena, Patience, scaled
from benchmarks.soak.effects import Kind, Logs
from benchmarks.soak.oracles import name
from benchmarks.soak.report import Result, events_of, facts_of
from benchmarks.soak.worker import Load, Orders
from eventkit_poller import Settings

__all__ = ["Q2", "Q2_FULL", "Plan"]

WORKERS = 2
VISIBILITY = 2
SECONDS = 5.0 * VISIBILITY
BEATS = 3
"""Heartbeats in a visibility timeout."""

TICK = 0.2


@dataclass(frozen=True, slots=True)
class Plan:
    """So many messages."""

    messages: int

    def scaled(self, share: float) -> "Plan":
        """The same with fewer messages, at least one."""
        return replace(self, messages=scaled(self.messages, share))

    def run(self, arena: Arena) -> Result:
        """Run the scenario."""
        return _run(arena, self)

    @property
    def extensions(self) -> int:
        """How often messages may be extended, all together."""
        return self.messages * (math.ceil(SECONDS / (VISIBILITY / BEATS)) + 1)


Q2 = Plan(200)
Q2_FULL = Plan(1_000)


def _run(arena: Arena, plan: Plan) -> Result:
    began = time.monotonic()
    messages = [name(number, 0) for number in range(plan.messages)]
    queue = arena.sqs.create("q2", VISIBILITY)
    queue.send(messages)
    orders = Orders([queue.name], Load(SECONDS, SECONDS), Settings(concurrency=plan.messages, wait=2))
    patience = Patience(SECONDS * 3)
    with arena.fleet() as fleet:
        fleet.fill(WORKERS, orders)
        while (counts := queue.counts).total and not patience.ends():
            arena.say(f"q2: {counts.total} of {plan.messages} messages not done")
            fleet.wait(TICK)
        fleet.ask()
        fleet.end(orders.deadline)
        logs = effects.read(fleet.folder)
    facts = facts_of(logs, messages) | _extended(logs)
    facts |= {"left in the queue": counts.total, "stuck in flight": queue.counts.in_flight}
    facts |= {"in the dead-letter queue": queue.dead.counts.total, "ended wrongly": fleet.faults}
    facts |= {"seed": arena.seed, "seconds": time.monotonic() - began}
    none = ("lost", "duplicates", "received again", "left in the queue", "in the dead-letter queue", "ended wrongly")
    bounds = {**dict.fromkeys(none, 0), "extended, records": plan.extensions}
    return Result("q2", "Handlers that outlast the visibility timeout", _note(plan), facts, bounds, events_of(logs))


def _extended(logs: Logs) -> dict[str, float | None]:
    records = [line.number for lines in logs.values() for line in lines if line.kind is Kind.EXTENDED]
    return {"extended, records": sum(records), "extended, calls": len(records)}


def _note(plan: Plan) -> str:
    return (
        f"{WORKERS} workers with {plan.messages} slots each for {plan.messages} messages; visibility {VISIBILITY} s, "
        f"handlers of {SECONDS:g} s; at most {plan.extensions:,} extensions: for each message one in each "
        f"{BEATS}rd of the visibility, and one"
    )
