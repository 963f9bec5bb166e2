"""Idempotent routes in the poller, in virtual time: duplicates, leases that are renewed and lost, stores that fail."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from eventkit import App, BackendError, Done, Idempotent, Queue, Reject, Retry
from eventkit.delivery import Delivery
from eventkit.guard import AFTER_DEADLINE, LeaseLost
from eventkit.middleware import CallNext, Middleware
from eventkit.outcomes import Outcome
from eventkit.stores import Claimed, Claiming, Finished, InProgress
from eventkit.stores.memory import MemoryStore
from eventkit_poller import Poller, Timing
from tests.adapters.poller.harness import Service, running, until

OUTAGE = BackendError("the store cannot be reached")
LEASE = 60.0


class Hang:
    """A call that gets no answer."""


Fault = Exception | Hang


class Store:
    """A memory store on the loop's time that notes when its lease was renewed, and fails as it is told."""

    def __init__(self) -> None:
        self.memory = MemoryStore(asyncio.get_running_loop().time)
        self.times: dict[str, list[float]] = {"claim": [], "renew": [], "complete": [], "release": []}
        self.faults: dict[str, deque[Fault]] = {verb: deque() for verb in self.times}
        self.keys: list[str] = []

    async def claim(self, key: str, claiming: Claiming) -> Claimed | InProgress | Finished:
        self.keys.append(key)
        await self._begin("claim")
        return await self.memory.claim(key, claiming)

    async def renew(self, key: str, owner: str, lease: float) -> bool:
        await self._begin("renew")
        return await self.memory.renew(key, owner, lease)

    async def complete(self, key: str, owner: str, ttl: float) -> bool:
        await self._begin("complete")
        return await self.memory.complete(key, owner, ttl)

    async def release(self, key: str, owner: str) -> bool:
        await self._begin("release")
        return await self.memory.release(key, owner)

    async def _begin(self, verb: str) -> None:
        self.times[verb].append(asyncio.get_running_loop().time())
        match self.faults[verb].popleft() if self.faults[verb] else None:
            case Exception() as error:
                raise error
            case Hang():
                await asyncio.Event().wait()
            case _:
                pass


@dataclass
class Seen:
    """What became of deliveries."""

    outcomes: list[Outcome]

    async def middleware(self, delivery: Delivery, call_next: CallNext) -> Outcome:
        outcome = await call_next(delivery)
        self.outcomes.append(outcome)
        return outcome


def app_of(handler: Callable[[str], object]) -> App:
    """An app whose messages have the key that stands before their colon."""
    app = App("test")
    app.on(Queue[str]("jobs"), idempotent=Idempotent(lambda text: text.partition(":")[0], in_progress=LEASE))(handler)
    return app


def poller_of(app: App, service: Service, store: Store, *middleware: Middleware) -> Poller:
    timing = Timing(asyncio.get_running_loop().time, lambda: 0.5)
    return Poller(app, service, store=store, middleware=middleware, timing=timing)


async def handled(
    handler: Callable[[str], object], texts: Sequence[str], store: Store, service: Service | None = None
) -> list[Outcome]:
    """Run until the queue is empty; gives the outcomes in order."""
    seen, service = Seen([]), service or Service("jobs")
    await service.send("jobs", *texts)
    async with running(poller_of(app_of(handler), service, store, seen.middleware)):
        await until(lambda: not service.memory.depth("jobs"))
    return seen.outcomes


async def test_a_duplicate_runs_once() -> None:
    ran: list[str] = []

    async def work(text: str) -> None:
        ran.append(text)

    outcomes = await handled(work, ["a", "a", "b", "a"], Store())

    assert sorted(ran) == ["a", "b"]
    assert outcomes.count(Done()) >= 4


async def test_a_duplicate_in_progress_is_deferred_and_neither_failed_nor_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ran: list[str] = []

    async def work(text: str) -> None:
        ran.append(text)
        await asyncio.sleep(10)

    caplog.set_level(logging.INFO)
    outcomes = await handled(work, ["a", "a"], Store())

    assert ran == ["a"]
    assert outcomes == [Retry(after=LEASE + 1), Done(), Done()]
    assert [one.getMessage() for one in caplog.records if one.name == "eventkit"] == [
        "delivery.deferred",
        "delivery.duplicate",
    ]


async def test_a_plain_handler_is_guarded_on_its_thread() -> None:
    ran: list[str] = []

    outcomes = await handled(ran.append, ["a", "b"], Store())

    assert sorted(ran) == ["a", "b"]
    assert outcomes == [Done(), Done()]


async def test_another_payload_is_rejected() -> None:
    service = Service("jobs")

    async def work(_text: str) -> None: ...

    outcomes = await handled(work, ["a: 1", "a: 2"], Store(), service)

    assert Reject("the same idempotency key came with another payload before") in outcomes
    assert len(await service.visible("jobs-dead")) == 1


async def test_while_the_store_is_down_messages_come_again(caplog: pytest.LogCaptureFixture) -> None:
    ran: list[str] = []

    async def work(text: str) -> None:
        ran.append(text)

    store = Store()
    store.faults["claim"].extend([OUTAGE] * 3)
    outcomes = await handled(work, ["a"], store)

    assert outcomes == [Retry(after=None)] * 3 + [Done()]
    assert ran == ["a"]
    assert [one.__dict__["error"] for one in caplog.records if one.getMessage() == "delivery.retry"] == [
        "BackendError"
    ] * 3


async def test_the_lease_is_renewed_while_the_handler_runs() -> None:
    async def work(_text: str) -> None:
        await asyncio.sleep(5 * LEASE)

    store = Store()
    outcomes = await handled(work, ["a"], store)

    assert outcomes == [Done()]
    began = store.times["claim"][0]
    assert [time - began for time in store.times["renew"]] == pytest.approx(
        [LEASE / 3 * number for number in range(1, 15)]
    )


async def test_a_renewal_that_fails_is_tried_again_before_the_lease_ends() -> None:
    async def work(_text: str) -> None:
        await asyncio.sleep(2 * LEASE)

    store = Store()
    store.faults["renew"].extend([OUTAGE, OUTAGE])

    assert await handled(work, ["a"], store) == [Done()]


@pytest.mark.parametrize("faults", [[OUTAGE] * 3, [Hang()]], ids=["refuses", "hangs"])
async def test_a_handler_whose_lease_cannot_be_renewed_is_cancelled(
    faults: Sequence[Fault], caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[float] = []

    async def work(_text: str) -> None:
        began = asyncio.get_running_loop().time()
        try:
            await asyncio.sleep(10 * LEASE if not ended else 0)
        finally:
            ended.append(asyncio.get_running_loop().time() - began)

    store = Store()
    store.faults["renew"].extend(faults)
    outcomes = await handled(work, ["a"], store)

    assert ended == pytest.approx([LEASE, 0])
    assert isinstance(outcomes[0], Retry)
    assert isinstance(outcomes[0].error, LeaseLost)
    assert outcomes[-1] == Done()
    assert "lease.lost" in [one.getMessage() for one in caplog.records]


async def test_a_handler_whose_lease_another_took_is_cancelled_and_changes_nothing() -> None:
    ran: list[str] = []

    async def work(text: str) -> None:
        ran.append(text)
        loop = asyncio.get_running_loop()
        if len(ran) == 1:
            loop.block(2 * LEASE)  # type: ignore[attr-defined]  # frozen, as by SIGSTOP
            await store.memory.claim(store.keys[0], Claiming("another", "payload", LEASE))
            await asyncio.sleep(10 * LEASE)

    store = Store()
    service, seen = Service("jobs", visibility=600), Seen([])
    await service.send("jobs", "a")
    async with running(poller_of(app_of(work), service, store, seen.middleware)):
        await until(lambda: bool(seen.outcomes))
        assert await store.memory.complete(store.keys[0], "another", LEASE)

    assert isinstance(seen.outcomes[0], Retry)
    assert isinstance(seen.outcomes[0].error, LeaseLost)
    assert (ran, store.times["complete"], store.times["release"]) == (["a"], [], [])


async def test_what_is_done_is_written_down_again_where_that_failed() -> None:
    async def work(_text: str) -> None: ...

    store = Store()
    store.faults["complete"].extend([OUTAGE, OUTAGE])

    assert await handled(work, ["a", "b"], store) == [Done(), Done()]
    assert len(store.times["complete"]) == 4


async def test_what_is_done_and_cannot_be_written_down_is_done_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    ran: list[str] = []

    async def work(text: str) -> None:
        ran.append(text)

    store = Store()
    store.faults["complete"].extend([OUTAGE] * 3)

    assert await handled(work, ["a"], store) == [Done()]
    assert ran == ["a"]
    assert [one.getMessage() for one in caplog.records] == ["delivery.not_remembered"]


async def test_a_handler_that_is_cut_off_when_the_poller_stops_frees_its_key() -> None:
    begun = asyncio.Event()

    async def work(_text: str) -> None:
        begun.set()
        await asyncio.Event().wait()

    store, service = Store(), Service("jobs")
    await service.send("jobs", "a")
    async with running(poller_of(app_of(work), service, store)):
        await begun.wait()

    assert len(store.times["release"]) == 1
    assert await store.memory.claim(store.keys[0], Claiming("next", "payload", AFTER_DEADLINE)) == Claimed()
    assert await service.visible("jobs") == ["a"]
