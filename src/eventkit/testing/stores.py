"""The suite with which a store proves that it keeps what `eventkit.stores` promises. It needs pytest-asyncio.

A store's author writes a class and a fixture::

    pytest.register_assert_rewrite("eventkit.testing.stores")     # in conftest.py, for failures that explain

    class TestMyStore(StoreContract):
        @pytest.fixture
        async def world(self) -> AsyncIterator[StoreWorld]:
            ...
"""
# ruff: noqa: S101 - assert is how pytest tests

import asyncio
from typing import ClassVar, Protocol

import pytest

from eventkit.stores import Claimed, Claiming, Finished, IdempotencyStore, InProgress

__all__ = ["StoreContract", "StoreWorld"]

LEASE = 60.0
TTL = 3600.0
LONG = 86_400.0
"""Seconds after which no clock doubts that a lease or a time to live is over."""

CALLERS = 50


class StoreWorld(Protocol):
    """A store, and its time; each test gets a world of its own."""

    @property
    def store(self) -> IdempotencyStore:
        """The store under test, without records."""
        ...

    async def wait(self, seconds: float) -> None:
        """Let so much time pass for the store, and none for the test."""
        ...


class StoreContract:
    """One promise per test."""

    pytestmark: ClassVar[pytest.MarkDecorator] = pytest.mark.asyncio

    @pytest.fixture
    def world(self) -> StoreWorld:
        """Overridden by the subclass."""
        raise NotImplementedError("a subclass of StoreContract has a fixture `world`")

    async def test_a_key_is_claimed_once(self, world: StoreWorld) -> None:
        """The first claim has the key; the second is told what was claimed, and for how long."""
        first = await claim(world, "a", fingerprint="payload")
        second = await claim(world, "b", fingerprint="another")

        assert first == Claimed()
        assert isinstance(second, InProgress)
        assert second.fingerprint == "payload"
        assert LEASE / 2 < second.remaining < LONG

    async def test_keys_are_independent(self, world: StoreWorld) -> None:
        """A claim on one key is none on another."""
        await claim(world, "a", key="one")

        assert await claim(world, "b", key="two") == Claimed()

    async def test_of_many_callers_one_has_the_key(self, world: StoreWorld) -> None:
        """Claims at the same time do not pass each other."""
        found = await asyncio.gather(*(claim(world, f"caller {number}") for number in range(CALLERS)))

        assert found.count(Claimed()) == 1

    async def test_what_is_finished_stays_so(self, world: StoreWorld) -> None:
        """A finished key is claimed no more, and says with which payload it was finished."""
        await claim(world, "a", fingerprint="payload")

        assert await world.store.complete("key", "a", TTL)

        await world.wait(TTL / 2)
        assert await claim(world, "b", fingerprint="another") == Finished("payload")

    async def test_what_is_finished_is_forgotten_after_its_time(self, world: StoreWorld) -> None:
        """When its time to live is over, the key can be claimed."""
        await claim(world, "a")
        await world.store.complete("key", "a", TTL)

        await world.wait(LONG)

        assert await claim(world, "b") == Claimed()

    async def test_what_is_released_is_free(self, world: StoreWorld) -> None:
        """A key that its owner releases can be claimed at once, and the owner has it no more."""
        await claim(world, "a")

        assert await world.store.release("key", "a")

        assert not await world.store.complete("key", "a", TTL)
        assert await claim(world, "b") == Claimed()

    async def test_a_lease_that_is_over_is_taken_over(self, world: StoreWorld) -> None:
        """After a crash the key can be claimed, and is the new owner's."""
        await claim(world, "a")

        await world.wait(LONG)

        assert await claim(world, "b") == Claimed()
        assert isinstance(await claim(world, "c"), InProgress)

    async def test_a_lease_without_time_is_over_soon(self, world: StoreWorld) -> None:
        """A lease of no seconds is not taken for one without an end."""
        await claim(world, "a", lease=0.0)

        await world.wait(LONG)

        assert await claim(world, "b") == Claimed()

    async def test_a_renewed_lease_holds(self, world: StoreWorld) -> None:
        """A lease that is renewed outlives its first end."""
        await claim(world, "a")
        for _ in range(3):
            await world.wait(LEASE * 2 / 3)
            assert await world.store.renew("key", "a", LEASE)

        assert isinstance(await claim(world, "b"), InProgress)

    @pytest.mark.parametrize("finished", [False, True])
    async def test_an_owner_that_was_succeeded_changes_nothing(self, world: StoreWorld, *, finished: bool) -> None:
        """A frozen owner that goes on after its lease neither renews, nor finishes, nor releases another's key."""
        await claim(world, "frozen")
        await world.wait(LONG)
        await claim(world, "b", fingerprint="b's")
        if finished:
            await world.store.complete("key", "b", TTL)

        assert not await world.store.renew("key", "frozen", LONG)
        assert not await world.store.complete("key", "frozen", TTL)
        assert not await world.store.release("key", "frozen")

        found = await claim(world, "c")
        assert isinstance(found, Finished if finished else InProgress)
        assert found.fingerprint == "b's"

    async def test_an_owner_that_comes_late_finishes_where_nobody_took_its_place(self, world: StoreWorld) -> None:
        """A lease that is over is no reason to do the work again, as long as nobody has begun to."""
        await claim(world, "a", fingerprint="payload")
        await world.wait(LEASE * 10)

        assert await world.store.renew("key", "a", LEASE)
        await world.wait(LEASE * 10)
        assert await world.store.complete("key", "a", TTL)

        assert await claim(world, "b") == Finished("payload")

    async def test_a_stranger_changes_nothing(self, world: StoreWorld) -> None:
        """Without the owner's token no verb has an effect, and none makes a record."""
        for key in ("key", "none"):
            if key == "key":
                await claim(world, "a")

            assert not await world.store.renew(key, "stranger", LONG)
            assert not await world.store.complete(key, "stranger", TTL)
            assert not await world.store.release(key, "stranger")

        assert isinstance(await claim(world, "b"), InProgress)
        assert await claim(world, "b", key="none") == Claimed()

    async def test_what_is_finished_is_neither_renewed_nor_released(self, world: StoreWorld) -> None:
        """Its own owner cannot make a finished key claimable again."""
        await claim(world, "a", fingerprint="payload")
        await world.store.complete("key", "a", TTL)

        assert not await world.store.renew("key", "a", LEASE)
        assert not await world.store.release("key", "a")

        assert await claim(world, "b") == Finished("payload")

    async def test_a_call_that_is_repeated_succeeds_again(self, world: StoreWorld) -> None:
        """An answer that was lost on the way does no harm: the same call with the same token says the same."""
        assert await claim(world, "a") == Claimed()
        assert await claim(world, "a") == Claimed()
        assert await world.store.complete("key", "a", TTL)
        assert await world.store.complete("key", "a", TTL)

        assert await claim(world, "b") == Finished("payload")


async def claim(
    world: StoreWorld, owner: str, *, key: str = "key", fingerprint: str = "payload", lease: float = LEASE
) -> Claimed | InProgress | Finished:
    """Claim a key of this world."""
    return await world.store.claim(key, Claiming(owner, fingerprint, lease))
