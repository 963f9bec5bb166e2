"""The DynamoDB store of leases keeps the promises of the port on ministack."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from eventkit.testing.leases import LeasesContract
from eventkit_aws.leases import DynamoLeases
from eventkit_local.emulator import start_emulator
from tests.contract.lease_tables import new_store

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the emulator runs on Linux and macOS")


@pytest.fixture(scope="module")
def ministack() -> Iterator[str]:
    with start_emulator() as emulator:
        yield emulator.endpoint_url


class TestMinistack(LeasesContract):
    @pytest.fixture
    async def store(self, ministack: str) -> AsyncIterator[DynamoLeases]:
        async with new_store(ministack) as store:
            yield store
