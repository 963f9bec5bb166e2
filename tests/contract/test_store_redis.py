"""The Redis store keeps the promises of the port on a real server."""

from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from eventkit.errors import BackendError, ConfigurationError
from eventkit.stores import Claimed, Claiming, open_store
from eventkit.testing.stores import StoreContract
from eventkit_redis import LINGER, PREFIX
from tests.contract.redis_server import needs_redis, start_redis
from tests.contract.store_worlds import RedisWorld, redis_client

pytestmark = needs_redis


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with start_redis() as url:
        yield url


@pytest.fixture(params=[False, True], ids=["bytes", "texts"])
async def client(url: str, request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    """A client that leaves answers as they are, and one that decodes them."""
    client = redis_client(url, decode=request.param)
    await client.flushall()
    yield client
    await client.aclose()


class TestRedis(StoreContract):
    @pytest.fixture
    async def world(self, client: Redis) -> RedisWorld:
        return RedisWorld(client)


async def test_a_record_goes_by_itself(client: Redis, url: str) -> None:
    async with open_store(url) as store:
        await store.claim("key", Claiming("a", "payload", 60))
        in_progress = await client.pttl(f"{PREFIX}key")
        await store.complete("key", "a", 3600)
        finished = await client.pttl(f"{PREFIX}key")

    assert LINGER < in_progress <= LINGER + 60_000
    assert 3_500_000 < finished <= 3_600_000


async def test_a_server_that_forgot_its_scripts_is_told_them_again(client: Redis, url: str) -> None:
    async with open_store(url) as store:
        await store.claim("one", Claiming("a", "payload", 60))
        await client.script_flush()

        assert await store.claim("two", Claiming("a", "payload", 60)) == Claimed()


async def test_a_server_that_is_not_there_is_a_backend_error() -> None:
    async with open_store("redis://127.0.0.1:1/0") as store:
        with pytest.raises(BackendError, match="cannot be reached: ConnectionError"):
            await store.claim("key", Claiming("a", "payload", 60))


async def test_a_url_that_is_none_is_refused_without_repeating_it() -> None:
    with pytest.raises(ConfigurationError, match="none that redis-py takes") as refused:
        async with open_store("redis://:secret@host:port/0"):
            pass

    assert "secret" not in str(refused.value)
