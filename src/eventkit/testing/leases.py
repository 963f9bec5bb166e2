"""The suite with which a store proves that it keeps what `eventkit.streams.leases` promises. It needs pytest-asyncio.

A store's author writes a class and a fixture::

    pytest.register_assert_rewrite("eventkit.testing.leases")     # in conftest.py, for failures that explain

    class TestMyLeases(LeasesContract):
        @pytest.fixture
        async def store(self) -> AsyncIterator[LeaseStore]:
            ...
"""
# ruff: noqa: S101 - assert is how pytest tests

import asyncio
from typing import ClassVar

import pytest

from eventkit.streams.leases import Lease, LeaseStore
from eventkit.streams.positions import SHARD_END, TRIM_HORIZON, After, Since
from eventkit.values import replace

__all__ = ["LeasesContract"]

STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"
TABLE_STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2025-01-01T00:00:00.000"

FREE = Lease("app", STREAM, "shardId-000000000000")
OWNED = replace(FREE, owner="a", counter=7)

ROUND_TRIPS = {
    "nothing more than its key": FREE,
    "the oldest record": replace(FREE, checkpoint=TRIM_HORIZON),
    "a moment": replace(FREE, checkpoint=Since(1700000000.1 + 0.2)),
    "a sequence number": replace(FREE, checkpoint=After("49590338271490256608559692538361571095921575989136588898")),
    "leading zeros": replace(FREE, checkpoint=After("000000000000000000001")),
    "the end": replace(FREE, checkpoint=SHARD_END),
    "one parent": replace(FREE, parents=("shardId-000000000009",)),
    "two parents in their order": replace(FREE, parents=("shardId-000000000009", "shardId-000000000008")),
    "an owner": OWNED,
    "an owner and a claimant": replace(OWNED, claimant="b"),
    "other alphabets": replace(OWNED, group="größe 🌍", owner="ä", claimant="日本"),
    "a large counter": replace(FREE, counter=2**63),
    "times": replace(FREE, time=1700000000.123456, behind=0.1),
    "times that are zero": replace(FREE, time=0.0, behind=0.0),
    "times that are very small and very large": replace(FREE, time=1.7976931348623157e308, behind=5e-324),
    "everything": Lease(
        "app",
        TABLE_STREAM,
        "shardId-00000001700000000000-0123abcd",
        parents=("shardId-00000001600000000000-0123abcd",),
        checkpoint=After("100000000003498069978"),
        owner="a",
        counter=12,
        claimant="b",
        time=1700000000.0,
        behind=1.25,
    ),
}

OTHERS = {
    "another owner": replace(OWNED, owner="b"),
    "no owner": replace(OWNED, owner=None),
    "a counter of before": replace(OWNED, counter=6),
    "a counter that is still to come": replace(OWNED, counter=8),
}
"""What a lease is not that is `OWNED`."""

CROWD = 20
CHANGES = 5
"""How often each of a few changes a lease."""

LONG = "w" * 20_000
MANY = 60
"""So many leases of an owner with so long a name take more than a megabyte, the page of DynamoDB."""


class LeasesContract:
    """One promise per test."""

    pytestmark: ClassVar[pytest.MarkDecorator] = pytest.mark.asyncio

    @pytest.fixture
    def store(self) -> LeaseStore:
        """A store without leases for each test. Overridden by the subclass."""
        raise NotImplementedError("a subclass of LeasesContract has a fixture `store`")

    async def test_what_is_not_there_is_none(self, store: LeaseStore) -> None:
        """A shard without a lease has none, and a group without leases has an empty list."""
        assert await store.read(FREE) is None
        assert list(await store.leases(FREE.group, FREE.stream)) == []

    @pytest.mark.parametrize("lease", ROUND_TRIPS.values(), ids=ROUND_TRIPS.keys())
    async def test_every_field_is_kept(self, store: LeaseStore, lease: Lease) -> None:
        """A lease is read and listed as it was created, numbers exactly, and so it is after a swap."""
        before = Lease(lease.group, lease.stream, lease.shard, owner="before", claimant="z", counter=1, behind=2.5)

        assert await store.create(lease)
        created, listed = await store.read(lease), await store.leases(lease.group, lease.stream)
        assert await store.delete(lease)
        assert await store.create(before)
        assert await store.swap(before, lease)

        assert created == lease
        assert list(listed) == [lease]
        assert await store.read(lease) == lease

    async def test_a_lease_is_created_once(self, store: LeaseStore) -> None:
        """The second one to create a lease is told that there is one, even where it is the same."""
        assert await store.create(OWNED)

        assert not await store.create(OWNED)
        assert not await store.create(replace(OWNED, owner="b", counter=8))
        assert await store.read(FREE) == OWNED

    async def test_of_many_creators_one_succeeds(self, store: LeaseStore) -> None:
        """Processes that find a shard at the same time make one lease for it, which is the winner's."""
        wanted = [replace(FREE, owner=f"creator {number}") for number in range(CROWD)]

        done = await asyncio.gather(*(store.create(lease) for lease in wanted))

        assert done.count(True) == 1
        assert await store.read(FREE) == wanted[done.index(True)]

    async def test_a_free_lease_is_taken_and_given_back(self, store: LeaseStore) -> None:
        """No owner is a state like any other."""
        await store.create(FREE)
        taken, given_back = replace(FREE, owner="a", counter=1), replace(FREE, counter=2)

        assert await store.swap(FREE, taken)
        assert await store.read(FREE) == taken
        assert await store.swap(taken, given_back)
        assert await store.read(FREE) == given_back

    @pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
    async def test_a_lease_that_was_changed_is_neither_swapped_nor_deleted(
        self, store: LeaseStore, other: Lease
    ) -> None:
        """Owner and counter must both be the same as when the lease was read."""
        await store.create(OWNED)

        assert not await store.swap(other, replace(other, counter=9))
        assert not await store.delete(other)

        assert await store.read(OWNED) == OWNED

    async def test_a_free_lease_is_not_an_owned_one(self, store: LeaseStore) -> None:
        """An owner whose lease was taken from it and given back has it no more, whatever the counter."""
        await store.create(FREE)
        other = replace(FREE, owner="a")

        assert not await store.swap(other, replace(other, counter=9))
        assert not await store.delete(other)

        assert await store.read(FREE) == FREE

    async def test_nothing_is_compared_but_owner_and_counter(self, store: LeaseStore) -> None:
        """A caller need not know the rest of what it changes or deletes."""
        await store.create(replace(OWNED, checkpoint=After("5"), claimant="b", parents=("parent",), behind=3.0))
        new = replace(OWNED, counter=8)

        assert await store.swap(OWNED, new)
        assert await store.read(OWNED) == new
        assert await store.delete(replace(new, checkpoint=SHARD_END, claimant="c"))

    async def test_what_is_not_there_is_neither_swapped_nor_deleted(self, store: LeaseStore) -> None:
        """A swap makes no lease."""
        assert not await store.swap(FREE, replace(FREE, owner="a", counter=1))
        assert not await store.delete(FREE)

        assert await store.read(FREE) is None

    async def test_what_was_deleted_can_be_created(self, store: LeaseStore) -> None:
        """A deleted lease is gone, and leaves nothing behind."""
        await store.create(OWNED)

        assert await store.delete(OWNED)
        assert await store.read(OWNED) is None
        assert not await store.delete(OWNED)
        assert not await store.swap(OWNED, replace(OWNED, counter=8))
        assert list(await store.leases(OWNED.group, OWNED.stream)) == []
        assert await store.create(FREE)
        assert await store.read(OWNED) == FREE

    async def test_groups_streams_and_shards_are_apart(self, store: LeaseStore) -> None:
        """What is done to one lease is done to no other, however alike the names are."""
        everything = [
            Lease(group, stream, shard, owner=f"owner {number}")
            for number, (group, stream, shard) in enumerate(
                (group, stream, shard)
                for group in ("app", "app ", "app arn", "APP", f"app {STREAM}")
                for stream in (STREAM, STREAM + "2", TABLE_STREAM)
                for shard in ("shard", "shard-2", "SHARD")
            )
        ]
        for lease in everything:
            assert await store.create(lease)
        swapped = {lease: replace(lease, counter=1) for lease in everything[::3]}
        for old, new in swapped.items():
            assert await store.swap(old, new)
        for lease in everything[1::3]:
            assert await store.delete(lease)

        kept = {swapped.get(lease, lease) for lease in (*everything[::3], *everything[2::3])}
        places = {(lease.group, lease.stream) for lease in everything}
        listed = [(place, lease) for place in places for lease in await store.leases(*place)]

        assert len(listed) == len(kept)
        assert {lease for _, lease in listed} == kept
        assert all(place == (lease.group, lease.stream) for place, lease in listed)

    async def test_the_list_is_complete(self, store: LeaseStore) -> None:
        """However many leases there are and however large, each is listed once."""
        wanted = {replace(FREE, shard=f"shard {number:05}", owner=LONG) for number in range(MANY)}
        for lease in wanted:
            await store.create(lease)

        listed = await store.leases(FREE.group, FREE.stream)

        assert len(listed) == MANY
        assert set(listed) == wanted

    async def test_what_was_written_is_read_at_once(self, store: LeaseStore) -> None:
        """Whoever reads or lists after a change sees it."""
        lease = FREE
        await store.create(lease)
        for number in range(1, CROWD):
            new = replace(lease, owner=f"owner {number}", counter=number)
            assert await store.swap(lease, new)
            assert await store.read(lease) == new
            assert list(await store.leases(lease.group, lease.stream)) == [new]
            lease = new

    @pytest.mark.parametrize("found", [FREE, OWNED], ids=["free", "owned"])
    async def test_of_many_swaps_at_the_same_time_one_succeeds(self, store: LeaseStore, found: Lease) -> None:
        """Of all who have read the same lease, one changes it, and it is as that one has written it."""
        await store.create(found)
        wanted = [replace(found, owner=f"taker {number}", counter=found.counter + 1) for number in range(CROWD)]

        done = await asyncio.gather(*(store.swap(found, new) for new in wanted))

        assert done.count(True) == 1
        assert await store.read(found) == wanted[done.index(True)]

    async def test_of_many_equal_swaps_at_the_same_time_one_succeeds(self, store: LeaseStore) -> None:
        """That the lease is as a caller wanted it does not mean that the caller has changed it."""
        await store.create(OWNED)
        new = replace(OWNED, owner=None, counter=8)

        done = await asyncio.gather(*(store.swap(OWNED, new) for _ in range(CROWD)))

        assert done.count(True) == 1

    async def test_of_a_swap_and_a_deletion_at_the_same_time_one_succeeds(self, store: LeaseStore) -> None:
        """A lease that is deleted is not changed, and the other way round."""
        await store.create(OWNED)
        new = replace(OWNED, counter=8)

        swapped, deleted = await asyncio.gather(store.swap(OWNED, new), store.delete(OWNED))

        assert swapped is not deleted
        assert await store.read(OWNED) == (new if swapped else None)

    async def test_no_change_is_lost(self, store: LeaseStore) -> None:
        """Several who read, change and swap until they succeed count together."""
        await store.create(FREE)

        async def change_it(owner: str) -> None:
            done = 0
            while done < CHANGES:
                found = await store.read(FREE)
                assert found is not None
                done += await store.swap(found, replace(found, owner=owner, counter=found.counter + 1))
                await asyncio.sleep(0)  # a store in memory lets nobody else run

        await asyncio.gather(*(change_it(f"owner {number}") for number in range(4)))

        found = await store.read(FREE)
        assert found is not None
        assert found.counter == 4 * CHANGES

    async def test_an_owner_that_was_frozen_changes_nothing(self, store: LeaseStore) -> None:
        """Who goes on after another one has taken the lease neither moves its checkpoint, nor gives it away."""
        await store.create(OWNED)
        taken = replace(OWNED, owner="b", counter=8, checkpoint=After("9"))
        assert await store.swap(OWNED, taken)

        assert not await store.swap(OWNED, replace(OWNED, counter=8, checkpoint=After("5")))
        assert not await store.swap(OWNED, replace(OWNED, counter=8, checkpoint=SHARD_END, owner=None))
        assert not await store.delete(OWNED)

        assert await store.read(OWNED) == taken
