import asyncio
from collections.abc import Sequence

import pytest

from eventkit import Retry
from eventkit.backends import Raw
from eventkit_poller import Settings, Summary
from tests.adapters.poller.harness import OUTAGE, Service, app_of, poller_of, running, until


async def nothing(_: str) -> None: ...


async def test_ten_records_are_deleted_in_one_call() -> None:
    service = Service("jobs")
    await service.send("jobs", *map(str, range(10)))

    async with running(poller_of(app_of(nothing), service)):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert [call.records for call in service.calls if call.verb == "delete"] == [10]


async def test_a_record_is_deleted_at_once_when_nothing_else_is_in_flight() -> None:
    service = Service("jobs")
    await service.send("jobs", "one")

    async with running(poller_of(app_of(nothing), service, Settings(linger=5))):
        await until(lambda: service.count("delete") == 1)

    assert [call.at for call in service.calls if call.verb == "delete"] == [0]


async def test_records_wait_for_others_only_as_long_as_they_may_linger() -> None:
    service = Service("jobs", visibility=600)
    await service.send("jobs", "0", "1", "60")

    async def handler(text: str) -> None:
        await asyncio.sleep(int(text))

    async with running(poller_of(app_of(handler), service, Settings(linger=3))):
        await until(lambda: service.memory.depth("jobs") == 0)

    deletes = [call for call in service.calls if call.verb == "delete"]
    assert [call.records for call in deletes] == [2, 1]
    assert [call.at for call in deletes] == [pytest.approx(3), pytest.approx(60)]


async def test_retries_share_a_call_too() -> None:
    service = Service("jobs")
    await service.send("jobs", *map(str, range(10)))
    tried: set[str] = set()

    async def handler(text: str) -> None:
        if text not in tried:
            tried.add(text)
            raise Retry(after=int(text))

    async with running(poller_of(app_of(handler), service)):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert [call.records for call in service.calls if call.verb == "extend"] == [10]


async def test_what_could_not_be_deleted_is_tried_again_and_that_alone() -> None:
    service = Service("jobs")
    await service.send("jobs", *map(str, range(10)))
    refused: list[str] = []

    def three(records: Sequence[Raw]) -> Sequence[Raw]:
        refused.extend(str(record["body"]) for record in records[2:5])
        return records[2:5]

    service.faults["delete"].append(three)
    poller = poller_of(app_of(nothing), service)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert [call.records for call in service.calls if call.verb == "delete"] == [10, 3]
    assert len(refused) == 3
    assert poller.summary == Summary(received=10, done=10)


async def test_a_call_that_fails_is_made_again_later() -> None:
    service = Service("jobs")
    await service.send("jobs", "one")
    service.faults["delete"].extend([OUTAGE, OUTAGE])

    async with running(poller_of(app_of(nothing), service)):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert [call.at for call in service.calls if call.verb == "delete"] == [
        0,
        pytest.approx(0.1),
        pytest.approx(0.3),
    ]


async def test_a_record_whose_delete_fails_is_kept_until_it_succeeds() -> None:
    service = Service("jobs", visibility=10)
    await service.send("jobs", "one")
    service.faults["delete"].extend([OUTAGE] * 30)

    poller = poller_of(app_of(nothing), service)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert asyncio.get_running_loop().time() > 60
    assert poller.summary == Summary(received=1, done=1)


async def test_in_an_outage_there_is_one_call_at_a_time_however_many_records_wait() -> None:
    service = Service("jobs", visibility=300)
    await service.send("jobs", *map(str, range(100)))
    service.faults["delete"].extend([OUTAGE] * 30)

    poller = poller_of(app_of(nothing), service, Settings(concurrency=100))
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    times = [call.at for call in service.calls if call.verb == "delete"]
    assert sum(at < 1 for at in times) <= 10 + 3
    assert max(sum(begin <= at < begin + 10 for at in times[13:30]) for begin in times[13:30]) <= 4
    assert poller.summary == Summary(received=100, done=100)


async def test_a_record_that_can_be_neither_deleted_nor_extended_is_handled_again() -> None:
    service = Service("jobs", visibility=10)
    await service.send("jobs", "one")
    service.faults["delete"].extend([OUTAGE] * 7)
    service.faults["extend"].extend([OUTAGE] * 20)

    poller = poller_of(app_of(nothing), service)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert poller.summary == Summary(received=2, done=2, unacknowledged=1)
