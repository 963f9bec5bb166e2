"""What is held stays invisible to others; and what is not ours any more is let go."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from math import ceil
from typing import cast

import pytest

from eventkit import Reject, Retry
from eventkit.backends import Raw, Unsettled
from eventkit_poller import Extended, Failed, Lost, Observation, Settings, Summary
from tests.adapters.poller.harness import OUTAGE, Service, Slow, app_of, poller_of, running, until
from tests.adapters.poller.virtual import VirtualLoop


def now() -> float:
    return asyncio.get_running_loop().time()


async def by_seconds(text: str) -> None:
    await asyncio.sleep(float(text))


@pytest.mark.parametrize("visibility", [1.0, 3.0, 30.0])
async def test_a_handler_may_take_five_times_the_visibility_timeout(visibility: float) -> None:
    service = Service("jobs", visibility=visibility)
    seconds = 5 * visibility
    await service.send("jobs", *[str(seconds)] * 50)
    seen: list[Observation] = []

    poller = poller_of(app_of(by_seconds), service, Settings(concurrency=50), watch=seen.append)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert poller.summary == Summary(received=50, done=50)
    extended = sum(one.records for one in seen if isinstance(one, Extended))
    assert 50 * 10 <= extended <= 50 * (ceil(seconds / (visibility / 3)) + 1)
    assert service.count("extend") == extended / 10


async def test_records_that_come_one_by_one_share_extensions() -> None:
    service = Service("jobs", visibility=60)
    poller = poller_of(app_of(by_seconds), service, Settings(concurrency=50))
    async with running(poller):
        for _ in range(20):
            await service.send("jobs", "300")
            await asyncio.sleep(0.2)
        await until(lambda: service.memory.depth("jobs") == 0, 1000)

    assert poller.summary == Summary(received=20, done=20)
    assert service.count("extend") <= 2 * (ceil(300 / 20) + 1)


async def test_records_that_wait_for_their_turn_are_kept_too() -> None:
    service = Service("jobs.fifo", visibility=10)
    await service.send("jobs.fifo", *[f"8.00{number}" for number in range(10)], group="a")

    poller = poller_of(app_of(by_seconds, "jobs.fifo"), service)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs.fifo") == 0)

    assert poller.summary == Summary(received=10, done=10)
    assert service.count("extend") >= 80 / 4


async def test_a_quick_handler_costs_no_extension() -> None:
    service = Service("jobs", visibility=3)
    poller = poller_of(app_of(by_seconds), service)
    async with running(poller):
        for _ in range(20):
            await service.send("jobs", "0.5")
            await asyncio.sleep(1)

    assert service.count("extend") == 0
    assert poller.summary == Summary(received=20, done=20)


async def test_an_extension_that_fails_is_made_again_in_time(caplog: pytest.LogCaptureFixture) -> None:
    service = Service("jobs", visibility=30)
    await service.send("jobs", "100")
    service.faults["extend"].append(OUTAGE)
    seen: list[Observation] = []

    poller = poller_of(app_of(by_seconds), service, watch=seen.append)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert poller.summary == Summary(received=1, done=1)
    assert [one for one in seen if isinstance(one, Failed)] == [Failed("jobs", "extend", 1)]
    assert [record.message for record in caplog.records] == ["heartbeat.failed"]


async def test_an_extension_that_hangs_is_made_again_in_time() -> None:
    service = Service("jobs", visibility=30)
    await service.send("jobs", "100")
    service.faults["extend"].append(Slow(10_000))

    poller = poller_of(app_of(by_seconds), service)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert poller.summary == Summary(received=1, done=1)


async def test_without_extensions_the_handler_is_cancelled_when_the_record_is_visible_to_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    service = Service("jobs", visibility=30)
    await service.send("jobs", "one")
    service.faults["extend"].extend([OUTAGE] * 5)
    cancelled: list[float] = []
    seen: list[Observation] = []

    async def handler(_: str) -> None:
        try:
            await asyncio.sleep(60 if not cancelled else 0)
        except asyncio.CancelledError:
            cancelled.append(now())
            raise

    poller = poller_of(app_of(handler), service, watch=seen.append)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert cancelled == [pytest.approx(30)]
    assert poller.summary == Summary(received=2, done=1, lost=1)
    assert [one.record["body"] for one in seen if isinstance(one, Lost)] == ["one"]
    assert "record.lost" in [record.message for record in caplog.records]


@pytest.mark.parametrize("result", [None, Retry(after=5), Reject("no")])
async def test_what_a_handler_says_of_a_record_that_is_lost_changes_nothing(result: object) -> None:
    service = Service("jobs", visibility=30)
    await service.send("jobs", "one")
    service.faults["extend"].extend([OUTAGE] * 5)
    began: list[float] = []

    async def stubborn(_: str) -> object:
        began.append(now())
        if len(began) == 1:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                return result
        await asyncio.sleep(60)
        return None

    poller = poller_of(app_of(stubborn), service)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert poller.summary == Summary(received=2, done=1, lost=1)
    assert service.count("park") == 0
    assert (service.count("delete"), service.memory.depth("jobs-dead")) == (1, 0)


async def test_a_record_that_somebody_else_has_is_let_go_when_the_service_says_so() -> None:
    service = Service("jobs", visibility=30)
    await service.send("jobs", "60")
    poller = poller_of(app_of(by_seconds), service)
    async with running(poller):
        await until(lambda: service.received == 1)
        await service.memory.delete("jobs", service.last)  # as another consumer would who got it, too
        await until(lambda: poller.summary.lost == 1, 30)

    assert poller.summary == Summary(received=1, lost=1)
    assert service.count("delete") == 0


async def test_a_record_that_its_own_delete_takes_from_an_extension_is_not_lost() -> None:
    class SlowToAnswer(Service):
        async def delete(self, queue: str, records: Sequence[Raw]) -> Unsettled:
            left = await super().delete(queue, records)
            await asyncio.sleep(5)
            return left

    service = SlowToAnswer("jobs", visibility=30)
    await service.send("jobs", "9")

    poller = poller_of(app_of(by_seconds), service)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)
        await asyncio.sleep(10)

    assert service.count("extend") == 1
    assert poller.summary == Summary(received=1, done=1)


async def test_a_lost_record_holds_back_those_behind_it_in_its_group_and_gives_them_back() -> None:
    service = Service("jobs.fifo", visibility=30)
    await service.send("jobs.fifo", "60", "1", "2", group="a")
    service.faults["extend"].extend([OUTAGE] * 5)
    order: list[str] = []

    async def handler(text: str) -> None:
        await asyncio.sleep(float(text))
        order.append(text)

    poller = poller_of(app_of(handler, "jobs.fifo"), service)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs.fifo") == 0)

    assert order == ["60", "1", "2"]


async def test_a_lost_record_holds_back_those_behind_it_even_if_its_handler_ignores_that() -> None:
    service = Service("jobs.fifo", visibility=30)
    await service.send("jobs.fifo", "first", "second", group="a")
    service.faults["extend"].extend([OUTAGE] * 10)
    begun: list[str] = []

    async def handler(text: str) -> None:
        begun.append(text)
        if begun == ["first"]:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    async with running(poller_of(app_of(handler, "jobs.fifo"), service)):
        await until(lambda: service.memory.depth("jobs.fifo") == 0)

    assert begun == ["first", "first", "second"]


async def test_the_delay_of_a_retry_is_written_after_an_extension_that_is_on_its_way() -> None:
    service = Service("jobs", visibility=30)
    await service.send("jobs", "one")
    times: list[float] = []

    async def handler(_: str) -> None:
        times.append(now())
        if len(times) == 1:
            service.faults["extend"].append(Slow(5))
            await asyncio.sleep(12)  # the extension begins at 10, and arrives at 15
            raise Retry(after=2)

    async with running(poller_of(app_of(handler), service)):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert times == [0, pytest.approx(15, abs=0.1)]


async def test_a_delay_is_not_written_for_a_record_that_an_extension_on_its_way_finds_lost() -> None:
    service = Service("jobs", visibility=30)
    await service.send("jobs", "one")

    async def handler(_: str) -> None:
        service.faults["extend"].append(Slow(5))
        await asyncio.sleep(12)  # the extension begins at 10, and arrives at 15
        await service.memory.delete("jobs", service.last)  # as another consumer would who got it, too
        raise Retry(after=2)

    async with running(poller_of(app_of(handler), service)):
        await asyncio.sleep(30)

    assert service.count("extend") == 1


async def test_a_handler_that_hangs_is_cancelled_when_its_record_was_held_long_enough() -> None:
    service = Service("jobs", visibility=30)
    await service.send("jobs", "hang", "1")
    begun: list[str] = []

    async def handler(text: str) -> None:
        begun.append(text)
        await asyncio.sleep(1 if begun.count(text) > 1 or text == "1" else 1e9)

    poller = poller_of(app_of(handler), service, Settings(hold=100))
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert [call.at for call in service.calls if call.verb == "delete"][-1] == pytest.approx(101, abs=0.1)
    assert poller.summary == Summary(received=3, done=2, lost=1)


async def test_the_setting_goes_before_the_queues_own_timeout() -> None:
    service = Service("jobs", visibility=600)
    await service.send("jobs", "35")

    poller = poller_of(app_of(by_seconds), service, Settings(visibility=30))
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert service.count("extend") == 3
    assert poller.summary == Summary(received=1, done=1)


async def test_a_queue_without_a_visibility_timeout_is_polled_with_one() -> None:
    service = Service("jobs", visibility=0)
    await service.send("jobs", "5")

    poller = poller_of(app_of(by_seconds), service)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert poller.summary == Summary(received=1, done=1)


async def test_a_handler_that_kept_the_loop_for_too_long_has_lost_its_record() -> None:
    service = Service("jobs", visibility=30)
    await service.send("jobs", "one")
    blocked: list[float] = []

    async def handler(_: str) -> None:
        if not blocked:
            blocked.append(now())
            cast("VirtualLoop", asyncio.get_running_loop()).block(40)

    poller = poller_of(app_of(handler), service)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert poller.summary == Summary(received=2, done=1, lost=1)


async def test_records_are_kept_while_the_poller_stops() -> None:
    service = Service("jobs", visibility=10)
    await service.send("jobs", "50")
    poller = poller_of(app_of(by_seconds), service, Settings(drain=100, wait=1))
    run = asyncio.create_task(poller.run())
    await until(lambda: service.received == 1)

    poller.stop()
    summary = await run

    assert summary == Summary(received=1, done=1)


async def test_a_delay_that_waits_for_an_open_receive_is_kept_meanwhile() -> None:
    service = Service("jobs", visibility=5)
    await service.send("jobs", "one")

    async def handler(_: str) -> None:
        raise Retry(after=100)

    poller = poller_of(app_of(handler), service, Settings(wait=20))
    run = asyncio.create_task(poller.run())
    await until(lambda: service.received == 1)
    poller.stop()
    summary = await run

    assert summary == Summary(received=1, retried=1)
    assert service.received == 1
