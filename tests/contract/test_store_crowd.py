"""Many callers with the same work, and processes that die in the middle of it; the scripts take larger numbers."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import boto3

from eventkit.stores import Claimed, Finished
from eventkit.stores.memory import MemoryStore
from eventkit.testing.stores import LONG, TTL, StoreWorld, claim
from eventkit_aws.idempotency import DynamoDbClient, create_table
from eventkit_aws.sqs import blocking
from tests.contract.crashes import EFFECT, POINTS
from tests.contract.crowd import crowd, crowd_at
from tests.contract.redis_server import needs_redis, start_redis
from tests.contract.store_worlds import DynamoDbWorld, MemoryWorld, RedisWorld, redis_client

ROOT = Path(__file__).parents[2]


async def test_many_callers_do_each_work_once_in_memory() -> None:
    figures = await crowd(MemoryStore(), callers=50, keys=100)

    assert figures.executions == {1: 100}
    assert figures.deferred > 0


@needs_redis
async def test_many_callers_do_each_work_once_with_redis() -> None:
    with start_redis() as url:
        figures = await crowd_at(url, callers=20, keys=50)

    assert figures.executions == {1: 50}


async def test_many_callers_do_each_work_once_with_dynamodb(moto: str) -> None:
    figures = await crowd_at(f"dynamodb://crowd?endpoint={moto}", callers=10, keys=20)

    assert figures.executions == {1: 20}


async def overwritten(world: StoreWorld, count: int) -> int:
    """How many of so many keys a frozen owner changes, when it goes on after its successor has begun or finished."""
    for number in range(count):
        await claim(world, "frozen", key=f"key {number}")
    await world.wait(LONG)
    for number in range(count):
        assert await claim(world, "successor", key=f"key {number}") == Claimed()
        if number % 2:
            await world.store.complete(f"key {number}", "successor", TTL)
    changed = 0
    for number in range(count):
        key = f"key {number}"
        changed += await world.store.renew(key, "frozen", LONG)
        changed += await world.store.complete(key, "frozen", LONG)
        changed += await world.store.release(key, "frozen")
        kept = Finished("payload") if number % 2 else Claimed()
        changed += await claim(world, "successor", key=key) != kept
    return changed


async def test_of_many_frozen_owners_none_overwrites_in_memory() -> None:
    assert await overwritten(MemoryWorld(), 1000) == 0


@needs_redis
async def test_of_many_frozen_owners_none_overwrites_with_redis() -> None:
    with start_redis() as url:
        client = redis_client(url)
        assert await overwritten(RedisWorld(client), 1000) == 0
        await client.aclose()


async def test_of_many_frozen_owners_none_overwrites_with_dynamodb(moto: str) -> None:
    await create_table(f"dynamodb://frozen?endpoint={moto}")
    client = cast("Any", boto3).client("dynamodb", endpoint_url=moto)
    assert await overwritten(DynamoDbWorld(cast("DynamoDbClient", blocking(client)), "frozen"), 100) == 0
    client.close()


@needs_redis
def test_a_crash_repeats_an_effect_only_where_nobody_could_know_of_it() -> None:
    script = [sys.executable, "-m", "tests.contract.crashes", "--rounds", "2"]
    result = subprocess.run(script, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120)

    figures = json.loads(result.stdout)

    assert figures["effects"] == {point: {"2" if point in EFFECT else "1": 2} for point in POINTS}
    assert figures["resumed"] == {"1": 2}  # both were told to retry
    assert figures["overwritten"] == 0
