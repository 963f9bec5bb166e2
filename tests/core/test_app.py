"""Registration: what is taken, what is refused at import time, and with which sentence."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal, NewType, Protocol, TypeVar, cast

import pytest
from typing_extensions import TypedDict

from eventkit import (
    App,
    AwsEvent,
    Backoff,
    Bucket,
    CallNext,
    Change,
    Delivery,
    Done,
    Inserted,
    Modified,
    ObjectCreated,
    ObjectEvent,
    Outcome,
    Queue,
    Reject,
    Removed,
    RouteError,
    Router,
    Source,
    Table,
    Topic,
    Unmatched,
)
from eventkit._annotations import accepts
from tests.core.harness import Job, Todo, handled, ignore, register, sqs

jobs = Queue[Job]("jobs")
either = Queue[Job | Todo]("either")
todos = Table[Todo]("todos")
photos = Bucket("photos")
texts = Queue[str]("texts")


def registered(source: object, handler: Callable[..., object], **options: object) -> App:
    app = App("app")
    register(app, source, handler, **options)
    return app


def test_the_decorator_returns_the_function_unchanged() -> None:
    def handle(job: Job) -> int:
        return job.id

    app = App("app")

    assert app.on(jobs)(handle) is handle
    assert handle(Job(id=7)) == 7
    assert app.routes()[0].handler is handle


def test_a_route_is_named_by_its_function_or_as_asked() -> None:
    def handle(_job: Job) -> None: ...

    (named,) = registered(jobs, handle, name="mine").routes()
    (route,) = registered(jobs, handle).routes()

    assert named.name == "mine"
    assert route.name == "test_a_route_is_named_by_its_function_or_as_asked.handle"
    assert str(named) == "mine: queue 'jobs'"


def test_two_routes_of_one_name_are_refused() -> None:
    def handle(_job: Job) -> None: ...

    app = registered(jobs, handle)

    with pytest.raises(RouteError, match=r"there is a route named '.*handle' already; give one of them another name=…"):
        app.on(jobs)(handle)

    app.on(jobs, name="another")(handle)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"timeout": 0}, "timeout=0: it must be a number of seconds greater than 0, or None"),
        ({"timeout": -1.5}, "timeout=-1.5: it must be a number of seconds greater than 0, or None"),
        ({"concurrency": 0}, "concurrency=0: it must be at least 1, or None"),
    ],
)
def test_an_option_without_sense_is_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(RouteError) as refused:
        registered(jobs, ignore, **options)

    assert str(refused.value) == says


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="retries"):
        registered(jobs, ignore, retries=3)


def test_the_options_are_kept() -> None:
    (route,) = registered(jobs, ignore, retry=Backoff(5), timeout=30, concurrency=4).routes()

    assert (route.options.retry, route.options.timeout, route.options.concurrency) == (Backoff(5), 30, 4)


def test_a_resource_without_its_type_is_refused_with_the_handler() -> None:
    untyped = cast("Callable[[str], object]", Queue)

    with pytest.raises(RouteError, match=r"Queue\('jobs'\) has no type: write Queue\[YourModel\]\('jobs'\)"):
        registered(untyped("jobs"), ignore)


class Named(Protocol):
    name: str


class Shape(TypedDict):
    sides: int


class Other:
    pass


class SpecialJob(Job):
    pass


T = TypeVar("T")
UserId = NewType("UserId", int)

FITTING: list[tuple[Source[Any], object]] = [
    (jobs, Job),
    (jobs, object),
    (jobs, Any),
    (jobs, Job | Todo),
    (jobs, Job | None),
    (jobs, Named),
    (jobs, T),
    (either, Job | Todo),
    (either, Todo | Job | None),
    (either.of(Job), Job),
    (either.of(Job, Todo), Job | Todo),
    (todos.inserted(), Inserted[Todo]),
    (todos.inserted(), Change[Todo]),
    (todos.inserted(), Inserted[Any]),
    (todos.inserted(), Inserted),
    (todos.inserted(), AwsEvent),
    (todos.inserted() | todos.removed(), Inserted[Todo] | Removed[Todo]),
    (todos.changed(), Inserted[Todo] | Modified[Todo] | Removed[Todo]),
    (todos.changed(), Change[Todo]),
    (photos.created(), ObjectEvent),
    (photos.created() | jobs, ObjectCreated | Job),
    (Queue[int]("n"), float),
    (Queue[int]("n"), complex),
    (Queue[bool]("n"), int),
    (Queue[list[Job]]("n"), list[Job]),
    (Queue[list[Job]]("n"), Sequence[Job]),
    (Queue[list[Job]]("n"), Iterable[Job]),
    (Queue[dict[str, int]]("n"), Mapping[str, int]),
    (Queue[Literal["a", "b"]]("n"), str),
    (Queue[Literal["a", "b"]]("n"), Literal["a", "b"]),
    (Queue[UserId]("n"), UserId),
    (Queue[UserId]("n"), int),
    (Queue[Shape]("n"), Shape),
    (Queue[Shape]("n"), Mapping[str, object]),
    (Queue[Shape | Job]("n"), Job | Shape),
    (Queue[None]("n"), None),
]


@pytest.mark.parametrize(
    ("source", "annotation"), FITTING, ids=[f"{number}: {case[1]}" for number, case in enumerate(FITTING)]
)
def test_a_handler_that_takes_what_its_source_gives_is_registered(source: Source[Any], annotation: object) -> None:
    def handle(_event: object) -> None: ...

    handle.__annotations__["_event"] = annotation

    assert len(registered(source, handle).routes()) == 1


MISFITS: list[tuple[Source[Any], object, str]] = [
    (jobs, Todo, "takes Todo, and its source gives Job"),
    (jobs, SpecialJob, "takes SpecialJob, and its source gives Job"),
    (jobs, ObjectCreated, "takes ObjectCreated, and its source gives Job"),
    (either, Job, "takes Job, and its source gives Job | Todo"),
    (either.of(Job), Todo, "takes Todo, and its source gives Job"),
    (todos.inserted(), Todo, "takes Todo, and its source gives Inserted[Todo]"),
    (todos.inserted(), Inserted[Job], "takes Inserted[Job], and its source gives Inserted[Todo]"),
    (todos.inserted(), Removed[Todo], "takes Removed[Todo], and its source gives Inserted[Todo]"),
    (todos.changed(), Inserted[Todo], "takes Inserted[Todo], and its source gives Modified[Todo]"),
    (photos.any(), ObjectCreated, "takes ObjectCreated, and its source gives ObjectEvent"),
    (photos.created() | jobs, ObjectCreated, "takes ObjectCreated, and its source gives Job"),
    (Queue[float]("n"), int, "takes int, and its source gives float"),
    (Queue[int]("n"), str, "takes str, and its source gives int"),
    (Queue[Literal["a"]]("n"), int, "takes int, and its source gives Literal[a]"),
    (Queue[UserId]("n"), str, "takes str, and its source gives UserId"),
    (Queue[Shape]("n"), Job, "takes Job, and its source gives Shape"),
    (Queue[list[Job]]("n"), list[Todo], "takes list[Todo], and its source gives list[Job]"),
    (jobs, None, "takes NoneType, and its source gives Job"),
]


@pytest.mark.parametrize(
    ("source", "annotation", "says"), MISFITS, ids=[f"{number}: {case[2]}" for number, case in enumerate(MISFITS)]
)
def test_a_handler_that_takes_something_else_is_refused(source: Source[Any], annotation: object, says: str) -> None:
    def handle(_event: object) -> None: ...

    handle.__annotations__["_event"] = annotation

    with pytest.raises(RouteError) as refused:
        registered(source, handle)

    assert str(refused.value).endswith(f"handle {says}")


def test_a_handler_without_annotations_is_left_to_the_type_checkers() -> None:
    assert len(registered(jobs, ignore).routes()) == 1


def test_only_what_is_certain_is_refused() -> None:
    assert accepts(Callable[[int], int], Callable[[str], int])
    assert accepts("Job", Job)


def nothing() -> None: ...


def only_keyword(*, _job: Job) -> None: ...


def keywords(**_all: Job) -> None: ...


@pytest.mark.parametrize(
    "handler",
    [nothing, only_keyword, keywords],
)
def test_a_handler_that_takes_no_event_is_refused(handler: Callable[..., object]) -> None:
    with pytest.raises(RouteError, match="takes no event: its first parameter must be the event"):
        registered(jobs, handler)


def test_a_handler_may_be_any_callable() -> None:
    class Handler:
        def __call__(self, _job: Job) -> None: ...

        def method(self, _job: Job) -> None: ...

        @classmethod
        def of_class(cls, _job: Job) -> None: ...

        @staticmethod
        def static(_job: Job) -> None: ...

    def two(_job: Job, limit: int) -> None:
        assert limit

    handler = Handler()
    callables: list[Callable[..., object]] = [handler, handler.method, Handler.of_class, Handler.static]
    callables += [partial(two, limit=7), list[object]().append, print]
    for callee in callables:
        assert len(registered(jobs, callee, name="it").routes()) == 1


def test_an_instances_annotations_are_checked_too() -> None:
    class Handler:
        def __call__(self, _todo: Todo) -> None: ...

    with pytest.raises(RouteError, match="Handler takes Todo, and its source gives Job"):
        registered(jobs, Handler())


def test_an_annotation_that_cannot_be_found_is_an_error_that_says_where_it_must_be() -> None:
    def handle(_job: object) -> None: ...

    handle.__annotations__["_job"] = "Nowhere"

    with pytest.raises(RouteError, match="the annotation 'Nowhere' cannot be found; import it, or define it at module"):
        registered(jobs, handle)


def test_annotations_that_are_written_as_texts_are_read() -> None:
    def handle(_todo: "Todo") -> None: ...

    with pytest.raises(RouteError, match="takes Todo, and its source gives Job"):
        registered(jobs, handle)


GOOD_RETURNS: list[object] = [
    Job,
    Job | None,
    list[Job],
    tuple[Job, ...],
    Sequence[Job],
    list[Job] | None,
    SpecialJob,
    Any,
]


@pytest.mark.parametrize("returns", GOOD_RETURNS, ids=str)
def test_a_handler_may_return_what_its_destination_takes(returns: object) -> None:
    def handle(_event: object) -> object: ...

    handle.__annotations__["return"] = returns

    assert len(registered(photos.created(), handle, to=jobs).routes()) == 1


@pytest.mark.parametrize(
    ("returns", "says"),
    [
        (Todo, "returns Todo, and queue 'jobs' takes Job"),
        (Job | Todo, "returns Job | Todo, and queue 'jobs' takes Job"),
        (list[Todo], "returns Todo, and queue 'jobs' takes Job"),
        (str, "returns str, and queue 'jobs' takes Job"),
        (None, "returns NoneType, and queue 'jobs' takes Job"),
        (object, "returns object, and queue 'jobs' takes Job"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value),
)
def test_a_handler_that_returns_something_else_is_refused(returns: object, says: str) -> None:
    def handle(_event: object) -> object: ...

    handle.__annotations__["return"] = returns

    with pytest.raises(RouteError) as refused:
        registered(photos.created(), handle, to=jobs)

    assert str(refused.value).endswith(f"handle {says}")


@pytest.mark.parametrize("destination", [photos, todos, "jobs"], ids=str)
def test_a_destination_that_takes_no_messages_is_refused(destination: object) -> None:
    with pytest.raises(RouteError, match="is no queue, topic or event bus"):
        registered(jobs, ignore, to=destination)


async def test_a_router_is_included_with_the_routes_it_has() -> None:
    log: list[str] = []

    def layer(name: str) -> Callable[[Delivery, CallNext], Any]:
        async def middleware(delivery: Delivery, call_next: CallNext) -> Outcome:
            log.append(name)
            return await call_next(delivery)

        return middleware

    inner, outer = Router(middleware=[layer("inner")]), Router(middleware=[layer("outer")])
    app = App("app", middleware=[layer("app")])

    @inner.on(jobs)
    def handle(_job: Job) -> None:
        log.append("handled")

    outer.include(inner)
    app.include(outer)

    @inner.on(jobs)
    def late(_job: Job) -> None:
        raise AssertionError

    assert await handled(app, sqs({"id": 1})) == Done()
    assert log == ["app", "outer", "inner", "handled"]


def test_a_router_that_is_included_twice_is_refused() -> None:
    router = Router()
    router.on(jobs)(ignore)
    app = App("app")
    app.include(router)

    with pytest.raises(RouteError, match="already"):
        app.include(router)


def test_apps_share_nothing() -> None:
    one, two = App("one"), App("two")

    one.on(jobs)(ignore)

    assert two.routes() == ()


def test_there_is_one_handler_of_unmatched_events() -> None:
    app = App("app")

    @app.unmatched
    def handle(_event: Unmatched) -> None: ...

    with pytest.raises(RouteError, match="handle handles unmatched events already"):
        app.unmatched(handle)


def test_a_handler_of_unmatched_events_takes_them() -> None:
    def handle(_event: Job) -> None: ...

    unmatched = cast("Callable[..., object]", App("app").unmatched)

    with pytest.raises(RouteError, match="takes Job, and its source gives Unmatched"):
        unmatched(handle)


async def test_the_lifespan_is_around_everything() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncGenerator[None]:
        log.append(f"{app.name} begins")
        yield
        log.append(f"{app.name} ends")

    app = App("blog", lifespan=lifespan)

    @app.on(jobs)
    def handle(_job: Job) -> None:
        log.append("handled")
        raise Reject("no")

    await handled(app, sqs({"id": 1}))

    assert log == ["blog begins", "handled", "blog ends"]


def test_a_topic_is_a_destination_too() -> None:
    def handle(job: Job) -> Job:
        return job

    (route,) = registered(jobs, handle, to=Topic[Job]("posts"), name="it").routes()

    assert str(route) == "it: queue 'jobs' to topic 'posts'"
