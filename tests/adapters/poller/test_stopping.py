"""How a poller stops: in time, with everything finished or visible, and nothing left in flight."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from eventkit import App, ConfigurationError, Queue, Reject
from eventkit_poller import Poller, Settings, Summary
from tests.adapters.poller.harness import OUTAGE, Service, app_of, poller_of, until

Running = asyncio.Task[Summary]


def now() -> float:
    return asyncio.get_running_loop().time()


def start(poller: Poller) -> Running:
    return asyncio.get_running_loop().create_task(poller.run())


async def by_seconds(text: str) -> None:
    await asyncio.sleep(float(text))


async def test_running_handlers_finish_and_are_acknowledged() -> None:
    service = Service("jobs")
    await service.send("jobs", "25", "5", "0")
    poller = poller_of(app_of(by_seconds), service)
    run = start(poller)
    await until(lambda: service.received == 3)

    poller.stop()
    summary = await run

    assert summary == Summary(received=3, done=3)
    assert service.memory.depth("jobs") == 0
    assert now() == pytest.approx(25, abs=0.1)


async def test_nothing_is_received_any_more() -> None:
    service = Service("jobs")
    poller = poller_of(app_of(by_seconds), service)
    run = start(poller)
    await asyncio.sleep(5)

    poller.stop()
    receives = service.count("receive")
    await run

    assert service.count("receive") == receives == 1


async def test_an_open_receive_is_awaited_and_what_it_brings_is_visible_at_once() -> None:
    service = Service("jobs")
    handled: list[str] = []

    async def handler(text: str) -> None:
        handled.append(text)

    poller = poller_of(app_of(handler), service)
    run = start(poller)
    await asyncio.sleep(5)

    poller.stop()
    await asyncio.sleep(3)
    await service.send("jobs", "late")
    summary = await run

    assert (handled, summary) == ([], Summary(received=1, released=1))
    assert await service.visible("jobs") == ["late"]
    assert now() == pytest.approx(8)


async def test_an_open_receive_without_records_ends_with_its_wait() -> None:
    service = Service("jobs")
    poller = poller_of(app_of(by_seconds), service, Settings(wait=12))
    run = start(poller)
    await asyncio.sleep(5)

    poller.stop()
    await run

    assert now() == pytest.approx(12)


async def test_handlers_that_do_not_end_are_cancelled_and_their_records_visible() -> None:
    service = Service("jobs", visibility=600)
    await service.send("jobs", "1", "500", "600")
    poller = poller_of(app_of(by_seconds), service, Settings(drain=10, wait=1))
    run = start(poller)
    await until(lambda: service.received == 3)

    poller.stop()
    summary = await run

    assert summary == Summary(received=3, done=1, released=2)
    assert await service.visible("jobs") == ["500", "600"]
    assert now() == pytest.approx(10, abs=0.1)


async def test_records_that_wait_in_their_group_are_visible_again_in_order() -> None:
    service = Service("jobs.fifo", visibility=600)
    await service.send("jobs.fifo", "500", "1", "2", group="a")
    poller = poller_of(app_of(by_seconds, "jobs.fifo"), service, Settings(drain=10, wait=1))
    run = start(poller)
    await until(lambda: service.received == 3)

    poller.stop()
    summary = await run

    assert summary == Summary(received=3, released=3)
    assert await service.visible("jobs.fifo") == ["500", "1", "2"]


async def test_records_behind_one_that_is_handled_are_not_begun() -> None:
    service = Service("jobs.fifo")
    await service.send("jobs.fifo", "5", "6", "7", group="a")
    poller = poller_of(app_of(by_seconds, "jobs.fifo"), service, Settings(wait=1))
    run = start(poller)
    await until(lambda: service.received == 3)

    poller.stop()
    summary = await run

    assert summary == Summary(received=3, done=1, released=2)
    assert await service.visible("jobs.fifo") == ["6", "7"]
    assert now() == pytest.approx(5, abs=0.1)


async def test_what_is_given_back_is_not_received_again_by_a_receive_that_is_still_open() -> None:
    service = Service("jobs", visibility=600)
    await service.send("jobs", "500")
    poller = poller_of(app_of(by_seconds), service, Settings(drain=1))
    run = start(poller)
    await asyncio.sleep(5)

    poller.stop()
    summary = await run

    assert summary == Summary(received=1, released=1)
    assert await service.visible("jobs") == ["500"]


async def test_a_second_stop_cancels_the_handlers_at_once() -> None:
    service = Service("jobs", visibility=600)
    await service.send("jobs", "500", "600")
    poller = poller_of(app_of(by_seconds), service, Settings(wait=1))
    run = start(poller)
    await until(lambda: service.received == 2)
    await asyncio.sleep(5)

    poller.stop()
    await asyncio.sleep(1)
    poller.stop()
    poller.stop()
    summary = await run

    assert summary == Summary(received=2, released=2)
    assert await service.visible("jobs") == ["500", "600"]
    assert now() == pytest.approx(6, abs=1)


async def test_a_handler_that_ignores_its_cancellation_does_not_hold_up_the_stop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    service = Service("jobs.fifo", visibility=600)
    await service.send("jobs.fifo", "one", "two", group="a")
    release = asyncio.Event()
    begun: list[str] = []

    async def handler(text: str) -> None:
        begun.append(text)
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    poller = poller_of(app_of(handler, "jobs.fifo"), service, Settings(drain=10, flush=4, wait=1))
    run = start(poller)
    await until(lambda: service.received == 2)

    poller.stop()
    summary = await run
    stopped = now()
    release.set()
    await asyncio.sleep(1)

    assert summary == poller.summary == Summary(received=2, released=2)
    assert stopped == pytest.approx(12, abs=0.1)
    assert "handlers.stuck" in [record.message for record in caplog.records]
    assert await service.visible("jobs.fifo") == ["one", "two"]
    assert begun == ["one"]


async def test_what_a_handler_rejects_after_its_record_was_given_back_is_not_parked() -> None:
    service = Service("jobs")
    await service.send("jobs", "one")
    done = asyncio.Event()

    async def stubborn(_: str) -> None:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            await asyncio.sleep(10)
        done.set()
        raise Reject("no")

    poller = poller_of(app_of(stubborn), service, Settings(wait=1, drain=0, flush=2))
    run = start(poller)
    await until(lambda: service.received == 1)
    poller.stop()
    await run

    await done.wait()
    await asyncio.sleep(1)

    assert (service.count("park"), await service.visible("jobs")) == (0, ["one"])


async def test_acknowledgements_that_are_on_their_way_are_sent_before_the_end() -> None:
    service = Service("jobs")
    await service.send("jobs", "1", "2", "3")
    service.faults["delete"].extend([OUTAGE] * 3)
    poller = poller_of(app_of(by_seconds), service, Settings(linger=60, wait=1))
    run = start(poller)
    await until(lambda: service.received == 3)

    poller.stop()
    summary = await run

    assert summary == Summary(received=3, done=3)
    assert service.memory.depth("jobs") == 0


async def test_in_an_outage_the_stop_takes_no_longer_than_it_may() -> None:
    service = Service("jobs")
    await service.send("jobs", "1")
    service.faults["delete"].extend([OUTAGE] * 100)
    service.faults["extend"].extend([OUTAGE] * 100)
    poller = poller_of(app_of(by_seconds), service, Settings(drain=3, wait=2, flush=0.5))
    run = start(poller)
    await until(lambda: service.received == 1)
    service.faults["receive"].extend([OUTAGE] * 100)

    poller.stop()
    summary = await run

    assert summary == Summary(received=1, done=1, unacknowledged=1)
    assert now() <= 3.6


async def test_a_receive_that_never_ends_does_not_hold_up_the_stop(caplog: pytest.LogCaptureFixture) -> None:
    service = Service("jobs", latency=10_000)
    poller = poller_of(app_of(by_seconds), service, Settings(wait=20, drain=30, flush=6))
    run = start(poller)
    await asyncio.sleep(1)

    poller.stop()
    await run

    assert now() == pytest.approx(1 + 30 + 3)
    assert "receive.abandoned" in [record.message for record in caplog.records]


@pytest.mark.parametrize("fault", [None, OUTAGE])
async def test_whoever_pauses_or_waits_for_a_slot_stops_at_once(fault: Exception | None) -> None:
    service = Service("jobs")
    await service.send("jobs", *["3"] * 10)
    if fault:
        service.faults["receive"].append(OUTAGE)
    poller = poller_of(app_of(by_seconds), service, random=lambda: 1)
    run = start(poller)
    await asyncio.sleep(1)

    poller.stop()
    await run

    assert now() == pytest.approx(1 if fault else 3, abs=0.1)


async def test_a_receive_that_fails_while_the_poller_stops_is_not_followed_by_a_pause() -> None:
    service = Service("jobs", latency=5)
    service.faults["receive"].append(OUTAGE)
    poller = poller_of(app_of(by_seconds), service, random=lambda: 1)
    run = start(poller)
    await asyncio.sleep(1)

    poller.stop()
    await run

    assert now() == pytest.approx(5)


async def test_being_cancelled_is_being_stopped() -> None:
    service = Service("jobs", visibility=600)
    await service.send("jobs", "5", "500")
    poller = poller_of(app_of(by_seconds), service, Settings(wait=1))
    run = start(poller)
    await until(lambda: service.received == 2)

    run.cancel()
    await asyncio.sleep(6)
    assert poller.summary == Summary(received=2, done=1)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert poller.summary == Summary(received=2, done=1, released=1)
    assert await service.visible("jobs") == ["500"]


async def test_when_everything_is_cancelled_the_records_are_given_back() -> None:
    service = Service("jobs", visibility=600)
    await service.send("jobs", "500")
    poller = poller_of(app_of(by_seconds), service, Settings(wait=1))
    run = start(poller)
    await until(lambda: service.received == 1)

    for task in asyncio.all_tasks() - {asyncio.current_task()}:  # as asyncio.run does when its function returns
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert poller.summary == Summary(received=1, released=1)
    assert await service.visible("jobs") == ["500"]


async def test_a_timeout_around_the_poller_is_a_stop() -> None:
    service = Service("jobs")
    await service.send("jobs", "5")
    poller = poller_of(app_of(by_seconds), service, Settings(wait=1))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await poller.run()

    assert poller.summary == Summary(received=1, done=1)


class Phases:
    """A lifespan that takes its time, and notes what happens."""

    def __init__(self, opening: float, closing: float) -> None:
        self.seen: list[str] = []
        self._opening = opening
        self._closing = closing

    @asynccontextmanager
    async def lifespan(self, _: App) -> AsyncGenerator[str]:
        await asyncio.sleep(self._opening)
        self.seen.append("open")
        try:
            yield "state"
        finally:
            await asyncio.sleep(self._closing)
            self.seen.append("closed")

    def app(self) -> App:
        app = App("test", lifespan=self.lifespan)

        @app.on(Queue[str]("jobs"))
        async def handler(text: str, state: str) -> None:
            await asyncio.sleep(float(text))
            self.seen.append(f"{text} with {state}")

        return app


async def test_the_lifespan_lies_around_everything() -> None:
    service = Service("jobs")
    await service.send("jobs", "3")
    phases = Phases(1, 1)
    poller = poller_of(phases.app(), service, Settings(wait=1))
    run = start(poller)
    await until(lambda: service.received == 1)

    poller.stop()
    await run

    assert phases.seen == ["open", "3 with state", "closed"]
    assert service.memory.depth("jobs") == 0


async def test_a_stop_ends_a_lifespan_that_is_still_beginning() -> None:
    service, phases = Service("jobs"), Phases(1000, 1)
    poller = poller_of(phases.app(), service)
    run = start(poller)
    await asyncio.sleep(5)

    poller.stop()
    summary = await run

    assert (summary, phases.seen, service.calls) == (Summary(), [], [])
    assert now() == pytest.approx(5)


async def test_a_second_stop_ends_a_lifespan_that_does_not_close() -> None:
    service, phases = Service("jobs"), Phases(0, 1000)
    poller = poller_of(phases.app(), service, Settings(wait=1))
    run = start(poller)
    await asyncio.sleep(5)

    poller.stop()
    await asyncio.sleep(5)
    poller.stop()
    await run

    assert phases.seen == ["open"]
    assert now() == pytest.approx(10)


async def test_a_lifespan_that_fails_fails_the_poller() -> None:
    @asynccontextmanager
    async def lifespan(app: App) -> AsyncGenerator[str]:
        if app.name:
            raise ValueError("no database")
        yield ""

    app = App("test", lifespan=lifespan)
    app.on(Queue[str]("jobs"))(by_seconds)

    with pytest.raises(ValueError, match="no database"):
        await poller_of(app, Service("jobs")).run()


async def test_stopping_before_the_start_and_after_the_end_does_no_harm() -> None:
    service = Service("jobs")
    poller = poller_of(app_of(by_seconds), service)

    poller.stop()
    summary = await poller.run()
    poller.stop()

    assert (summary, service.calls) == (Summary(), [])


async def test_a_poller_runs_once() -> None:
    poller = poller_of(app_of(by_seconds), Service("jobs"))
    poller.stop()
    await poller.run()

    with pytest.raises(ConfigurationError, match="runs once"):
        await poller.run()


@pytest.mark.parametrize("moment", [0, 0.003, 0.01, 0.02, 0.05, 0.11, 0.3, 0.7])
@pytest.mark.parametrize("twice", [False, True])
async def test_whenever_it_stops_each_record_is_deleted_or_visible(moment: float, twice: bool) -> None:  # noqa: FBT001 - a table
    service = Service("left", "right", latency=0.007, visibility=600)
    await service.send("left", *["0.013"] * 200)
    await service.send("right", *["0.029"] * 200)
    poller = poller_of(app_of(by_seconds, "left", "right"), service, Settings(wait=1, drain=0.02))
    run = start(poller)

    await asyncio.sleep(moment)
    poller.stop()
    if twice:
        await asyncio.sleep(0.001)
        poller.stop()
    summary = await run

    visible = len(await service.visible("left")) + len(await service.visible("right"))
    assert summary.received == service.received == summary.done + summary.released
    assert visible == service.memory.depth("left") + service.memory.depth("right") == 400 - summary.done
