"""A session runs an app with everything that it needs, where it should, and leaves nothing behind."""

import asyncio
import os
import socket
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from eventkit import (
    App,
    Bucket,
    ConfigurationError,
    Done,
    Idempotent,
    Inserted,
    Names,
    ObjectCreated,
    Queue,
    Reject,
    Stream,
    Table,
    Topic,
)
from eventkit.outgoing import Outgoing
from eventkit_local.dev import Aws, account, dev_session, local_aws
from eventkit_local.emulator import Emulator, start_emulator
from eventkit_local.watch import Seen
from tests.adapters.local.clients import client

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the emulator runs on Linux and macOS")


class Job(BaseModel):
    id: int


photos = Bucket("photos")
jobs = Queue[Job]("jobs")
posts = Topic[Job]("posts")


def blog() -> App:
    app = App("blog")

    @app.on(photos.created(prefix="uploads/"), to=jobs, name="plan")
    async def plan(photo: ObjectCreated) -> Job:
        return Job(id=photo.size or 0)

    @app.on(jobs, to=posts, name="make")
    def make(job: Job) -> Job:
        if job.id > 3:
            raise Reject("too big")
        return job

    @app.on(posts, name="tell")
    async def tell(job: Job) -> None: ...

    @app.on(Table[Job]("todos").inserted(), name="welcome")
    def welcome(change: Inserted[Job]) -> None: ...

    return app


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with start_emulator() as emulator:
        yield emulator


@pytest.fixture
def aws(emulator: Emulator) -> Aws:
    emulator.reset()
    return Aws(emulator.endpoint_url, emulator.environ)


class Witness:
    """Waits for handlers to have been seen."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._changed = asyncio.Event()

    def __call__(self, seen: Seen) -> None:
        self.seen.append(seen)
        self._changed.set()

    async def saw(self, handler: str) -> Seen:
        return (await self.saw_all(handler, 1))[0]

    async def saw_all(self, handler: str, count: int) -> list[Seen]:
        async with asyncio.timeout(20):
            while len(found := [seen for seen in self.seen if seen.handler == handler]) < count:
                self._changed.clear()
                await self._changed.wait()
        return found


def left_over(aws: Aws, queue: str) -> tuple[int, int]:
    """How many messages are in a queue, and how many in flight."""
    sqs = client("sqs", aws.endpoint_url)
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"])


async def test_an_object_goes_through_every_handler_and_leaves_nothing_in_flight(aws: Aws) -> None:
    witness = Witness()

    async with dev_session(blog(), aws=aws, observe=witness) as session, session.polling():
        s3 = client("s3", aws.endpoint_url)
        await asyncio.to_thread(s3.put_object, Bucket="photos", Key="uploads/a.jpg", Body=b"abc")
        seen = [await witness.saw(name) for name in ("plan", "make", "tell")]

    assert [one.outcome for one in seen] == [Done(), Done(), Done()]
    assert seen[0].path == ("sqs:blog-photos", "sns:blog-photos", "s3:photos")
    assert seen[2].path == ("sqs:blog-posts", "sns:posts")
    assert [left_over(aws, queue.name) for queue in session.plan.queues] == [(0, 0)] * 3


async def test_what_is_rejected_is_in_the_dead_letter_queue(aws: Aws) -> None:
    witness = Witness()

    async with dev_session(blog(), aws=aws, observe=witness) as session, session.polling():
        s3 = client("s3", aws.endpoint_url)
        await asyncio.to_thread(s3.put_object, Bucket="photos", Key="uploads/a.jpg", Body=b"abcd")
        seen = await witness.saw("make")

    assert seen.outcome == Reject("too big")
    assert left_over(aws, "jobs-dlq") == (1, 0)
    assert left_over(aws, "jobs") == (0, 0)


async def test_an_app_with_idempotent_routes_has_what_it_needs(aws: Aws) -> None:
    app, witness, done = App("blog"), Witness(), list[Job]()
    app.on(jobs, name="make", idempotent=Idempotent[Job](key=lambda job: job.id))(done.append)

    async with dev_session(app, aws=aws, observe=witness) as session, session.polling():
        await session.backend.publish("queue", "jobs", [Outgoing('{"id": 1}')])
        seen = await witness.saw("make")

    assert seen.outcome == Done()
    assert done == [Job(id=1)]


async def test_a_session_says_what_it_made_and_what_it_reads(aws: Aws) -> None:
    lines: list[str] = []

    async with dev_session(blog(), aws=aws, progress=lines.append) as session:
        assert session.aws is aws
        assert [queue.name for queue in session.plan.queues] == ["blog-photos", "jobs", "blog-posts"]
        assert [stream.name for stream in session.poller.plan.streams] == ["table:todos"]

    assert lines[0] == "bucket photos → topic blog-photos → queue blog-photos"


async def test_a_block_that_fails_stops_the_poller_and_raises_its_own_error(aws: Aws) -> None:
    async with dev_session(blog(), aws=aws) as session:
        with pytest.raises(KeyError, match="mine"):
            async with session.polling():
                raise KeyError("mine")


async def test_a_change_of_a_table_is_delivered_and_a_rejected_one_is_kept(aws: Aws) -> None:
    app, witness = App("blog"), Witness()

    @app.on(Table[Job]("todos").inserted(), name="welcome")
    def welcome(change: Inserted[Job]) -> None:
        if change.new.id < 0:
            raise Reject("below zero")

    async with dev_session(app, aws=aws, observe=witness) as session, session.polling():
        dynamodb = client("dynamodb", aws.endpoint_url)
        await asyncio.to_thread(dynamodb.put_item, TableName="todos", Item={"id": {"N": "1"}})
        done = await witness.saw("welcome")
        witness.seen.clear()
        await asyncio.to_thread(dynamodb.put_item, TableName="todos", Item={"id": {"N": "-1"}})
        rejected = await witness.saw("welcome")

    assert (done.outcome, done.path) == (Done(), ("dynamodb:todos",))
    assert rejected.outcome == Reject("below zero")
    assert left_over(aws, "blog-failures") == (1, 0)


async def test_a_record_of_a_stream_is_delivered_from_each_of_its_shards(aws: Aws) -> None:
    app, witness, texts = App("blog"), Witness(), list[str]()
    app.on(Stream[str]("clicks"), name="count")(texts.append)

    async with dev_session(app, aws=aws, observe=witness) as session, session.polling():
        kinesis = client("kinesis", aws.endpoint_url)
        for text, start in (("low", "0"), ("high", str(2**127))):
            record = {"StreamName": "clicks", "PartitionKey": "x", "ExplicitHashKey": start, "Data": text.encode()}
            await asyncio.to_thread(kinesis.put_record, **record)
        await witness.saw_all("count", 2)

    assert sorted(texts) == ["high", "low"]
    assert {seen.path for seen in witness.seen} == {("kinesis:clicks",)}


async def test_the_on_failure_destination_of_the_names_stays(aws: Aws) -> None:
    names = Names("blog", on_failure=("queue", "rejects"))

    async with dev_session(blog(), aws=aws, names=names) as session:
        assert session.names.on_failure == ("queue", "rejects")

    assert left_over(aws, "rejects") == (0, 0)


async def test_where_nothing_is_made_nothing_is_relied_on_by_convention(aws: Aws) -> None:
    async with dev_session(blog(), aws=aws, provisioned=False) as session:
        assert session.names.on_failure is None


async def test_leases_may_be_kept_in_a_table(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in aws.environ.items():
        monkeypatch.setenv(name, value)

    async with dev_session(blog(), aws=aws, leases="dynamodb://leases?create=true"):
        tables = client("dynamodb", aws.endpoint_url).list_tables()["TableNames"]

    assert sorted(tables) == ["leases", "todos"]


async def test_an_app_that_nothing_can_be_polled_for_is_refused(aws: Aws) -> None:
    with pytest.raises(ConfigurationError, match="it has no routes"):
        async with dev_session(App("blog"), aws=aws):
            pass


async def test_nothing_is_made_where_that_is_not_wanted(aws: Aws) -> None:
    async with dev_session(blog(), aws=aws, provisioned=False):
        assert not client("sqs", aws.endpoint_url).list_queues().get("QueueUrls")


async def test_what_is_not_this_machine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="--provision"):
        async with dev_session(blog(), aws=Aws("http://emulator.example:4566")):
            pass


def test_an_emulator_is_where_the_environment_points_and_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://elsewhere.example")
    before = dict(os.environ)

    with local_aws() as aws:
        inside = dict(os.environ)
        assert not client("sqs").list_queues().get("QueueUrls")

    assert inside["AWS_ENDPOINT_URL"] == aws.endpoint_url
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL_S3"} & inside.keys()
    assert dict(os.environ) == before
    assert aws.backend_url.startswith("sqs://?endpoint=http%3A%2F%2F127.0.0.1%3A")


def test_an_emulator_of_ours_has_a_port_for_mail_that_nobody_answers_yet() -> None:
    with local_aws() as aws:
        assert aws.smtp is not None
        port = aws.smtp.getsockname()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(port, 5)

    assert aws.smtp.fileno() == -1


def test_the_same_aws_has_other_regions() -> None:
    here = Aws("http://127.0.0.1:4566", {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test"})

    there = here.in_region("eu-west-1")

    assert there.backend_url == "sqs://?endpoint=http%3A%2F%2F127.0.0.1%3A4566&region=eu-west-1"
    assert there.environ["AWS_ACCESS_KEY_ID"] == "test"
    assert here.target.region == "us-east-1"


def test_an_emulator_that_runs_already_is_used(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")

    with local_aws() as aws:
        assert aws.endpoint_url == emulator.endpoint_url
        assert os.environ["AWS_ACCESS_KEY_ID"] == "test"

    assert "AWS_ACCESS_KEY_ID" not in os.environ


def test_an_endpoint_that_is_not_this_machine_must_be_permitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://emulator.example:4566")

    with pytest.raises(ConfigurationError, match="--provision"), local_aws():
        pass

    with local_aws(anywhere=True) as aws:
        assert aws.target.anywhere


def test_the_account_is_what_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert account().backend_url == "sqs://"
    assert not account().target.anywhere

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://emulator.example:4566")

    assert account(anywhere=True) == Aws("http://emulator.example:4566", anywhere=True)
