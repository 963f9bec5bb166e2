"""Apps with streams: `eventkit run` with leases, and `eventkit streams`, which looks at them from outside."""

import asyncio
import json
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator

import pytest

from eventkit import App, BackendError, Inserted, Names, Stream, Table
from eventkit.streams.leases import Lease
from eventkit.streams.memory import MemoryStreams
from eventkit.streams.memory_leases import MemoryLeases
from eventkit.streams.positions import After
from eventkit_cli.watching import Watcher, read_only
from eventkit_local.emulator import Emulator, start_emulator
from eventkit_local.plan import Plan, StreamPlan, TablePlan
from eventkit_local.provision import Target, provision
from eventkit_poller import plan_of
from tests.adapters.cli.conftest import Command
from tests.adapters.cli.processes import EVENTKIT, running
from tests.adapters.local.clients import client
from tests.adapters.local.processes import eventually

LEASES = "dynamodb://leases?create=true"


def shop() -> App:
    app = App("shop")
    app.on(Table[dict[str, str]]("orders").inserted(), name="welcome")(welcome)
    app.on(Stream[str]("clicks"), name="count")(print)
    return app


def welcome(change: Inserted[dict[str, str]]) -> None: ...


class World:
    """A table and a stream of two shards in memory, who looks at them, and time."""

    def __init__(self) -> None:
        self.time = 100.0
        self.streams = MemoryStreams(clock=lambda: 1_700_000_000 + self.time)
        self.orders = self.streams.create_table("orders")
        self.clicks = self.streams.create_stream("clicks", shards=2)
        self.leases = MemoryLeases()
        planned = plan_of(shop(), Names("shop")).streams
        self.watcher = Watcher("shop", planned, self.streams, self.leases, 10.0, lambda: self.time)

    async def lease(self) -> Lease:
        """The lease of the stream's first shard, which the process `one` has."""
        shard = (await self.streams.shards(self.clicks)).shards[0].id
        made = Lease("shop", self.clicks, shard, (), After("7"), "one", 1)
        assert await self.leases.create(made)
        return made


async def test_every_stream_is_seen_with_the_leases_of_its_group() -> None:
    world = World()
    await world.lease()
    await world.leases.create(Lease("another", world.orders, "x", owner="two"))

    orders, clicks = await world.watcher.look()

    assert (orders.name, clicks.name) == ("table:orders", "stream:clicks")
    assert [row.standing for row in orders.rows] == ["new"]
    assert sorted(row.standing for row in clicks.rows) == ["new", "read"]


async def test_a_worker_is_silent_when_its_lease_has_not_changed_for_the_failover() -> None:
    world = World()
    lease = await world.lease()
    seen: list[str] = []

    for at in (100.0, 110.0, 110.1, 111.0):
        world.time = at
        if at == 111.0:
            await world.leases.swap(lease, Lease("shop", world.clicks, lease.shard, owner="one", counter=2))
        _, clicks = await world.watcher.look()
        seen += [row.standing for row in clicks.rows if row.owner == "one"]

    assert seen == ["read", "read", "silent", "read"]


async def test_a_look_that_fails_says_so_and_the_next_one_goes_on() -> None:
    world = World()
    world.streams.fail(BackendError("no answer"), "shards")

    with pytest.raises(BackendError, match="no answer"):
        await world.watcher.look()

    assert len(await world.watcher.look()) == 2


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("dynamodb://leases?create=true", "dynamodb://leases"),
        ("dynamodb://leases", "dynamodb://leases"),
        ("dynamodb://leases?region=eu-west-1&create=true", "dynamodb://leases?region=eu-west-1"),
    ],
)
def test_who_looks_makes_no_table(url: str, same: str) -> None:
    assert read_only(url) == same


def test_leases_in_memory_cannot_be_seen_from_outside(command: Command) -> None:
    result = command("streams", "blog.shop:app")

    assert result.code == 2
    assert "nothing of them can be seen from outside" in result.err
    assert "set EVENTKIT_LEASES to dynamodb://TABLE?create=true" in result.err


def test_an_app_without_streams_says_so(command: Command) -> None:
    result = command("streams", "blog.queues:app")

    assert (result.code, result.out) == (0, "The app 'blog' reads no streams.\n")


posix = pytest.mark.skipif(os.name != "posix", reason="the emulator runs on Linux and macOS")


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with start_emulator() as emulator:
        yield emulator


@pytest.fixture
def aws(emulator: Emulator, environ: dict[str, str]) -> dict[str, str]:
    """The environment of a process that finds the table and the stream of the shop, and no leases yet."""
    emulator.reset()
    plan = Plan(tables=(TablePlan("orders", "id"),), streams=(StreamPlan("clicks"),))
    asyncio.run(provision(plan, Target(emulator.endpoint_url, "us-east-1"), lambda _: None))
    return {**environ, **emulator.environ}


def streams(aws: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [*EVENTKIT, "streams", "blog.shop:app", "--leases", LEASES, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=aws, check=False)


@posix
def test_a_lease_table_that_is_missing_is_not_made(aws: dict[str, str], emulator: Emulator) -> None:
    done = streams(aws)

    assert done.returncode == 2
    assert "there is no table 'leases'" in done.stderr
    assert "  this command makes nothing: a poller makes its table when it starts" in done.stderr
    assert client("dynamodb", emulator.endpoint_url).list_tables()["TableNames"] == ["orders"]


@posix
def test_two_workers_share_the_shards_and_go_on_where_others_stopped(aws: dict[str, str], emulator: Emulator) -> None:
    run = ("run", "blog.shop:app", "--leases", LEASES, "--workers", "2", "--wait", "1")
    dynamodb = client("dynamodb", emulator.endpoint_url)
    dynamodb.put_item(TableName="orders", Item={"id": {"S": "a"}})

    with running(aws, *run) as child:
        assert eventually(lambda: sum("lease.taken" in line for line in child.err) >= 3, 30), child.err
        assert eventually(lambda: told(aws)["table:orders"]["shards"][0]["checkpoint"].startswith("AFTER"), 30)
        seen, shown, wide = told(aws), streams(aws).stdout, streams(aws, "--wide").stdout
        first = child.stop(signal.SIGTERM)
    dynamodb.put_item(TableName="orders", Item={"id": {"S": "b"}})
    with running(aws, *run) as again:
        place = seen["table:orders"]["shards"][0]["checkpoint"]
        assert eventually(lambda: told(aws)["table:orders"]["shards"][0]["checkpoint"] != place, 30)
        second = again.stop(signal.SIGTERM)

    taken = [json.loads(line) for line in child.err if "lease.taken" in line]
    assert len({one["worker"] for one in taken}) == 2
    assert [len(one["shards"]) for one in seen.values()] == [1, 2]
    assert {row["standing"] for one in seen.values() for row in one["shards"]} == {"read"}
    summary = r"^table:orders  1 shard: 1 read; 1 worker; at most 0\.0 s behind; last record \d+ s ago$"
    assert re.search(summary, shown, re.MULTILINE)
    assert "shardId-00000000" in wide
    assert (first, second) == (0, 0)
    assert child.saw(r"shop has stopped. It received 1 record: 1 done\.")
    assert again.saw(r"shop has stopped. It received 1 record: 1 done\.")
    assert not any("checkpoints.volatile" in line for line in [*child.err, *again.err])


def told(aws: dict[str, str]) -> dict[str, dict[str, list[dict[str, str]]]]:
    done = streams(aws, "--json")
    assert done.returncode == 0, done.stderr
    return {one["name"]: one for one in json.loads(done.stdout)["streams"]}


@posix
def test_run_with_leases_in_memory_says_that_a_restart_begins_anew(aws: dict[str, str]) -> None:
    with running(aws, "run", "blog.shop:app", "--wait", "1") as child:
        volatile = json.loads(child.line("checkpoints.volatile"))
        started = json.loads(child.line("poller.started"))
        assert child.saw("lease.taken")
        code = child.stop(signal.SIGTERM)

    assert (volatile["level"], volatile["leases"]) == ("warning", "memory://")
    assert (started["queues"], started["streams"]) == ([], ["table:orders", "stream:clicks"])
    assert code == 0


@posix
def test_a_terminal_is_kept_up_to_date_until_ctrl_c(aws: dict[str, str]) -> None:
    with running(aws, "run", "blog.shop:app", "--leases", LEASES, "--wait", "1") as child:
        assert child.saw("lease.taken")
        master, slave = pty.openpty()
        command = [*EVENTKIT, "streams", "blog.shop:app", "--leases", LEASES]
        environ = {**aws, "TERM": "xterm", "PYTHONIOENCODING": "utf-8", "COLUMNS": "120"}
        with subprocess.Popen(command, stdout=slave, stderr=slave, stdin=slave, env=environ) as process:
            os.close(slave)
            written = b""
            while written.count(b"table:orders") < 2:
                written += os.read(master, 4096)
            process.send_signal(signal.SIGINT)
            while chunk := _read(master):
                written += chunk
            code = process.wait(30)
        os.close(master)
        child.stop(signal.SIGTERM)

    assert code == 0
    assert b"\x1b[32m" in written  # what is read is green
    assert written.rstrip().endswith(b"\x1b[?25h")  # the cursor is back
    assert b"Traceback" not in written


def _read(master: int) -> bytes:
    try:
        return os.read(master, 4096)
    except OSError:  # Linux says so when nobody has the other end any more
        return b""
