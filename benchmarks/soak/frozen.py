"""Workers that are frozen while they read a table's stream, and wake up when their shards are another's (S4).

There are two of them. In turns one is stopped (SIGSTOP) for three times the failover, while records go on coming, and
continued. What it had in hand it ends, for nobody can take that back; but it may begin nothing more that is not its
own, and write no checkpoint. After each turn a shard rolls.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count, islice

from benchmarks.soak import effects, lease_oracles, oracles
from benchmarks.soak.arena import Arena, Patience, scaled
from benchmarks.soak.effects import Logs
from benchmarks.soak.fleet import Fleet, Worker
from benchmarks.soak.ledger import Ledger, open_ledger
from benchmarks.soak.reading import TABLE, Reading
from benchmarks.soak.report import SOUND, Result, events_of, facts_of, facts_of_leases, verdict
from benchmarks.soak.stream import TableStream
from benchmarks.soak.worker import Load
from benchmarks.streams.server import open_server
from eventkit_poller import Settings

__all__ = ["S4", "S4_FULL", "Plan"]

WORKERS = 2
SHARDS = 4
KEYS = 50
BATCH = 25
LOAD = Load(0.01, 0.05)
SETTINGS = Settings(wait=1, drain=5, failover=2, sync=5, handover=5)
FROZEN = 3 * SETTINGS.failover
TICK = 0.05
WRITTEN = 5
"""Records that are written in a tick, which is less than the handlers can do."""

PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """So many times."""

    freezes: int

    def scaled(self, share: float) -> "Plan":
        """The same with fewer, at least one."""
        return replace(self, freezes=scaled(self.freezes, share))

    def run(self, arena: Arena) -> Result:
        """Run the scenario."""
        with arena.fleet() as fleet, open_server() as server, open_ledger(arena.emulator.environ, TABLE) as ledger:
            reading = Reading(server.endpoint, "table", BATCH, LOAD, SETTINGS)
            return _Run(arena, self, fleet, TableStream(server, SHARDS), ledger, reading).result()


S4 = Plan(2)
S4_FULL = Plan(25)


@dataclass(frozen=True, slots=True)
class _Freeze:
    """One of them: whose, how many shards it had, and when it began."""

    worker: str
    shards: int
    began: float

    @property
    def midst(self) -> float:
        """When the worker surely does nothing, and has no lease any more."""
        return self.began + FROZEN / 2


@dataclass(slots=True)
class _Run:
    """How far the run is."""

    arena: Arena
    plan: Plan
    fleet: Fleet
    stream: TableStream
    ledger: Ledger
    reading: Reading
    sent: list[str] = field(default_factory=list[str])
    freezes: list[_Freeze] = field(default_factory=list[_Freeze])

    def result(self) -> Result:
        began, messages = time.monotonic(), _messages()
        self.fleet.fill(WORKERS, self.reading)
        for turn in range(self.plan.freezes):
            self.arena.say(f"s4: {turn} of {self.plan.freezes} freezes, {len(self.sent)} records written")
            self._freeze(turn, messages)
            self.stream.roll(turn % SHARDS)
        left = self._end()
        logs, history = effects.read(self.fleet.folder), self.ledger.history
        facts = facts_of(logs, self.sent) | facts_of_leases(history) | self._of_freezes(logs)
        facts |= {"seed": self.arena.seed, "seconds": time.monotonic() - began, "ended wrongly": self.fleet.faults}
        facts |= {"shards": len(self.stream.shards), "shards not read": left}
        facts["inversions"] = oracles.inversions(oracles.merged(logs))
        none = ("lost", "inversions", "ended wrongly", "shards not read", "freezes not made", "begun by the frozen")
        bounds = {**dict.fromkeys((*none, *SOUND), 0)}
        bounds["duplicates"] = BATCH * sum(freeze.shards for freeze in self.freezes)
        return Result("s4", "Workers frozen", f"{verdict(facts)}; {_note()}", facts, bounds, events_of(logs))

    def _freeze(self, turn: int, messages: Iterator[str]) -> None:
        """Freeze one of the workers, as soon as both have shards."""
        patience = Patience(PATIENCE)
        self._write(messages, lambda: all(self._load(worker) for worker in self.fleet.workers) or patience.ends())
        if patience.ends():
            return
        worker = self.fleet.workers[turn % WORKERS]
        freeze = _Freeze(worker.name, self._load(worker), time.monotonic())
        with worker.frozen(FROZEN) as alarm:
            self._write(messages, lambda: alarm.poll() is not None)
        self.freezes.append(freeze)
        end = time.monotonic() + SETTINGS.failover
        self._write(messages, lambda: time.monotonic() >= end)

    def _load(self, worker: Worker) -> int:
        """How many shards the worker has that are not finished; 0 where it has begun nothing."""
        return sum(lease.owner == worker.name for lease in self.ledger.leases) if worker.begun else 0

    def _write(self, messages: Iterator[str], is_over: Callable[[], bool]) -> None:
        """Write records, tick by tick."""
        while not is_over():
            part = [*islice(messages, WRITTEN)]
            self.stream.send(part)
            self.sent += part
            self.fleet.wait(TICK)

    def _end(self) -> int:
        """Wait until all shards are read, and stop the workers. How many were not read."""
        patience = Patience(PATIENCE)
        while (left := len(lease_oracles.unread(self.stream.tails, self.ledger.leases))) and not patience.ends(left):
            self.fleet.wait(TICK)
        self.fleet.ask()
        self.fleet.end(self.reading.deadline)
        return left

    def _of_freezes(self, logs: Logs) -> dict[str, float | None]:
        homes = self.stream.homes
        return {
            "freezes": len(self.freezes),
            "freezes not made": self.plan.freezes - len(self.freezes),
            "shards of the frozen": sum(one.shards for one in self.freezes),
            "in hand when frozen": sum(oracles.in_hand(logs[one.worker], one.began) for one in self.freezes),
            "begun by the frozen": sum(
                lease_oracles.trespasses(logs[one.worker], one.midst, homes) for one in self.freezes
            ),
        }


def _messages() -> Iterator[str]:
    """Messages without an end, one of each key after the other."""
    return (oracles.name(key, place) for place in count() for key in range(KEYS))


def _note() -> str:
    return (
        f"{WORKERS} workers, failover {SETTINGS.failover:g} s, batches of {BATCH}, handlers that take up to "
        f"{LOAD.most:g} s; a worker frozen (SIGSTOP) for {FROZEN:g} s; at most a batch of each shard that it had comes "
        "twice"
    )
