"""What an app declares becomes a plan, by convention and by configuration."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, TypedDict

import pytest
from pydantic import BaseModel, Field

from eventkit import (
    App,
    Bucket,
    Bus,
    ConfigurationError,
    Depends,
    Inserted,
    Names,
    ObjectCreated,
    ObjectEvent,
    ObjectRemoved,
    Queue,
    Sender,
    Stream,
    Table,
    To,
    Topic,
    Unmatched,
)
from eventkit_local.plan import (
    BucketPlan,
    BusPlan,
    IndexPlan,
    Plan,
    QueuePlan,
    StreamPlan,
    SubscriptionPlan,
    TablePlan,
    TopicPlan,
    key_of,
    plan_of,
)


class Job(BaseModel):
    id: int


photos = Bucket("photos")
jobs = Queue[Job]("jobs")
posts = Topic[Job]("posts")


def plan(app: App, **environ: str) -> Plan:
    return plan_of(app, Names.from_environ(app.name, environ))


def ignore(event: Any) -> None: ...  # noqa: ANN401 - any event


def subscribed(source: Any, **options: Any) -> App:  # noqa: ANN401 - any source, with any options
    app = App("blog")
    app.on(source, **options)(ignore)
    return app


def test_an_event_bus_feeds_a_queue() -> None:
    app = subscribed(Bus[Job]("orders"))
    app.on(jobs, name="placing", to=Bus[Job]("audit"))(lambda job: job)

    assert plan(app, EVENTKIT_BUS_ORDERS="shop", EVENTKIT_VIA_ORDERS="sqs:arrivals") == Plan(
        queues=(QueuePlan("arrivals", "arrivals-dlq"), QueuePlan("jobs", "jobs-dlq")),
        buses=(BusPlan("shop", ("arrivals",)), BusPlan("audit")),
    )


def test_an_event_bus_reaches_no_fifo_queue() -> None:
    with pytest.raises(ConfigurationError, match=r"bus 'orders' is carried by 'arrivals\.fifo'"):
        plan(subscribed(Bus[Job]("orders")), EVENTKIT_VIA_ORDERS="sqs:arrivals.fifo")


def test_a_model_may_name_its_sort_key() -> None:
    class Line(BaseModel):
        sort_key: ClassVar[str] = "number"
        order: str
        number: str

    assert plan(subscribed(Table[Line]("lines").inserted())).tables == (TablePlan("lines", "order", "S", "number"),)


class Note(BaseModel):
    sort_key: ClassVar[str] = "sk"
    indexes: ClassVar[Mapping[str, Sequence[str]]] = {"recent": ("kind", "at", "title"), "by-author": ("author", "at")}
    pk: str
    sk: str
    kind: Literal["note"]
    author: str
    title: str
    at: int


class Reader(BaseModel):
    sort_key: ClassVar[str] = "sk"
    pk: str
    sk: str


NOTES, READERS = Table[Note]("notes").inserted(), Table[Reader]("notes").inserted()


@pytest.mark.parametrize(
    "source",
    [NOTES | READERS, READERS | NOTES, NOTES | Table[Note]("notes").modified()],
    ids=["first", "last", "twice"],
)
def test_models_of_one_table_may_name_its_indexes(source: object) -> None:
    recent = IndexPlan("recent", (("kind", "S"), ("at", "N")), ("title",))
    by_author = IndexPlan("by-author", (("author", "S"), ("at", "N")))
    assert plan(subscribed(source)).tables == (TablePlan("notes", "pk", "S", "sk", (recent, by_author)),)


@pytest.mark.parametrize("keys", [("name",), ("name", "nothing")])
def test_an_index_without_two_fields_of_the_model_is_refused(keys: Sequence[str]) -> None:
    class Broken(BaseModel):
        indexes: ClassVar[Mapping[str, Sequence[str]]] = {"by-name": keys}
        name: str

    with pytest.raises(ConfigurationError, match=r"indexes\['by-name'\]: it begins with two fields of the model"):
        plan(subscribed(Table[Broken]("things").inserted()))


def test_a_bucket_reports_to_a_topic_that_feeds_a_queue() -> None:
    assert plan(subscribed(photos.created(prefix="uploads/"))) == Plan(
        queues=(QueuePlan("blog-photos", "blog-photos-dlq", visibility=30, max_receives=5),),
        topics=(TopicPlan("blog-photos", ("photos",)),),
        subscriptions=(SubscriptionPlan("blog-photos", "blog-photos"),),
        buckets=(BucketPlan("photos", "blog-photos", ("s3:ObjectCreated:*",)),),
    )


def test_a_bucket_reports_what_any_route_takes_and_nothing_else() -> None:
    app = App("blog")

    @app.on(photos.created() | photos.removed())
    def first(event: ObjectCreated | ObjectRemoved) -> None: ...

    @app.on(photos.acl_changed())
    def second(event: ObjectEvent) -> None: ...

    assert plan(app).buckets[0].events == ("s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectAcl:Put")


def test_a_route_that_takes_everything_makes_a_bucket_report_everything() -> None:
    events = plan(subscribed(photos.any())).buckets[0].events

    assert len(events) == 10
    assert {"s3:Replication:*", "s3:LifecycleTransition", "s3:ReducedRedundancyLostObject"} < set(events)


def test_a_topic_feeds_a_queue_of_the_app() -> None:
    assert plan(subscribed(posts)) == Plan(
        queues=(QueuePlan("blog-posts", "blog-posts-dlq"),),
        topics=(TopicPlan("posts"),),
        subscriptions=(SubscriptionPlan("posts", "blog-posts"),),
    )


def test_raw_delivery_is_for_topics_and_not_for_buckets() -> None:
    app = subscribed(posts)
    app.on(photos.created(), name="other")(ignore)

    subscriptions = plan_of(app, Names("blog"), raw=True).subscriptions

    assert subscriptions == (
        SubscriptionPlan("posts", "blog-posts", raw=True),
        SubscriptionPlan("blog-photos", "blog-photos"),
    )


def test_a_queue_has_a_dead_letter_queue_of_its_kind() -> None:
    assert plan(subscribed(jobs)).queues == (QueuePlan("jobs", "jobs-dlq"),)
    assert plan(subscribed(Queue[Job]("jobs.fifo"))).queues == (QueuePlan("jobs.fifo", "jobs-dlq.fifo"),)


def test_a_fifo_topic_feeds_a_fifo_queue() -> None:
    assert plan(subscribed(Topic[Job]("posts.fifo"))).subscriptions == (
        SubscriptionPlan("posts.fifo", "blog-posts.fifo"),
    )


@pytest.mark.parametrize(("timeout", "visibility"), [(None, 30), (2, 30), (10.5, 63), (40_000, 43_200)])
def test_messages_stay_invisible_for_longer_than_handlers_may_take(timeout: float | None, visibility: int) -> None:
    assert plan(subscribed(jobs, timeout=timeout)).queues[0].visibility == visibility


def test_the_slowest_route_of_a_queue_decides() -> None:
    app = subscribed(jobs, timeout=100, name="slow")
    app.on(jobs, timeout=1, name="quick")(ignore)

    assert plan(app).queues == (QueuePlan("jobs", "jobs-dlq", visibility=600),)


def test_destinations_are_made_too() -> None:
    app = App("blog")

    def sender(news: Annotated[Sender[Job], To(posts)]) -> Sender[Job]:
        return news

    @app.on(Queue[Job]("first"), to=jobs)
    async def one(job: Job, news: Annotated[Sender[Job], Depends(sender)]) -> Job:
        await news.send(job)
        return job

    @app.unmatched
    def other(event: Unmatched, last: Annotated[Sender[Job], To(Queue[Job]("last"))]) -> None: ...

    made = plan(app)

    assert [queue.name for queue in made.queues] == ["first", "jobs", "last"]
    assert made.topics == (TopicPlan("posts"),)
    assert made.subscriptions == ()


def test_a_queue_that_is_source_and_destination_is_made_once() -> None:
    app = subscribed(jobs, timeout=50)

    @app.on(posts, to=jobs, name="forward")
    def forward(post: Job) -> Job:
        return post

    assert [queue for queue in plan(app).queues if queue.name == "jobs"] == [QueuePlan("jobs", "jobs-dlq", 300)]


def test_physical_names_and_carriers_are_those_of_the_configuration() -> None:
    app = subscribed(photos.created())

    made = plan(app, EVENTKIT_BUCKET_PHOTOS="acme-photos", EVENTKIT_VIA_PHOTOS="sqs:media-events")

    assert made.buckets == (BucketPlan("acme-photos", "blog-photos", ("s3:ObjectCreated:*",)),)
    assert made.subscriptions == (SubscriptionPlan("blog-photos", "media-events"),)
    assert made.queues == (QueuePlan("media-events", "media-events-dlq"),)


def test_resources_may_share_a_carrier() -> None:
    app = subscribed(photos.created() | posts)

    made = plan(app, EVENTKIT_VIA_PHOTOS="sqs:all", EVENTKIT_VIA_POSTS="sqs:all")

    assert [queue.name for queue in made.queues] == ["all"]
    assert [one.topic for one in made.subscriptions] == ["blog-photos", "posts"]


def test_a_queue_by_its_url_is_made_by_its_name() -> None:
    made = plan(subscribed(jobs), EVENTKIT_QUEUE_JOBS="https://sqs.eu-west-1.amazonaws.com/123456789012/acme-jobs")

    assert made.queues[0].name == "acme-jobs"


def test_an_arn_cannot_be_made() -> None:
    with pytest.raises(ConfigurationError, match=r"queue 'jobs' is configured as 'arn:aws:sqs.*configure a name"):
        plan(subscribed(jobs), EVENTKIT_QUEUE_JOBS="arn:aws:sqs:eu-west-1:123456789012:jobs")


def test_a_bucket_reaches_no_fifo_queue() -> None:
    with pytest.raises(ConfigurationError, match=r"'media\.fifo', and S3's notifications reach no FIFO queue"):
        plan(subscribed(photos.created()), EVENTKIT_VIA_PHOTOS="sqs:media.fifo")


def test_a_table_has_the_first_field_of_its_model_as_key() -> None:
    app = App("blog")
    table = Table[Job]("todos")

    @app.on(table.inserted())
    def welcome(change: Inserted[Job]) -> None: ...

    assert plan(app).tables == (TablePlan("todos", "id", "N"),)


def test_a_stream_has_two_shards() -> None:
    made = plan(subscribed(Stream[Job]("clicks")), EVENTKIT_STREAM_CLICKS="prod-clicks")

    assert made == Plan(streams=(StreamPlan("prod-clicks", 2),), on_failure=("queue", "blog-failures"))


@pytest.mark.parametrize("source", [Stream[Job]("clicks"), Table[Job]("todos").changed()], ids=str)
def test_what_is_given_up_of_tables_and_streams_goes_to_a_queue_of_the_app(source: object) -> None:
    assert plan(subscribed(source)).on_failure == ("queue", "blog-failures")
    assert plan(subscribed(source), EVENTKIT_ON_FAILURE="sns:rejects").on_failure == ("topic", "rejects")


def test_an_app_without_tables_and_streams_needs_no_queue_for_what_is_given_up() -> None:
    assert plan(subscribed(jobs), EVENTKIT_ON_FAILURE="sqs:rejects").on_failure is None


def test_an_on_failure_destination_in_another_account_cannot_be_made() -> None:
    with pytest.raises(ConfigurationError, match="the on-failure destination is configured as 'arn:aws:sqs:"):
        plan(subscribed(Stream[Job]("clicks")), EVENTKIT_ON_FAILURE="sqs:arn:aws:sqs:eu-west-1:123456789012:rejects")


class Aliased(BaseModel):
    identity: str = Field(alias="pk")


class Typed(TypedDict):
    weight: Decimal


@dataclass
class Plain:
    code: bytes


class Empty(BaseModel):
    pass


class Strange(BaseModel):
    id: list[str]


@pytest.mark.parametrize(
    ("model", "key"),
    [
        (Job, ("id", "N")),
        (Aliased, ("pk", "S")),
        (Aliased | Job, ("pk", "S")),
        (Typed, ("weight", "N")),
        (Plain, ("code", "B")),
        (Strange, ("id", "S")),
        (Empty, ("pk", "S")),
        (dict[str, Any], ("pk", "S")),
        (Any, ("pk", "S")),
    ],
)
def test_keys_follow_from_models(model: object, key: tuple[str, str]) -> None:
    assert key_of(model) == key


def test_an_app_without_routes_needs_nothing() -> None:
    assert plan(App("blog")) == Plan()


def test_a_plan_does_not_call_handlers() -> None:
    def fails(_: object) -> None:
        raise AssertionError

    app = App("blog")
    handler: Callable[[Job], None] = fails
    app.on(jobs)(handler)

    assert plan(app).queues
