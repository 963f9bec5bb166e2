"""Workers that are killed while they work: on a standard queue (Q1), and on a FIFO queue with failing attempts (Q10).

A kill is due every half second, and not before its share of the messages has been sent, so on a slow machine kills
come later instead of hitting workers that have nothing to do. Victims are drawn among the workers that have begun
something; each is replaced at once. Never more than `BACKLOG` messages are in the queue, because what a receive costs
the emulator grows with them.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from random import Random
from statistics import fmean

from benchmarks.soak import effects, oracles
from benchmarks.soak.arena import Arena, Patience, scaled
from benchmarks.soak.fleet import Fleet
from benchmarks.soak.queues import RECEIVES, SoakQueue
from benchmarks.soak.report import Result, events_of, facts_of
from benchmarks.soak.worker import Load, Orders
from eventkit_poller import Settings

__all__ = ["Q1", "Q1_FULL", "Q10", "Q10_FULL", "Plan"]

WORKERS = 4
BACKLOG = 400
"""Messages in the queue at most."""

VISIBILITY = 3
INTERVAL = 0.5
TICK = 0.05
RUN = 4
"""Messages of a group that are sent one behind the other, so that a receive brings some of them together."""

SETTINGS = Settings(concurrency=10, wait=1, drain=5)
PATIENCE = 60.0
"""Seconds without any change after which a round is given up, and what is wrong is reported."""

NONE = frozenset(
    ("lost", "inversions", "left in the queue", "in the dead-letter queue", "kills not made", "ended wrongly")
)
"""The facts that must be 0."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One scenario: in each round a new queue, with so many messages (`places`) in each of its groups, and kills."""

    key: str
    title: str
    suffix: str
    groups: int
    places: int
    kills: int
    load: Load
    rounds: int = 1

    def scaled(self, share: float) -> "Plan":
        """The same with fewer groups and kills, of each at least one."""
        return replace(self, groups=scaled(self.groups, share), kills=scaled(self.kills, share))

    def run(self, arena: Arena) -> Result:
        """Run the scenario."""
        return _run(arena, self)

    def messages(self, turn: int) -> Iterator[str]:
        """The messages of a round, in the order in which they are sent; no group is in two rounds."""
        groups = range(turn * self.groups, (turn + 1) * self.groups)
        for first in range(0, self.places, RUN):
            for group in groups:
                for place in range(first, min(first + RUN, self.places)):
                    yield oracles.name(group, place)

    @property
    def ordered(self) -> bool:
        """Whether the order within groups is kept."""
        return self.suffix == ".fifo"


Q1 = Plan("q1", "Workers killed, standard queue", "", 10_000, 1, 40, Load(0.02, 0.14))
Q1_FULL = replace(Q1, groups=100_000, kills=200, load=Load(0.01, 0.07))
Q10 = Plan("q10", "Workers killed, FIFO queue, 5 % of the attempts fail", ".fifo", 100, 20, 10, Load(0.01, 0.06, 0.05))
# In rounds, because each message that is sent to a FIFO queue of the emulator slows down those after it.
Q10_FULL = replace(Q10, places=100, kills=20, rounds=10)


@dataclass(slots=True)
class _Round:
    """How far a round is; `kills` are their times."""

    queue: SoakQueue
    messages: Sequence[str]
    sent: int = 0
    kills: list[float] = field(default_factory=list[float])


def _run(arena: Arena, plan: Plan) -> Result:
    began = time.monotonic()
    chance = Random(arena.seed)  # noqa: S311 - no secret
    with arena.fleet() as fleet:
        rounds = [_play(arena, plan, turn, fleet, chance) for turn in range(plan.rounds)]
        logs = effects.read(fleet.folder)
    facts = facts_of(logs, (message for one in rounds for message in one.messages)) | _of_queues(rounds)
    facts |= {"seed": arena.seed, "seconds": time.monotonic() - began, "ended wrongly": fleet.faults}
    facts |= {"cut off by kills": oracles.cut_off(logs), "kills not made": plan.kills * plan.rounds - _kills(rounds)}
    if plan.ordered:
        facts["inversions"] = oracles.inversions(oracles.merged(logs))
    bounds = {fact: 0 for fact in facts if fact in NONE} | {"duplicates": _kills(rounds) * SETTINGS.concurrency}
    return Result(plan.key, plan.title, _note(plan), facts, bounds, events_of(logs))


def _kills(rounds: Sequence[_Round]) -> int:
    return sum(len(one.kills) for one in rounds)


def _of_queues(rounds: Sequence[_Round]) -> dict[str, float | None]:
    pauses = [after - before for one in rounds for before, after in pairwise(one.kills)]
    return {
        "kills": _kills(rounds),
        "seconds between kills": fmean(pauses) if pauses else None,
        "left in the queue": sum(one.queue.counts.total for one in rounds),
        "stuck in flight": sum(one.queue.counts.in_flight for one in rounds),
        "in the dead-letter queue": sum(one.queue.dead.counts.total for one in rounds),
    }


def _note(plan: Plan) -> str:
    return (
        f"{WORKERS} workers, {SETTINGS.concurrency} handlers in each, that take {plan.load.least:g} to "
        f"{plan.load.most:g} s; visibility {VISIBILITY} s; one worker killed (-9) every {INTERVAL:g} s, later where "
        f"its {plan.groups * plan.places // plan.kills} messages have not been sent yet, and replaced at once by a "
        f"fork; at most {BACKLOG} messages in the queue; dead-letter queue after {RECEIVES} receives, because a kill "
        "costs a receive of what is in flight"
    )


def _play(arena: Arena, plan: Plan, turn: int, fleet: Fleet, chance: Random) -> _Round:
    """Send, kill and wait until the queue is empty; then stop the workers."""
    state = _Round(arena.sqs.create(f"{plan.key}-{turn}{plan.suffix}", VISIBILITY), tuple(plan.messages(turn)))
    orders = Orders([state.queue.name], plan.load, SETTINGS)
    patience = Patience(PATIENCE)
    while True:
        fleet.fill(WORKERS, orders)
        counts = state.queue.counts
        over = state.sent == len(state.messages) and len(state.kills) == plan.kills and not counts.total
        if over or patience.ends(state.sent, len(state.kills), counts):
            break
        _send(state, plan, BACKLOG - counts.total)
        _kill(state, plan, fleet, chance)
        arena.say(f"{plan.key}: {state.sent} of {len(state.messages)} sent, {len(state.kills)} of {plan.kills} kills")
        fleet.wait(TICK)
    fleet.ask()
    fleet.end(orders.deadline)
    return state


def _due(state: _Round, plan: Plan) -> int:
    """How many messages are sent before the next kill."""
    return len(state.messages) * min(len(state.kills) + 1, plan.kills) // plan.kills


def _send(state: _Round, plan: Plan, room: int) -> None:
    part = state.messages[state.sent : min(_due(state, plan), state.sent + max(0, room))]
    state.queue.send(part)
    state.sent += len(part)


def _kill(state: _Round, plan: Plan, fleet: Fleet, chance: Random) -> None:
    early = state.sent < _due(state, plan) or (state.kills and time.monotonic() < state.kills[-1] + INTERVAL)
    busy = [worker for worker in fleet.workers if worker.begun]
    if len(state.kills) < plan.kills and not early and busy:
        state.kills.append(time.monotonic())
        fleet.kill(chance.choice(busy))
