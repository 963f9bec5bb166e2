"""The memory store of leases keeps the promises of the port."""

import pytest

from eventkit.errors import ConfigurationError
from eventkit.streams.leases import Lease
from eventkit.streams.memory_leases import MemoryLeases, open_leases
from eventkit.testing.leases import LeasesContract


class TestMemory(LeasesContract):
    @pytest.fixture
    def store(self) -> MemoryLeases:
        return MemoryLeases()


async def test_each_url_opens_a_store_of_its_own() -> None:
    lease = Lease("app", "arn", "shard")
    async with open_leases("memory://") as one, open_leases("memory://") as other:
        assert await one.create(lease)
        assert await other.create(lease)


@pytest.mark.parametrize("url", ["memory://name", "memory:///name", "memory://?create=true"])
async def test_an_option_that_there_is_not_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="takes no options"):
        async with open_leases(url):
            pass
