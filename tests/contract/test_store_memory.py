"""The memory store keeps the promises of the port, on a clock that the suite moves."""

import pytest

from eventkit.errors import ConfigurationError
from eventkit.stores import Claimed, Claiming, open_store
from eventkit.stores.memory import FEW, LINGER, MemoryStore
from eventkit.testing import VirtualClock
from eventkit.testing.stores import StoreContract
from tests.contract.store_worlds import MemoryWorld


class TestMemory(StoreContract):
    @pytest.fixture
    def world(self) -> MemoryWorld:
        return MemoryWorld()


async def test_records_that_are_over_are_dropped() -> None:
    clock = VirtualClock()
    store = MemoryStore(clock.now)
    for round_ in range(10):
        for number in range(FEW):
            await store.claim(f"{round_}/{number}", Claiming("a", "payload", 60))
            await store.complete(f"{round_}/{number}", "a", 60)
        clock.advance(61)

    assert store.size <= 2 * FEW


async def test_what_is_in_progress_is_not_dropped_while_its_owner_may_come_late() -> None:
    clock = VirtualClock()
    store = MemoryStore(clock.now)
    await store.claim("late", Claiming("a", "payload", 60))
    clock.advance(LINGER)
    for number in range(FEW + 1):
        await store.claim(str(number), Claiming("b", "payload", 60))

    assert await store.complete("late", "a", 60)


async def test_each_url_opens_a_store_of_its_own() -> None:
    async with open_store("memory://") as one, open_store("memory://") as other:
        assert await one.claim("key", Claiming("a", "payload", 60)) == Claimed()
        assert await other.claim("key", Claiming("b", "payload", 60)) == Claimed()


@pytest.mark.parametrize("url", ["memory://name", "memory://?size=1"])
async def test_an_option_that_there_is_not_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="takes no options"):
        async with open_store(url):
            pass


def test_an_unknown_scheme_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"no idempotency store for 'etcd'; .* dynamodb://, .* redis://"):
        open_store("etcd://host")
