"""Processes that share a stream: each on a virtual loop and a clock of its own, so they can be killed and frozen."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import Any, TypeVar

from eventkit.errors import BackendError, ThrottledError
from eventkit.stream_options import Start
from eventkit.streams import Cursor, Listing, Page, Shard
from eventkit.streams.leases import Lease
from eventkit.streams.memory_leases import MemoryLeases
from eventkit.streams.positions import After, Position, is_progress
from eventkit.testing.loop import VirtualLoop
from eventkit_poller.settings import Timing
from eventkit_poller.streams.settings import SharingSettings
from eventkit_poller.streams.sharing import Sharing, Subscription
from eventkit_poller.streams.tenancy import Tenancy
from eventkit_poller.tasks import Tasks

T = TypeVar("T")

STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"

GROUP = "app"

FAILOVER = 10.0

EPOCH = 1_700_000_000.0


@dataclass
class Topology:
    """A stream's shards, and the records of each, which are numbers from 1."""

    shards: dict[str, Shard] = field(default_factory=dict[str, Shard])
    records: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, shard: str, *parents: str, records: int = 0) -> None:
        """A new shard, which closes its parents."""
        self.shards[shard] = Shard(shard, parents)
        self.records[shard] = records
        for parent in parents:
            if parent in self.shards:
                self.shards[parent] = Shard(parent, self.shards[parent].parents, closed=True)


@dataclass
class Handled:
    at: float
    host: str
    shard: str
    record: int


class Store(MemoryLeases):
    """What is written, to be looked at."""

    @property
    def everything(self) -> Sequence[Lease]:
        return tuple(self._leases.values())


class Cluster:
    """The world: what the processes share, and time."""

    def __init__(self, seed: int, start: Start) -> None:
        self.random = Random(seed)  # noqa: S311 - it has to be repeatable
        self.now = 0.0
        self.topology = Topology()
        self.start = start
        self.store = Store()
        self.hosts: dict[str, Host] = {}
        self.handled: list[Handled] = []
        self.done: defaultdict[str, set[int]] = defaultdict(set)
        """The records of each shard that were handed over."""
        self.wrongs: list[str] = []
        self.owners: dict[str, str] = {}
        self.transfers = 0
        self.writes: Counter[str] = Counter()
        """Changes of leases by their owners: renewals, checkpoints, endings."""
        self.omissions = 0.0
        """How likely a listing leaves a shard out; never three times in a row, though."""

    def add(self, name: str, *, pace: float = inf, **settings: float) -> "Host":
        """A new process, which handles a record of each shard in `pace` seconds."""
        self.hosts[name] = host = Host(name, self, pace, SharingSettings(name, **settings))
        host.start()
        return host

    def run(self, seconds: float) -> None:
        """Let time pass: always the process that has something to do next does it."""
        end = self.now + seconds
        while True:
            host = min(self._running(), key=lambda host: host.next, default=None)
            if host is None or host.next > end:
                break
            self.now = max(self.now, host.next)
            host.advance()
        self.now = end
        for host in self._running():
            host.advance()

    def run_until(self, holds: Callable[[], bool], seconds: float) -> float:
        """Let time pass until something holds; how much that was."""
        began = self.now
        while not holds() and self.now < began + seconds:
            self.run(0.1)
        return self.now - began

    def lease(self, shard: str) -> Lease:
        return {lease.shard: lease for lease in self.leases}[shard]

    @property
    def leases(self) -> Sequence[Lease]:
        return self.store.everything

    @property
    def spread(self) -> int:
        """By how many shards the living processes differ, as the leases say; all of them where one is nobody's."""
        owned = Counter(lease.owner for lease in self.leases if not lease.finished)
        living = [name for name, host in self.hosts.items() if not host.is_stopped]
        if not owned or owned.keys() - set(living):
            return len(self.topology.shards)
        counts = [owned[name] for name in living]
        return max(counts) - min(counts)

    def note(self, writer: str, old: Lease, new: Lease) -> None:
        """The store has accepted a change."""
        self.writes[writer] += old.owner == writer
        if new.checkpoint != old.checkpoint and not is_progress(old.checkpoint, new.checkpoint):
            self.wrongs.append(f"{writer} moved {old.shard} from {old.checkpoint} back to {new.checkpoint}")
        if new.counter <= old.counter:
            self.wrongs.append(f"{writer} has left the counter of {old.shard} at {new.counter}")
        if new.checkpoint != old.checkpoint and old.owner != writer:
            self.wrongs.append(f"{writer} has written the checkpoint of {old.shard}, which is {old.owner}'s")
        if new.owner is not None and self.owners.get(new.shard, new.owner) != new.owner:
            self.transfers += 1
        self.owners[new.shard] = new.owner or self.owners.get(new.shard, "")

    def handle(self, host: str, shard: str, record: int) -> None:
        """A process hands a record over."""
        self.handled.append(Handled(self.now, host, shard, record))
        if self.lease(shard).owner != host:
            self.wrongs.append(f"{host} handles {shard}, which is {self.lease(shard).owner}'s")
        self.done[shard].add(record)
        for parent in self.topology.shards[shard].parents:
            if len(self.done[parent]) < self.topology.records.get(parent, 0):
                self.wrongs.append(f"{host} handles {shard} after {len(self.done[parent])} records of {parent}")

    @property
    def inversions(self) -> int:
        """Records of a shard that were handled for the first time behind a later one."""
        last: defaultdict[str, int] = defaultdict(int)
        count = 0
        for shard, record in dict.fromkeys((one.shard, one.record) for one in self.handled):
            count += record < last[shard]
            last[shard] = max(last[shard], record)
        return count

    @property
    def missing(self) -> int:
        """Records that nobody has handled."""
        return sum(self.topology.records.values()) - sum(map(len, self.done.values()))

    def close(self) -> None:
        for host in [*self.hosts.values()]:
            host.kill()

    def _running(self) -> "Sequence[Host]":
        return [host for host in self.hosts.values() if not host.is_frozen]


class Host:
    """A process with its loop."""

    def __init__(self, name: str, cluster: Cluster, pace: float, settings: SharingSettings) -> None:
        self.name = name
        self.cluster = cluster
        self.pace = pace
        self.random = Random(f"{name} {cluster.random.random()}")  # noqa: S311 - as above
        self.loop = VirtualLoop()
        self.loop.set_exception_handler(lambda _, facts: cluster.wrongs.append(f"{name}: {facts}"))
        self.offset = self.random.uniform(0, 1e6)
        """Clocks of different processes have nothing in common."""
        self.loop.block(cluster.now + self.offset)
        self.wire = Wire(self.random)
        self.streams = RemoteStreams(self.wire, cluster)
        self.is_frozen = False
        self.is_stopped = False
        self.is_stuck = False
        """Whether its handlers hang."""
        self.cancelled: list[str | None] = []
        """Whose a shard was when its consumer was cancelled."""
        self.is_broken = False
        """Whether there is a mistake in its program."""
        """The shards whose leases it had created a moment before it began to read them."""
        timing = Timing(self.loop.time, self.random.random, now=lambda: 1 / 0)
        store = RemoteLeases(name, self.wire, cluster)
        subscription = Subscription(GROUP, STREAM, cluster.start)
        self.sharing = Sharing(subscription, self.streams, store, settings, timing, self.begin)
        self.tasks = Tasks(lambda error: cluster.wrongs.append(f"{name}: {error!r}"))

    @property
    def next(self) -> float:
        """When it has something to do."""
        loop: Any = self.loop  # asyncio tells nobody what it will do next
        if loop._ready:
            return self.cluster.now
        return float(loop._scheduled[0].when()) - self.offset if loop._scheduled else inf

    @property
    def shards(self) -> int:
        return len(self.sharing.shards)

    def start(self) -> None:
        self.loop.call_soon(self.sharing.start, self.tasks)

    def stop(self) -> None:
        """End in good order."""
        self.is_stopped = True
        self.loop.call_soon(self.sharing.stop)

    @property
    def has_ended(self) -> bool:
        return not asyncio.all_tasks(self.loop)

    def advance(self) -> None:
        self.loop.run_for(max(0.0, self.cluster.now + self.offset - self.loop.time()))

    def thaw(self) -> None:
        """Go on where it was frozen; the clock has gone on."""
        self.loop.block(self.cluster.now + self.offset - self.loop.time())
        self.is_frozen = False

    def kill(self) -> None:
        """End as `kill -9` does: nothing that it does from now on has an effect."""
        del self.cluster.hosts[self.name]
        self.wire.is_dead = True
        self.loop.call_soon(self.tasks.cancel)
        self.loop.run_for(0)
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_for(0)
        self.loop.close()

    def begin(self, tenancy: Tenancy) -> "FakeConsumer":
        if self.is_broken:
            raise ZeroDivisionError
        return FakeConsumer(self, tenancy)


class FakeConsumer:
    """Handles the numbers of a shard, one after the other; writes a checkpoint after every third."""

    def __init__(self, host: Host, tenancy: Tenancy) -> None:
        self._host = host
        self._tenancy = tenancy
        checkpoint = tenancy.lease.checkpoint
        self._record = int(checkpoint.sequence) if isinstance(checkpoint, After) else 0
        self._stopping = False
        self._work = host.loop.create_task(self._run())

    async def stop(self) -> None:
        self._stopping = True
        if self._host.pace == inf:
            self._work.cancel()
        await asyncio.wait((self._work,))
        await self._checkpoint()

    def cancel(self) -> None:
        if self._work.cancel():
            self._host.cancelled.append(self._host.cluster.lease(self._tenancy.lease.shard).owner)

    async def _run(self) -> None:
        topology, shard = self._host.cluster.topology, self._tenancy.lease.shard
        if self._host.pace == inf:
            await asyncio.Event().wait()
        while True:
            await asyncio.sleep(self._host.pace)
            if self._host.is_stuck:
                await asyncio.Event().wait()
            if self._stopping or not self._tenancy.is_held:
                return
            if self._record < topology.records[shard]:
                self._record += 1
                self._host.cluster.handle(self._host.name, shard, self._record)
                if not self._record % 3:
                    await self._checkpoint()
            elif topology.shards[shard].closed:
                await self._tenancy.finish()
                return

    async def _checkpoint(self) -> None:
        if self._record:
            await self._tenancy.checkpoint(After(str(self._record)))


class Wire:
    """What lies between a process and the services, and what can happen on the way."""

    def __init__(self, random: Random) -> None:
        self.is_dead = False
        self.is_cut = False
        """Whether calls and answers are lost without a sign."""
        self.throttled = 0.0
        """How likely a call is refused."""
        self.latency = 0.02
        """Seconds that a call takes at most to get there, and its answer to come back."""
        self.lossy = 0.0
        """How likely an answer is lost."""
        self._random = random

    async def call(self, effect: Callable[[], Awaitable[T]]) -> T:
        await self._travel()
        if self._random.random() < self.throttled:
            raise ThrottledError("too many calls")
        answer = await effect()
        await self._travel()
        if self._random.random() < self.lossy:
            raise BackendError("the answer is lost")
        return answer

    async def _travel(self) -> None:
        await asyncio.sleep(self._random.uniform(0.1, 1.0) * self.latency)
        if self.is_cut or self.is_dead:
            await asyncio.Event().wait()  # what is lost is not answered later, either


class RemoteLeases:
    """The store, at the other end of a wire."""

    def __init__(self, host: str, wire: Wire, cluster: Cluster) -> None:
        self._host = host
        self._wire = wire
        self._cluster = cluster

    async def leases(self, group: str, stream: str) -> Sequence[Lease]:
        return await self._wire.call(lambda: self._cluster.store.leases(group, stream))

    async def read(self, lease: Lease) -> Lease | None:
        return await self._wire.call(lambda: self._cluster.store.read(lease))

    async def create(self, lease: Lease) -> bool:
        return await self._wire.call(lambda: self._cluster.store.create(lease))

    async def delete(self, lease: Lease) -> bool:
        return await self._wire.call(lambda: self._cluster.store.delete(lease))

    async def swap(self, old: Lease, new: Lease) -> bool:
        return await self._wire.call(lambda: self._swap(old, new))

    async def _swap(self, old: Lease, new: Lease) -> bool:
        current = await self._cluster.store.read(old)
        is_done = await self._cluster.store.swap(old, new)
        if is_done and current is not None:
            self._cluster.note(self._host, current, new)
        return is_done


class RemoteStreams:
    """The stream's listings, at the other end of a wire."""

    def __init__(self, wire: Wire, cluster: Cluster) -> None:
        self.is_blind = False
        """Whether no listing succeeds."""
        self._wire = wire
        self._cluster = cluster
        self._omitted: Counter[str] = Counter()

    async def shards(self, stream: str) -> Listing:
        assert stream == STREAM
        if self.is_blind:
            raise ThrottledError("too many listings")
        return await self._wire.call(self._listing)

    async def _listing(self) -> Listing:
        random, shards = self._cluster.random, [*self._cluster.topology.shards.values()]
        omitted = {shard.id for shard in shards if self._is_left_out(shard.id)}
        self._omitted = Counter({name: self._omitted[name] + 1 for name in omitted})
        random.shuffle(shards)
        return Listing(tuple(shard for shard in shards if shard.id not in omitted), EPOCH + self._cluster.now)

    def _is_left_out(self, shard: str) -> bool:
        return self._omitted[shard] < 2 and self._cluster.random.random() < self._cluster.omissions

    async def resolve(self, kind: str, address: str) -> str:
        raise NotImplementedError

    async def open(self, stream: str, shard: str, position: Position) -> Cursor:
        raise NotImplementedError

    async def read(self, cursor: Cursor, limit: int) -> Page:
        raise NotImplementedError


@contextmanager
def cluster_of(
    seed: int, shards: int = 0, records: int = 0, *, start: Start = Start.TRIM_HORIZON
) -> Generator[Cluster]:
    """A cluster on a stream with so many shards, of so many records each."""
    cluster = Cluster(seed, start)
    for number in range(shards):
        cluster.topology.add(f"shard-{number:03}", records=records)
    try:
        yield cluster
    finally:
        cluster.close()
