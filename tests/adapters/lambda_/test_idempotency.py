"""Idempotent routes in Lambda: duplicates, other payloads, a store that is down, and leases bounded by the deadline."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from eventkit import App, BackendError, ConfigurationError, Idempotent, Queue
from eventkit.guard import AFTER_DEADLINE, JITTER
from eventkit.stores import STORE, Claimed, Claiming, Finished, InProgress
from eventkit.stores.memory import MemoryStore
from eventkit.testing import sqs_event
from eventkit_lambda import LambdaHandler
from eventkit_lambda._loop import run_at_once
from tests.adapters.lambda_.harness import DONE, Context, Functions, Service, failed, message, messages

OUTAGE = BackendError("the store cannot be reached")
MARGIN = 0.2


class Store(MemoryStore):
    """A memory store that keeps what was claimed, and is down while it is told so."""

    def __init__(self) -> None:
        super().__init__()
        self.claims: list[tuple[str, Claiming]] = []
        self.down = False

    async def claim(self, key: str, claiming: Claiming) -> Claimed | InProgress | Finished:
        if self.down:
            raise OUTAGE
        self.claims.append((key, claiming))
        return await super().claim(key, claiming)


@pytest.fixture
def stack(functions: Functions) -> Iterator[ExitStack]:  # noqa: ARG001 - it puts back what functions do to signals
    with ExitStack() as stack:
        yield stack


def app_of(do: Callable[[str], object], *, plain: bool) -> App:
    """An app whose messages have the key that stands before their colon."""
    app = App("app")
    on = app.on(Queue[str]("jobs"), idempotent=Idempotent(lambda text: text.partition(":")[0]), name="work")
    if plain:

        @on
        def work_plainly(text: str) -> None:
            do(text)
    else:

        @on
        async def work(text: str) -> None:
            do(text)

    return app


class Function:
    """An app in Lambda, with a store and what stands for SQS."""

    def __init__(self, stack: ExitStack, app: App, store: Store | None = None) -> None:
        self.store = store or Store()
        self.service = Service()
        self.call = LambdaHandler(app, backend=self.service, store=self.store, margin=MARGIN)
        stack.callback(self.call.close)


@pytest.fixture(params=[True, False], ids=["plain", "async"])
def plain(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_a_duplicate_runs_once_within_a_batch_and_across_invocations(stack: ExitStack, *, plain: bool) -> None:
    ran: list[str] = []
    function = Function(stack, app_of(ran.append, plain=plain))

    assert function.call(messages("a", "b", "a"), Context(10)) == DONE
    assert function.call(messages("b", "c"), Context(10)) == DONE

    assert ran == ["a", "b", "c"]


def test_two_functions_that_share_a_store_run_it_once(stack: ExitStack, *, plain: bool) -> None:
    ran: list[str] = []
    store = Store()

    for _ in range(2):
        function = Function(stack, app_of(ran.append, plain=plain), store)
        assert function.call(messages("a"), Context(10)) == DONE

    assert ran == ["a"]


def test_a_duplicate_of_what_is_in_progress_elsewhere_is_delayed(stack: ExitStack, *, plain: bool) -> None:
    ran: list[str] = []
    function = Function(stack, app_of(ran.append, plain=plain))
    function.call(messages("a"), Context(10))
    ((key, done),) = function.store.claims
    function.store.clear()
    run_at_once(function.store.claim(key, Claiming("another", done.fingerprint, 60)))

    assert function.call(messages("a"), Context(10)) == failed("m1")

    ((_, ((identifier, after),)),) = function.service.delays
    assert identifier == "m1"
    assert 59 < after <= 60 + JITTER
    assert ran == ["a"]


def test_a_lease_is_bounded_by_the_deadline(stack: ExitStack, *, plain: bool) -> None:
    function = Function(stack, app_of(str, plain=plain))

    function.call(messages("a"), Context(10))

    ((_, claiming),) = function.store.claims
    assert 9 < claiming.lease <= 10 - MARGIN + AFTER_DEADLINE


def test_the_same_key_with_another_payload_goes_to_the_dead_letters(stack: ExitStack, *, plain: bool) -> None:
    ran: list[str] = []
    function = Function(stack, app_of(ran.append, plain=plain))

    assert function.call(messages("a: 1", "a: 2"), Context(10)) == DONE

    assert ran == ["a: 1"]
    assert [(identifier, reason) for _, identifier, reason in function.service.parked] == [
        ("m2", "the same idempotency key came with another payload before")
    ]


def test_while_the_store_is_down_every_message_comes_again(stack: ExitStack, *, plain: bool) -> None:
    ran: list[str] = []
    function = Function(stack, app_of(ran.append, plain=plain))
    function.store.down = True

    assert function.call(messages("a", "b"), Context(10)) == failed("m1", "m2")

    function.store.down = False
    assert function.call(messages("a", "b"), Context(10)) == DONE
    assert ran == ["a", "b"]


def test_a_handler_that_is_cut_off_at_the_deadline_frees_its_key(stack: ExitStack) -> None:
    ran: list[str] = []
    app = App("app")

    @app.on(Queue[str]("jobs"), idempotent=Idempotent(lambda text: text))
    async def work(text: str) -> None:
        ran.append(text)
        if len(ran) == 1:
            await asyncio.Event().wait()

    function = Function(stack, app)

    assert function.call(messages("a"), Context(MARGIN + 0.1)) == failed("m1")
    assert function.call(messages("a"), Context(10)) == DONE
    assert ran == ["a", "a"]


def test_the_environment_names_the_store(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    monkeypatch.setenv(STORE, "memory://")
    handler = LambdaHandler(app_of(ran.append, plain=True), backend=Service())
    stack.callback(handler.close)

    assert handler(sqs_event(message("a", 1), message("a", 2))) == DONE
    assert ran == ["a"]


def test_without_a_store_the_function_does_not_start(functions: Functions) -> None:
    with pytest.raises(ConfigurationError, match="set EVENTKIT_STORE"):
        functions(app_of(str, plain=True))
