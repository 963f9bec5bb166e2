"""Deliveries that run once: what a route's guard does with a store, through the dispatcher."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest

from eventkit import (
    App,
    BackendError,
    Bucket,
    CallNext,
    ConfigurationError,
    Deadline,
    Delivery,
    Done,
    Idempotent,
    Names,
    ObjectCreated,
    Outcome,
    Queue,
    Reject,
    Retry,
    Unmatched,
)
from eventkit.dispatch import Dispatcher, Wiring, open_dispatcher
from eventkit.execution import Environment
from eventkit.guard import AFTER_DEADLINE, JITTER, LeaseLost
from eventkit.middleware import Middleware
from eventkit.outcomes import Deferred
from eventkit.publish import Publisher
from eventkit.stores import Claimed, Claiming, Finished, IdempotencyStore, InProgress
from eventkit.stores.memory import MemoryStore
from eventkit.testing import VirtualClock
from tests.core.harness import AtOnce, Job, Json, Outbox, s3, sqs

jobs = Queue[Job]("jobs")
mails = Queue[Job]("mails")
photos = Bucket("photos")

DONE = Done()
OUTAGE = BackendError("the store cannot be reached")
BY_ID = Idempotent[Job](key=lambda job: job.id)
LUCK = 0.5


class Store:
    """A memory store that counts its calls, keeps what was claimed, and fails as it is told."""

    def __init__(self, **faults: Exception) -> None:
        self.clock = VirtualClock()
        self.memory = MemoryStore(self.clock.now)
        self.calls: Counter[str] = Counter()
        self.claims: list[tuple[str, Claiming]] = []
        self.faults = faults

    async def claim(self, key: str, claiming: Claiming) -> Claimed | InProgress | Finished:
        self.claims.append((key, claiming))
        self._begin("claim")
        return await self.memory.claim(key, claiming)

    async def renew(self, key: str, owner: str, lease: float) -> bool:
        self._begin("renew")
        return await self.memory.renew(key, owner, lease)

    async def complete(self, key: str, owner: str, ttl: float) -> bool:
        self._begin("complete")
        return await self.memory.complete(key, owner, ttl)

    async def release(self, key: str, owner: str) -> bool:
        self._begin("release")
        return await self.memory.release(key, owner)

    def _begin(self, verb: str) -> None:
        self.calls[verb] += 1
        if verb in self.faults:
            raise self.faults[verb]


@asynccontextmanager
async def opened(
    app: App,
    store: IdempotencyStore | None,
    *,
    publisher: Publisher | None = None,
    middleware: tuple[Middleware, ...] = (),
) -> AsyncGenerator[Dispatcher]:
    environment = Environment(AtOnce(), lambda: LUCK, middleware)
    async with open_dispatcher(app, environment, Wiring(Names(app.name), publisher, store)) as dispatcher:
        yield dispatcher


def job(number: int, message: str = "m1", **fields: object) -> Json:
    return sqs({"id": number, **fields}, messageId=message)


def app_of(
    handler: Callable[[Job], object], idempotent: Idempotent[Job] | None = BY_ID, *, timeout: float | None = None
) -> App:
    app = App("app")
    app.on(jobs, idempotent=idempotent, timeout=timeout)(handler)
    return app


class Work(list[int]):
    """A handler that notes its calls, and raises what it is told to, one after the other."""

    def __init__(self, *errors: BaseException | None) -> None:
        self.errors = list(errors)

    async def __call__(self, event: Job) -> None:
        self.append(event.id)
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error

    def handler(self) -> Callable[[Job], object]:
        async def work(event: Job) -> None:
            await self(event)

        return work


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


async def test_what_is_done_is_not_done_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    work = Work()

    async with opened(app_of(work.handler()), Store()) as run:
        outcomes = [await run.handle(one) for one in (job(1), job(1, "m2"), job(2, "m3"), job(1))]

    assert outcomes == [DONE] * 4
    assert work == [1, 2]
    assert logged(caplog) == ["delivery.duplicate"] * 2


async def test_a_plain_handler_runs_once_too() -> None:
    ran: list[int] = []

    def work(event: Job) -> None:
        ran.append(event.id)

    async with opened(app_of(work), Store()) as run:
        assert not run.inline
        assert [await run.handle(job(1)), await run.handle(job(1, "m2"))] == [DONE, DONE]

    assert ran == [1]


async def test_what_was_done_is_forgotten_after_its_time() -> None:
    work, store = Work(), Store()
    idempotent = Idempotent[Job](key=lambda job: job.id, ttl=100)

    async with opened(app_of(work.handler(), idempotent), store) as run:
        await run.handle(job(1))
        store.clock.advance(99)
        await run.handle(job(1))
        store.clock.advance(2)
        await run.handle(job(1))

    assert work == [1, 1]


@pytest.mark.parametrize(
    "error", [Retry(after=5), Reject("no good"), ValueError("x"), asyncio.CancelledError()], ids=type
)
async def test_what_was_not_done_frees_its_key(error: BaseException) -> None:
    work, store = Work(error), Store()

    async with opened(app_of(work.handler()), store) as run:
        first, second = await run.handle(job(1)), await run.handle(job(1))

    assert isinstance(first, Retry | Reject)
    assert second == DONE
    assert work == [1, 1]
    assert store.calls == {"claim": 2, "release": 1, "complete": 1}


async def test_a_duplicate_publishes_nothing_and_what_could_not_be_published_is_not_done() -> None:
    app = App("app")

    @app.on(jobs, to=mails, idempotent=BY_ID)
    async def plan(event: Job) -> Job:
        return event

    store = Store()
    async with opened(app, store, publisher=Outbox(failure=OUTAGE)) as run:
        assert isinstance(await run.handle(job(1)), Retry)
    outbox = Outbox()
    async with opened(app, store, publisher=outbox) as run:
        assert [await run.handle(job(1)), await run.handle(job(1))] == [DONE, DONE]

    assert [address for _, address, _ in outbox.sent] == ["mails"]


async def test_a_duplicate_of_what_is_in_progress_is_deferred(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    begun, go_on = asyncio.Event(), asyncio.Event()
    runs = 0

    async def work(_event: Job) -> None:
        nonlocal runs
        runs += 1
        begun.set()
        await go_on.wait()

    async with opened(app_of(work, Idempotent[Job](key=lambda job: job.id, in_progress=40)), Store()) as run:
        first = asyncio.ensure_future(run.handle(job(1)))
        await begun.wait()
        met = await run.handle(job(1, "m2"))
        go_on.set()
        done = await first
        after = await run.handle(job(1, "m2"))

    assert met == Retry(after=40 + JITTER * LUCK)
    assert isinstance(met, Retry)
    assert isinstance(met.error, Deferred)
    assert (done, after, runs) == (DONE, DONE, 1)
    assert logged(caplog) == ["delivery.deferred", "delivery.duplicate"]


@pytest.mark.parametrize("finished", [True, False])
async def test_the_same_key_with_another_payload_is_rejected(*, finished: bool) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    seen: list[str] = []

    async def work(event: Job) -> None:
        seen.append(event.name)
        begun.set()
        await go_on.wait()

    async with opened(app_of(work), Store()) as run:
        first = asyncio.ensure_future(run.handle(job(1, name="paid")))
        await begun.wait()
        if finished:
            go_on.set()
            await first
        tampered = [await run.handle(job(1, "m2", name=f"forged {number}")) for number in range(100)]
        go_on.set()
        assert await first == DONE

    assert tampered == [Reject("the same idempotency key came with another payload before")] * 100
    assert seen == ["paid"]


async def test_the_same_json_written_otherwise_is_the_same_payload() -> None:
    work = Work()

    async with opened(app_of(work.handler()), Store()) as run:
        texts = ['{"id": 1, "name": "a"}', '{"name":"a","id":1}']
        assert [await run.handle(sqs(text)) for text in texts] == [DONE, DONE]

    assert work == [1]


async def test_an_event_without_a_key_is_rejected_and_not_run(caplog: pytest.LogCaptureFixture) -> None:
    work, store = Work(), Store()
    idempotent = Idempotent[Job](key=lambda job: {2: "found"}[job.id])

    async with opened(app_of(work.handler(), idempotent), store) as run:
        outcome = await run.handle(job(1))

    assert outcome == Reject("the idempotency key is missing: its function raised KeyError")
    assert (work, store.calls) == ([], {})
    assert logged(caplog) == ["delivery.reject"]


async def test_a_key_that_cannot_be_one_is_retried_until_the_author_repairs_it() -> None:
    work = Work()

    async with opened(app_of(work.handler(), Idempotent[Job](key=lambda _: object())), Store()) as run:
        outcome = await run.handle(job(1))

    assert isinstance(outcome, Retry)
    assert work == []


async def test_nothing_runs_while_the_store_is_down() -> None:
    work, store = Work(), Store(claim=OUTAGE)

    async with opened(app_of(work.handler()), store) as run:
        down = await run.handle(job(1))
        assert store.calls == {"claim": 1}
        store.faults.clear()
        up = await run.handle(job(1))

    assert isinstance(down, Retry)
    assert down.error is OUTAGE
    assert (up, work) == (DONE, [1])


async def test_a_key_that_could_not_be_freed_is_free_after_its_lease(caplog: pytest.LogCaptureFixture) -> None:
    work, store = Work(Retry(after=1)), Store(release=OUTAGE)

    async with opened(app_of(work.handler()), store) as run:
        first, second = await run.handle(job(1)), await run.handle(job(1))
        store.clock.advance(60)
        third = await run.handle(job(1))

    assert first == Retry(after=1)
    assert second == Retry(after=60 + JITTER * LUCK)
    assert (third, work) == (DONE, [1, 1])
    assert logged(caplog)[0] == "lease.not_released"


async def test_an_attempt_that_was_frozen_past_its_lease_overwrites_nothing(caplog: pytest.LogCaptureFixture) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    runs = 0

    async def work(_event: Job) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            begun.set()
            await go_on.wait()

    store = Store()
    async with opened(app_of(work), store) as run:
        frozen = asyncio.ensure_future(run.handle(job(1)))
        await begun.wait()
        store.clock.advance(61)
        assert await run.handle(job(1)) == DONE
        (key, _), (_, second) = store.claims
        go_on.set()
        late = await frozen

    assert isinstance(late, Retry)
    assert isinstance(late.error, LeaseLost)
    assert "lease.lost" in logged(caplog)
    assert await store.memory.release(key, second.owner) is False  # finished, by the second
    assert await store.memory.complete(key, second.owner, 1) is True


async def test_each_attempt_has_a_token_of_its_own() -> None:
    store = Store()
    async with opened(app_of(Work(*[Retry(after=0)] * 50).handler()), store) as run:
        for _ in range(50):
            await run.handle(job(1))

    assert len({claiming.owner for _, claiming in store.claims}) == 50
    assert len({key for key, _ in store.claims}) == 1


@pytest.mark.parametrize("left", [0.0, 0.01, 30.0, 900.0])
async def test_a_lease_is_bounded_by_the_deadline(left: float) -> None:
    store = Store()

    async with opened(app_of(Work().handler()), store) as run:
        await run.handle(job(1), Deadline(left, lambda: 0.0))

    ((_, claiming),) = store.claims
    assert claiming.lease == left + AFTER_DEADLINE
    assert store.calls["renew"] == 0


async def test_an_attempt_that_is_cut_off_frees_its_key() -> None:
    begun = asyncio.Event()

    async def work(_event: Job) -> None:
        begun.set()
        await asyncio.Event().wait()

    store = Store()
    async with opened(app_of(work), store) as run:
        task = asyncio.ensure_future(run.handle(job(1)))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert store.calls == {"claim": 1, "release": 1}


async def test_a_plain_function_that_outlives_its_timeout_keeps_its_key() -> None:
    def work(_event: Job) -> None:
        raise TimeoutError

    store = Store()
    async with opened(app_of(work, timeout=5), store) as run:
        assert isinstance(await run.handle(job(1)), Retry)

    assert store.calls == {"claim": 1}


async def test_an_app_with_an_idempotent_route_wants_a_store() -> None:
    with pytest.raises(ConfigurationError, match=r"work is idempotent, .* no store .* set EVENTKIT_STORE to dynamodb:"):
        async with opened(app_of(Work().handler()), None):
            pass


async def test_the_apps_middleware_lies_inside_and_the_runtimes_outside() -> None:
    seen: list[str] = []

    def layer(name: str) -> Middleware:
        async def through(delivery: Delivery, call_next: CallNext) -> Outcome:
            outcome = await call_next(delivery)
            seen.append(f"{name} {store.calls['complete']}")
            return outcome

        return through

    store = Store()
    app = App("app", middleware=[layer("app")])
    app.on(jobs, idempotent=BY_ID)(Work().handler())

    async with opened(app, store, middleware=(layer("runtime"),)) as run:
        await run.handle(job(1))
        await run.handle(job(1))

    assert seen == ["app 0", "runtime 1", "runtime 1"]  # what the app commits, is committed before it is remembered


async def test_a_key_holds_for_its_route() -> None:
    app, one, other = App("app"), Work(), Work()
    app.on(jobs, idempotent=BY_ID, name="one")(one.handler())
    app.on(jobs, idempotent=BY_ID, name="other")(other.handler())

    async with opened(app, Store()) as run:
        assert [await run.handle(job(1)), await run.handle(job(1, "m2"))] == [DONE, DONE]

    assert (one, other) == ([1], [1])


def failing_beside_others() -> tuple[App, Work, Work, Work]:
    """An app with three routes on one queue, of which the second fails at first."""
    app, first, second, third = App("app"), Work(), Work(Retry(after=1)), Work()
    app.on(jobs, name="first")(first.handler())
    app.on(jobs, name="second")(second.handler())
    app.on(jobs, name="third", idempotent=BY_ID)(third.handler())
    return app, first, second, third


async def test_of_several_routes_those_that_finished_are_not_run_again() -> None:
    app, first, second, third = failing_beside_others()

    async with opened(app, Store()) as run:
        outcomes = [await run.handle(job(1)) for _ in range(3)]

    assert outcomes == [Retry(after=1), DONE, DONE]
    assert (first, second, third) == ([1], [1, 1], [1])


async def test_another_message_runs_all_routes_that_have_no_key_of_their_own() -> None:
    app, first, second, third = failing_beside_others()

    async with opened(app, Store()) as run:
        for message in ("m1", "m1", "m2"):
            await run.handle(job(1, message))

    assert (first, second, third) == ([1, 1], [1, 1, 1], [1])


async def test_without_a_store_all_routes_run_again() -> None:
    app, first = App("app"), Work()
    app.on(jobs, name="first")(first.handler())
    app.on(jobs, name="second")(Work(Retry(after=1)).handler())

    async with opened(app, None) as run:
        assert [await run.handle(job(1)) for _ in range(2)] == [Retry(after=1), DONE]

    assert first == [1, 1]


async def test_of_several_events_in_a_record_those_that_finished_are_not_run_again() -> None:
    app = App("app")
    seen: Counter[str] = Counter()

    @app.on(photos.created(prefix="uploads/"))
    async def on_photo(photo: ObjectCreated) -> None:
        seen[photo.key] += 1
        if photo.key == "uploads/b" and seen[photo.key] == 1:
            raise Retry(after=1)

    @app.unmatched
    async def on_other(_unmatched: Unmatched) -> None:
        seen["unmatched"] += 1

    record = sqs({"Records": [s3("uploads/a"), s3("uploads/b"), s3("other")]})
    async with opened(app, Store()) as run:
        assert [await run.handle(record) for _ in range(2)] == [Retry(after=1), DONE]

    assert seen == {"uploads/a": 1, "uploads/b": 2, "unmatched": 1}


async def test_a_route_that_is_alone_and_has_no_key_costs_no_call() -> None:
    work, store = Work(), Store()

    async with opened(app_of(work.handler(), None), store) as run:
        assert [await run.handle(job(1)) for _ in range(2)] == [DONE, DONE]

    assert (work, store.calls) == ([1, 1], {})


async def test_no_log_holds_a_key_or_a_payload(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    store = Store(release=OUTAGE)
    app = app_of(Work(ValueError("CANARY")).handler(), Idempotent[Job](key=lambda job: job.name))

    async with opened(app, store) as run:
        for text in ({"id": 1, "name": "CANARY"}, {"id": 2, "name": "CANARY"}):
            await run.handle(sqs(json.dumps(text)))

    assert len(caplog.records) == 3
    assert "CANARY" not in str([vars(record) for record in caplog.records])
