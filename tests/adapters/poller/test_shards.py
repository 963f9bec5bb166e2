"""The poller on streams: shards in memory, in virtual time."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel

from eventkit import (
    App,
    BackendError,
    ConfigurationError,
    Inserted,
    Names,
    Reject,
    Retry,
    Start,
    Stream,
    StreamOptions,
    Table,
)
from eventkit.errors import ThrottledError
from eventkit.outcomes import Backoff
from eventkit.streams.memory import MemoryStreams
from eventkit.streams.memory_leases import MemoryLeases
from eventkit.streams.positions import After, text_of
from eventkit_poller import GivenUp, Observation, Poller, Read, Settings, StreamAccess, Summary, Timing, Trimmed
from tests.adapters.poller.harness import Service, until

EPOCH = 1_700_000_000.0
GROUP = "test"


class Row(BaseModel):
    id: str


class Handled(NamedTuple):
    text: str
    attempt: int


def facts(record: Any) -> Any:  # noqa: ANN401 - parsed JSON
    """What a record says of itself."""
    return record.get("kinesis") or record.get("dynamodb")


class World:
    """A Kinesis stream `clicks` or a table `rows`, and what happens to their records."""

    def __init__(self, shards: int = 1) -> None:
        loop = asyncio.get_running_loop()
        self.streams = MemoryStreams(clock=lambda: EPOCH + loop.time())
        self.clicks = self.streams.create_stream("clicks", shards=shards)
        self.rows = self.streams.create_table("rows")
        self.leases = MemoryLeases()
        self.service = Service("failures")
        self.calls: list[str] = []
        self.running = 0
        self.seen: list[Observation] = []

    def put(self, *texts: str, key: str = "k") -> list[str]:
        """Write records; their sequence numbers."""
        return [facts(self.streams.put("clicks", key, text))["sequenceNumber"] for text in texts]

    def row(self, name: str) -> None:
        self.streams.put_item("rows", {"id": {"S": name}})

    def poller(self, app: App, settings: Settings | None = None, *, worker: str = "p0", chance: float = 0.5) -> Poller:
        clock = asyncio.get_running_loop().time
        return Poller(
            app,
            self.service,
            settings,
            names=Names(app.name, on_failure=("queue", "failures")),
            streams=StreamAccess(self.streams, self.leases, worker),
            observe=self.seen.append,
            timing=Timing(clock, lambda: chance, now=lambda: EPOCH + clock()),
        )

    def of(self, kind: type[Observation]) -> list[Observation]:
        return [one for one in self.seen if isinstance(one, kind)]

    async def checkpoints(self, stream: str | None = None) -> dict[str, str]:
        leases = await self.leases.leases(GROUP, stream or self.clicks)
        return {lease.shard: text_of(lease.checkpoint) for lease in leases}

    async def given_up(self) -> list[dict[str, object]]:
        return [json.loads(text) for text in await self.service.visible("failures")]


@asynccontextmanager
async def running(poller: Poller) -> AsyncGenerator["asyncio.Task[Summary]"]:
    task = asyncio.get_running_loop().create_task(poller.run())
    try:
        yield task
    finally:
        poller.stop()
        await task


def app_of(
    world: World,
    act: Callable[[Handled], None] = lambda _: None,
    options: StreamOptions | None = None,
    *,
    by_key: bool = False,
    seconds: float = 0.0,
    group: str = GROUP,
) -> App:
    """An app that notes what it handles; `act` may raise."""
    clicks = Stream[str]("clicks", stream=options, order_by=(lambda record: record.partition_key) if by_key else None)
    app = App(group)
    attempts: defaultdict[str, int] = defaultdict(int)

    @app.on(clicks, retry=Backoff(base=2, cap=60))
    async def handle(text: str) -> None:
        attempts[text] += 1
        world.calls.append(text)
        world.running += 1
        try:
            await asyncio.sleep(seconds)
            act(Handled(text, attempts[text]))
        finally:
            world.running -= 1

    return app


def failing(texts: str, attempts: float = 1e9) -> Callable[[Handled], None]:
    """Fail on these texts, in so many attempts."""

    def act(call: Handled) -> None:
        if call.text in texts and call.attempt <= attempts:
            raise RuntimeError("no")

    return act


async def test_records_are_handled_in_order_and_the_checkpoint_is_behind_them() -> None:
    world = World()
    *_, last = world.put("a", "b", "c")

    async with running(world.poller(app_of(world))) as poller:
        await until(lambda: len(world.calls) == 3)
        world.put("d")
        await until(lambda: len(world.calls) == 4)

    assert world.calls == ["a", "b", "c", "d"]
    assert list((await world.checkpoints()).values()) != [f"AFTER {last}"]
    assert poller.result() == Summary(received=4, done=4)


async def test_who_comes_next_goes_on_behind_the_checkpoint() -> None:
    world = World()
    world.put("a", "b")
    async with running(world.poller(app_of(world))):
        await until(lambda: len(world.calls) == 2)
    world.put("c")

    async with running(world.poller(app_of(world), worker="p1")):
        await until(lambda: len(world.calls) == 3)

    assert world.calls == ["a", "b", "c"]


async def test_a_table_s_changes_come_the_same_way() -> None:
    world = World()

    async with running(world.poller(rows_app(world, StreamOptions()))):
        world.row("1")
        world.row("2")
        await until(lambda: len(world.calls) == 2)

    assert world.calls == ["1", "2"]


async def test_a_record_that_must_be_retried_holds_back_those_behind_it_and_no_other_shard() -> None:
    world = World(shards=2)
    keys = two_keys(world)
    world.put("a", "x", "b", key=keys[0])
    world.put("1", "2", "3", key=keys[1])

    async with running(world.poller(app_of(world, failing("x", 3)))):
        await until(lambda: world.calls.count("b") == 1)

    assert [text for text in world.calls if text in "axb"] == ["a", "x", "x", "x", "x", "b"]
    assert world.calls.index("3") < 6, "the other shard has not waited"


def two_keys(world: World) -> tuple[str, str]:
    """Two partition keys in two shards."""
    found: dict[str, str] = {}
    for number in range(100):
        record = world.streams.put("clicks", str(number), "")
        found.setdefault(str(record["eventID"]).partition(":")[0], str(number))
    for shard in found:
        world.streams.trim(world.clicks, shard)
    first, second = found.values()
    return first, second


async def test_the_pauses_between_attempts_grow_as_the_route_says() -> None:
    world = World()
    world.put("x")
    loop = asyncio.get_running_loop()
    times: list[float] = []

    def act(call: Handled) -> None:
        times.append(loop.time())
        if call.attempt < 5:
            raise RuntimeError("no")

    async with running(world.poller(app_of(world, act))):
        await until(lambda: len(times) == 5)

    pauses = [round(later - earlier, 6) for earlier, later in pairwise(times)]
    assert pauses == [1.0, 2.0, 4.0, 8.0]


async def test_a_retry_waits_as_long_as_it_asks_for() -> None:
    world = World()
    world.put("x")
    loop = asyncio.get_running_loop()
    times: list[float] = []

    def act(call: Handled) -> None:
        times.append(loop.time())
        if call.attempt == 1:
            raise Retry(after=33)

    async with running(world.poller(app_of(world, act))):
        await until(lambda: len(times) == 2)

    assert round(times[1] - times[0], 6) == 33


async def test_a_poison_goes_to_the_destination_alone_when_its_attempts_are_used_up() -> None:
    world = World()
    texts = [*"abcdefgh"]
    places = world.put(*texts)

    async with running(world.poller(app_of(world, failing("d"), StreamOptions(retries=2)))) as poller:
        await until(lambda: "h" in world.calls)

    assert [text for text in world.calls if text != "d"] == [*"abcefgh"]
    (document,) = await world.given_up()
    context, info = document["requestContext"], document["KinesisBatchInfo"]
    assert isinstance(context, dict)
    assert isinstance(info, dict)
    assert context["condition"] == "RetryAttemptsExhausted"
    assert (info["startSequenceNumber"], info["endSequenceNumber"], info["batchSize"]) == (places[3], places[3], 1)
    assert world.of(GivenUp) != []
    assert poller.result() == Summary(received=8, done=7, rejected=1)


async def test_without_bisecting_what_is_behind_the_poison_goes_with_it() -> None:
    world = World()
    world.put(*"abcd")

    async with running(world.poller(app_of(world, failing("b"), StreamOptions(retries=1, bisect=False)))):
        await until(lambda: bool(world.of(GivenUp)))

    (document,) = await world.given_up()
    info = document["KinesisBatchInfo"]
    assert isinstance(info, dict)
    assert info["batchSize"] == 3


async def test_a_reject_goes_to_the_destination_and_is_passed() -> None:
    world = World()
    world.put("a", "b", "c")

    def act(call: Handled) -> None:
        if call.text == "b":
            raise Reject("no good")

    async with running(world.poller(app_of(world, act))) as poller:
        await until(lambda: "c" in world.calls)

    assert world.calls == ["a", "b", "c"]
    assert len(await world.given_up()) == 1
    assert poller.result() == Summary(received=3, done=2, rejected=1)


async def test_a_reject_that_nobody_keeps_is_retried() -> None:
    world = World()
    world.put("a")
    world.service.faults["publish"].append(BackendError("no"))

    def act(_: Handled) -> None:
        raise Reject("no good")

    async with running(world.poller(app_of(world, act))) as poller:
        await until(lambda: world.calls == ["a", "a"])

    assert len(await world.given_up()) == 1
    assert poller.result().rejected == 1


async def test_records_that_are_too_old_are_given_up_and_the_rest_goes_on() -> None:
    world = World()
    world.put("old")
    await asyncio.sleep(100)
    world.put("new")

    async with running(world.poller(app_of(world, options=StreamOptions(max_age=60)))):
        await until(lambda: "new" in world.calls)

    assert world.calls == ["new"]
    (document,) = await world.given_up()
    context = document["requestContext"]
    assert isinstance(context, dict)
    assert context["condition"] == "RecordAgeExceeded"


async def test_keys_are_handled_apart_and_the_checkpoint_is_behind_the_lowest_unfinished() -> None:
    world = World()
    first, *_ = world.put("a1", key="a")
    world.put("b1", key="b")
    world.put("a2", key="a")
    world.put("b2", key="b")

    async with running(world.poller(app_of(world, failing("b1"), by_key=True))):
        await until(lambda: world.calls.count("b1") == 4)
        (checkpoint,) = (await world.checkpoints()).values()

    assert "a2" in world.calls
    assert "b2" not in world.calls
    assert checkpoint == f"AFTER {first}"


async def test_as_many_keys_are_handled_at_once_as_is_chosen() -> None:
    world = World()
    most = 0
    for number in range(20):
        world.put(str(number), key=str(number))

    def act(_: Handled) -> None:
        nonlocal most
        most = max(most, world.running)

    async with running(world.poller(app_of(world, act, StreamOptions(parallel=4), seconds=1.0))):
        await until(lambda: len(world.calls) == 20)

    assert most == 4


async def test_a_shard_that_ends_is_finished_and_its_children_begin_behind_it() -> None:
    world = World()
    world.put("a", "b")
    (shard,) = [one.id for one in (await world.streams.shards(world.clicks)).shards]
    children = world.streams.split(world.clicks, shard)
    world.put("c", key="1")
    world.put("d", key="2")

    async with running(world.poller(app_of(world))):
        await until(lambda: len(world.calls) == 4)

    assert world.calls[:2] == ["a", "b"]
    checkpoints = await world.checkpoints()
    assert checkpoints[shard] == "SHARD_END"
    assert set(checkpoints) == {shard, *children}


async def test_a_cursor_that_expires_skips_nothing() -> None:
    world = World()
    world.put("a")

    async with running(world.poller(app_of(world))):
        await until(lambda: world.calls == ["a"])
        world.put("b")
        world.streams.expire_cursors()
        await until(lambda: len(world.calls) == 2)

    assert world.calls == ["a", "b"]


@pytest.mark.parametrize("kind", ["stream", "table"])
async def test_nothing_is_skipped_after_16_minutes_with_latest_and_no_record_seen(kind: str) -> None:
    """S2: nothing had been read when the cursor expired; what was written meanwhile is read all the same."""
    world = World()
    world.put("before")
    world.row("before")
    await asyncio.sleep(5)
    options = StreamOptions(start=Start.LATEST)
    app = app_of(world, options=options) if kind == "stream" else rows_app(world, options)

    async with running(world.poller(app)):
        await until(lambda: bool(world.of(Read)))
        world.streams.fail(ThrottledError("not now"), "read", times=110)
        world.put("during")
        world.row("during")
        await until(lambda: bool(world.calls), seconds=3_000)
        waited = asyncio.get_running_loop().time()

    assert waited > 16 * 60
    assert world.calls == ["during"]


def rows_app(world: World, options: StreamOptions) -> App:
    app = App(GROUP)

    @app.on(Table[Row]("rows", stream=options).inserted())
    async def note(row: Inserted[Row]) -> None:
        world.calls.append(row.new.id)

    return app


async def test_records_that_were_trimmed_are_told_of_with_the_gap() -> None:
    """S3: what was trimmed past the checkpoint."""
    world = World()
    app = rows_app(world, StreamOptions())
    world.row("0")
    async with running(world.poller(app)):
        await until(lambda: world.calls == ["0"])
    for number in range(1, 11):
        world.row(str(number))
    (shard,) = [one.id for one in (await world.streams.shards(world.rows)).shards]
    (before,) = (await world.checkpoints(world.rows)).values()
    *_, gone, kept = [facts(record) for record in world.streams.records(world.rows, shard)][:9]
    world.streams.trim(world.rows, shard, After(gone["SequenceNumber"]))

    async with running(world.poller(app, worker="p1")):
        await until(lambda: "10" in world.calls)

    assert world.calls == ["0", "8", "9", "10"]
    assert world.streams.lost(world.rows) == 7
    told = Trimmed("table:rows", shard, before, kept["SequenceNumber"], kept["ApproximateCreationDateTime"])
    assert world.of(Trimmed) == [told]


async def test_a_third_reader_is_throttled_and_all_come_through() -> None:
    """S11: three groups read one shard, of which the service serves two in a second."""
    world = World()
    world.streams.limit_readers(world.clicks)
    pollers = [
        world.poller(app_of(world, group=f"group{number}"), worker=f"p{number}", chance=(number + 1) / 4)
        for number in range(3)
    ]
    world.put(*"abc")
    tasks = [asyncio.get_running_loop().create_task(poller.run()) for poller in pollers]
    await until(lambda: len(world.calls) == 9)
    for poller in pollers:
        poller.stop()

    for summary in await asyncio.gather(*tasks):
        assert summary.done == 3


async def test_reading_goes_on_after_an_outage() -> None:
    world = World()
    world.put("a")
    world.streams.fail(BackendError("down"), times=30)

    async with running(world.poller(app_of(world))):
        await until(lambda: world.calls == ["a"], seconds=2_000)


async def test_a_stop_ends_the_running_record_and_writes_the_checkpoint() -> None:
    world = World()
    places = world.put("a", "b", "c")
    poller = world.poller(app_of(world, seconds=3))

    async with running(poller) as task:
        await until(lambda: world.calls == ["a", "b"])

    assert world.calls == ["a", "b"]
    assert list((await world.checkpoints()).values()) == [f"AFTER {places[1]}"]
    assert [lease.owner for lease in await world.leases.leases(GROUP, world.clicks)] == [None]
    assert task.result() == Summary(received=3, done=2, released=1)


async def test_a_batch_waits_for_its_window() -> None:
    world = World()
    loop = asyncio.get_running_loop()
    times: list[float] = []

    def act(_: Handled) -> None:
        times.append(loop.time())

    async with running(world.poller(app_of(world, act, StreamOptions(window=20)))):
        await asyncio.sleep(5)
        put = loop.time()
        world.put("a")
        await asyncio.sleep(5)
        world.put("b")
        await until(lambda: len(times) == 2)

    assert all(20 <= time - put < 22 for time in times)


async def test_an_app_with_streams_needs_something_that_reads_them() -> None:
    world = World()

    with pytest.raises(ConfigurationError, match="nothing reads stream 'clicks'"):
        Poller(app_of(world), world.service)


async def test_a_stream_that_does_not_exist_ends_the_poller_with_a_sentence() -> None:
    world = World()
    app = App(GROUP)

    @app.on(Stream[str]("nowhere"))
    async def note(text: str) -> None:
        world.calls.append(text)

    with pytest.raises(ConfigurationError, match="nowhere"):
        await world.poller(app).run()


async def test_a_stop_while_the_stream_is_looked_for_ends_at_once() -> None:
    world = World()
    resolve = world.streams.resolve
    asked = asyncio.Event()

    class Slow(MemoryStreams):
        async def resolve(self, kind: str, address: str) -> str:
            asked.set()
            await asyncio.sleep(5)
            return await resolve(kind, address)

    world.streams = Slow(clock=lambda: EPOCH)
    poller = world.poller(app_of(world))
    async with running(poller):
        await asked.wait()
        stopped = asyncio.get_running_loop().time()

    assert asyncio.get_running_loop().time() - stopped == 5
    assert world.calls == []


async def test_a_lease_says_how_far_a_stuck_shard_is_behind() -> None:
    world = World()
    world.put("x")

    async with running(world.poller(app_of(world, failing("x")))):
        await asyncio.sleep(100)
        (lease,) = await world.leases.leases(GROUP, world.clicks)

    assert lease.behind is not None
    assert 90 < lease.behind <= 100


async def test_the_state_tells_lag_and_shards() -> None:
    world = World(shards=2)
    world.put("a")
    await asyncio.sleep(40)
    poller = world.poller(app_of(world, seconds=2))

    async with running(poller):
        await until(lambda: bool(world.calls))
        state = poller.state.queues["stream:clicks"]
        await until(lambda: poller.state.queues["stream:clicks"].lag == 0)
        await until(lambda: poller.state.queues["stream:clicks"].shards == 2)

    assert poller.state.queues["stream:clicks"].shards == 0
    assert state.in_flight == 1
    assert state.lag is not None
    assert 40 <= state.lag < 42
