"""Nine workers and 73 shards: how soon they are shared evenly, and taken over when a worker is killed (S9).

The numbers are those with which the Kinesis Client Library is tried. The leases are looked at several times a second.
"""

import time
from dataclasses import dataclass, field, replace
from random import Random

from benchmarks.soak import effects, lease_oracles
from benchmarks.soak.arena import Arena, Patience, scaled
from benchmarks.soak.fleet import Fleet
from benchmarks.soak.lease_oracles import Look
from benchmarks.soak.ledger import Ledger, open_ledger
from benchmarks.soak.reading import TABLE, Reading
from benchmarks.soak.report import SOUND, Result, events_of, facts_of_leases
from benchmarks.soak.stream import DataStream
from benchmarks.soak.worker import Load
from benchmarks.streams.server import open_server
from eventkit_poller import Settings

__all__ = ["S9", "S9_FULL", "Plan"]

WORKERS = 9
SHARDS = 73
SETTINGS = Settings(wait=1, drain=5, failover=4, sync=10, handover=5, poll=3)
BALANCED = 3 * SETTINGS.failover
TAKEN_OVER = 2 * SETTINGS.failover
TICK = 0.2
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """So many kills, one after the other, without replacement."""

    kills: int

    def scaled(self, share: float) -> "Plan":
        """The same with fewer kills, at least one."""
        return replace(self, kills=scaled(self.kills, share))

    def run(self, arena: Arena) -> Result:
        """Run the scenario."""
        with arena.fleet() as fleet, open_server() as server, open_ledger(arena.emulator.environ, TABLE) as ledger:
            DataStream(server, SHARDS)
            reading = Reading(server.endpoint, "stream", 1, Load(0, 0), SETTINGS)
            return _Run(arena, self, fleet, ledger, reading).result()


S9 = Plan(1)
S9_FULL = Plan(6)


@dataclass(slots=True)
class _Run:
    """What was measured so far, in seconds; None is never."""

    arena: Arena
    plan: Plan
    fleet: Fleet
    ledger: Ledger
    reading: Reading
    takeovers: list[float | None] = field(default_factory=list[float | None])

    def result(self) -> Result:
        began, chance = time.monotonic(), Random(self.arena.seed)  # noqa: S311 - no secret
        self._start()
        balanced = lease_oracles.balanced_after(self._looks(1.5 * BALANCED), self._names)
        for turn in range(self.plan.kills):
            self.arena.say(f"s9: {turn} of {self.plan.kills} kills")
            self.fleet.kill(chance.choice(self.fleet.workers))
            self.takeovers.append(lease_oracles.taken_over_after(self._looks(1.5 * TAKEN_OVER), self._names))
        apart = lease_oracles.spread(self.ledger.leases, self._names)
        self.fleet.ask()
        self.fleet.end(self.reading.deadline)
        logs, history = effects.read(self.fleet.folder), self.ledger.history
        facts: dict[str, float | None] = {"kills": len(self.takeovers), "processes": len(logs), "leases": SHARDS}
        facts |= {
            "most between two workers": apart,
            "balanced after, s": balanced,
            "taken over after, s": self._worst(),
        }
        facts |= {"seed": self.arena.seed, "seconds": time.monotonic() - began, "ended wrongly": self.fleet.faults}
        bounds = {"most between two workers": 1, "balanced after, s": BALANCED, "taken over after, s": TAKEN_OVER}
        bounds |= dict.fromkeys(("ended wrongly", *SOUND), 0)
        return Result("s9", "Shards shared", _note(), facts | facts_of_leases(history), bounds, events_of(logs))

    @property
    def _names(self) -> set[str]:
        return {worker.name for worker in self.fleet.workers}

    def _start(self) -> None:
        """Start the workers, and wait until each has a lease: before that it does not take part."""
        self.fleet.fill(WORKERS, self.reading)
        patience = Patience(PATIENCE)
        while not self._names <= {lease.owner for lease in self.ledger.leases} and not patience.ends():
            self.fleet.wait(TICK)

    def _looks(self, seconds: float) -> list[Look]:
        """The leases, again and again for so long; the first look is of now."""
        looks: list[Look] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            looks.append((time.monotonic(), self.ledger.leases))
            self.fleet.wait(TICK)
        return looks

    def _worst(self) -> float | None:
        """The longest takeover; None where one never came about."""
        known = [seconds for seconds in self.takeovers if seconds is not None]
        return max(known) if len(known) == len(self.takeovers) else None


def _note() -> str:
    return (
        f"{WORKERS} workers that start together, {SHARDS} shards, failover {SETTINGS.failover:g} s; the leases are "
        f"looked at every {TICK:g} s, from when each worker has one, and from each kill (-9)"
    )
