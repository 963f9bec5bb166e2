"""A simulated stream: shards split and merge, processes that share them come, go and are killed, and calls fail.

The oracle is that of the Kinesis Client Library: every value is seen; of one key, values are seen for the first time in
their order; and what is seen twice is counted. Besides, no checkpoint ever goes back, no shard is begun before its
parents are finished, and no two processes handle records of one key at once.

Play one run by `python -m tests.simulation.shards SEED`, many by `python -m tests.simulation.shards FIRST LAST`.
"""

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from eventkit import App, BackendError, Names, Retry, Stream, StreamOptions
from eventkit.backends.memory import MemoryBackend
from eventkit.errors import ThrottledError
from eventkit.outcomes import Backoff
from eventkit.streams import Cursor, Listing, Page
from eventkit.streams.leases import Lease
from eventkit.streams.memory import MemoryStreams
from eventkit.streams.memory_leases import MemoryLeases
from eventkit.streams.positions import Position, is_progress
from eventkit_poller import Poller, Settings, StreamAccess, Timing
from tests.adapters.poller.virtual import VirtualLoop

__all__ = ["Plan", "Report", "plan_of", "simulate"]

T = TypeVar("T")

EPOCH = 1_700_000_000.0
GROUP = "crowd"
LATENCY = 0.05
LIMIT = 4_000.0
"""Seconds in which everything must be settled when nothing fails any more."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens in a run; times are in seconds.

    Attributes:
        seed: Says all the rest.
        keys: Partition keys.
        records: Values, in all.
        lasts: When the last value is written; faults end a little later.
        shards: Shards at the beginning.
        reshards: When a shard is split, or two are merged.
        kills: When a process is killed, as `kill -9` does; another one begins soon.
        workers: Processes at once.
        failing: How many of the calls fail, before or after their effect.
        partition: For how long a process now and then reaches the leases no more.
        flaky: How many of the attempts at a record fail.
        by_key: Whether keys of a shard are handled apart.
        batch: Records of a batch.
    """

    seed: int
    keys: int
    records: int
    lasts: float
    shards: int
    reshards: Sequence[float]
    kills: Sequence[float]
    workers: int
    failing: float
    partition: float
    flaky: float
    by_key: bool
    batch: int


def plan_of(seed: int) -> Plan:
    """The run with this seed."""
    random = Random(f"shards {seed}")  # noqa: S311 - it has to be repeatable
    lasts = random.uniform(30, 120)

    def moments(most: int) -> Sequence[float]:
        return sorted(random.uniform(0, lasts) for _ in range(random.randint(0, most)))

    return Plan(
        seed,
        keys=random.randint(1, 40),
        records=random.randint(50, 400),
        lasts=lasts,
        shards=random.randint(1, 6),
        reshards=moments(10),
        kills=moments(6),
        workers=random.randint(1, 5),
        failing=random.choice([0.0, 0.05, 0.3]),
        partition=random.choice([0.0, 5.0, 15.0]),
        flaky=random.choice([0.0, 0.05]),
        by_key=random.random() < 0.5,
        batch=random.choice([1, 10, 100]),
    )


@dataclass
class Report:
    """What a run came to."""

    plan: Plan
    written: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    seen: Counter[tuple[str, int]] = field(default_factory=Counter[tuple[str, int]])
    wrongs: list[str] = field(default_factory=list[str])
    trace: list[str] = field(default_factory=list[str])
    losses: int = 0

    @property
    def duplicates(self) -> int:
        """Values that were handled to the end more than once, each time counted."""
        return sum(count - 1 for count in self.seen.values())

    def note(self, text: str) -> None:
        self.trace.append(f"{asyncio.get_running_loop().time():9.3f} {text}")

    def wrong(self, text: str) -> None:
        self.note(f"WRONG {text}")
        self.wrongs.append(text)


class Process:
    """A poller in its process, and its lines to the services, which a kill cuts."""

    def __init__(self, name: str, world: "World") -> None:
        self.name = name
        self.alive = True
        self.cut_off_until = 0.0
        self._world = world
        self._random = Random(f"{name} {world.plan.seed}")  # noqa: S311 - as above
        loop = asyncio.get_running_loop()
        self.poller = Poller(
            world.app_of(self),
            MemoryBackend(),
            Settings(failover=10, handover=5, drain=5, flush=5),
            names=Names(GROUP),
            streams=StreamAccess(StreamLine(self, world), LeaseLine(self, world), name),
            timing=Timing(loop.time, self._random.random, now=lambda: EPOCH + loop.time()),
        )
        self.run = loop.create_task(self.poller.run())

    async def call(self, what: str, effect: Callable[[], Awaitable[T]]) -> T:
        """Make a call, which takes its time and may fail before or after its effect."""
        failing = self._world.plan.failing if self._world.is_ill else 0.0
        await asyncio.sleep(self._random.uniform(0, LATENCY))
        self._require_line(what, fails=self._random.random() < failing / 2)
        result = await effect()
        await asyncio.sleep(self._random.uniform(0, LATENCY))
        self._require_line(what, fails=self._random.random() < failing / 2)
        return result

    def _require_line(self, what: str, *, fails: bool) -> None:
        if not self.alive or fails:
            raise self._random.choice([BackendError, ThrottledError])(f"{what} failed")

    async def kill(self) -> None:
        """End it so that nothing that it does from now on has an effect."""
        self._world.report.note(f"{self.name} is killed")
        self.alive = False
        self.poller.stop()
        self.poller.stop()
        await asyncio.gather(self.run, return_exceptions=True)

    async def stop(self) -> None:
        """End it in good order."""
        self._world.report.note(f"{self.name} stops")
        self.poller.stop()
        summary = await self.run
        if summary.received != summary.done + summary.rejected + summary.released + summary.lost:
            self._world.report.wrong(f"{self.name} counts wrongly: {summary}")


class StreamLine:
    """A process's line to the stream."""

    def __init__(self, process: Process, world: "World") -> None:
        self._process = process
        self._world = world

    async def resolve(self, kind: str, address: str) -> str:
        return await self._process.call("resolve", lambda: self._world.streams.resolve(kind, address))

    async def shards(self, stream: str) -> Listing:
        return await self._process.call("shards", lambda: self._world.streams.shards(stream))

    async def open(self, stream: str, shard: str, position: Position) -> Cursor:
        await self._world.check_begin(self._process, shard)
        return await self._process.call("open", lambda: self._world.streams.open(stream, shard, position))

    async def read(self, cursor: Cursor, limit: int) -> Page:
        return await self._process.call("read", lambda: self._world.streams.read(cursor, min(limit, 20)))


class LeaseLine:
    """A process's line to the leases."""

    def __init__(self, process: Process, world: "World") -> None:
        self._process = process
        self._world = world

    async def leases(self, group: str, stream: str) -> Sequence[Lease]:
        return await self._call("leases", lambda: self._world.leases.leases(group, stream))

    async def read(self, lease: Lease) -> Lease | None:
        return await self._call("read", lambda: self._world.leases.read(lease))

    async def create(self, lease: Lease) -> bool:
        return await self._call("create", lambda: self._world.leases.create(lease))

    async def swap(self, old: Lease, new: Lease) -> bool:
        return await self._call("swap", lambda: self._world.swap(self._process, old, new))

    async def delete(self, lease: Lease) -> bool:
        return await self._call("delete", lambda: self._world.leases.delete(lease))

    async def _call(self, what: str, effect: Callable[[], Awaitable[T]]) -> T:
        if asyncio.get_running_loop().time() < self._process.cut_off_until:
            await asyncio.sleep(1)
            raise BackendError(f"{what}: the table cannot be reached")
        return await self._process.call(what, effect)


class World:
    """The services, and what is noted of all that happens."""

    def __init__(self, plan: Plan) -> None:
        loop = asyncio.get_running_loop()
        self.plan = plan
        self.report = Report(plan)
        self.streams = MemoryStreams(clock=lambda: EPOCH + loop.time())
        self.stream = self.streams.create_stream("values", shards=plan.shards)
        self.leases = MemoryLeases()
        self.is_ill = True
        self.random = Random(f"world {plan.seed}")  # noqa: S311 - as above
        self._numbers: Counter[str] = Counter()
        self._highest: Counter[str] = Counter()
        self._at_work: dict[str, str] = {}

    def app_of(self, process: Process) -> App:
        """An app that notes what it has handled; who is killed notes nothing."""
        app = App(GROUP)
        options = StreamOptions(batch=self.plan.batch, parallel=4 if self.plan.by_key else 1)

        @app.on(Stream[str]("values", stream=options), retry=Backoff(base=0.2, cap=2))
        async def handle(text: str) -> None:
            key, number = text.split(" ")
            self._begin(process, key)
            try:
                await asyncio.sleep(self.random.choice([0.0, 0.01, 0.2]))
                if self.is_ill and self.random.random() < self.plan.flaky:
                    raise Retry(after=0.5)
                if process.alive:
                    self._see(key, int(number))
            finally:
                self._end(process, key)

        return app

    def _begin(self, process: Process, key: str) -> None:
        rival = self._at_work.get(key)
        if rival is not None and process.alive:
            self.report.wrong(f"{process.name} handles {key} beside {rival}")
        self._at_work[key] = process.name

    def _end(self, process: Process, key: str) -> None:
        if self._at_work.get(key) == process.name:
            del self._at_work[key]

    def _see(self, key: str, number: int) -> None:
        value = (key, number)
        self.report.seen[value] += 1
        if number > self._highest[key] + 1:
            self.report.wrong(f"{key} {number} is seen before {key} {self._highest[key] + 1}")
        self._highest[key] = max(self._highest[key], number)

    async def swap(self, process: Process, old: Lease, new: Lease) -> bool:
        before = await self.leases.read(old)
        swapped = await self.leases.swap(old, new)
        if swapped and before is not None and before.checkpoint != new.checkpoint:
            self.report.note(f"{process.name} checkpoints {new.shard[-3:]}: {new.checkpoint}")
            if not is_progress(before.checkpoint, new.checkpoint):
                self.report.wrong(f"{process.name} sets {new.shard} back from {before.checkpoint} to {new.checkpoint}")
        if swapped and before is not None and before.owner != new.owner:
            self.report.losses += before.owner is not None and new.owner == process.name
            self.report.note(f"{process.name}: {new.shard[-3:]} goes from {before.owner} to {new.owner}")
        return swapped

    async def check_begin(self, process: Process, shard: str) -> None:
        leases = {lease.shard: lease for lease in await self.leases.leases(GROUP, self.stream)}
        for parent in leases[shard].parents if shard in leases else ():
            if parent in leases and not leases[parent].finished:
                self.report.wrong(f"{process.name} begins {shard} before {parent} is finished")

    async def write(self) -> None:
        """Write the values, each at its moment."""
        moments = sorted(self.random.uniform(0, self.plan.lasts) for _ in range(self.plan.records))
        for moment in moments:
            await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))
            key = f"k{self.random.randrange(self.plan.keys)}"
            self._numbers[key] += 1
            self.streams.put("values", key, f"{key} {self._numbers[key]}")
            self.report.written.append((key, self._numbers[key]))

    async def reshard(self) -> None:
        """Split and merge shards, each time at its moment; some listings leave shards out."""
        for moment in self.plan.reshards:
            await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))
            listing = await self.streams.shards(self.stream)
            open_ones = [shard.id for shard in listing.shards if not shard.closed]
            if len(open_ones) > 1 and self.random.random() < 0.5:
                self._merge(open_ones)
            else:
                self.report.note(f"split into {self.streams.split(self.stream, self.random.choice(open_ones))}")
            hidden = self.random.choice(listing.shards).id
            self.streams.hide(self.stream, hidden, times=self.random.randint(0, 2))

    def _merge(self, shards: Sequence[str]) -> None:
        for one in shards:
            for other in shards:
                try:
                    self.report.note(f"merged into {self.streams.merge(self.stream, one, other)}")
                except BackendError:
                    continue  # they do not adjoin
                return


def simulate(plan: Plan) -> Report:
    """Play the plan."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_play(plan))


async def _play(plan: Plan) -> Report:
    world = World(plan)
    others = [asyncio.create_task(world.write()), asyncio.create_task(world.reshard())]
    crowd = [Process(f"p{number}", world) for number in range(plan.workers)]
    for number, moment in enumerate(plan.kills):
        await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))
        victim = crowd.pop(world.random.randrange(len(crowd)))
        await (victim.kill() if world.random.random() < 0.7 else victim.stop())
        crowd.append(Process(f"q{number}", world))
        cut_off = world.random.choice(crowd)
        cut_off.cut_off_until = asyncio.get_running_loop().time() + plan.partition
    await asyncio.gather(*others)
    await asyncio.sleep(20)
    world.is_ill = False
    await _come_to_an_end(world)
    for process in crowd:
        await process.stop()
    return world.report


async def _come_to_an_end(world: World) -> None:
    report = world.report
    try:
        async with asyncio.timeout(LIMIT):
            while len(report.seen) < len(report.written):  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(1)
    except TimeoutError:
        missing = [value for value in report.written if value not in report.seen]
        report.wrong(f"{len(missing)} of {len(report.written)} values are never seen: {missing[:5]}")


def main(arguments: Sequence[str]) -> bool:
    """Play the seeds, and tell what is wrong; whether nothing is."""
    logging.getLogger("eventkit").setLevel(logging.CRITICAL)
    first, *last = map(int, arguments)
    wrong = 0
    for seed in range(first, last[0] + 1 if last else first + 1):
        report = simulate(plan_of(seed))
        if report.wrongs or not last:
            print("\n".join(report.trace if not last else report.wrongs[:3]))  # noqa: T201 - it is a command
            print(f"seed {seed}: {len(report.wrongs)} wrong, {report.duplicates} duplicates, {report.plan}")  # noqa: T201
        wrong += bool(report.wrongs)
    print(f"{wrong} runs are wrong")  # noqa: T201
    return not wrong


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1:]))
