import asyncio

import pytest

from eventkit_poller.settings import Settings
from eventkit_poller.slots import GATHER, Ask, Slots, asking


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_as_many_slots_are_taken_as_are_free_and_asked_for() -> None:
    slots = Slots(12)

    taken = [await slots.take(10), await slots.take(2)]

    assert (taken, slots.free) == ([10, 2], 0)


async def test_whoever_asks_waits_for_the_first_slot() -> None:
    slots = Slots(1)
    await slots.take(1)
    asyncio.get_running_loop().call_later(7, slots.give, 1)

    taken = await slots.take(10)

    assert (taken, now()) == (1, 7)


async def test_slots_that_come_one_by_one_are_gathered_to_half_a_batch() -> None:
    slots = Slots(10)
    await slots.take(10)
    for place in range(10):
        asyncio.get_running_loop().call_later(place * GATHER / 10, slots.give, 1)

    taken = await slots.take(10)

    assert taken == 5
    assert now() == pytest.approx(4 * GATHER / 10)


async def test_gathering_has_an_end() -> None:
    slots = Slots(10)
    await slots.take(10)
    slots.give(2)

    taken = await slots.take(10)

    assert (taken, now()) == (2, GATHER)


async def test_slots_are_taken_in_turn() -> None:
    slots = Slots(4)
    await slots.take(4)
    order: list[str] = []

    async def ask(name: str) -> None:
        await slots.take(4)
        order.append(name)

    async with asyncio.TaskGroup() as group:
        for name in ("a", "b", "c"):
            group.create_task(ask(name))
        await asyncio.sleep(1)
        for _ in range(3):
            slots.give(4)
            await asyncio.sleep(1)

    assert order == ["a", "b", "c"]


async def test_a_queues_slots_lie_within_those_of_the_process() -> None:
    process = Slots(5)
    first, second = Slots(4, process), Slots(4, process)

    taken = [await first.take(10), await second.take(10)]
    first.give(4)

    assert (taken, first.free, second.free, process.free) == ([4, 1], 4, 3, 4)


async def test_giving_up_takes_no_slot() -> None:
    process = Slots(1)
    queue = Slots(4, process)
    await process.take(1)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await queue.take(4)
    process.give(1)

    assert (queue.free, process.free, await queue.take(4)) == (4, 1, 1)


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
