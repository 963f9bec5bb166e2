"""A poller's metrics: what it really tells."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from eventkit import App, Queue, Reject, Stream, StreamOptions
from eventkit.streams.memory import MemoryStreams
from eventkit_poller import Poller, Settings, StreamAccess, Timing
from eventkit_poller.health import health_of
from eventkit_telemetry.metrics import PollerMetrics
from tests.adapters.poller.harness import OUTAGE, Service, running, until

EPOCH = 1_700_000_000.0


class Watched:
    """A poller in the loop's time with one handler, and its metrics."""

    def __init__(self, handler: Callable[[str], object], service: Service) -> None:
        self.registry = CollectorRegistry()
        clock = asyncio.get_running_loop().time
        self.metrics = PollerMetrics(self.registry, clock)
        app = App("test")
        app.on(Queue[str]("jobs"), name="work")(handler)
        self.poller = Poller(
            app,
            service,
            Settings(wait=20),
            middleware=[self.metrics.middleware],
            observe=self.metrics.observe,
            timing=Timing(clock, lambda: 0.5),
        )

    def value(self, name: str, **labels: str) -> float:
        """A sample, as it is after a look at the poller's state."""
        self.metrics.refresh(self.poller.state)
        return self.registry.get_sample_value(f"eventkit_{name}", labels) or 0.0


async def test_records_are_counted_from_their_receive_to_their_outcome() -> None:
    service = Service("jobs")
    await service.send("jobs", "good", "good", "bad")

    async def work(text: str) -> None:
        if text == "bad":
            raise Reject("bad")

    watched = Watched(work, service)
    async with running(watched.poller):
        await until(lambda: watched.value("records_received_total", queue="jobs") == 3)
        await until(lambda: watched.value("records_in_flight", queue="jobs") == 0)

    assert watched.value("records_settled_total", queue="jobs", outcome="done") == 2
    assert watched.value("records_settled_total", queue="jobs", outcome="reject") == 1
    assert watched.value("deliveries_total", handler="work", outcome="done") == 2
    assert watched.value("deliveries_total", handler="work", outcome="reject") == 1


async def test_a_long_poll_of_an_empty_queue_is_an_empty_receive_of_twenty_seconds() -> None:
    watched = Watched(print, Service("jobs"))

    async with running(watched.poller):
        await until(lambda: watched.value("receives_total", queue="jobs", answer="empty") == 1)
        seconds = watched.value("receive_duration_seconds_sum", queue="jobs")

    assert seconds == pytest.approx(20, abs=0.1)


async def test_a_long_handler_shows_as_the_oldest_and_as_heartbeats() -> None:
    service = Service("jobs", visibility=30)
    await service.send("jobs", "one")
    finish = asyncio.Event()

    async def work(_: str) -> None:
        await finish.wait()

    watched = Watched(work, service)
    async with running(watched.poller):
        await until(lambda: watched.value("oldest_in_flight_age_seconds", queue="jobs") >= 60)
        extended = watched.value("records_extended_total", queue="jobs")
        in_flight = watched.value("records_in_flight", queue="jobs")
        finish.set()
        await until(lambda: watched.value("records_in_flight", queue="jobs") == 0)

    assert extended >= 4
    assert in_flight == 1
    assert watched.value("oldest_in_flight_age_seconds", queue="jobs") == 0
    assert watched.value("records_lost_total", queue="jobs") == 0


async def test_a_record_that_cannot_be_extended_is_counted_as_lost() -> None:
    service = Service("jobs", visibility=30)
    service.faults["extend"].extend([OUTAGE] * 20)
    await service.send("jobs", "one")

    async def work(_: str) -> None:
        await asyncio.sleep(3600)

    watched = Watched(work, service)
    async with running(watched.poller):
        await until(lambda: watched.value("records_lost_total", queue="jobs") == 1)
        watched.poller.stop()
        watched.poller.stop()

    assert watched.value("calls_failed_total", queue="jobs", verb="extend") >= 1
    assert watched.value("records_settled_total", queue="jobs", outcome="done") == 0


async def test_a_receive_that_fails_is_counted_and_makes_the_poller_unready() -> None:
    service = Service("jobs")
    service.faults["receive"].append(OUTAGE)
    watched = Watched(print, service)

    async with running(watched.poller):
        await until(lambda: watched.value("calls_failed_total", queue="jobs", verb="receive") == 1)
        unready = watched.poller.state.is_ready
        await until(lambda: watched.poller.state.is_ready)

    assert unready is False


class Shop:
    """A poller of a stream in the loop's time, and its metrics."""

    def __init__(self, handler: Callable[[str], object]) -> None:
        clock = asyncio.get_running_loop().time
        self.registry = CollectorRegistry()
        self.metrics = PollerMetrics(self.registry, clock, lambda: EPOCH + clock())
        self.streams = MemoryStreams(clock=lambda: EPOCH + clock())
        self.streams.create_stream("clicks")
        app = App("shop")
        app.on(Stream[str]("clicks", stream=StreamOptions(retries=1)), name="count")(handler)
        self.poller = Poller(
            app,
            Service(),
            streams=StreamAccess(self.streams),
            middleware=[self.metrics.middleware],
            observe=self.metrics.observe,
            timing=Timing(clock, lambda: 0.5, now=lambda: EPOCH + clock()),
        )

    def value(self, name: str, **labels: str) -> float:
        """A sample, as it is after a look at the poller's state."""
        self.metrics.refresh(self.poller.state)
        return self.registry.get_sample_value(f"eventkit_{name}", labels) or 0.0


async def test_a_streams_records_are_counted_from_their_read_to_their_outcome() -> None:
    async def count(text: str) -> None:
        await asyncio.sleep(3)
        if text == "bad":
            raise ValueError

    shop = Shop(count)
    for text in ("good", "bad"):
        shop.streams.put("clicks", "key", text)

    async with running(shop.poller):
        await until(lambda: shop.value("stream_lag_seconds", stream="stream:clicks") > 3)
        shards = shop.value("shards_read", stream="stream:clicks")
        await until(lambda: shop.value("records_given_up_total", stream="stream:clicks", reason="retries") == 1)
        await until(lambda: shop.value("stream_lag_seconds", stream="stream:clicks") == 0)

    assert shards == 1
    assert shop.value("records_read_total", stream="stream:clicks") == 2
    assert shop.value("records_settled_total", queue="stream:clicks", outcome="done") == 1
    # Behind a record that succeeded the attempts count anew, and there are two.
    assert shop.value("records_settled_total", queue="stream:clicks", outcome="retry") == 3
    assert shop.value("record_age_seconds_count", stream="stream:clicks") == 1
    assert 3 <= shop.value("record_age_seconds_sum", stream="stream:clicks") < 10
    assert shop.value("deliveries_total", handler="count", outcome="retry") == 3


async def test_reads_that_fail_are_counted_and_make_the_poller_unready() -> None:
    shop = Shop(print)
    shop.streams.fail(OUTAGE, "read", times=2)

    async with running(shop.poller):
        await until(lambda: shop.value("calls_failed_total", queue="stream:clicks", verb="read") == 1)
        unready = health_of(shop.poller.state)
        await until(lambda: shop.poller.state.is_ready)
        failed = shop.value("calls_failed_total", queue="stream:clicks", verb="read")

    assert (unready.alive, unready.ready, failed) == (True, False, 2)
    assert list(cast("dict[str, object]", unready.facts["queues"])) == ["stream:clicks"]
