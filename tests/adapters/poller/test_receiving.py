"""What is received, when, and how many slots that takes."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from eventkit import ConfigurationError
from eventkit.backends import Raw
from eventkit_poller import Settings, Settled, Summary
from tests.adapters.poller.harness import OUTAGE, Service, app_of, poller_of, running, until


def texts(count: int) -> list[str]:
    return [str(number) for number in range(count)]


class Gauge:
    """How many handlers run, and how many records are held without being settled."""

    def __init__(self, service: Service, seconds: Callable[[int], float]) -> None:
        self.running = self.started = self.most_running = self.most_held = self.settled = 0
        self._service = service
        self._seconds = seconds

    async def handler(self, _: str) -> None:
        self.running += 1
        self.started += 1
        self.most_running = max(self.most_running, self.running)
        self.most_held = max(self.most_held, self._service.received - self.settled)
        await asyncio.sleep(self._seconds(self.started))
        self.running -= 1

    def observe(self, _: Settled) -> None:
        self.settled += 1


@pytest.mark.parametrize("concurrency", [1, 3, 10, 37])
async def test_no_record_is_received_that_has_no_slot(concurrency: int) -> None:
    service = Service("jobs", latency=0.01)
    await service.send("jobs", *texts(200))
    gauge = Gauge(service, lambda number: 0.01 * (number * 7 % 23))

    poller = poller_of(app_of(gauge.handler), service, Settings(concurrency=concurrency), observe=gauge.observe)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert poller.summary == Summary(received=200, done=200)
    assert gauge.most_running == gauge.most_held == concurrency


async def test_a_route_with_a_bound_of_its_own_gets_no_records_that_would_wait_for_it() -> None:
    service = Service("jobs")
    await service.send("jobs", *texts(50))
    gauge = Gauge(service, lambda _: 1)

    poller = poller_of(app_of(gauge.handler, concurrency=4), service, Settings(concurrency=20), observe=gauge.observe)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert gauge.most_running == gauge.most_held == 4


@pytest.mark.parametrize(("concurrency", "last"), [(10, 2), (100, 20)])
async def test_under_load_ten_records_take_two_requests(concurrency: int, last: int) -> None:
    """And at the end each of those who received at once finds the queue empty."""
    service = Service("jobs", latency=0.005)
    await service.send("jobs", *texts(1000))

    async def handler(_: str) -> None:
        await asyncio.sleep(0.001)

    async with running(poller_of(app_of(handler), service, Settings(concurrency=concurrency))):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert service.count("receive") <= 100 + last
    assert service.count("delete") <= 102


async def test_handlers_that_end_one_by_one_do_not_cost_a_receive_each() -> None:
    service = Service("jobs", latency=0.005)
    await service.send("jobs", *texts(1000))
    gauge = Gauge(service, lambda number: 0.001 * (number * 7 % 20))

    async with running(poller_of(app_of(gauge.handler), service, observe=gauge.observe)):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert service.count("receive") <= 200
    assert service.count("delete") <= 150


async def test_receives_that_fail_are_spaced_and_recover(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    service = Service("jobs")
    service.faults["receive"].extend([OUTAGE] * 8)
    await service.send("jobs", "one")

    async def handler(_: str) -> None: ...

    async with running(poller_of(app_of(handler), service, random=lambda: 0.8)):
        await until(lambda: service.memory.depth("jobs") == 0)

    times = [call.at for call in service.calls if call.verb == "receive"][:9]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses == [pytest.approx(pause) for pause in (2, 3.2, 6.4, 12.8, 16, 16, 16, 16)]
    assert [record.message for record in caplog.records].count("receive.recovered") == 1


async def test_receives_that_fail_are_never_more_than_one_in_two_seconds() -> None:
    service = Service("jobs")
    service.faults["receive"].extend([OUTAGE] * 60)
    await service.send("jobs", "one")

    async def handler(_: str) -> None: ...

    async with running(poller_of(app_of(handler), service, random=lambda: 0.0)):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert min(later.at - earlier.at for earlier, later in pairwise(service.calls[:60])) >= 2


async def test_a_backend_that_does_not_wait_is_not_asked_without_pause() -> None:
    class Hasty(Service):
        async def receive(self, queue: str, limit: int, wait: float, visibility: float | None = None) -> Sequence[Raw]:
            return await super().receive(queue, limit, wait * 0, visibility)

    service = Hasty("jobs")

    async def handler(_: str) -> None: ...

    async with running(poller_of(app_of(handler), service)):
        await asyncio.sleep(100)

    assert service.count("receive") <= 101


async def test_a_backend_that_breaks_its_promise_stops_the_poller_in_good_order() -> None:
    service = Service("jobs")
    service.faults["delete"].append(ConfigurationError("no such queue"))
    await service.send("jobs", "one")
    poller = poller_of(app_of(lambda _: None), service)

    with pytest.raises(ConfigurationError, match="no such queue"):
        await poller.run()

    assert poller.summary == Summary(received=1, done=1)


async def test_two_busy_queues_get_the_same_share() -> None:
    service = Service("left", "right", latency=0.002)
    await service.send("left", *texts(2000))
    await service.send("right", *texts(2000))
    handled = {"left": 0, "right": 0}

    async def handler(_: str) -> None:
        await asyncio.sleep(0.01)

    def observe(settled: Settled) -> None:
        handled[settled.queue] += 1

    async with running(poller_of(app_of(handler, "left", "right"), service, observe=observe)):
        await until(lambda: sum(handled.values()) >= 1000)
        left, right = handled["left"], handled["right"]

    assert left == pytest.approx(right, rel=0.1)


async def test_queues_without_messages_cost_a_busy_one_a_slot_each_and_no_time() -> None:
    service = Service("busy", "idle", "quiet")
    gauge = Gauge(service, lambda _: 1)

    poller = poller_of(app_of(gauge.handler, "busy", "idle", "quiet"), service, observe=gauge.observe)
    async with running(poller):
        await asyncio.sleep(30)  # by now all of them wait
        began = asyncio.get_running_loop().time()
        await service.send("busy", *texts(81))
        await until(lambda: service.memory.depth("busy") == 0)
        seconds = asyncio.get_running_loop().time() - began

    assert gauge.most_running == 8
    assert seconds < 12  # eight at a time, a second each


async def test_a_record_of_a_quiet_queue_is_handled_at_once_beside_a_busy_one() -> None:
    service = Service("busy", "quiet")
    await service.send("busy", *texts(500))
    arrived: list[float] = []
    loop = asyncio.get_running_loop()

    async def handler(text: str) -> None:
        if text == "quiet":
            arrived.append(loop.time())
        await asyncio.sleep(0.1)

    async with running(poller_of(app_of(handler, "busy", "quiet"), service)):
        await asyncio.sleep(2)
        await service.send("quiet", "quiet")
        await until(lambda: len(arrived) > 0)

    assert arrived == [pytest.approx(2, abs=0.05)]
