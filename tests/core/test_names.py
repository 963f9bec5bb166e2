"""What resources are called in an account, and which queue brings their events."""

import pytest

from eventkit import Bucket, ConfigurationError, Names, Queue, Resource, Stream, Table, Topic
from eventkit.events._base import parse_arn
from tests.core.harness import ACCOUNT, REGION, Job, Todo, arn

jobs = Queue[Job]("thumb-nails")
posts = Topic[Job]("posts")
photos = Bucket("photos")
todos = Table[Todo]("todos")
clicks = Stream[Job]("clicks")

STREAM = "/stream/2016-11-16T20:42:48.104"


def test_a_resource_is_called_by_its_own_name_unless_configured() -> None:
    names = Names("app")

    assert [names.address(resource) for resource in (jobs, posts, photos, todos)] == [
        "thumb-nails",
        "posts",
        "photos",
        "todos",
    ]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("prod-thumbs", "prod-thumbs"),
        ("https://sqs.us-east-1.amazonaws.com/123456789012/prod-thumbs", "prod-thumbs"),
        ("http://localhost:4566/000000000000/prod-thumbs/", "prod-thumbs"),
        (arn("sqs", "prod-thumbs"), "prod-thumbs"),
    ],
)
def test_the_environment_gives_a_name_a_url_or_an_arn(address: str, name: str) -> None:
    names = Names.from_environ("app", {"EVENTKIT_QUEUE_THUMB_NAILS": address})

    assert names.address(jobs) == address
    assert names.name(jobs) == name


def test_every_kind_of_resource_has_its_variable() -> None:
    environ = {
        "EVENTKIT_QUEUE_THUMB_NAILS": "q",
        "EVENTKIT_TOPIC_POSTS": "t",
        "EVENTKIT_BUCKET_PHOTOS": "b",
        "EVENTKIT_TABLE_TODOS": "d",
        "EVENTKIT_STREAM_CLICKS": "k",
    }

    names = Names.from_environ("app", environ)

    assert [names.name(resource) for resource in (jobs, posts, photos, todos, clicks)] == ["q", "t", "b", "d", "k"]


@pytest.mark.parametrize(
    "environ",
    [
        {"EVENTKIT_QUEUE_THUMB_NAILS": ""},
        {"EVENTKIT_TOPIC_THUMB_NAILS": "x"},
        {"QUEUE_THUMB_NAILS": "x"},
        {"eventkit_queue_thumb_nails": "x"},
        {"EVENTKIT_QUEUE_": "x"},
        {"EVENTKIT_LOG_LEVEL": "x"},
    ],
)
def test_other_variables_say_nothing(environ: dict[str, str]) -> None:
    assert Names.from_environ("app", environ).address(jobs) == "thumb-nails"


def test_a_table_is_named_by_its_arn_or_its_streams() -> None:
    table = Names("app", {"TABLE_TODOS": arn("dynamodb", "table/prod-todos")})
    stream = Names("app", {"TABLE_TODOS": arn("dynamodb", "table/prod-todos" + STREAM)})

    assert table.name(todos) == stream.name(todos) == "prod-todos"


def test_an_event_of_the_same_name_is_the_resources() -> None:
    names = Names("app", {"QUEUE_THUMB_NAILS": "https://sqs.us-east-1.amazonaws.com/123456789012/prod-thumbs"})

    assert names.is_origin(jobs, "prod-thumbs", arn("sqs", "prod-thumbs"))
    assert names.is_origin(jobs, "prod-thumbs", arn("sqs", "prod-thumbs", account="999999999999"))
    assert not names.is_origin(jobs, "thumb-nails", arn("sqs", "thumb-nails"))


@pytest.mark.parametrize(
    "stated",
    [
        arn("sqs", "prod-thumbs", account="999999999999"),
        arn("sqs", "prod-thumbs", region="eu-west-1"),
        arn("sqs", "prod-thumbs-2"),
        f"arn:aws-cn:sqs:{REGION}:{ACCOUNT}:prod-thumbs",
        "prod-thumbs",
        "",
    ],
)
def test_an_arn_is_an_allow_list_of_one(stated: str) -> None:
    names = Names("app", {"QUEUE_THUMB_NAILS": arn("sqs", "prod-thumbs")})

    assert names.is_origin(jobs, "prod-thumbs", arn("sqs", "prod-thumbs"))
    assert not names.is_origin(jobs, "prod-thumbs", stated)


@pytest.mark.parametrize(
    ("configured", "stated", "taken"),
    [
        ("table/todos", f"table/todos{STREAM}", True),
        (f"table/todos{STREAM}", f"table/todos{STREAM}", True),
        (f"table/todos{STREAM}", "table/todos/stream/2020-01-01T00:00:00.000", False),
        ("table/todos", f"table/todos-2{STREAM}", False),
    ],
)
def test_a_tables_arn_allows_its_own_streams(configured: str, stated: str, *, taken: bool) -> None:
    names = Names("app", {"TABLE_TODOS": arn("dynamodb", configured)})

    assert names.is_origin(todos, "todos", arn("dynamodb", stated)) is taken


def test_a_tables_arn_does_not_allow_another_accounts_stream() -> None:
    names = Names("app", {"TABLE_TODOS": arn("dynamodb", "table/todos")})

    assert not names.is_origin(todos, "todos", arn("dynamodb", f"table/todos{STREAM}", account="999999999999"))


@pytest.mark.parametrize(
    ("configured", "stated", "taken"),
    [
        ("stream/clicks", "stream/clicks", True),
        ("stream/clicks", "stream/clicks/consumer/app:1540591608", True),
        ("stream/clicks/consumer/app:1540591608", "stream/clicks/consumer/app:1540591608", True),
        ("stream/clicks/consumer/app:1540591608", "stream/clicks/consumer/other:1540591608", False),
        ("stream/clicks", "stream/clicks-2", False),
        ("stream/clicks", "stream/clicks-2/consumer/app:1540591608", False),
        ("stream/clicks", "stream/clicks/stream/clicks", False),
    ],
)
def test_a_streams_arn_allows_its_own_consumers(configured: str, stated: str, *, taken: bool) -> None:
    names = Names("app", {"STREAM_CLICKS": arn("kinesis", configured)})

    assert names.name(clicks) == "clicks"
    assert names.is_origin(clicks, "clicks", arn("kinesis", stated)) is taken


@pytest.mark.parametrize("resource", [todos, clicks])
def test_what_comes_by_a_stream_is_carried_by_no_queue(resource: Resource) -> None:
    with pytest.raises(ConfigurationError, match="come in the shards of its stream, and in no queue"):
        Names("app", via={"TODOS": "media", "CLICKS": "media"}).carrier(resource)


@pytest.mark.parametrize(
    ("value", "destination"),
    [
        ("sqs:failed", ("queue", "failed")),
        (f"sns:{arn('sns', 'failed')}", ("topic", arn("sns", "failed"))),
        ("s3:failed-events", ("bucket", "failed-events")),
    ],
)
def test_what_is_rejected_and_came_from_no_queue_goes_to_a_queue_a_topic_or_a_bucket(
    value: str, destination: tuple[str, str]
) -> None:
    assert Names.from_environ("app", {"EVENTKIT_ON_FAILURE": value}).on_failure == destination


@pytest.mark.parametrize("value", ["failed", "kinesis:failed", "s3:", "dynamodb:failed"])
def test_it_goes_to_nothing_else(value: str) -> None:
    with pytest.raises(ConfigurationError, match="is no destination; write sqs:, sns: or s3:"):
        Names.from_environ("app", {"EVENTKIT_ON_FAILURE": value})


def test_a_queue_carries_itself_and_other_resources_have_a_queue_by_convention() -> None:
    names = Names("blog", {"QUEUE_THUMB_NAILS": "prod-thumbs"})

    assert [names.carrier(resource) for resource in (jobs, posts, photos)] == [
        "prod-thumbs",
        "blog-posts",
        "blog-photos",
    ]


def test_a_carrier_is_given_by_the_environment_or_the_command_line() -> None:
    names = Names.from_environ("blog", {"EVENTKIT_VIA_PHOTOS": "sqs:media", "EVENTKIT_VIA_POSTS": "sqs:feed"})

    changed = names.with_via([f"photos=sqs:{arn('sqs', 'other')}"])

    assert (names.carrier(photos), names.carrier(posts)) == ("media", "feed")
    assert (changed.carrier(photos), changed.carrier(posts)) == (arn("sqs", "other"), "feed")


@pytest.mark.parametrize("carrier", ["media", "kinesis:media", "sqs:", "sqs", "https://sqs.amazonaws.com/1/media"])
def test_a_carrier_that_is_no_queue_is_refused(carrier: str) -> None:
    with pytest.raises(ConfigurationError, match=r"EVENTKIT_VIA_PHOTOS: .* is not a carrier; write sqs:"):
        Names.from_environ("app", {"EVENTKIT_VIA_PHOTOS": carrier})
    with pytest.raises(ConfigurationError, match=r"--via photos: .* is not a carrier"):
        Names("app").with_via([f"photos={carrier}"])


def test_a_carrier_without_a_resource_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="write RESOURCE=sqs:QUEUE"):
        Names("app").with_via(["sqs:media"])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (arn("sqs", "jobs.fifo"), "jobs.fifo"),
        (arn("dynamodb", f"table/todos{STREAM}"), "todos"),
        (arn("kinesis", "stream/clicks"), "clicks"),
        ("arn:aws:s3:::photos", "photos"),
        ("arn:aws:sqs", None),
        ("jobs", None),
        ("", None),
        (":::::", None),
    ],
)
def test_an_arn_tells_the_resources_name(text: str, name: str | None) -> None:
    found = parse_arn(text)

    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("carrier", "hint"),
    [
        ("fotos=sqs:media", "'fotos'; did you mean 'photos'"),
        ("PHOTO=sqs:media", "did you mean 'photos'"),
        ("todos=sqs:media", "'todos'; it has 'photos', 'posts'"),
        ("thumb-nails=sqs:media", "it has 'photos', 'posts'"),
    ],
)
def test_a_carrier_for_what_the_app_does_not_take_is_a_mistake(carrier: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=hint):
        Names("app").with_via([carrier], [jobs, posts, photos, todos])


def test_a_carrier_for_what_the_app_takes_is_none_and_the_environment_may_name_more() -> None:
    names = Names.from_environ("app", {"EVENTKIT_VIA_SOMEBODY_ELSES": "sqs:theirs"})

    changed = names.with_via(["Photos=sqs:media"], [photos, jobs])

    assert changed.carrier(photos) == "media"
    assert changed.via["SOMEBODY_ELSES"] == "theirs"


def test_an_app_without_buckets_and_topics_has_nothing_to_carry() -> None:
    with pytest.raises(ConfigurationError, match="it has none"):
        Names("app").with_via(["photos=sqs:media"], [jobs])
