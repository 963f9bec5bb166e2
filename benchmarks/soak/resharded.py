"""Workers that are killed while a stream's shards are split and merged, from 2 to 4, 8 and 3 (S1).

The run is told as the Kinesis Client Library's own test tells it: every record is seen, the records of a key are seen
first in the order in which they were written, and what is seen again is counted. Beside that every write of a lease is
looked at. A kill is due when its share of the records has been sent, and not before the last one's shards can be
another worker's; so is each split and merge. Victims are drawn among the workers that have shards.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from random import Random
from statistics import fmean

from benchmarks.soak import effects, lease_oracles, oracles
from benchmarks.soak.arena import Arena, Patience, scaled
from benchmarks.soak.fleet import Fleet
from benchmarks.soak.ledger import Ledger, open_ledger
from benchmarks.soak.reading import TABLE, Reading
from benchmarks.soak.report import SOUND, Result, events_of, facts_of, facts_of_leases, verdict
from benchmarks.soak.stream import DataStream
from benchmarks.soak.worker import Load
from benchmarks.streams.server import open_server
from eventkit_poller import Settings

__all__ = ["S1", "S1_FULL", "Plan"]

WORKERS = 4
SHARDS = 2
SPLITS = (0, 2, 0, 2, 4, 6)
MERGES = (0, 1, 2, 3, 0)
"""Which of the open shards are split, one after the other, and which are then merged with the one behind."""

STEPS = len(SPLITS) + len(MERGES)
BATCH = 25
SETTINGS = Settings(wait=1, drain=5, failover=2, sync=5, handover=5)
INTERVAL = SETTINGS.failover + 0.5
BACKLOG = 400
"""Records that are written and not begun, at most, about."""

RUN = 4
"""Records of a key that are written one behind the other, so that a batch has some of them together."""

TICK = 0.05
PATIENCE = 60.0
"""Seconds without any change after which the run is given up, and what is wrong is reported."""


@dataclass(frozen=True, slots=True)
class Plan:
    """So many keys with so many records (`places`) each, and kills."""

    keys: int
    places: int
    kills: int
    load: Load

    def scaled(self, share: float) -> "Plan":
        """The same with fewer keys and kills, of each at least one."""
        return replace(self, keys=scaled(self.keys, share), kills=scaled(self.kills, share))

    def run(self, arena: Arena) -> Result:
        """Run the scenario."""
        with arena.fleet() as fleet, open_server() as server, open_ledger(arena.emulator.environ, TABLE) as ledger:
            reading = Reading(server.endpoint, "stream", BATCH, self.load, SETTINGS)
            return _Run(arena, self, fleet, DataStream(server, SHARDS), ledger, reading).result()

    def messages(self) -> Iterator[str]:
        """The messages of the records, in the order in which they are written."""
        for first in range(0, self.places, RUN):
            for key in range(self.keys):
                for place in range(first, min(first + RUN, self.places)):
                    yield oracles.name(key, place)


S1 = Plan(200, 20, 6, Load(0, 0.02))
S1_FULL = Plan(2_000, 50, 100, Load(0, 0.02))


@dataclass(slots=True)
class _Run:
    """How far the run is; `kills` are their times, and `orphaned` the shards that the killed had."""

    arena: Arena
    plan: Plan
    fleet: Fleet
    stream: DataStream
    ledger: Ledger
    reading: Reading
    sent: int = 0
    steps: int = 0
    orphaned: int = 0
    kills: list[float] = field(default_factory=list[float])

    def result(self) -> Result:
        began, messages = time.monotonic(), tuple(self.plan.messages())
        left = self._play(messages, Random(self.arena.seed))  # noqa: S311 - no secret
        logs, history = effects.read(self.fleet.folder), self.ledger.history
        facts = facts_of(logs, messages) | facts_of_leases(history)
        facts |= {"seed": self.arena.seed, "seconds": time.monotonic() - began, "ended wrongly": self.fleet.faults}
        facts |= {"cut off by kills": oracles.cut_off(logs), "inversions": oracles.inversions(oracles.merged(logs))}
        facts |= {"kills": len(self.kills), "kills not made": self.plan.kills - len(self.kills)}
        facts |= {"seconds between kills": self._pause(), "shards": len(self.stream.shards), "shards not read": left}
        facts |= {"shards of the killed": self.orphaned, "splits and merges not made": STEPS - self.steps}
        none = (
            "lost",
            "inversions",
            "kills not made",
            "ended wrongly",
            "shards not read",
            "splits and merges not made",
        )
        bounds = {**dict.fromkeys((*none, *SOUND), 0), "duplicates": self.orphaned * BATCH}
        return Result(
            "s1",
            "Workers killed, stream resharded",
            f"{verdict(facts)}; {self._note()}",
            facts,
            bounds,
            events_of(logs),
        )

    def _play(self, messages: Sequence[str], chance: Random) -> int:
        """Send, reshard and kill until all shards are read; then stop the workers. How many were not."""
        patience = Patience(PATIENCE)
        while True:
            self.fleet.fill(WORKERS, self.reading)
            left = self._left(messages)
            if not left or patience.ends(self.sent, self.steps, len(self.kills), left):
                break
            self._send(messages)
            self._reshard(messages)
            self._kill(messages, chance)
            self.arena.say(f"s1: {self.sent} of {len(messages)} sent, {len(self.kills)} of {self.plan.kills} kills")
            self.fleet.wait(TICK)
        self.fleet.ask()
        self.fleet.end(self.reading.deadline)
        return left

    def _left(self, messages: Sequence[str]) -> int:
        """How many shards are to be read, now or later."""
        if self.sent < len(messages) or self.steps < STEPS or len(self.kills) < self.plan.kills:
            return len(self.stream.shards)
        return len(lease_oracles.unread(self.stream.tails, self.ledger.leases))

    def _send(self, messages: Sequence[str]) -> None:
        """Write what comes before the next kill and the next step, as far as there is room."""
        begun = effects.count(self.fleet.folder) // 2  # and as many have ended
        until = min(self._due(messages, self.plan.kills, len(self.kills)), self._due(messages, STEPS, self.steps))
        part = messages[self.sent : min(until, max(self.sent, begun + BACKLOG))]
        self.stream.send(part)
        self.sent += len(part)

    @staticmethod
    def _due(messages: Sequence[str], times: int, made: int) -> int:
        """How many messages are sent before something happens next that happens so many times in all."""
        return len(messages) * min(made + 1, times) // times

    def _reshard(self, messages: Sequence[str]) -> None:
        if self.steps == STEPS or self.sent < self._due(messages, STEPS, self.steps):
            return
        if self.steps < len(SPLITS):
            self.stream.split(SPLITS[self.steps])
        else:
            self.stream.merge(MERGES[self.steps - len(SPLITS)])
        self.steps += 1

    def _kill(self, messages: Sequence[str], chance: Random) -> None:
        early = self.sent < self._due(messages, self.plan.kills, len(self.kills))
        soon = self.kills and time.monotonic() < self.kills[-1] + INTERVAL
        if len(self.kills) == self.plan.kills or early or soon:
            return
        owned = Counter(lease.owner for lease in self.ledger.leases)
        busy = [worker for worker in self.fleet.workers if owned[worker.name]]
        if busy:
            victim = chance.choice(busy)
            self.fleet.kill(victim)
            self.kills.append(time.monotonic())
            self.orphaned += owned[victim.name]

    def _pause(self) -> float | None:
        pauses = [after - before for before, after in pairwise(self.kills)]
        return fmean(pauses) if pauses else None

    def _note(self) -> str:
        return (
            f"{WORKERS} workers, failover {SETTINGS.failover:g} s, batches of {BATCH}, handlers that take up to "
            f"{self.plan.load.most:g} s; {len(SPLITS)} splits, then {len(MERGES)} merges; one worker killed (-9) every "
            f"{INTERVAL:g} s or later, and replaced at once by a fork; at most a batch of each shard that it had comes "
            "twice"
        )
