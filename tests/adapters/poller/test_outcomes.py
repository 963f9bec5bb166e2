"""What becomes of a record, by the outcome of its handler."""

import asyncio
import logging

import pytest

from eventkit import App, Done, Outcome, Queue, Reject, Retry
from eventkit_poller import Settings, Settled, Summary
from tests.adapters.poller.harness import Service, app_of, poller_of, running, until


async def test_a_record_that_was_handled_is_deleted() -> None:
    service = Service("jobs")
    await service.send("jobs", "one")
    handled: list[str] = []

    async def handler(text: str) -> None:
        handled.append(text)

    poller = poller_of(app_of(handler), service)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert handled == ["one"]
    assert poller.summary == Summary(received=1, done=1)


async def test_a_retry_is_the_same_record_again_after_its_delay() -> None:
    service = Service("jobs")
    await service.send("jobs", "one")
    times: list[float] = []

    async def handler(_: str) -> None:
        times.append(asyncio.get_running_loop().time())
        if len(times) == 1:
            raise Retry(after=100)

    poller = poller_of(app_of(handler), service)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert times == [pytest.approx(0), pytest.approx(100)]
    assert poller.summary == Summary(received=2, done=1, retried=1)


async def test_time_that_passes_before_the_retry_is_sent_is_taken_off_its_delay() -> None:
    service = Service("jobs")
    await service.send("jobs", "one", "slow")
    times: list[float] = []

    async def handler(text: str) -> None:
        if text == "slow":
            await asyncio.sleep(5)
            return
        times.append(asyncio.get_running_loop().time())
        if len(times) == 1:
            raise Retry(after=10)

    async with running(poller_of(app_of(handler), service, Settings(linger=4))):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert times == [pytest.approx(0), pytest.approx(10)]


async def test_no_delay_goes_beyond_the_twelve_hours_that_sqs_allows() -> None:
    service = Service("jobs", visibility=43_200)
    await service.send("jobs", "one")
    times: list[float] = []

    async def handler(_: str) -> None:
        times.append(asyncio.get_running_loop().time())
        if len(times) == 1:
            await asyncio.sleep(3600)
            raise Retry(after=43_200)

    async with running(poller_of(app_of(handler), service)):
        await until(lambda: service.memory.depth("jobs") == 0, 50_000)

    assert times == [pytest.approx(0), pytest.approx(43_195)]


async def test_a_rejected_record_is_parked_with_its_reason_and_deleted() -> None:
    service = Service("jobs")
    await service.send("jobs", "bad")

    async def handler(_: str) -> None:
        raise Reject("not an image")

    poller = poller_of(app_of(handler), service)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    [parked] = await service.memory.receive("jobs-dead", 10, 0)
    assert parked["body"] == "bad"
    assert "not an image" in str(parked["messageAttributes"])
    assert poller.summary == Summary(received=1, rejected=1)


async def test_without_a_dead_letter_queue_a_rejected_record_is_retried_and_not_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    service = Service("jobs", dead=False)
    await service.send("jobs", "a secret")
    attempts: list[str] = []

    async def handler(text: str) -> None:
        attempts.append(text)
        if len(attempts) < 3:
            raise Reject("not an image")

    poller = poller_of(app_of(handler), service)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert poller.summary == Summary(received=3, done=1, retried=2)
    assert [record.message for record in caplog.records].count("reject.not_kept") == 2
    assert "a secret" not in caplog.text


@pytest.mark.parametrize(
    "harm",
    [SystemExit, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit, StopIteration, BaseException],
)
async def test_a_handler_may_raise_anything_and_harms_only_its_own_record(harm: type[BaseException]) -> None:
    service = Service("jobs")
    await service.send("jobs", "bad", "good")
    attempts: list[str] = []

    async def handler(text: str) -> None:
        attempts.append(text)
        if attempts.count("bad") == 1 and text == "bad":
            raise harm

    poller = poller_of(app_of(handler), service)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert sorted(attempts) == ["bad", "bad", "good"]
    assert poller.summary == Summary(received=3, done=2, retried=1)


async def test_a_failure_in_a_group_holds_back_the_rest_of_it_and_no_other_group() -> None:
    service = Service("jobs.fifo")
    await service.send("jobs.fifo", "a1", "a2", "a3", group="a")
    await service.send("jobs.fifo", "b1", "b2", group="b")
    handled: list[tuple[str, float]] = []

    async def handler(text: str) -> None:
        handled.append((text, asyncio.get_running_loop().time()))
        if [name for name, _ in handled].count("a1") == 1 and text == "a1":
            raise Retry(after=60)

    poller = poller_of(app_of(handler, "jobs.fifo"), service)
    async with running(poller):
        await until(lambda: service.memory.depth("jobs.fifo") == 0)

    assert [name for name, _ in handled if name.startswith("a")] == ["a1", "a1", "a2", "a3"]
    assert [at for name, at in handled if name in {"a2", "a3"}] == [pytest.approx(60), pytest.approx(60)]
    assert [one for one in handled if one[0].startswith("b")] == [("b1", 0), ("b2", 0)]
    assert poller.summary == Summary(received=8, done=5, retried=1, released=2)


async def test_in_a_group_a_rejected_record_is_parked_before_the_next_one_is_handled() -> None:
    service = Service("jobs.fifo", latency=1)
    await service.send("jobs.fifo", "bad", "good", group="a")
    parked_before: list[int] = []

    async def handler(text: str) -> None:
        if text == "bad":
            raise Reject("bad")
        parked_before.append(service.memory.depth("jobs-dead.fifo"))

    async with running(poller_of(app_of(handler, "jobs.fifo"), service)):
        await until(lambda: service.memory.depth("jobs.fifo") == 0)

    assert parked_before == [1]


async def test_in_a_group_a_reject_that_cannot_be_parked_holds_back_the_rest() -> None:
    service = Service("jobs.fifo", dead=False)
    await service.send("jobs.fifo", "bad", "good", group="a")
    handled: list[str] = []

    async def handler(text: str) -> None:
        handled.append(text)
        if handled == ["bad"]:
            raise Reject("bad")

    async with running(poller_of(app_of(handler, "jobs.fifo"), service)):
        await until(lambda: service.memory.depth("jobs.fifo") == 0)

    assert handled == ["bad", "bad", "good"]


async def test_each_record_is_observed_once_in_the_order_of_the_outcomes() -> None:
    service = Service("jobs")
    await service.send("jobs", "3", "1", "2")
    seen: list[Settled] = []

    async def handler(text: str) -> None:
        await asyncio.sleep(int(text))
        if text == "2":
            raise Reject("two")

    async with running(poller_of(app_of(handler), service, observe=seen.append)):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert [(one.record["body"], one.outcome) for one in seen] == [
        ("1", Done()),
        ("2", Reject("two")),
        ("3", Done()),
    ]
    assert [one.seconds for one in seen] == [pytest.approx(seconds) for seconds in (1, 2, 3)]
    assert {one.queue for one in seen} == {"jobs"}


async def test_an_observer_that_fails_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    service = Service("jobs")
    await service.send("jobs", "one", "two")

    async def handler(_: str) -> None: ...

    def observe(_: Settled) -> None:
        raise RuntimeError

    async with running(poller_of(app_of(handler), service, observe=observe)):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert [record.message for record in caplog.records].count("observer.failed") == 2


async def test_a_record_that_no_route_takes_is_decided_by_the_unmatched_handler() -> None:
    service = Service("jobs")
    await service.send("jobs", "5", '"x"')
    app = App("test")
    fallback: list[object] = []

    @app.on(Queue[int | str]("jobs").of(int))
    async def number(_: int) -> None: ...

    @app.unmatched
    async def unmatched(event: object) -> None:
        fallback.append(event)

    async with running(poller_of(app, service)):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert len(fallback) == 1


async def test_what_a_handler_returns_is_published_by_the_backend() -> None:
    service = Service("jobs", "results")
    await service.send("jobs", "one")
    app = App("test")

    @app.on(Queue[str]("jobs"), to=Queue[str]("results"))
    async def double(text: str) -> str:
        return text * 2

    async with running(poller_of(app, service)):
        await until(lambda: service.memory.depth("jobs") == 0)

    assert await service.visible("results") == ["oneone"]


async def test_neither_payloads_nor_receipt_handles_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    service = Service("jobs", dead=False)
    await service.send("jobs", "canary-1", "canary-2")
    outcomes: dict[str, list[Outcome]] = {"canary-1": [Reject("bad")], "canary-2": [Retry(after=1)]}

    async def handler(text: str) -> None:
        if outcomes[text]:
            raise outcomes[text].pop()  # type: ignore[misc]  # neither is Done

    async with running(poller_of(app_of(handler), service)):
        await until(lambda: service.memory.depth("jobs") == 0)

    facts = str([vars(record) for record in caplog.records])
    assert "reject.not_kept" in facts
    assert "canary" not in facts
    assert "#1" not in facts  # how the memory backend's receipt handles end
