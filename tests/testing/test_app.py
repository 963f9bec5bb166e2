"""An app in a test: what the documentation promises of `TestApp`."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import current_thread, main_thread
from typing import Annotated, Any, Literal, cast
from uuid import UUID

import pytest
from pydantic import BaseModel

from eventkit import (
    App,
    Backoff,
    Bucket,
    ByField,
    ConfigurationError,
    DecodeError,
    Delivery,
    Depends,
    Done,
    Idempotent,
    Inserted,
    Modified,
    Names,
    ObjectCreated,
    ObjectRemoved,
    Queue,
    Reject,
    Removed,
    Retry,
    Sender,
    Stream,
    Table,
    To,
    Topic,
    partition_key,
)
from eventkit.events import KinesisRecord
from eventkit.testing import (
    RANDOM,
    DeadLetter,
    Published,
    Queues,
    TestApp,
    kinesis_record,
    s3_record,
    sns_envelope,
    sqs_event,
    sqs_record,
    stream_record,
)
from tests.core.aggregates import aggregate


class Job(BaseModel):
    id: int


class Log(list[str]):
    """What happened."""


jobs = Queue[Job]("jobs")
lanes = Queue[Job]("lanes.fifo")
rows = Table[Job]("rows")
photos = Bucket("photos")
news = Topic[Job]("news")
words = Topic[str]("words")


@pytest.fixture(params=["lambda", "poller"])
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_what_is_sent_is_handled_when_the_test_lets_it_and_the_app_lives_as_long_as_the_block(
    runtime: str,
) -> None:
    log = Log()

    @asynccontextmanager
    async def lifespan(_: App) -> AsyncGenerator[Log]:
        log.append("opened")
        yield log
        await asyncio.sleep(100)
        log.append("closed")

    app = App("test", lifespan=lifespan)

    @app.on(jobs, name="work")
    def work(job: Job, state: Log) -> None:
        state.append(f"job {job.id}")

    async with TestApp(app, runtime=runtime) as t:
        t.send(jobs, Job(id=1), Job(id=2))
        assert log == ["opened"]
        await t.settle()
        assert log == ["opened", "job 1", "job 2"]

    assert log[3:] == ["closed"]
    assert [(call.handler, call.event, call.attempt, call.outcome) for call in t.calls] == [
        ("work", Job(id=1), 1, Done()),
        ("work", Job(id=2), 1, Done()),
    ]
    assert t.outcomes == (Done(), Done())


@pytest.mark.parametrize("is_async", [True, False])
async def test_retries_come_when_they_are_due_and_a_backoff_is_the_longest_there_is(
    runtime: str, *, is_async: bool
) -> None:
    app = App("test")

    def fail(attempt: int) -> None:
        match attempt:
            case 1:
                raise Retry(after=7)
            case 2 | 3:
                raise ValueError("broken")
            case _:
                pass

    async def on_loop(_: Job, delivery: Delivery) -> None:
        fail(delivery.attempt)

    def plain(_: Job, delivery: Delivery) -> None:
        fail(delivery.attempt)

    app.on(jobs, retry=Backoff(base=3))(on_loop if is_async else plain)
    async with TestApp(app, runtime=runtime) as t:
        t.send(jobs, Job(id=1))
        await t.settle()
        assert [call.at for call in t.calls] == [0]
        await t.settle(advance=6.9)
        assert len(t.calls) == 1
        await t.settle(advance="10m")

    assert [round(call.at, 6) for call in t.calls] == [0, 7, 7 + 6 * RANDOM, 7 + 6 + 12]
    assert t.outcomes == (Retry(after=7), Retry(after=6), Retry(after=12), Done())
    assert isinstance(t.calls[1].outcome, Retry)
    assert isinstance(t.calls[1].outcome.error, ValueError)


async def test_dead_letters_say_why(runtime: str) -> None:
    app = App("test")

    @app.on(jobs, name="work")
    def work(job: Job) -> None:
        if job.id == 1:
            raise Reject("no good")
        raise ValueError("broken")

    async with TestApp(app, runtime=runtime, queues=Queues(max_receives=2)) as t:
        t.send(jobs, Job(id=1))
        t.put(jobs, "{")
        await t.settle()
        rejected, unreadable = t.dead_letters(jobs)
        t.send(jobs, Job(id=2))
        await t.settle()
        assert t.waiting(jobs) == ['{"id":2}']
        await t.settle(advance="1h")

    assert rejected == DeadLetter('{"id":1}', "no good", "work")
    assert str(unreadable.reason).startswith("the message does not fit Job")
    assert t.dead_letters("jobs")[2:] == [DeadLetter('{"id":2}')]
    assert t.waiting(jobs) == []
    assert [call.attempt for call in t.calls if call.event == Job(id=2)] == [1, 2]


@pytest.mark.parametrize("is_async", [True, False])
async def test_deadlines_pass_in_virtual_time(runtime: str, *, is_async: bool) -> None:
    app = App("test")

    async def on_loop(_: Job, delivery: Delivery) -> None:
        await asyncio.sleep(36_000 if delivery.attempt == 1 else 10)

    def plain(_: Job, delivery: Delivery) -> None:
        t.sleep(36_000 if delivery.attempt == 1 else 10)

    app.on(jobs, timeout=30)(on_loop if is_async else plain)
    async with TestApp(app, runtime=runtime) as t:
        t.send(jobs, Job(id=1))
        await t.settle(advance=timedelta(hours=2))

    assert [(call.at, call.outcome) for call in t.calls] == [(0, None), (31, Done())]
    assert t.outcomes == (Retry(after=1), Done())


async def test_a_group_keeps_its_order(runtime: str) -> None:
    app = App("test")

    @app.on(lanes)
    def work(job: Job, delivery: Delivery) -> None:
        if job.id == 1 and delivery.attempt == 1:
            raise Retry(after=5)

    async with TestApp(app, runtime=runtime) as t:
        t.send(lanes, *[Job(id=number) for number in range(3)], group="g")
        t.send(lanes, Job(id=9), group="h")
        await t.settle()
        assert [call.event for call in t.calls if call.group == "g"] == [Job(id=0), Job(id=1)]
        await t.settle(advance=10)

    assert [call.event for call in t.calls if call.group == "g"] == [Job(id=number) for number in (0, 1, 1, 2)]
    assert [call.at for call in t.calls if call.group == "h"] == [0]


async def test_what_is_published_is_read_back_and_goes_on_to_who_takes_it(runtime: str) -> None:
    app = App("test")
    heard: list[Job] = []

    @app.on(jobs, to=news)
    async def tell(job: Job, send: Annotated[Sender[Job], To(lanes)]) -> Job:
        await send.send(job, group="g")
        return Job(id=job.id + 1)

    @app.on(news)
    def hear(job: Job) -> None:
        heard.append(job)

    async with TestApp(app, runtime=runtime, names=Names("test", {"TOPIC_NEWS": "prod-news"})) as t:
        t.send(jobs, Job(id=1))
        await t.settle()

    assert (t.published(news), t.published(lanes)) == ([Job(id=2)], [Job(id=1)])
    assert heard == [Job(id=2)]
    assert t.waiting(lanes) == ['{"id":1}']
    assert t.publications[0] == Published("queue", "lanes.fifo", '{"id":1}', "g")
    assert t.publications[1] == Published("topic", "prod-news", '{"id":2}')


PATHS = [("sqs",), ("sns", "sqs"), ("eventbridge", "sqs"), ("eventbridge",), ("sns",), ()]


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("path", PATHS, ids=" to ".join)
async def test_objects_come_by_any_path(runtime: str, path: tuple[str, ...], *, raw: bool) -> None:
    app = App("test")
    seen: list[tuple[str, ...]] = []

    @app.on(photos.created() | photos.removed())
    def look(photo: ObjectCreated | ObjectRemoved, delivery: Delivery) -> None:
        seen.append((photo.key, *(one.partition(":")[0] for one in delivery.path)))

    async with TestApp(app, runtime=runtime) as t:
        if runtime == "poller" and path[-1:] != ("sqs",):
            with pytest.raises(ConfigurationError, match="reads queues"):
                t.via(*path, raw=raw).upload(photos, "a b.jpg")
            return
        t.via(*path, raw=raw).upload(photos, "a b.jpg", "ü.jpg", size=5)
        t.via(*path, raw=raw).remove(photos, "c.jpg")
        await t.settle()

    kept = [
        one for one in reversed(path) if one != "eventbridge" and not (raw and path == ("sns", "sqs") and one == "sns")
    ]
    assert seen == [(key, *kept, "s3") for key in ("a b.jpg", "ü.jpg", "c.jpg")]


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("path", [None, ("sns",), ("sqs",), ("sns", "sqs")])
async def test_a_topic_s_messages_come_by_any_path(runtime: str, path: tuple[str, ...] | None, *, raw: bool) -> None:
    app = App("test")

    @app.on(news)
    def hear(_: Job, delivery: Delivery) -> None:
        assert delivery.attributes["kind"] == "a"

    async with TestApp(app, runtime=runtime) as t:
        way = t if path is None else t.via(*path, raw=raw)
        if runtime == "poller" and path == ("sns",):
            with pytest.raises(ConfigurationError, match="reads queues"):
                way.send(news, Job(id=1), attributes={"kind": "a"})
            return
        way.send(news, Job(id=1), attributes={"kind": "a"})
        await t.settle()

    assert [(call.event, call.outcome) for call in t.calls] == [(Job(id=1), Done())]


@pytest.mark.parametrize("path", [("sns",), ("lambda", "sqs"), ("sqs", "sns")])
def test_a_path_that_there_is_not_is_told(path: tuple[str, ...]) -> None:
    app = App("test")
    app.on(jobs, name="work")(lambda _: None)
    app.on(photos.created(), name="look")(lambda _: None)

    with TestApp(app) as t:
        with pytest.raises(ConfigurationError, match="no event of queue 'jobs' comes via"):
            t.via(*path).send(jobs, Job(id=1))
        if path != ("sns",):
            with pytest.raises(ConfigurationError, match="no event of bucket 'photos' comes via"):
                t.via(*path).upload(photos, "a")


async def test_changes_of_a_table_reach_their_handler_and_what_fails_holds_back_the_rest(runtime: str) -> None:
    app = App("test")
    failures: Iterator[int] = iter([1])

    @app.on(rows.changed())
    def change(row: Inserted[Job] | Modified[Job] | Removed[Job]) -> str:
        if isinstance(row, Modified) and next(failures, None):
            raise ValueError
        return type(row).__name__

    async with TestApp(app, runtime=runtime) as t:
        t.change(rows, new=Job(id=1))
        t.change(rows, old=Job(id=1), new=Job(id=2))
        t.change(rows, old=Job(id=2), keys=["id"])
        await t.settle()
        assert [type(call.event) for call in t.calls] == [Inserted, Modified]
        await t.settle(advance="1m")
        with pytest.raises(ConfigurationError, match="a new item"):
            t.change(rows)

    assert [type(call.event) for call in t.calls] == [Inserted, Modified, Modified, Removed]


class Click(BaseModel):
    kind: Literal["click"] = "click"
    x: int


@pytest.mark.parametrize(
    ("stream", "record"),
    [
        (Stream[Job]("clicks"), Job(id=1)),
        (Stream[str]("clicks"), "text"),
        (Stream[bytes]("clicks"), b"\xff"),
        (Stream[Click]("clicks", types=ByField("kind")), Click(x=1)),
    ],
)
async def test_a_record_of_a_stream_reaches_its_handler_as_it_was_put(
    stream: Stream[Any], record: object, runtime: str
) -> None:
    app = App("test")
    app.on(stream, name="take")(lambda _: None)

    async with TestApp(app, runtime=runtime, names=Names("test", {"STREAM_CLICKS": "prod-clicks"})) as t:
        t.put_records(stream, record, record, key="ada")
        await t.settle()

        assert [call.event for call in t.calls] == [record, record]
        assert {call.path for call in t.calls} == {("kinesis:prod-clicks",)}
        assert not t.ignored


async def test_an_aggregates_records_are_deliveries_of_one_record() -> None:
    app = App("test")
    app.on(Stream[Job]("clicks").where(partition_key.equals("a")), name="take")(lambda _: None)
    packed = [(key, None, Job(id=number).model_dump_json().encode()) for number, key in enumerate("aba")]

    async with TestApp(app) as t:
        t.deliver(kinesis_record(aggregate(packed), "clicks"))
        await t.settle()

        assert [call.event for call in t.calls] == [Job(id=0), Job(id=2)]
        assert t.outcomes == (Done(),)


async def test_a_record_of_a_table_or_stream_that_the_app_does_not_know_reaches_nobody(runtime: str) -> None:
    app = App("test")
    app.on(rows.inserted(), name="row")(lambda _: None)

    async with TestApp(app, runtime=runtime) as t:
        for record in (kinesis_record("text", "rows"), stream_record("INSERT", "others", keys={"id": 1})):
            with pytest.raises(ConfigurationError, match="the app takes nothing of the table or stream 'arn:aws:"):
                t.deliver(record)


async def test_shards_go_on_beside_each_other(runtime: str) -> None:
    app, clicks = App("test"), Stream[str]("clicks")
    stuck = {"a": ValueError()}

    @app.on(clicks, name="take")
    async def take(_: str, delivery: Delivery) -> None:
        if isinstance(delivery.source, KinesisRecord) and delivery.source.partition_key in stuck:
            raise stuck["a"]

    async with TestApp(app, runtime=runtime, shards=2) as t:
        t.put_records(clicks, "1", "2", key="a")
        t.put_records(clicks, "3", "4", key="b")
        await t.settle("1m")

    assert [call.event for call in t.calls if call.group == "b"] == ["3", "4"]
    assert {call.event for call in t.calls if call.group == "a"} == {"1"}


class Thing(BaseModel):
    id: UUID
    at: datetime
    price: float
    parts: dict[str, list[Decimal]] = {}


async def test_an_item_is_written_as_dynamodb_can_hold_it() -> None:
    app, things = App("test"), Table[Thing]("things")
    app.on(things.inserted(), name="take")(lambda _: None)
    thing = Thing(id=UUID(int=7), at=datetime(2026, 1, 1, tzinfo=UTC), price=1.5, parts={"a": [Decimal("2.5")]})

    async with TestApp(app) as t:
        t.change(things, new=thing)
        await t.settle()

        (call,) = t.calls
        assert cast("Inserted[Thing]", call.event).new == thing


async def test_an_event_that_came_directly_is_given_up_after_three_attempts() -> None:
    app = App("test")

    @app.on(photos.created())
    def look(_: ObjectCreated) -> None:
        raise ValueError

    async with TestApp(app) as t:
        t.upload(photos, "a.jpg")
        await t.settle(advance="1d")

    assert [call.at for call in t.calls] == [0, 60, 180]
    assert len(t.dropped) == 1


async def test_events_as_aws_delivers_them_enter_by_the_queue_that_they_name(runtime: str) -> None:
    app = App("test")
    app.on(photos.created(), name="look")(lambda _: None)
    app.on(jobs, name="work")(lambda _: None)
    photo = sns_envelope({"Records": [s3_record("ObjectCreated:Put", "photos", "a.jpg")]}, "feed")

    async with TestApp(app, runtime=runtime) as t:
        t.deliver(sqs_event(sqs_record(photo, "test-photos"), sqs_record(Job(id=1), "jobs")))
        t.deliver(sqs_record(Job(id=2), "jobs"))
        await t.settle()
        with pytest.raises(DecodeError):
            t.deliver({"hello": "world"})

    assert sorted(call.handler for call in t.calls) == ["look", "work", "work"]


async def test_a_queue_that_the_app_does_not_know_can_invoke_a_function_but_is_not_polled(runtime: str) -> None:
    app = App("test")
    app.on(photos.created(), name="look")(lambda _: None)
    record = sqs_record({"Records": [s3_record("ObjectCreated:Put", "photos", "a.jpg")]}, "media")

    async with TestApp(app, runtime=runtime) as t:
        if runtime == "poller":
            with pytest.raises(ConfigurationError, match=r"does not read the queue .*media.*; it reads test-photos"):
                t.deliver(record)
        else:
            t.deliver(record)
            await t.settle()
            assert [call.path for call in t.calls] == [("sqs:media", "s3:photos")]


async def test_what_nobody_takes_is_ignored_or_rejected(runtime: str) -> None:
    app = App("test")
    app.on(photos.created(prefix="in/"))(lambda _: None)

    async with TestApp(app, runtime=runtime) as t:
        t.via("sqs").upload(photos, "out/a.jpg")
        t.via("sqs").upload(photos, "in/a.jpg")
        t.put(photos, "somebody's message")
        await t.settle()

    assert len(t.calls) == len(t.ignored) == 1
    assert "out/a.jpg" in str(t.ignored[0])
    assert [letter.text for letter in t.dead_letters(photos)] == ["somebody's message"]


async def test_dependencies_are_replaced_also_those_of_dependencies(runtime: str) -> None:
    app = App("test")
    seen: list[str] = []

    def name() -> str:
        raise ConnectionError

    def greeting(who: Annotated[str, Depends(name)]) -> str:
        return f"hello {who}"

    @app.on(jobs)
    def note(_: Job, text: Annotated[str, Depends(greeting)]) -> None:
        seen.append(text)

    async with TestApp(app, runtime=runtime, overrides={name: lambda: "stand-in"}) as t:
        t.send(jobs, Job(id=1))
        await t.settle()

    assert seen == ["hello stand-in"]


async def test_an_idempotent_route_remembers_without_a_store_of_the_test(runtime: str) -> None:
    app = App("test")
    app.on(jobs, idempotent=Idempotent(key=lambda job: job.id, ttl=3_600), name="once")(lambda _: None)

    async with TestApp(app, runtime=runtime) as t:
        t.send(jobs, Job(id=1), Job(id=1), Job(id=2))
        await t.settle()
        assert [call.event for call in t.calls] == [Job(id=1), Job(id=2)]
        await t.settle(advance="2h")
        t.send(jobs, Job(id=1))
        await t.settle()

    assert [call.event for call in t.calls] == [Job(id=1), Job(id=2), Job(id=1)]


async def test_the_test_s_own_loop_goes_on_and_the_app_s_time_does_not_need_it(runtime: str) -> None:
    app = App("test")
    turns = 0

    @app.on(jobs)
    async def work(_: Job) -> None:
        await asyncio.sleep(600)
        assert await asyncio.to_thread(lambda: current_thread() is not main_thread())

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with TestApp(app, runtime=runtime) as t:
        t.send(jobs, Job(id=1))
        counting = asyncio.create_task(count())
        await t.settle(advance="2h")
        counting.cancel()

    assert t.outcomes == (Done(),)
    assert turns


def test_a_test_that_is_no_coroutine_waits_blocking(runtime: str) -> None:
    app = App("test")
    app.on(jobs)(lambda _: None)

    with TestApp(app, runtime=runtime) as t:
        t.send(jobs, Job(id=1))
        t.settle_blocking("1m")

        assert (t.outcomes, t.now) == ((Done(),), 60)


def test_outside_of_the_block_it_says_what_to_write() -> None:
    app = App("test")
    app.on(jobs)(lambda _: None)
    ended = TestApp(app)
    with ended:
        pass

    for stopped in (ended, TestApp(app)):
        with pytest.raises(ConfigurationError, match="async with"):
            stopped.send(jobs, Job(id=1))
        with pytest.raises(ConfigurationError, match="async with"):
            stopped.settle_blocking()


def test_what_the_lifespan_raises_is_raised(runtime: str) -> None:
    @asynccontextmanager
    async def lifespan(_: App) -> AsyncGenerator[None]:
        await asyncio.sleep(1)
        if runtime:
            raise ConnectionError("no database")
        yield

    app = App("test", lifespan=lifespan)
    app.on(jobs)(lambda _: None)

    with pytest.raises(ConnectionError, match="no database"), TestApp(app, runtime=runtime):
        pass


def test_a_runtime_that_there_is_not_is_told() -> None:
    app = App("test")
    app.on(jobs)(lambda _: None)

    with pytest.raises(ConfigurationError, match="no runtime 'mars'; the installed ones are lambda, poller"):
        TestApp(app, runtime="mars").__enter__()


async def test_sleep_is_for_plain_functions() -> None:
    app = App("test")

    @app.on(jobs)
    async def work(_: Job) -> None:
        t.sleep(1)

    async with TestApp(app, runtime="poller") as t:
        t.send(jobs, Job(id=1))
        await t.settle()
        (call,) = t.calls

    assert isinstance(call.outcome, Retry)
    assert "asyncio.sleep" in str(call.outcome.error)


async def test_what_runs_when_the_block_ends_comes_to_its_end(runtime: str) -> None:
    app = App("test")

    @app.on(jobs)
    async def work(_: Job) -> None:
        await asyncio.sleep(20)

    async with TestApp(app, runtime=runtime) as t:
        t.send(jobs, Job(id=1))
        await t.settle()
        assert [call.outcome for call in t.calls] == [None]

    assert [call.outcome for call in t.calls] == [Done()]
    assert t.waiting(jobs) == []


async def test_the_test_s_context_variables_are_seen(runtime: str) -> None:
    variable: ContextVar[str] = ContextVar("variable")
    variable.set("here")
    app = App("test")

    @app.on(jobs)
    def work(_: Job) -> None:
        assert variable.get() == "here"

    async with TestApp(app, runtime=runtime) as t:
        t.send(jobs, Job(id=1))
        await t.settle()

    assert t.outcomes == (Done(),)


async def test_what_happens_is_the_same_in_every_run(runtime: str) -> None:
    app = App("test")

    @app.on(jobs)
    def work(job: Job, delivery: Delivery) -> None:
        if job.id % 3 == 0 and delivery.attempt < 3:
            t.sleep(job.id)
            raise ValueError

    runs: list[list[tuple[float, str]]] = []
    for _ in range(3):
        async with TestApp(app, runtime=runtime) as t:
            t.send(jobs, *[Job(id=number) for number in range(25)])
            await t.settle(advance="1h")
        runs.append([(call.at, repr(call)) for call in t.calls])

    assert runs[1:] == [runs[0]] * 2
