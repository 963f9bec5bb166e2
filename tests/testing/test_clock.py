"""The clock that a test moves."""

import asyncio

import pytest

from eventkit.testing import VirtualClock


async def test_it_stands_still_until_it_is_told() -> None:
    clock = VirtualClock()
    waiting = asyncio.create_task(clock.wait(asyncio.Event(), 10))
    await asyncio.sleep(0)

    clock.advance(9)
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.advance(1)
    await waiting

    assert clock.now() == 10


async def test_an_event_ends_a_wait() -> None:
    clock, event = VirtualClock(), asyncio.Event()
    waiting = asyncio.create_task(clock.wait(event, 10))
    await asyncio.sleep(0)

    event.set()
    await waiting

    assert clock.now() == 0


async def test_it_jumps_from_alarm_to_alarm() -> None:
    clock = VirtualClock(autojump=True)
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.wait(asyncio.Event(), seconds)
        woken.append((name, clock.now()))

    await asyncio.gather(sleeper("late", 20), sleeper("early", 5), sleeper("middle", 10))

    assert woken == [("early", 5), ("middle", 10), ("late", 20)]


async def test_it_does_not_jump_while_somebody_works() -> None:
    clock, event = VirtualClock(autojump=True), asyncio.Event()

    async def worker() -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        event.set()

    await asyncio.gather(clock.wait(event, 60), worker())

    assert clock.now() == 0


async def test_a_wait_that_was_cancelled_is_forgotten() -> None:
    clock, event = VirtualClock(), asyncio.Event()
    waiting = asyncio.create_task(clock.wait(event, 10))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    clock.advance(10)

    assert not event.is_set()
