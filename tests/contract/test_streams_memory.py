"""The streams in memory keep the promises of the port, on a clock that the suite moves."""

from itertools import count

import pytest

from eventkit.errors import ThrottledError
from eventkit.streams.memory import MemoryStreams
from eventkit.testing import VirtualClock
from eventkit.testing.streams import DataContract, TableContract, item


class MemoryWorld:
    kind = ""

    def __init__(self) -> None:
        self._clock = VirtualClock()
        self.streams = MemoryStreams(clock=lambda: self._clock.epoch + self._clock.now())
        self._numbers = count(1)

    @property
    def new_name(self) -> str:
        return f"{self.kind}-{next(self._numbers)}"

    async def pause(self) -> None:
        self._clock.advance(1)

    async def expire(self) -> None:
        self._clock.advance(900)

    async def trim(self, name: str, shard: str) -> None:
        self.streams.trim(await self.streams.resolve(self.kind, name), shard)

    async def throttle(self) -> None:
        self.streams.fail(ThrottledError("too often"), "read")


class MemoryTables(MemoryWorld):
    kind = "table"

    async def create(self, shards: int = 1) -> str:
        name = self.new_name
        self.streams.create_table(name, shards=shards)
        return name

    async def create_without_stream(self) -> str:
        name = self.new_name
        self.streams.create_table(name, view=None)
        return name

    async def put(self, name: str, key: str, *values: str) -> None:
        for value in values:
            self.streams.put_item(name, item(key, value))

    async def remove(self, name: str, key: str) -> None:
        self.streams.delete_item(name, {"id": {"S": key}})

    async def roll(self, name: str, shard: str) -> None:
        self.streams.roll(await self.streams.resolve("table", name), shard)

    end = roll


class MemoryData(MemoryWorld):
    kind = "stream"

    async def create(self, shards: int = 1) -> str:
        name = self.new_name
        self.streams.create_stream(name, shards=shards)
        return name

    async def put(self, name: str, key: str, *values: str) -> None:
        for value in values:
            self.streams.put(name, key, value)

    async def split(self, name: str, shard: str) -> None:
        self.streams.split(await self.streams.resolve("stream", name), shard)

    async def merge(self, name: str, shard: str, adjacent: str) -> None:
        self.streams.merge(await self.streams.resolve("stream", name), shard, adjacent)

    end = split


class TestTables(TableContract):
    @pytest.fixture
    def world(self) -> MemoryTables:
        return MemoryTables()


class TestData(DataContract):
    @pytest.fixture
    def world(self) -> MemoryData:
        return MemoryData()
