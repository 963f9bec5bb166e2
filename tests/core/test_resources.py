"""Resources and the sources that they give."""

import gzip
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import pytest
from pydantic import BaseModel

from eventkit import (
    App,
    Bucket,
    ByAttribute,
    ByField,
    DecodeError,
    Inserted,
    Modified,
    ObjectAclChanged,
    ObjectCreated,
    ObjectEvent,
    ObjectExpired,
    ObjectLost,
    ObjectRemoved,
    ObjectReplication,
    ObjectRestored,
    ObjectTagged,
    ObjectTiered,
    ObjectTransitioned,
    Queue,
    Removed,
    RouteError,
    Source,
    Stream,
    StreamOptions,
    Table,
    Topic,
    attribute,
    key,
    partition_key,
)
from eventkit.cloudevents import CloudEvent, CloudEvents
from eventkit.decode import unwrap
from eventkit.resources import Streamed
from eventkit.testing import kinesis_record, stream_record
from tests.core.aggregates import aggregate
from tests.core.harness import Job, Json, Todo, change, notification, opened, s3, sns, sqs

photos = Bucket("photos")
todos = Table[Todo]("todos")
jobs = Queue[Job]("jobs")
posts = Topic[Job | Todo]("posts")
clicks = Stream[Job]("clicks")


async def takes(source: Source[Any], record: Json) -> bool:
    """Whether a handler of the source is called for the record."""
    called: list[object] = []
    app = App("app")
    app.on(source)(called.append)
    async with opened(app) as dispatcher:
        dispatcher.handle_inline(record)
    return bool(called)


@pytest.mark.parametrize(
    ("source", "event", "name"),
    [
        (photos.created(), ObjectCreated, "ObjectCreated:Put"),
        (photos.created("Put", "Copy"), ObjectCreated, "ObjectCreated:Copy"),
        (photos.removed(), ObjectRemoved, "ObjectRemoved:Delete"),
        (photos.removed(), ObjectRemoved, "ObjectRemoved:DeleteMarkerCreated"),
        (photos.removed("DeleteMarkerCreated"), ObjectRemoved, "ObjectRemoved:DeleteMarkerCreated"),
        (photos.restored("Completed"), ObjectRestored, "ObjectRestore:Completed"),
        (photos.replication(), ObjectReplication, "Replication:OperationNotTracked"),
        (photos.expired(), ObjectExpired, "LifecycleExpiration:Delete"),
        (photos.transitioned(), ObjectTransitioned, "LifecycleTransition"),
        (photos.tiered(), ObjectTiered, "IntelligentTiering"),
        (photos.tagged("Delete"), ObjectTagged, "ObjectTagging:Delete"),
        (photos.acl_changed(), ObjectAclChanged, "ObjectAcl:Put"),
        (photos.lost(), ObjectLost, "ReducedRedundancyLostObject"),
        (photos.any(), ObjectEvent, "ObjectFrozen:Deep"),
        (photos.any(), ObjectEvent, "ObjectCreated:Put"),
    ],
)
async def test_each_family_of_notifications_has_its_source(
    source: Source[ObjectEvent], event: type[ObjectEvent], name: str
) -> None:
    (selector,) = source.selectors

    assert selector.gives is event
    assert await takes(source, s3(name=name))


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (photos.created("Put"), "ObjectCreated:Copy"),
        (photos.created(), "ObjectRemoved:Delete"),
        (photos.removed("Delete"), "ObjectRemoved:DeleteMarkerCreated"),
        (photos.expired(), "ObjectRemoved:Delete"),
        (photos.removed(), "LifecycleExpiration:Delete"),
    ],
)
async def test_other_families_and_kinds_are_not_taken(source: Source[ObjectEvent], name: str) -> None:
    assert not await takes(source, s3(name=name))


@pytest.mark.parametrize(
    ("prefix", "suffix", "key", "taken"),
    [
        ("uploads/", (), "uploads/a.jpg", True),
        ("uploads/", (), "thumbs/a.jpg", False),
        ((), ".jpg", "a.jpg", True),
        ((), (".jpg", ".png"), "a.png", True),
        ((), (".jpg", ".png"), "a.gif", False),
        (("a/", "b/"), ".jpg", "b/c.jpg", True),
        (("a/", "b/"), ".jpg", "c/c.jpg", False),
        ("a b", (), "a+b.jpg", True),
        ("", "", "anything", True),
        ((), (), "anything", True),
    ],
)
async def test_prefix_and_suffix_are_of_the_decoded_key(
    prefix: str | tuple[str, ...], suffix: str | tuple[str, ...], key: str, *, taken: bool
) -> None:
    assert await takes(photos.created(prefix=prefix, suffix=suffix), s3(key)) is taken


async def test_another_bucket_is_not_taken() -> None:
    assert not await takes(photos.any(), s3(bucket="photos-2"))


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        (todos.inserted(), {"INSERT"}),
        (todos.modified(), {"MODIFY"}),
        (todos.removed(), {"REMOVE"}),
        (todos.changed(), {"INSERT", "MODIFY", "REMOVE"}),
    ],
)
async def test_a_table_has_a_source_for_each_kind_of_change(source: Source[Any], kinds: set[str]) -> None:
    taken = {kind for kind in ("INSERT", "MODIFY", "REMOVE") if await takes(source, change(kind))}

    assert taken == kinds


def test_a_source_knows_the_type_that_it_gives() -> None:
    gives = [selector.gives for selector in (todos.changed() | jobs | posts | photos.created()).selectors]

    assert gives == [Inserted[Todo], Modified[Todo], Removed[Todo], Job, Job | Todo, ObjectCreated]


async def test_sources_combine_and_narrow() -> None:
    source = (photos.created() | photos.removed()).where(key.startswith("a"), key.endswith("z"))

    assert await takes(source, s3("a-z"))
    assert not await takes(source, s3("a-y"))
    assert await takes(source.where(key.equals("a-z")), s3("a-z"))
    assert not await takes(source.where(key.equals("az")), s3("a-z"))
    assert source.where().selectors == source.selectors


async def test_a_queue_or_topic_is_a_source_that_can_be_narrowed() -> None:
    vip = jobs.where(attribute("vip").equals("yes"))
    record = sqs({"id": 1}, messageAttributes={"vip": {"dataType": "String", "stringValue": "yes"}})

    assert await takes(vip, record)
    assert not await takes(vip, sqs({"id": 1}))


async def test_a_topics_message_is_taken_directly_and_wrapped() -> None:
    assert await takes(posts, sns({"id": 1}))
    assert await takes(posts, sqs(notification({"id": 1})))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (photos.created(prefix="a/"), "ObjectCreated of bucket 'photos' where the key has prefix 'a/'"),
        (photos.removed(), "ObjectRemoved of bucket 'photos'"),
        (todos.inserted() | photos.lost(), "Inserted of table 'todos', or ObjectLost of bucket 'photos'"),
        (jobs.where(), "Message of queue 'jobs'"),
        (clicks.where(partition_key.equals("a")), "KinesisRecord of stream 'clicks' where the partition key is 'a'"),
        (posts.of(Job), "Notification or Message of topic 'posts'"),
        (jobs, "queue 'jobs'"),
    ],
)
def test_a_source_says_itself_in_words(source: Source[Any], words: str) -> None:
    assert str(source) == words


@pytest.mark.parametrize("make", [Queue, Topic, Table, Stream])
def test_a_resource_without_its_type_is_an_error_that_says_so(make: type[Queue[Any]]) -> None:
    untyped = make("jobs")

    with pytest.raises(RouteError) as refused:
        _ = untyped.reader

    name = make.__name__
    assert str(refused.value) == f"{name}('jobs') has no type: write {name}[YourModel]('jobs')"


def test_a_type_that_pydantic_cannot_read_is_refused() -> None:
    class Opaque:
        pass

    with pytest.raises(RouteError, match="Opaque cannot be read by pydantic"):
        _ = Queue[Opaque]("jobs").reader


@pytest.mark.parametrize(
    ("queue", "model"),
    [
        (Queue[Job]("q"), Job),
        (Queue[Job | Todo]("q"), Job | Todo),
        (Queue[str]("q"), str),
        (Queue[list[int]]("q"), list[int]),
        (Queue[Literal["a"]]("q"), Literal["a"]),
    ],
)
def test_the_type_in_brackets_is_found(queue: Queue[Any], model: object) -> None:
    assert queue.model == model


@pytest.mark.parametrize("make", [Bucket, Queue[Job], Topic[Job], Table[Todo], Stream[Job]])
@pytest.mark.parametrize("name", ["", "a b", "a/b", "ü", "a\n", "x" * 257, "arn:aws:sqs:us-east-1:1:q"])
def test_a_name_that_no_resource_can_have_is_refused(make: Callable[[str], object], name: str) -> None:
    with pytest.raises(RouteError, match="a name is made of letters"):
        make(name)


def test_resources_are_values() -> None:
    assert Bucket("photos") == Bucket("photos") != Bucket("other")
    assert Queue[Job]("a") != Topic[Job]("a")
    assert len({Queue[Job]("a"), Queue[Job]("a"), Queue[Job]("b")}) == 2
    assert (str(photos), repr(photos), repr(jobs)) == ("bucket 'photos'", "Bucket('photos')", "Queue('jobs')")


def test_a_kind_that_is_none_of_the_union_is_refused() -> None:
    of: Any = posts.of

    with pytest.raises(RouteError) as refused:
        of(Job, str)

    assert str(refused.value) == "topic 'posts' carries Job | Todo, of which str is no kind"


def test_a_fifo_queue_is_told_by_its_name() -> None:
    assert Queue[Job]("jobs.fifo").fifo
    assert not jobs.fifo


async def read(source: Source[Any], data: object) -> list[object]:
    """What a handler of the source gets of a record with these data."""
    got: list[object] = []
    app = App("app")
    app.on(source)(got.append)
    async with opened(app) as dispatcher:
        dispatcher.handle_inline(kinesis_record(data, "clicks", key="ada"))
    return got


@pytest.mark.parametrize(
    ("stream", "data", "value"),
    [
        (clicks, {"id": 1}, Job(id=1)),
        (clicks, gzip.compress(b'{"id": 1}', mtime=0), Job(id=1)),
        (Stream[str]("clicks"), "ä", "ä"),
        (Stream[str]("clicks"), gzip.compress(b"text", mtime=0), "text"),
        (Stream[bytes]("clicks"), b"\xff", b"\xff"),
        (Stream[bytes]("clicks"), gzip.compress(b"text", mtime=0), gzip.compress(b"text", mtime=0)),
        (Stream[list[int]]("clicks", strict=False), '["1"]', [1]),
    ],
)
async def test_a_streams_record_is_read_as_the_streams_type(stream: Stream[Any], data: object, value: object) -> None:
    assert await read(stream, data) == [value]


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        (clicks, '{"id": "1"}'),
        (clicks, '{"id": NaN}'),
        (clicks, b"\xff"),
        (Stream[list[int]]("clicks"), "[true]"),
        (Stream[str]("clicks"), b"\xff"),
    ],
)
async def test_a_streams_record_is_read_strictly(stream: Stream[Any], data: object) -> None:
    assert await read(stream, data) == []


async def test_a_stream_is_narrowed_by_its_records_partition_keys() -> None:
    assert await takes(clicks.where(partition_key.startswith("a")), kinesis_record({"id": 1}, "clicks", key="ada"))
    assert not await takes(clicks.where(partition_key.startswith("b")), kinesis_record({"id": 1}, "clicks", key="ada"))
    assert not await takes(jobs.where(partition_key.exists()), sqs({"id": 1}))


class Clicked(BaseModel):
    kind: Literal["clicked"] = "clicked"
    version: Literal[2] = 2
    x: int


class ClickedV1(BaseModel):
    kind: Literal["clicked"] = "clicked"
    version: Literal[1] = 1
    position: int


class Left(BaseModel):
    kind: Literal["left"] = "left"


class Seen(BaseModel):
    event_type: ClassVar[str] = "shop.seen"
    page: str


def lifted(old: ClickedV1) -> Clicked:
    return Clicked(x=old.position)


moves = Stream[Clicked | Left]("clicks", types=ByField("kind", version="version"), upcasters=[lifted])


async def test_a_field_of_a_record_tells_its_type_and_old_versions_are_lifted() -> None:
    assert await read(moves.of(Clicked), Clicked(x=1)) == [Clicked(x=1)]
    assert await read(moves.of(Clicked), ClickedV1(position=7)) == [Clicked(x=7)]
    assert await read(moves.of(Clicked), Left()) == []
    assert await read(moves, {"kind": "unknown"}) == []


async def test_without_a_discriminator_pydantic_tells_the_types_of_a_stream_apart() -> None:
    either = Stream[Clicked | Left]("clicks")

    assert await read(either.of(Left), Left()) == [Left()]
    assert await read(either.of(Left), Clicked(x=1)) == []


async def test_a_record_may_be_a_cloudevent() -> None:
    stream = Stream[CloudEvent[Seen]]("clicks", types=CloudEvents())
    envelope = {"specversion": "1.0", "id": "1", "source": "/", "type": "shop.seen", "data": {"page": "/a"}}

    (event,) = await read(stream, envelope)

    assert CloudEvent[Seen].model_validate(event).data == Seen(page="/a")


def test_a_record_has_no_attributes_that_could_tell_its_type() -> None:
    attributes: Any = ByAttribute("kind")

    with pytest.raises(RouteError) as refused:
        Stream[Job]("clicks", types=attributes)

    assert str(refused.value) == "stream 'clicks': records of Kinesis have no attributes: write types=ByField('kind')"


def test_upcasters_of_a_stream_need_versions() -> None:
    with pytest.raises(RouteError, match=r"stream 'clicks' has upcasters, .* add types=ByField\(version=…\)"):
        Stream[Job]("clicks", upcasters=[lifted])


def lane(resource: Streamed[Any], record: Json) -> object:
    """The lane of the only event of a record."""
    (event,) = unwrap(record)
    return resource.lane_of(event)


CHANGED = stream_record("INSERT", "todos", keys={"n": 1, "id": "a", "b": b"\xff"})
PARALLEL = StreamOptions(parallel=2)


@pytest.mark.parametrize(
    ("resource", "record", "key", "keyed"),
    [
        (todos, CHANGED, None, False),
        (Table[Todo]("todos", stream=PARALLEL), CHANGED, (("b", b"\xff"), ("id", "a"), ("n", 1)), True),
        (Table[Todo]("todos", order_by=lambda change: change.keys["id"]), CHANGED, "a", True),
        (Table[Todo]("todos", stream=PARALLEL, order_by=lambda _: None), CHANGED, None, True),
        (clicks, kinesis_record("a", "clicks"), None, False),
        (Stream[Job]("clicks", stream=PARALLEL), kinesis_record("a", "clicks", key="ada"), "ada", True),
        (Stream[Job]("clicks", order_by=lambda record: record.text), kinesis_record("a", "clicks"), "a", True),
    ],
)
def test_an_event_keeps_its_order_within_its_key_or_its_shard(
    resource: Streamed[Any], record: Json, key: object, *, keyed: bool
) -> None:
    assert lane(resource, record) == key
    assert resource.keyed is keyed


def test_lambda_divides_aggregates_by_their_own_keys_and_order_by_looks_into_them() -> None:
    events = unwrap(kinesis_record(aggregate([("a", None, b"1"), ("b", None, b"2")]), "clicks", key="outer"))

    assert {Stream[Job]("clicks", stream=PARALLEL).lane_of(event) for event in events} == {"outer"}
    by_key = Stream[Job]("clicks", order_by=lambda record: record.partition_key)
    assert [by_key.lane_of(event) for event in events] == ["a", "b"]


def test_an_event_without_its_key_is_not_what_it_should_be() -> None:
    table = Table[Todo]("todos", order_by=lambda change: change.keys["customer"])

    with pytest.raises(DecodeError) as refused:
        lane(table, CHANGED)

    assert str(refused.value) == "table 'todos': what a record is ordered by is missing: order_by raised KeyError"


def test_a_key_that_is_not_hashable_is_the_authors_mistake() -> None:
    table = Table[Todo]("todos", order_by=lambda change: change.keys)

    with pytest.raises(RouteError) as refused:
        lane(table, CHANGED)

    assert str(refused.value) == "table 'todos': order_by gives a dict, and a key must be hashable"


def test_a_stream_is_consumed_as_lambda_does_unless_it_says_otherwise() -> None:
    assert todos.stream == clicks.stream == StreamOptions()
    assert Stream[Job]("clicks", stream=PARALLEL).stream == PARALLEL
