"""Stores with their time: on a clock that a test moves, or with records that are made older."""

from typing import Any, cast

from redis.asyncio import Redis

from eventkit.stores import IdempotencyStore
from eventkit.stores.memory import MemoryStore
from eventkit.testing import VirtualClock
from eventkit_aws.idempotency import DynamoDbClient, DynamoDbStore
from eventkit_redis import PREFIX, RedisStore


def redis_client(url: str, *, decode: bool = False) -> Any:  # noqa: ANN401 - redis-py is typed in part
    """A client, which decodes answers if asked to."""
    return cast("Any", Redis).from_url(url, decode_responses=decode)


class MemoryWorld:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store: IdempotencyStore = MemoryStore(self.clock.now)

    async def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)


class DynamoDbWorld:
    """Several writers may share a table, each with a clock that goes wrong by so many seconds."""

    def __init__(self, client: DynamoDbClient, table: str) -> None:
        self.clock = VirtualClock()
        self._client = client
        self.table = table
        self.store: IdempotencyStore = self.writer(0.0)

    def writer(self, wrong_by: float) -> DynamoDbStore:
        return DynamoDbStore(self._client, self.table, clock=lambda: self.clock.epoch + self.clock.now() + wrong_by)

    async def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)


class RedisWorld:
    """The server's clock cannot be moved, so what it has noted is moved back."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - as above
        self._client = client
        self.store: IdempotencyStore = RedisStore(client)

    async def wait(self, seconds: float) -> None:
        milliseconds = round(seconds * 1000)
        async for name in self._client.scan_iter(f"{PREFIX}*"):
            await self._client.hincrby(name, "until", -milliseconds)
            left = await self._client.pttl(name)
            await self._client.pexpire(name, max(0, left - milliseconds))
