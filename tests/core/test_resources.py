"""Resources and the sources that they give."""

from collections.abc import Callable
from typing import Any, Literal

import pytest

from eventkit import (
    App,
    Bucket,
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
    Table,
    Topic,
    attribute,
    key,
)
from tests.core.harness import Job, Json, Todo, change, notification, opened, s3, sns, sqs

photos = Bucket("photos")
todos = Table[Todo]("todos")
jobs = Queue[Job]("jobs")
posts = Topic[Job | Todo]("posts")


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
        (posts.of(Job), "Notification or Message of topic 'posts'"),
        (jobs, "queue 'jobs'"),
    ],
)
def test_a_source_says_itself_in_words(source: Source[Any], words: str) -> None:
    assert str(source) == words


@pytest.mark.parametrize("make", [Queue, Topic, Table])
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


@pytest.mark.parametrize("make", [Bucket, Queue[Job], Topic[Job], Table[Todo]])
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
