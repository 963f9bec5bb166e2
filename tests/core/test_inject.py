"""What handlers get besides their event."""

from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from eventkit import (
    App,
    AuthorError,
    Delivery,
    Depends,
    Done,
    InjectionError,
    Message,
    Queue,
    Reject,
    Retry,
    RouteError,
    Router,
    Sender,
    To,
    Topic,
)
from tests.core.harness import Job, Outbox, handled, opened, register, sqs

jobs = Queue[Job]("jobs")
posts = Topic[Job]("posts")
JOB = sqs({"id": 1})


@dataclass
class State:
    name: str = "state"


@dataclass
class BetterState(State):
    pass


@asynccontextmanager
async def lifespan(_app: App) -> AsyncGenerator[State]:
    yield BetterState("better")


async def test_the_delivery_is_injected_with_its_facts() -> None:
    got: list[Delivery] = []
    app = App("app")

    @app.on(jobs, name="own name")
    def handle(_job: Job, delivery: Delivery) -> None:
        got.append(delivery)

    record = sqs({"id": 1}, system={"ApproximateReceiveCount": "3", "MessageGroupId": "g", "AWSTraceHeader": "Root=1"})
    await handled(app, record)

    (delivery,) = got
    assert delivery.event == Job(id=1)
    assert isinstance(delivery.source, Message)
    assert (delivery.handler, delivery.attempt, delivery.path) == ("own name", 3, ("sqs:jobs",))
    assert (delivery.group, delivery.trace, delivery.attributes, delivery.deadline) == ("g", "Root=1", {}, None)
    assert delivery.id == record["messageId"]
    assert repr(delivery) == (
        "Delivery(id='059f36b4-87a3-44ab-83d2-661975830a7d', handler='own name', attempt=3, path=('sqs:jobs',))"
    )


async def test_a_dependency_may_be_of_any_kind() -> None:
    got: list[object] = []

    def plain() -> str:
        return "plain"

    async def awaited() -> str:
        return "awaited"

    def generator() -> Iterator[str]:
        yield "generator"

    async def async_generator() -> AsyncGenerator[str]:
        yield "async generator"

    @contextmanager
    def manager() -> Generator[str]:
        yield "manager"

    @asynccontextmanager
    async def async_manager() -> AsyncGenerator[str]:
        yield "async manager"

    class Callee:
        async def __call__(self) -> str:
            return "callee"

    app = App("app")

    @app.on(jobs)
    async def handle(  # noqa: PLR0913, PLR0917 - one of each kind
        _job: Job,
        a: Annotated[str, Depends(plain)],
        b: Annotated[str, Depends(awaited)],
        c: Annotated[str, Depends(generator)],
        d: Annotated[str, Depends(async_generator)],
        e: Annotated[str, Depends(manager)],
        f: Annotated[str, Depends(async_manager)],
        g: Annotated[str, Depends(Callee())],
        h: Annotated[str, Depends(lambda: "lambda")],
    ) -> None:
        got.extend([a, b, c, d, e, f, g, h])

    outcome = await handled(app, JOB)

    assert outcome == Done()
    assert got == [
        "plain",
        "awaited",
        "generator",
        "async generator",
        "manager",
        "async manager",
        "callee",
        "lambda",
    ]


async def test_dependencies_end_after_the_handler_in_reverse_order() -> None:
    log: list[str] = []

    def first() -> Iterator[str]:
        log.append("first begins")
        yield "first"
        log.append("first ends")

    async def second(first: Annotated[str, Depends(first)]) -> AsyncGenerator[str]:
        log.append(f"second begins after {first}")
        yield "second"
        log.append("second ends")

    app = App("app")

    @app.on(jobs)
    async def handle(_job: Job, second: Annotated[str, Depends(second)]) -> None:
        log.append(f"handled with {second}")

    await handled(app, JOB)

    assert log == [
        "first begins",
        "second begins after first",
        "handled with second",
        "second ends",
        "first ends",
    ]


async def test_dependencies_see_what_the_handler_raised() -> None:
    seen: list[str] = []

    def transaction() -> Iterator[None]:
        try:
            yield
        except LookupError as error:
            seen.append(f"rolled back after {error}")
            raise

    app = App("app")

    @app.on(jobs)
    def handle(_job: Job, _transaction: Annotated[None, Depends(transaction)]) -> None:
        raise LookupError("it")

    outcome = await handled(app, JOB)

    assert isinstance(outcome, Retry)
    assert seen == ["rolled back after it"]


async def test_a_dependency_that_fails_at_its_end_fails_the_delivery() -> None:
    def transaction() -> Iterator[None]:
        yield
        raise OSError("the commit failed")

    app = App("app")

    @app.on(jobs)
    def handle(_job: Job, _transaction: Annotated[None, Depends(transaction)]) -> None: ...

    outcome = await handled(app, JOB)

    assert isinstance(outcome, Retry)
    assert isinstance(outcome.error, OSError)


async def test_a_dependency_may_retry_or_reject() -> None:
    def refuse() -> None:
        raise Reject("not today")

    app = App("app")

    @app.on(jobs)
    def handle(_job: Job, _refused: Annotated[None, Depends(refuse)]) -> None: ...

    assert await handled(app, JOB) == Reject("not today")


def counting(log: list[int]) -> Callable[[], int]:
    def count() -> int:
        log.append(len(log) + 1)
        return len(log)

    return count


async def test_a_value_is_made_once_per_delivery_however_often_it_is_wanted() -> None:
    made: list[int] = []
    got: list[tuple[int, int]] = []
    count = counting(made)

    def twice(one: Annotated[int, Depends(count)], two: Annotated[int, Depends(count)]) -> tuple[int, int]:
        return one, two

    app = App("app")

    @app.on(jobs)
    def handle(
        _job: Job, pair: Annotated[tuple[int, int], Depends(twice)], one: Annotated[int, Depends(count)]
    ) -> None:
        got.extend([pair, (one, one)])

    async with opened(app) as dispatcher:
        dispatcher.handle_inline(JOB)
        dispatcher.handle_inline(JOB)

    assert got == [(1, 1), (1, 1), (2, 2), (2, 2)]


async def test_a_value_of_the_app_is_made_once_and_ended_with_it() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def spanning(_app: App) -> AsyncGenerator[State]:
        log.append("lifespan begins")
        yield State()
        log.append("lifespan ends")

    async def client(state: State) -> AsyncGenerator[str]:
        log.append(f"client begins with {state.name}")
        yield "client"
        log.append("client ends")

    def pool(client: Annotated[str, Depends(client, scope="app")]) -> Iterator[str]:
        log.append(f"pool begins with {client}")
        yield "pool"
        log.append("pool ends")

    app = App("app", lifespan=spanning)

    @app.on(jobs)
    def handle(_job: Job, pool: Annotated[str, Depends(pool, scope="app")]) -> None:
        log.append(f"handled with {pool}")

    async with opened(app) as dispatcher:
        assert dispatcher.inline
        dispatcher.handle_inline(JOB)
        dispatcher.handle_inline(JOB)

    assert log == [
        "lifespan begins",
        "client begins with state",
        "pool begins with client",
        "handled with pool",
        "handled with pool",
        "pool ends",
        "client ends",
        "lifespan ends",
    ]


async def test_what_the_lifespan_yields_is_injected_by_its_type() -> None:
    got: list[object] = []
    app = App("app", lifespan=lifespan)

    def name(state: State) -> str:
        return state.name

    @app.on(jobs)
    def handle(_job: Job, state: State, name: Annotated[str, Depends(name)]) -> None:
        got.extend([type(state), name])

    await handled(app, JOB)

    assert got == [BetterState, "better"]


async def test_overrides_replace_dependencies_everywhere() -> None:
    got: list[str] = []

    def mailer() -> str:
        raise AssertionError("the real one")

    def greeting(mailer: Annotated[str, Depends(mailer)]) -> str:
        return f"hello from {mailer}"

    async def fake() -> AsyncGenerator[str]:
        yield "a fake"

    app = App("app")

    @app.on(jobs)
    def handle(_job: Job, greeting: Annotated[str, Depends(greeting)]) -> None:
        got.append(greeting)

    async with opened(app, overrides={mailer: fake}) as dispatcher:
        assert not dispatcher.inline
        outcome = await dispatcher.handle(JOB)

    assert outcome == Done()
    assert got == ["hello from a fake"]


async def test_an_override_may_want_other_things_than_what_it_replaces() -> None:
    got: list[object] = []

    def real(_state: State) -> str:
        raise AssertionError

    def fake(delivery: Delivery) -> str:
        return delivery.handler

    app = App("app", lifespan=lifespan)

    @app.on(jobs, name="it")
    def handle(_job: Job, value: Annotated[str, Depends(real)]) -> None:
        got.append(value)

    async with opened(app, overrides={real: fake}) as dispatcher:
        await dispatcher.handle(JOB)

    assert got == ["it"]


async def test_a_sender_is_injected_for_a_destination() -> None:
    outbox = Outbox()
    app = App("app")

    @app.on(jobs)
    async def handle(job: Job, news: Annotated[Sender[Job], To(posts)]) -> None:
        await news.send(job, Job(id=2), group="g")
        await news.send()

    outcome = await handled(app, JOB, publisher=outbox)

    assert outcome == Done()
    assert outbox.sent == [
        ("topic", "posts", '{"id":1,"name":"widget"}'),
        ("topic", "posts", '{"id":2,"name":"widget"}'),
    ]
    assert {(message.group, message.deduplication_id) for message in outbox.messages} == {("g", None)}


async def test_one_deduplication_id_goes_with_one_message() -> None:
    outbox = Outbox()
    news = Sender(posts, "posts", outbox)

    await news.send(Job(id=1), deduplication_id="d")
    with pytest.raises(AuthorError, match="would drop all but the first"):
        await news.send(Job(id=1), Job(id=2), deduplication_id="d")

    assert [message.deduplication_id for message in outbox.messages] == ["d"]


async def test_a_parameter_with_a_default_that_nothing_provides_keeps_it() -> None:
    got: list[object] = []
    app = App("app")

    def handle(_job: Job, limit: int = 7, *more: int, **others: int) -> None:
        got.append((limit, more, others))

    register(app, jobs, handle)

    await handled(app, JOB)

    assert got == [(7, (), {})]


def registered(handler: Callable[..., object], app: App | None = None) -> None:
    register(app or App("app"), jobs, handler)


def test_a_parameter_that_nothing_provides_is_an_error_that_says_what_would() -> None:
    def handle(_job: Job, mailer: object) -> None: ...

    del handle.__annotations__["mailer"]

    with pytest.raises(InjectionError) as refused:
        registered(handle)

    assert str(refused.value).endswith(
        "handle: nothing provides the parameter 'mailer'; annotate it with Delivery, with the type that the lifespan "
        "yields, or as Annotated[…, Depends(…)] or Annotated[Sender[…], To(…)]"
    )


def test_a_sender_without_its_destination_is_an_error() -> None:
    def handle(_job: Job, news: Sender[Job]) -> None: ...

    with pytest.raises(InjectionError, match="nothing provides the parameter 'news'"):
        registered(handle)


@pytest.mark.parametrize("default", [Depends(State), To(posts)], ids=["Depends", "To"])
def test_a_mark_as_default_is_an_error_that_shows_how_to_write_it(default: Any) -> None:  # noqa: ANN401 - a mark
    def handle(_job: Job, mailer: str = default) -> None: ...

    with pytest.raises(InjectionError, match=r"write mailer: Annotated\[…, (Depends|To)\(…\)\]"):
        registered(handle)


def test_a_positional_only_parameter_is_an_error() -> None:
    def handle(_job: Job, state: State, /) -> None: ...

    with pytest.raises(InjectionError, match="'state' is positional-only, and injection passes names"):
        registered(handle)


def test_a_type_that_the_lifespan_does_not_yield_is_an_error_at_import_time() -> None:
    def handle(_job: Job, other: Job) -> None: ...

    with pytest.raises(
        RouteError, match="nothing provides the parameter 'other' of type Job; the lifespan yields State"
    ):
        registered(handle, App("app", lifespan=lifespan))
    with pytest.raises(RouteError, match="of type Job; the lifespan yields nothing"):
        registered(handle)


def test_a_dependency_is_checked_against_the_lifespan_likewise() -> None:
    def inner(other: Job) -> Job:
        return other

    def outer(inner: Annotated[Job, Depends(inner)]) -> Job:
        return inner

    def handle(_job: object, _outer: Annotated[Job, Depends(outer)]) -> None: ...

    with pytest.raises(RouteError, match="inner: nothing provides the parameter 'other' of type Job"):
        registered(handle, App("app", lifespan=lifespan))
    with pytest.raises(RouteError, match="inner: nothing provides the parameter 'other' of type Job"):
        App("app").unmatched(handle)


def test_a_routers_handler_is_checked_against_the_lifespan_when_it_is_included() -> None:
    router = Router()

    @router.on(jobs)
    def handle(_job: Job, _state: State) -> None: ...

    App("app", lifespan=lifespan).include(router)
    with pytest.raises(RouteError, match="the lifespan yields nothing"):
        App("app").include(router)


async def test_a_lifespan_that_yields_something_else_than_it_says_is_found() -> None:
    @asynccontextmanager
    async def lying(_app: App) -> AsyncGenerator[Any]:
        yield "text"

    app = App("app", lifespan=lying)

    @app.on(jobs)
    def handle(_job: Job, _state: State) -> None: ...

    outcome = await handled(app, JOB)

    assert isinstance(outcome, Retry)
    assert isinstance(outcome.error, InjectionError)
    assert str(outcome.error).endswith("handle wants a State, and the lifespan yielded a str")


def test_a_circle_of_dependencies_is_an_error() -> None:
    def one(two: object) -> object:
        return two

    def two(one: Annotated[object, Depends(one)]) -> object:
        return one

    one.__annotations__["two"] = Annotated[object, Depends(two)]

    def handle(_job: Job, one: Annotated[object, Depends(one)]) -> None: ...

    with pytest.raises(InjectionError, match="its dependencies form a circle"):
        registered(handle)


def test_what_is_made_once_per_process_cannot_want_what_is_made_per_delivery() -> None:
    def of_a_delivery(delivery: Delivery) -> str:
        return delivery.id

    def of_the_app(text: Annotated[str, Depends(of_a_delivery)]) -> str:
        return text

    def handle(_job: Job, text: Annotated[str, Depends(of_the_app, scope="app")]) -> None: ...

    def direct(_job: Job, text: Annotated[str, Depends(of_a_delivery, scope="app")]) -> None: ...

    for handler, parameter in ((handle, "text"), (direct, "delivery")):
        with pytest.raises(InjectionError, match=f"parameter '{parameter}' cannot be made per delivery"):
            registered(handler)


def test_a_dependency_with_a_parameter_that_nothing_provides_is_an_error() -> None:
    def mailer(host: str = "localhost", *, port: int) -> str:
        return f"{host}:{port}"

    del mailer.__annotations__["port"]

    def handle(_job: Job, mail: Annotated[str, Depends(mailer)]) -> None: ...

    with pytest.raises(InjectionError, match="mailer: nothing provides the parameter 'port'"):
        registered(handle)


async def test_a_plain_dependency_that_gives_something_to_await_is_refused_inline() -> None:
    class Later:
        def __await__(self) -> Iterator[object]:
            raise AssertionError

    app = App("app")

    @app.on(jobs)
    def handle(_job: Job, _later: Annotated[object, Depends(Later)]) -> None: ...

    async with opened(app) as dispatcher:
        outcome = dispatcher.handle_inline(JOB)

    assert isinstance(outcome, Retry)
    assert "declare the dependency with async def" in str(outcome.error)
