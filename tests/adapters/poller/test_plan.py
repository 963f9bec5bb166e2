import pytest
from pydantic import BaseModel

from eventkit import (
    App,
    Bucket,
    ConfigurationError,
    Inserted,
    Names,
    ObjectCreated,
    Queue,
    Stream,
    StreamOptions,
    Table,
    Topic,
)
from eventkit_poller import PolledQueue, Poller, Settings, plan_of, queues_of
from tests.adapters.poller.harness import Service


class Todo(BaseModel):
    id: int


photos = Bucket("photos")
news = Topic[str]("news")
jobs = Queue[str]("jobs")
todos = Table[Todo]("todos")
clicks = Stream[str]("clicks")


async def on_text(_: str) -> None: ...


async def on_photo(_: ObjectCreated) -> None: ...


async def on_todo(_: Inserted[Todo]) -> None: ...


def test_each_source_is_read_from_the_queue_that_carries_it() -> None:
    app = App("blog")
    app.on(photos.created())(on_photo)
    app.on(jobs | news)(on_text)
    names = Names("blog").with_via(["news=sqs:media"])

    queues = queues_of(app, names)

    assert queues == (
        PolledQueue("blog-photos", (photos,)),
        PolledQueue("jobs", (jobs,)),
        PolledQueue("media", (news,)),
    )


def test_a_queue_that_carries_several_sources_is_polled_once() -> None:
    app = App("blog")
    app.on(photos.created())(on_photo)
    app.on(jobs | news)(on_text)
    names = Names("blog").with_via(["news=sqs:jobs", "photos=sqs:jobs"])

    queues = queues_of(app, names)

    assert queues == (PolledQueue("jobs", (photos, jobs, news)),)


def test_a_queue_is_read_as_fast_as_its_bounded_routes_allow() -> None:
    app = App("blog")
    app.on(jobs, concurrency=2, name="one")(on_text)
    app.on(jobs | news, concurrency=3, name="two")(on_text)
    app.on(news, name="three")(on_text)

    queues = queues_of(app, Names("blog"))

    assert [(queue.address, queue.concurrency) for queue in queues] == [("jobs", 5), ("blog-news", None)]


def test_tables_and_streams_are_read_and_not_polled() -> None:
    app = App("blog")
    app.on(todos.inserted())(on_todo)
    app.on(jobs)(on_text)
    app.on(clicks, name="clicks")(on_text)
    names = Names("blog", {"TABLE_TODOS": "arn:aws:dynamodb:eu-west-1:123456789012:table/Todos"})

    plan = plan_of(app, names)

    todo, click = plan.streams
    assert plan.queues == (PolledQueue("jobs", (jobs,)),)
    assert (todo.address, todo.name) == (names.physical["TABLE_TODOS"], "table:Todos")
    assert (click.address, click.name) == ("clicks", "stream:clicks")


def test_a_stream_that_is_declared_in_two_ways_is_refused() -> None:
    app = App("blog")
    app.on(clicks, name="one")(on_text)
    app.on(Stream[str]("clicks", stream=StreamOptions(batch=7)), name="other")(on_text)

    with pytest.raises(ConfigurationError, match="stream 'clicks' is declared twice"):
        plan_of(app, Names("blog"))


def test_an_app_with_nothing_to_poll_is_refused() -> None:
    empty = App("empty")

    with pytest.raises(ConfigurationError, match="'empty': it has no routes"):
        Poller(empty, Service())


def test_fewer_slots_than_queues_are_refused() -> None:
    app = App("blog")
    app.on(jobs | news)(on_text)

    with pytest.raises(ConfigurationError, match="concurrency=1: it must be at least 2"):
        Poller(app, Service(), Settings(concurrency=1))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"concurrency": 0}, "concurrency=0: it must be at least 1"),
        ({"wait": 0}, "wait=0: it must be from 1 to 20"),
        ({"wait": 21}, "wait=21: it must be from 1 to 20"),
        ({"batch": 11}, "batch=11: it must be from 1 to 10"),
        ({"linger": -1}, "linger=-1: it must be at least 0"),
        ({"drain": float("nan")}, "drain=nan: it must be at least 0"),
        ({"flush": -0.1}, "flush=-0.1: it must be at least 0"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, float], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Settings(**settings)  # type: ignore[arg-type]  # also numbers that are not whole
