"""Regions that are kept in step agree in the end, whatever was written where, and then nothing more happens."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import pytest
from boto3.dynamodb.types import TypeSerializer

from eventkit.events.dynamodb import Item, change_event, image
from eventkit.outcomes import Reject
from eventkit.streams.memory import MemoryStreams
from eventkit.testing import stream_record
from eventkit_aws.sqs import blocking
from eventkit_local.dev import Aws
from eventkit_local.emulator import Emulator, start_emulator
from eventkit_local.global_tables import (
    DynamoDbClient,
    DynamoDbReplica,
    Replica,
    Version,
    global_table,
    repeat,
    version_of,
)
from eventkit_local.plan import TablePlan
from tests.adapters.local.clients import client

WEST, EAST = "eu-west-1", "us-east-1"
KEYS = ("a", "b", "c")


def typed(item: Item) -> dict[str, Any]:
    return {name: TypeSerializer().serialize(value) for name, value in item.items()}


class MemoryRegion:
    """A table in memory, with an app that writes as it must, and the changes that are to be repeated elsewhere."""

    def __init__(self, name: str, skew: int, clock: Callable[[], int]) -> None:
        self.name = name
        self._now: Callable[[], int] = lambda: clock() + skew
        self._streams = MemoryStreams(clock=lambda: 1_900_000_000.0)
        self._stream = self._streams.create_table("blog", ("pk",))
        self._repeated = 0
        self.items: dict[str, Item] = {}

    def write(self, key: str, text: str) -> None:
        known = self.items.get(key)
        at = max(self._now(), known["updated_at"] + 1 if known else 0)
        self._put({"pk": key, "text": text, "updated_at": at, "region": self.name})

    def remove(self, key: str) -> None:
        if self.items.pop(key, None):
            self._streams.delete_item("blog", typed({"pk": key}))

    async def put(self, item: Item) -> None:
        if not self._has_later(item["pk"], version_of(item)):
            self._put(item)

    async def delete(self, key: Item, version: Version) -> None:
        if not self._has_later(key["pk"], version):
            self.remove(key["pk"])

    async def repeat(self, other: Replica, again: int = 0) -> bool:
        """Repeat the next change elsewhere, having gone back by some, as a process does that was killed."""
        self._repeated = max(0, self._repeated - again)
        shards = await self._streams.shards(self._stream)
        records = self._streams.records(self._stream, shards.shards[0].id)
        if self._repeated >= len(records):
            return False
        change: Any = change_event(records[self._repeated])
        await repeat(change, self.name, [other])
        self._repeated += 1
        return True

    def _put(self, item: Item) -> None:
        self.items[item["pk"]] = item
        self._streams.put_item("blog", typed(item))

    def _has_later(self, key: str, version: Version) -> bool:
        return key in self.items and version_of(self.items[key]) > version


class Worlds:
    """Two Regions, what their users do at random, and the changes on their way."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a simulation
        self._time = 1_000
        skew = self._random.choice((0, 0, 1, 3, 50))
        self.east = MemoryRegion(EAST, 0, self._clock)
        self.west = MemoryRegion(WEST, skew, self._clock)

    def _clock(self) -> int:
        self._time += self._random.randint(0, 1)
        return self._time

    async def step(self) -> None:
        here, there = self._random.sample((self.east, self.west), 2)
        key = self._random.choice(KEYS)
        match self._random.randint(0, 5):
            case 0 | 1:
                here.write(key, str(self._random.random()))
            case 2:
                here.remove(key)
            case _:
                again = self._random.choice((0, 0, 0, 0, 1, 5))
                await here.repeat(there, again)

    async def settle(self) -> int:
        """Repeat everything; gives how many changes that were."""
        changes = 0
        while await self.east.repeat(self.west) | await self.west.repeat(self.east):
            changes += 1
            assert changes < 1_000, "changes go back and forth"
        return changes


@pytest.mark.parametrize("part", range(4))
async def test_two_regions_agree_when_nobody_writes_any_more(part: int) -> None:
    for seed in range(part, 1_000, 4):
        worlds = Worlds(seed)
        for _ in range(60):
            await worlds.step()
        await worlds.settle()

        assert worlds.east.items == worlds.west.items, seed
        assert await worlds.settle() == 0


async def test_the_last_writer_wins() -> None:
    worlds = Worlds(0)
    worlds.east.write("a", "first")
    worlds.west.write("a", "second")

    await worlds.settle()

    assert worlds.east.items["a"]["text"] == worlds.west.items["a"]["text"] == "second"


async def test_an_item_that_was_repeated_is_not_repeated_back() -> None:
    worlds = Worlds(0)
    worlds.east.write("a", "text")
    await worlds.east.repeat(worlds.west)
    worlds.east.remove("a")

    await worlds.west.repeat(worlds.east)

    assert worlds.east.items == {}


@pytest.mark.parametrize("item", [{"pk": "a"}, {"pk": "a", "updated_at": "1", "region": EAST}, {"updated_at": 1}])
async def test_an_item_that_does_not_say_when_and_where_it_was_written_is_rejected(item: Item) -> None:
    change: Any = change_event(stream_record("INSERT", "blog", new=item, keys={"pk": "a"}))

    with pytest.raises(Reject, match="updated_at"):
        await repeat(change, EAST, [])


def rank(version: Version | None) -> tuple[int, str]:
    return (-1, "") if version is None else version


VERSIONS = [Version(at, region) for at in (1, 2) for region in (WEST, EAST)]


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    if os.name != "posix":
        pytest.skip("the emulator runs on Linux and macOS")
    with start_emulator() as emulator:
        yield emulator


@pytest.fixture
def aws(emulator: Emulator) -> Aws:
    emulator.reset()
    return Aws(emulator.endpoint_url, emulator.environ)


class Tables:
    """The table in both Regions of the emulator."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def of(self, region: str) -> Any:  # noqa: ANN401 - boto3's
        return client("dynamodb", self._aws.endpoint_url, region)

    def put(self, region: str, **item: object) -> None:
        self.of(region).put_item(TableName="blog", Item=typed({**item, "region": region}))

    def items(self, region: str) -> dict[str, Item]:
        found = self.of(region).scan(TableName="blog", ConsistentRead=True)["Items"]
        return {item["pk"]: item for item in map(image, found)}


@pytest.fixture
async def tables(aws: Aws) -> AsyncIterator[Tables]:
    async with global_table(TablePlan("blog", "pk"), aws, [EAST, WEST]):
        yield Tables(aws)


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - a table tells nobody of its changes here
            await asyncio.sleep(0.05)


async def test_what_is_written_in_one_region_of_the_emulator_can_be_read_in_the_other(tables: Tables) -> None:
    item: Item = {"pk": "a", "updated_at": 1, "flags": {"x", "y"}, "nested": {"list": [1, None, True]}}
    tables.put(EAST, **item)
    tables.put(WEST, pk="b", updated_at=1)

    await eventually(lambda: tables.items(EAST) == tables.items(WEST) and len(tables.items(EAST)) == 2)

    assert tables.items(WEST)["a"] == {**item, "region": EAST}


async def test_edits_and_deletions_are_repeated_too(tables: Tables) -> None:
    for number in (1, 2):
        tables.put(EAST, pk="a", text=str(number), updated_at=number)
    tables.put(EAST, pk="b", text="gone", updated_at=1)
    await eventually(lambda: len(tables.items(WEST)) == 2)
    tables.put(WEST, pk="a", text="3", updated_at=3)
    tables.of(WEST).delete_item(TableName="blog", Key={"pk": {"S": "b"}})

    await eventually(lambda: [item["text"] for item in tables.items(EAST).values()] == ["3"])

    assert tables.items(WEST) == tables.items(EAST)


@pytest.mark.parametrize("known", [None, *VERSIONS])
@pytest.mark.parametrize("version", VERSIONS)
async def test_the_condition_in_dynamodb_is_the_rule(aws: Aws, known: Version | None, version: Version) -> None:
    dynamodb = client("dynamodb", aws.endpoint_url)
    key: Any = {"KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}
    kinds: Any = {"AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}]}
    dynamodb.create_table(TableName="blog", BillingMode="PAY_PER_REQUEST", **key, **kinds)
    if known is not None:
        dynamodb.put_item(TableName="blog", Item=typed({"pk": "a", "text": "old", **known._asdict()}))
    replica = DynamoDbReplica(cast("DynamoDbClient", blocking(dynamodb)), "blog")

    await replica.put({"pk": "a", "text": "new", **version._asdict()})
    written = dynamodb.get_item(TableName="blog", Key={"pk": {"S": "a"}})["Item"]["text"]["S"]
    await replica.delete({"pk": "a"}, version)
    left = "Item" in dynamodb.get_item(TableName="blog", Key={"pk": {"S": "a"}})

    has_later = rank(known) > version
    assert (written, left) == (("old", True) if has_later else ("new", False))
