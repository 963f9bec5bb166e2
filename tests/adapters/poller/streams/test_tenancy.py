"""A lease is changed only while it is this process's, whatever happens to calls and answers (S4)."""

import asyncio
from collections import deque
from enum import Enum
from random import Random
from typing import cast

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from eventkit.errors import BackendError
from eventkit.streams.leases import Lease
from eventkit.streams.memory_leases import MemoryLeases
from eventkit.streams.positions import SHARD_END, TRIM_HORIZON, After, Checkpoint, is_progress
from eventkit.testing.loop import VirtualLoop
from eventkit.values import replace
from eventkit_poller.settings import Timing
from eventkit_poller.streams.settings import SharingSettings
from eventkit_poller.streams.tenancy import Ending, Tenancy

FAILOVER = 12.0
MINE = Lease("app", "arn", "shard", owner="me", counter=1)


class Fault(Enum):
    REFUSED = "the call has no effect"
    LOST = "the call has its effect, and the answer is lost"
    HANGS = "there is never an answer, and no effect"
    NONE = "all is well"


class Store(MemoryLeases):
    """Keeps one lease, and has faults."""

    def __init__(self) -> None:
        super().__init__()
        self.swaps: deque[Fault] = deque()
        self.reads: deque[Fault] = deque()
        self.is_out = False
        self.written: list[Lease] = []
        """What was written by the process that is tested."""
        self.tries = 0

    @property
    def lease(self) -> Lease:
        return self._leases["app", "arn", "shard"]

    @lease.setter
    def lease(self, lease: Lease) -> None:
        self._leases["app", "arn", "shard"] = lease

    def claim(self, claimant: str) -> None:
        self.lease = replace(self.lease, claimant=claimant, counter=self.lease.counter + 1)

    def steal(self, owner: str) -> None:
        self.lease = replace(self.lease, owner=owner, claimant=None, counter=self.lease.counter + 1)

    async def swap(self, old: Lease, new: Lease) -> bool:
        self.tries += 1
        fault = await self._fault(self.swaps)
        is_done = await super().swap(old, new)
        self.written += [new] if is_done else []
        if fault is Fault.LOST:
            raise BackendError("the answer is lost")
        return is_done

    async def read(self, lease: Lease) -> Lease | None:
        await self._fault(self.reads)
        return await super().read(lease)

    async def _fault(self, faults: deque[Fault]) -> Fault:
        await asyncio.sleep(0.01)
        fault = faults.popleft() if faults else Fault.NONE
        if fault is Fault.REFUSED or self.is_out:
            raise BackendError("refused")
        if fault is Fault.HANGS:
            await asyncio.Event().wait()
        return fault


def tenancy_of(store: Store, lease: Lease = MINE) -> tuple[Tenancy, list[Ending | None]]:
    """A tenancy that has just begun, and what it tells of."""
    store.lease = lease
    loop = asyncio.get_running_loop()
    timing = Timing(loop.time, Random(1).random)  # noqa: S311 - it has to be repeatable
    tenancy = Tenancy(lease, loop.time(), store, SharingSettings("me", failover=FAILOVER), timing)
    told: list[Ending | None] = []
    tenancy.changed = lambda: told.append(tenancy.ending)
    return tenancy, told


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_a_renewal_that_is_due_keeps_the_lease_for_another_failover() -> None:
    store = Store()
    tenancy, _ = tenancy_of(store)
    await asyncio.sleep(4)

    assert await tenancy.renew()

    assert store.lease == replace(MINE, counter=2)
    assert (tenancy.due, tenancy.until) == (8, 16)


async def test_a_renewal_that_is_not_due_costs_no_call() -> None:
    store = Store()
    tenancy, _ = tenancy_of(store)

    assert await tenancy.renew()

    assert not store.written


async def test_a_checkpoint_is_a_renewal_too() -> None:
    store = Store()
    tenancy, _ = tenancy_of(store)
    tenancy.behind = lambda: 2.5
    await asyncio.sleep(3)

    assert await tenancy.checkpoint(After("5"), 1000.0)

    assert store.lease == replace(MINE, counter=2, checkpoint=After("5"), time=1000.0, behind=2.5)
    assert tenancy.until == 15


@pytest.mark.parametrize("position", [TRIM_HORIZON, After("4"), After("5")])
async def test_what_is_no_progress_is_not_written_and_a_renewal_says_how_far_it_is_behind(position: Checkpoint) -> None:
    store = Store()
    tenancy, _ = tenancy_of(store, replace(MINE, checkpoint=After("5"), behind=9.0))
    tenancy.behind = lambda: 0.0

    assert await tenancy.checkpoint(position, 1000.0)
    assert not store.written

    await asyncio.sleep(4)
    await tenancy.renew()
    assert store.lease == replace(MINE, counter=2, checkpoint=After("5"), behind=0.0)


async def test_a_change_whose_answer_is_lost_is_recognised_and_counts_from_its_first_attempt() -> None:
    store = Store()
    tenancy, told = tenancy_of(store)
    store.swaps.append(Fault.LOST)

    assert await tenancy.checkpoint(After("5"))

    assert [lease.counter for lease in store.written] == [2]
    assert tenancy.lease == store.lease
    assert tenancy.until == FAILOVER
    assert told == []


async def test_a_refusal_that_cannot_be_looked_into_at_once_is_looked_into_later() -> None:
    store = Store()
    tenancy, _ = tenancy_of(store)
    store.swaps.append(Fault.LOST)
    store.reads.extend([Fault.REFUSED, Fault.HANGS, Fault.REFUSED])

    assert await tenancy.checkpoint(After("5"))

    assert [lease.counter for lease in store.written] == [2]
    assert store.tries == 2


async def test_a_claim_is_adopted_and_the_change_is_made_on_top_of_it() -> None:
    store = Store()
    tenancy, told = tenancy_of(store)
    store.claim("other")
    await asyncio.sleep(4)

    assert await tenancy.checkpoint(After("5"))

    assert store.lease == replace(MINE, counter=3, checkpoint=After("5"), claimant="other")
    assert told == [None]
    assert tenancy.is_held


async def test_a_claim_alone_keeps_nothing_for_longer() -> None:
    store = Store()
    tenancy, _ = tenancy_of(store)
    store.claim("other")
    store.swaps.extend([Fault.NONE, *[Fault.REFUSED] * 100])
    await asyncio.sleep(4)

    assert not await tenancy.renew()

    assert now() == FAILOVER
    assert tenancy.ending is Ending.LOST


async def test_a_claim_on_top_of_a_change_whose_answer_was_lost_undoes_nothing() -> None:
    store = Store()
    tenancy, _ = tenancy_of(store)
    store.swaps.append(Fault.LOST)
    asyncio.get_running_loop().call_later(0.011, store.claim, "other")

    assert await tenancy.checkpoint(After("5"))

    assert store.lease == replace(MINE, counter=3, checkpoint=After("5"), claimant="other")


@pytest.mark.parametrize("first", range(4))
async def test_a_lease_that_is_anothers_is_lost_once_and_never_written(first: int) -> None:
    store = Store()
    tenancy, told = tenancy_of(store)
    store.steal("other")
    await asyncio.sleep(4)

    verbs = [tenancy.renew, lambda: tenancy.checkpoint(After("5")), tenancy.finish, tenancy.release]
    assert not any([await verb() for verb in (*verbs[first:], *verbs[:first])])

    assert told == [Ending.LOST]
    assert not tenancy.is_held
    assert not store.written


async def test_a_lease_that_is_gone_is_lost() -> None:
    store = Store()
    tenancy, _ = tenancy_of(store)
    await store.delete(store.lease)

    assert not await tenancy.checkpoint(After("5"))
    assert tenancy.ending is Ending.LOST


async def test_a_lease_that_could_not_be_renewed_for_the_failover_is_lost_at_that_moment() -> None:
    store = Store()
    tenancy, told = tenancy_of(store)
    store.is_out = True
    await asyncio.sleep(4)

    assert not await tenancy.renew()

    assert now() == FAILOVER
    assert told == [Ending.LOST]
    store.is_out = False
    assert not await tenancy.checkpoint(After("5"))
    assert not store.written


async def test_an_outage_that_ends_in_time_costs_nothing() -> None:
    store = Store()
    tenancy, told = tenancy_of(store)
    store.is_out = True
    asyncio.get_running_loop().call_later(10, setattr, store, "is_out", False)  # noqa: FBT003 - setattr's
    await asyncio.sleep(4)

    assert await tenancy.renew()

    assert told == []
    assert tenancy.until > 10 + FAILOVER - 0.1


async def test_a_call_that_hangs_is_made_again_in_time() -> None:
    store = Store()
    tenancy, _ = tenancy_of(store)
    store.swaps.extend([Fault.HANGS, Fault.HANGS])
    await asyncio.sleep(4)

    assert await tenancy.renew()


async def test_a_process_that_was_frozen_writes_nothing_when_it_goes_on() -> None:
    store = Store()
    tenancy, told = tenancy_of(store)
    cast("VirtualLoop", asyncio.get_running_loop()).block(3 * FAILOVER)

    assert not tenancy.is_held
    assert not await tenancy.checkpoint(After("5"))

    assert told == [Ending.LOST]
    assert not store.written


async def test_a_shard_that_ends_is_nobodys_and_finished() -> None:
    store = Store()
    tenancy, told = tenancy_of(store, replace(MINE, claimant="other", behind=1.0))

    assert await tenancy.finish()

    assert store.lease == replace(MINE, counter=2, owner=None, checkpoint=SHARD_END)
    assert told == [Ending.FINISHED]
    assert not await tenancy.checkpoint(After("5"))


@pytest.mark.parametrize("claimant", [None, "other"])
async def test_a_lease_is_given_to_who_has_asked_for_it_or_to_nobody(claimant: str | None) -> None:
    store = Store()
    tenancy, told = tenancy_of(store, replace(MINE, claimant=claimant))

    assert await tenancy.release()

    assert store.lease == replace(MINE, counter=2, owner=claimant)
    assert told == [Ending.LEFT]
    assert not await tenancy.renew()


async def test_a_claim_that_comes_between_is_served_by_the_release() -> None:
    store = Store()
    tenancy, _ = tenancy_of(store)
    store.claim("other")

    assert await tenancy.release()

    assert store.lease.owner == "other"


async def test_changes_at_once_are_made_one_after_the_other() -> None:
    store = Store()
    tenancy, told = tenancy_of(store)
    store.swaps.extend([Fault.LOST, Fault.NONE, Fault.REFUSED])

    answers = await asyncio.gather(*(tenancy.checkpoint(After(str(number))) for number in (1, 3, 2, 5, 4)))

    assert all(answers)
    assert [lease.checkpoint for lease in store.written] == [After("1"), After("3"), After("5")]
    assert told == []


@pytest.mark.parametrize("after", [0.005, 0.015])
async def test_a_change_that_is_cancelled_spoils_nothing(after: float) -> None:
    store = Store()
    tenancy, told = tenancy_of(store)
    store.swaps.append(Fault.LOST)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(after):
            await tenancy.checkpoint(After("5"))

    assert await tenancy.checkpoint(After("6"))

    assert store.lease.checkpoint == After("6")
    assert told == []


class Model(RuleBasedStateMachine):
    """A tenancy with rivals, faults and a clock that goes on, in any order."""

    @initialize()
    def begin(self) -> None:
        self.loop = VirtualLoop()
        self.store = Store()
        self.tenancy = self.loop.run_until_complete(self._begin())
        self.tenancy.changed = self._changed
        self.endings: list[int] = []
        """How many writes there had been at each ending that was told."""
        self.is_honest = True
        """Whether nobody has taken the lease before its time."""
        self.checkpoint_seen: Checkpoint = TRIM_HORIZON

    async def _begin(self) -> Tenancy:
        return tenancy_of(self.store)[0]

    def _changed(self) -> None:
        if self.tenancy.ending is not None:
            self.endings.append(len(self.store.written))

    @rule(swaps=st.lists(st.sampled_from(Fault), max_size=4), reads=st.lists(st.sampled_from(Fault), max_size=2))
    def trouble(self, swaps: list[Fault], reads: list[Fault]) -> None:
        self.store.swaps.extend(swaps)
        self.store.reads.extend(reads)

    @rule(position=st.integers(1, 30))
    def checkpoint(self, position: int) -> None:
        if self.loop.run_until_complete(self.tenancy.checkpoint(After(str(position)))):
            assert not is_progress(self.store.lease.checkpoint, After(str(position)))

    @rule(seconds=st.sampled_from([1.0, 4.0, 5.0, 20.0]))
    def pass_time(self, seconds: float) -> None:
        self.loop.run_for(seconds)

    @rule()
    def renew(self) -> None:
        if self.loop.run_until_complete(self.tenancy.renew()):
            assert self.tenancy.lease == self.store.lease or not self.is_honest or self.store.lease.claimant

    @rule(finish=st.booleans())
    def end(self, *, finish: bool) -> None:
        if self.loop.run_until_complete(self.tenancy.finish() if finish else self.tenancy.release()):
            assert self.tenancy.ending is (Ending.FINISHED if finish else Ending.LEFT)
            assert self.store.lease == self.tenancy.lease

    @rule()
    def claim(self) -> None:
        if self.store.lease.owner == "me" and self.store.lease.claimant is None:
            self.store.claim("rival")

    @precondition(lambda self: self.loop.time() >= self.tenancy.until)
    @rule()
    def take_over(self) -> None:
        self.store.steal("rival")

    @rule()
    def steal(self) -> None:
        """Nobody does this before the lease has expired; but if somebody did, no checkpoint would be lost by it."""
        self.is_honest = False
        self.store.steal("thief")

    @invariant()
    def no_checkpoint_goes_back(self) -> None:
        new = self.store.lease.checkpoint
        assert new == self.checkpoint_seen or is_progress(self.checkpoint_seen, new)
        self.checkpoint_seen = new

    @invariant()
    def it_ends_once_and_writes_nothing_after_that(self) -> None:
        assert self.endings == ([] if self.tenancy.ending is None else [len(self.store.written)])

    @invariant()
    def what_is_held_is_nobody_elses(self) -> None:
        assert not self.tenancy.is_held or not self.is_honest or self.store.lease.owner == "me"

    def teardown(self) -> None:
        self.loop.close()


TestModel = Model.TestCase
