import asyncio

import pytest

from eventkit_poller.settings import Settings, Share
from eventkit_poller.slots import GATHER, Account, Ask, Slots, asking


def now() -> float:
    return asyncio.get_running_loop().time()


def account(weight: float = 1.0, priority: int = 0, most: int = 100) -> Account:
    return Account(Share(weight, priority), most)


def slots_of(size: int) -> Slots:
    return Slots(size, now)


async def test_as_many_slots_are_taken_as_are_free_and_asked_for() -> None:
    slots, queue = slots_of(12), account()

    taken = [await slots.take(10, queue), await slots.take(2, queue)]

    assert (taken, slots.free) == ([10, 2], 0)


async def test_whoever_asks_waits_for_the_first_slot() -> None:
    slots, queue = slots_of(1), account()
    await slots.take(1, queue)
    asyncio.get_running_loop().call_later(7, slots.give, 1, queue)

    taken = await slots.take(1, queue)

    assert (taken, now()) == (1, 7)


async def test_slots_that_come_one_by_one_are_gathered_to_half_a_batch() -> None:
    slots, queue = slots_of(10), account()
    await slots.take(10, queue)
    for place in range(10):
        asyncio.get_running_loop().call_later(place * GATHER / 10, slots.give, 1, queue)

    taken = await slots.take(10, queue)

    assert taken == 5
    assert now() == pytest.approx(4 * GATHER / 10)


async def test_gathering_has_an_end() -> None:
    slots, queue = slots_of(10), account()
    await slots.take(10, queue)
    slots.give(2, queue)

    taken = await slots.take(10, queue)

    assert (taken, now()) == (2, GATHER)


async def test_slots_are_taken_in_turn() -> None:
    slots, holder = slots_of(4), account()
    await slots.take(4, holder)
    order: list[str] = []

    async def ask(name: str) -> None:
        await slots.take(4, holder)
        order.append(name)

    async with asyncio.TaskGroup() as group:
        for name in ("a", "b", "c"):
            group.create_task(ask(name))
        await asyncio.sleep(1)
        for _ in range(3):
            slots.give(4, holder)
            await asyncio.sleep(1)

    assert order == ["a", "b", "c"]


async def test_a_queues_slots_lie_within_those_of_the_process() -> None:
    slots = slots_of(5)
    first, second = account(most=4), account(most=4)

    taken = [await slots.take(10, first), await slots.take(10, second)]
    slots.give(4, first)

    assert (taken, first.room, second.room, slots.free) == ([4, 1], 4, 3, 4)


async def test_a_queue_at_its_bound_does_not_keep_slots_from_others() -> None:
    slots = slots_of(10)
    full, other = account(most=2, priority=1), account()
    await slots.take(2, full)
    waiting = asyncio.create_task(slots.take(2, full))
    await asyncio.sleep(0)

    assert await slots.take(8, other) == 8

    slots.give(2, full)
    assert await waiting == 2


async def test_giving_up_takes_no_slot() -> None:
    slots, holder, queue = slots_of(1), account(), account()
    await slots.take(1, holder)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await slots.take(4, queue)
    slots.give(1, holder)

    assert (slots.free, await slots.take(4, queue)) == (1, 1)


async def test_who_is_cancelled_when_it_is_served_gives_back() -> None:
    slots, holder, queue = slots_of(1), account(), account()
    await slots.take(1, holder)
    waiting = asyncio.create_task(slots.take(1, queue))
    await asyncio.sleep(0)

    slots.give(1, holder)
    waiting.cancel()
    await asyncio.wait([waiting])

    assert (waiting.cancelled(), slots.free, queue.held) == (True, 1, 0)


async def used(slots: Slots, account: Account, seconds: float, log: list[float], until: float) -> None:
    """Be a queue that always has messages, whose handlers take about so long; note slot-seconds."""

    async def handle(number: int) -> None:
        length = seconds * (0.75 + number * 7 % 11 / 20)
        await asyncio.sleep(length)
        log.append(length)
        slots.give(1, account)

    async with asyncio.TaskGroup() as group:
        while now() < until:
            for number in range(await slots.take(10, account)):
                group.create_task(handle(number))


@pytest.mark.parametrize("weight", [1.0, 3.0, 0.5])
@pytest.mark.parametrize("slow", [0.1, 5.0])
async def test_queues_use_the_process_by_their_weights_however_slow_their_handlers_are(
    weight: float, slow: float
) -> None:
    slots = slots_of(10)
    mine: list[float] = []
    other: list[float] = []

    async with asyncio.TaskGroup() as group:
        group.create_task(used(slots, account(weight), 0.1, mine, 400))
        group.create_task(used(slots, account(), slow, other, 400))

    assert sum(mine) / sum(other) == pytest.approx(weight, rel=0.1)


async def test_a_queue_of_higher_priority_always_comes_first() -> None:
    slots = slots_of(10)
    first: list[float] = []
    second: list[float] = []

    async with asyncio.TaskGroup() as group:
        group.create_task(used(slots, account(priority=1), 0.1, first, 100))
        group.create_task(used(slots, account(weight=1000), 0.1, second, 100))

    assert sum(second) < 2
    assert sum(first) > 800


async def test_a_queue_that_was_idle_has_saved_nothing_up() -> None:
    slots = slots_of(10)
    busy: list[float] = []
    late: list[float] = []

    async with asyncio.TaskGroup() as group:
        group.create_task(used(slots, account(), 0.1, busy, 200))
        await asyncio.sleep(150)
        before = sum(busy)
        group.create_task(used(slots, account(), 0.1, late, 200))

    assert sum(late) == pytest.approx(sum(busy) - before, rel=0.1)


@pytest.mark.parametrize(
    ("alone", "eager", "ask"),
    [
        (True, False, Ask(10, 20)),
        (True, True, Ask(10, 20)),
        (False, False, Ask(1, 20)),
        (False, True, Ask(10, 0)),
    ],
)
def test_beside_others_a_receive_that_waits_holds_one_slot(alone: bool, eager: bool, ask: Ask) -> None:  # noqa: FBT001 - a table
    assert asking(Settings(), alone=alone, eager=eager) == ask
