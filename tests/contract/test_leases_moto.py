"""The DynamoDB store of leases keeps the promises of the port on moto."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings

from eventkit.streams.leases import Lease
from eventkit.testing.leases import LeasesContract
from eventkit_aws.leases import DynamoLeases
from tests.contract.lease_tables import LEASES, new_store


class TestMoto(LeasesContract):
    @pytest.fixture
    async def store(self, moto: str) -> AsyncIterator[DynamoLeases]:
        async with new_store(moto) as store:
            yield store


def test_any_lease_is_read_as_it_was_written(moto: str) -> None:
    with asyncio.Runner() as runner:
        opened = new_store(moto)
        store = runner.run(opened.__aenter__())

        @settings(max_examples=100)
        @given(lease=LEASES)
        def check(lease: Lease) -> None:
            runner.run(comes_back(store, lease))

        check()
        runner.run(opened.__aexit__(None, None, None))


async def comes_back(store: DynamoLeases, lease: Lease) -> None:
    assert await store.create(lease)
    assert await store.read(lease) == lease
    assert list(await store.leases(lease.group, lease.stream)) == [lease]
    assert await store.delete(lease)
