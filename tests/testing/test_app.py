"""An app in a test: what the documentation promises of `TestApp`."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import pytest
from pydantic import BaseModel

from eventkit import (
    App,
    Backoff,
    Bucket,
    ConfigurationError,
    DecodeError,
    Depends,
    Done,
    Inserted,
    Names,
    ObjectCreated,
    Queue,
    Reject,
    Retry,
    Sender,
    Table,
    To,
    Topic,
)
from eventkit.testing import (
    RANDOM,
    Published,
    TestApp,
    dynamodb_event,
    eventbridge_s3,
    s3_event,
    s3_record,
    s3_test_event,
    sns_envelope,
    sns_record,
    sqs_event,
    sqs_record,
    stream_record,
)


class Job(BaseModel):
    id: int
    fail: str = ""


jobs = Queue[Job]("jobs")
lanes = Queue[Job]("lanes.fifo")
rows = Table[Job]("rows")
photos = Bucket("photos")
news = Topic[str]("news")


class Log(list[str]):
    """What happened."""


def make_app() -> tuple[App, Log]:
    log = Log()

    @asynccontextmanager
    async def lifespan(_: App) -> AsyncGenerator[Log]:
        log.append("opened")
        yield log
        log.append("closed")

    app = App("test", lifespan=lifespan)

    def work(job: Job) -> None:
        log.append(str(job.id))
        match job.fail:
            case "retry":
                raise Retry(after=7)
            case "reject":
                raise Reject("no good")
            case "error":
                raise ValueError("broken")
            case _:
                pass

    @app.on(jobs, retry=Backoff(base=4))
    def plain(job: Job) -> None:
        work(job)

    @app.on(lanes)
    async def on_loop(job: Job) -> None:
        work(job)

    @app.on(rows.inserted())
    async def row(change: Inserted[Job]) -> None:
        work(change.new)

    @app.on(photos.created(), to=news)
    async def photo(event: ObjectCreated) -> str:
        return event.key

    return app, log


async def test_the_app_lives_as_long_as_the_block() -> None:
    app, log = make_app()

    async with TestApp(app) as t:
        assert await t.send(sqs_record(Job(id=1), "jobs")) == (Done(),)

    assert log == ["opened", "1", "closed"]


async def test_outside_of_the_block_it_says_what_to_write() -> None:
    app, _ = make_app()
    t = TestApp(app)
    async with t:
        pass

    for stopped in (t, TestApp(app)):
        with pytest.raises(ConfigurationError, match="async with"):
            await stopped.send(sqs_record(Job(id=1), "jobs"))


async def test_each_record_has_its_outcome_and_a_backoff_is_the_longest_there_is() -> None:
    app, _ = make_app()
    records = [sqs_record(Job(id=1, fail=fail), "jobs", attempt=3) for fail in ("", "retry", "reject", "error")]

    async with TestApp(app) as t:
        outcomes = await t.send(sqs_event(*records))

    assert outcomes == (Done(), Retry(after=7), Reject("no good"), Retry(after=RANDOM * 4 * 2 * 2))
    assert isinstance(outcomes[3], Retry)
    assert isinstance(outcomes[3].error, ValueError)


async def test_what_cannot_be_read_is_rejected() -> None:
    app, log = make_app()

    async with TestApp(app) as t:
        (outcome,) = await t.send(sqs_record("{", "jobs"))

    assert isinstance(outcome, Reject)
    assert log == ["opened", "closed"]


async def test_in_a_group_a_retry_holds_back_the_rest_and_a_reject_does_not() -> None:
    app, log = make_app()
    script = [("a", "retry"), ("a", ""), ("b", "reject"), ("b", "")]
    records = [
        sqs_record(Job(id=number, fail=fail), "lanes.fifo", number=number, group=group)
        for number, (group, fail) in enumerate(script)
    ]

    async with TestApp(app) as t:
        outcomes = await t.send(sqs_event(*records))

    assert outcomes == (Retry(after=7), Retry(after=0), Reject("no good"), Done())
    assert log == ["opened", "0", "2", "3", "closed"]


@pytest.mark.parametrize(("fail", "outcome"), [("retry", Retry(after=7)), ("reject", Reject("no good"))])
async def test_on_a_stream_whatever_fails_holds_back_the_rest(fail: str, outcome: Retry | Reject) -> None:
    app, log = make_app()
    items = [Job(id=1), Job(id=2, fail=fail), Job(id=3)]
    records = [stream_record("INSERT", "rows", keys={"id": item.id}, new=item, number=item.id) for item in items]

    async with TestApp(app) as t:
        outcomes = await t.send(dynamodb_event(*records))

    assert outcomes == (Done(), outcome, Retry(after=0))
    assert log == ["opened", "1", "2", "closed"]


@pytest.mark.parametrize(
    "event",
    [
        s3_record("ObjectCreated:Put", "photos", "a b.jpg"),
        s3_event(s3_record("ObjectCreated:Put", "photos", "a b.jpg")),
        sns_record(s3_event(s3_record("ObjectCreated:Put", "photos", "a b.jpg")), "feed"),
        sqs_record(sns_envelope(s3_event(s3_record("ObjectCreated:Put", "photos", "a b.jpg")), "feed"), "test-photos"),
        eventbridge_s3("Object Created", "photos", "a b.jpg"),
    ],
    ids=["record", "event", "sns", "sns in sqs", "eventbridge"],
)
async def test_an_event_comes_by_any_way_and_what_is_returned_is_published(event: dict[str, object]) -> None:
    app, _ = make_app()

    async with TestApp(app, names=Names("test", {"TOPIC_NEWS": "prod-news"})) as t:
        assert await t.send(event) == (Done(),)

        assert t.published == (Published("topic", "prod-news", "a b.jpg"),)


async def test_a_test_event_is_done_and_what_is_no_event_is_an_error() -> None:
    app, _ = make_app()

    async with TestApp(app) as t:
        assert await t.send(s3_test_event("photos")) == (Done(),)
        with pytest.raises(DecodeError):
            await t.send({"hello": "world"})


async def test_a_message_for_a_fifo_destination_keeps_its_group_or_is_refused() -> None:
    app = App("test")

    @app.on(jobs)
    async def pass_on(job: Job, send: Annotated[Sender[Job], To(lanes)]) -> None:
        await send.send(job, group="g" if job.id else None, deduplication_id="d")

    async with TestApp(app) as t:
        good = await t.send(sqs_record(Job(id=1), "jobs"))
        bad = await t.send(sqs_record(Job(id=0), "jobs"))

    assert good == (Done(),)
    assert [(one.group, one.deduplication_id) for one in t.published] == [("g", "d")]
    assert isinstance(bad[0], Retry)


async def test_dependencies_are_replaced() -> None:
    app = App("test")
    seen: list[str] = []

    def name() -> str:
        raise ConnectionError

    @app.on(jobs)
    def note(_: Job, who: Annotated[str, Depends(name)]) -> None:
        seen.append(who)

    async with TestApp(app, overrides={name: lambda: "stand-in"}) as t:
        assert await t.send(sqs_record(Job(id=1), "jobs")) == (Done(),)

    assert seen == ["stand-in"]
