"""The DynamoDB store keeps the promises of the port on two emulators, with both SDKs, and with clocks that differ."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import count
from typing import Any, cast

import aioboto3
import boto3
import pytest

from eventkit.errors import BackendError, ConfigurationError
from eventkit.stores import Claimed, Claiming, Finished, InProgress, open_store
from eventkit.testing.stores import StoreContract
from eventkit_aws.idempotency import MAX_SKEW, DynamoDbClient, create_table
from eventkit_aws.sqs import blocking
from eventkit_local.emulator import start_emulator
from tests.contract.store_worlds import DynamoDbWorld

NUMBERS = count(1)


@pytest.fixture(scope="module")
def ministack() -> Iterator[str]:
    if os.name != "posix":
        pytest.skip("the emulator runs on Linux and macOS")
    with start_emulator() as emulator:
        yield emulator.endpoint_url


async def new_table(endpoint: str) -> str:
    """A table of its own for each test, as `create_table` makes it."""
    table = f"records-{next(NUMBERS)}"
    await create_table(f"dynamodb://{table}?endpoint={endpoint}")
    return table


async def world_with_aioboto3(endpoint: str) -> AsyncIterator[DynamoDbWorld]:
    sdk = cast("Any", aioboto3.Session())
    async with sdk.client("dynamodb", endpoint_url=endpoint) as client:
        yield DynamoDbWorld(client, await new_table(endpoint))


async def world_with_boto3(endpoint: str) -> AsyncIterator[DynamoDbWorld]:
    client = cast("Any", boto3).client("dynamodb", endpoint_url=endpoint)
    yield DynamoDbWorld(cast("DynamoDbClient", blocking(client)), await new_table(endpoint))
    client.close()


@pytest.fixture
async def world(moto: str) -> AsyncIterator[DynamoDbWorld]:
    async for world in world_with_aioboto3(moto):
        yield world


class TestMoto(StoreContract):
    @pytest.fixture
    def world(self, world: DynamoDbWorld) -> DynamoDbWorld:
        return world


class TestMinistackWithAioboto3(StoreContract):
    @pytest.fixture
    async def world(self, ministack: str) -> AsyncIterator[DynamoDbWorld]:
        async for world in world_with_aioboto3(ministack):
            yield world


class TestMinistackWithBoto3(StoreContract):
    @pytest.fixture
    async def world(self, ministack: str) -> AsyncIterator[DynamoDbWorld]:
        async for world in world_with_boto3(ministack):
            yield world


@pytest.mark.parametrize("wrong_by", [-MAX_SKEW, -1, 0, 1, MAX_SKEW])
async def test_no_lease_is_taken_early_by_a_writer_whose_clock_is_wrong(world: DynamoDbWorld, wrong_by: float) -> None:
    owner, other = world.writer(0), world.writer(wrong_by)
    await owner.claim("key", Claiming("a", "payload", 60))

    await world.wait(59.5)
    early = await other.claim("key", Claiming("b", "payload", 60))
    await world.wait(2 * MAX_SKEW + 1)
    late = await other.claim("key", Claiming("b", "payload", 60))

    assert isinstance(early, InProgress)
    assert 0.4 < early.remaining <= 2 * MAX_SKEW + 1
    assert late == Claimed()


@pytest.mark.parametrize("wrong_by", [-MAX_SKEW, MAX_SKEW])
async def test_nothing_is_forgotten_early_by_a_writer_whose_clock_is_wrong(
    world: DynamoDbWorld, wrong_by: float
) -> None:
    owner, other = world.writer(0), world.writer(wrong_by)
    await owner.claim("key", Claiming("a", "payload", 60))
    await owner.complete("key", "a", 3600)

    await world.wait(3599)

    assert await other.claim("key", Claiming("b", "payload", 60)) == Finished("payload")


async def test_an_item_is_small_and_dynamodb_may_delete_it_only_when_it_is_over(
    moto: str, world: DynamoDbWorld
) -> None:
    client = cast("Any", boto3).client("dynamodb", endpoint_url=moto)
    table = world.table
    await world.store.claim("k" * 64, Claiming("o" * 32, "f" * 64, 60))
    in_progress = client.get_item(TableName=table, Key={"id": {"S": "k" * 64}})["Item"]
    await world.store.complete("k" * 64, "o" * 32, 3600)
    finished = client.get_item(TableName=table, Key={"id": {"S": "k" * 64}})["Item"]
    described = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    client.close()

    assert described == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    for item, over in ((in_progress, 60), (finished, 3600)):
        assert int(item["expires"]["N"]) == round((world.clock.epoch + over) * 1000)
        assert int(item["ttl"]["N"]) >= world.clock.epoch + over + MAX_SKEW
        assert size_of(item) < 300


def size_of(item: Mapping[str, Mapping[str, str]]) -> int:
    return sum(len(name) + len(text) for name, value in item.items() for text in value.values())


async def test_a_table_is_made_once(moto: str) -> None:
    url = f"dynamodb://made-twice?endpoint={moto}"

    await create_table(url)
    await create_table(url)

    async with open_store(url) as store:
        assert await store.claim("key", Claiming("a", "payload", 60)) == Claimed()


@pytest.mark.parametrize("scheme", ["dynamodb", "dynamodb+boto3"])
async def test_a_table_that_there_is_not_is_a_backend_error(moto: str, scheme: str) -> None:
    async with open_store(f"{scheme}://nowhere?endpoint={moto}") as store:
        with pytest.raises(BackendError, match="PutItem on table 'nowhere' failed: ResourceNotFoundException"):
            await store.claim("key", Claiming("a", "payload", 60))


@pytest.mark.parametrize(
    "url", ["dynamodb://", "dynamodb://table/other", "dynamodb://table?skew=soon", "dynamodb://table?size=1"]
)
async def test_a_url_that_says_something_else_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="write dynamodb://"):
        async with open_store(url):
            pass
