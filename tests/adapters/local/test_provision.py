"""A plan is made in the emulator, any number of times, and never where nobody permitted it."""

import asyncio
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from eventkit import BackendError, ConfigurationError
from eventkit_local.emulator import Emulator, start_emulator
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
)
from eventkit_local.provision import (
    Target,
    is_loopback,
    lines_of,
    permission,
    provision,
    require_permission,
    with_notification,
    with_statements,
)
from tests.adapters.local.clients import client

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the emulator runs on Linux and macOS")

PLAN = Plan(
    queues=(
        QueuePlan("blog-photos", "blog-photos-dlq"),
        QueuePlan("jobs.fifo", "jobs-dlq.fifo", visibility=60, max_receives=3),
        QueuePlan("blog-posts", "blog-posts-dlq"),
        QueuePlan("blog-orders", "blog-orders-dlq"),
    ),
    topics=(TopicPlan("blog-photos", ("photos",)), TopicPlan("posts"), TopicPlan("news.fifo")),
    subscriptions=(
        SubscriptionPlan("blog-photos", "blog-photos"),
        SubscriptionPlan("posts", "blog-posts", raw=True),
        SubscriptionPlan("news.fifo", "jobs.fifo"),
    ),
    buckets=(BucketPlan("photos", "blog-photos", ("s3:ObjectCreated:*", "s3:ObjectRemoved:*")),),
    tables=(TablePlan("outbox", "lane", sort_key="id"), TablePlan("todos", "id", "N")),
    buses=(BusPlan("orders", ("blog-orders",)), BusPlan("default", ("blog-posts",)), BusPlan("audit")),
    streams=(StreamPlan("clicks"), StreamPlan("views", 3)),
    on_failure=("queue", "blog-failures"),
)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with start_emulator() as emulator:
        yield emulator


@pytest.fixture
def target(emulator: Emulator) -> Target:
    emulator.reset()
    return Target(emulator.endpoint_url, "us-east-1")


def make(plan: Plan, target: Target) -> list[str]:
    lines: list[str] = []
    asyncio.run(provision(plan, target, lines.append))
    return lines


def queue(target: Target, name: str) -> dict[str, str]:
    sqs = client("sqs", target.endpoint_url)
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    found: dict[str, str] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return found


def test_an_object_travels_from_the_bucket_to_the_queue(target: Target) -> None:
    make(PLAN, target)
    sqs = client("sqs", target.endpoint_url)

    client("s3", target.endpoint_url).put_object(Bucket="photos", Key="a b.jpg", Body=b"x")

    bodies: list[str] = []
    url = sqs.get_queue_url(QueueName="blog-photos")["QueueUrl"]
    for _ in range(10):
        received = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2).get("Messages", [])
        bodies += [json.loads(message["Body"])["Message"] for message in received]
        if any("a+b.jpg" in body for body in bodies):
            break
    assert any("a+b.jpg" in body for body in bodies)


def test_queues_have_the_settings_of_the_plan(target: Target) -> None:
    make(PLAN, target)

    found = queue(target, "jobs.fifo")
    assert found["VisibilityTimeout"] == "60"
    assert found["ContentBasedDeduplication"] == "true"
    redrive = json.loads(found["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"].endswith(":jobs-dlq.fifo")
    assert int(redrive["maxReceiveCount"]) == 3
    assert queue(target, "jobs-dlq.fifo")["MessageRetentionPeriod"] == "1209600"


def test_only_its_topics_and_rules_may_send_to_a_queue_and_only_its_buckets_to_a_topic(target: Target) -> None:
    make(PLAN, target)

    (allowed,) = json.loads(queue(target, "blog-orders")["Policy"])["Statement"]
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert allowed["Condition"]["ArnEquals"]["aws:SourceArn"].endswith(":rule/orders/blog-orders")
    (allowed,) = json.loads(queue(target, "blog-photos")["Policy"])["Statement"]
    assert allowed["Principal"] == {"Service": "sns.amazonaws.com"}
    assert allowed["Condition"]["ArnEquals"]["aws:SourceArn"].endswith(":blog-photos")
    sns = client("sns", target.endpoint_url)
    arn = next(one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith(":blog-photos"))
    policy = json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])
    ours = [one for one in policy["Statement"] if one.get("Principal") == {"Service": "s3.amazonaws.com"}]
    assert [one["Condition"]["ArnEquals"]["aws:SourceArn"] for one in ours] == ["arn:aws:s3:::photos"]


@pytest.mark.parametrize(("bus", "carrier"), [("orders", "blog-orders"), ("default", "blog-posts")])
def test_an_event_travels_from_its_bus_to_the_queue(target: Target, bus: str, carrier: str) -> None:
    make(PLAN, target)
    events, sqs = client("events", target.endpoint_url), client("sqs", target.endpoint_url)
    entry = {"EventBusName": bus, "Source": "shop", "DetailType": "Placed", "Detail": '{"id": 1}'}

    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0

    url = sqs.get_queue_url(QueueName=carrier)["QueueUrl"]
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert json.loads(message["Body"])["detail"] == {"id": 1}


def test_a_table_may_have_a_sort_key(target: Target) -> None:
    make(PLAN, target)

    table = client("dynamodb", target.endpoint_url).describe_table(TableName="outbox")["Table"]

    assert [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]] == [("lane", "HASH"), ("id", "RANGE")]


def test_a_raw_subscription_leaves_the_envelope_away(target: Target) -> None:
    make(PLAN, target)
    sns, sqs = client("sns", target.endpoint_url), client("sqs", target.endpoint_url)
    arn = next(one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith(":posts"))

    sns.publish(TopicArn=arn, Message='{"id": 1}')

    url = sqs.get_queue_url(QueueName="blog-posts")["QueueUrl"]
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert message["Body"] == '{"id": 1}'


def test_a_table_has_its_key_and_a_stream_of_both_images(target: Target) -> None:
    make(PLAN, target)

    table = client("dynamodb", target.endpoint_url).describe_table(TableName="todos")["Table"]
    assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert table["AttributeDefinitions"] == [{"AttributeName": "id", "AttributeType": "N"}]
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_a_table_has_its_indexes(target: Target) -> None:
    indexes = (IndexPlan("recent", (("kind", "S"), ("at", "N")), ("title",)), IndexPlan("whole", (("at", "N"),)))
    make(Plan(tables=(TablePlan("notes", "pk", "S", "sk", indexes),)), target)

    table = client("dynamodb", target.endpoint_url).describe_table(TableName="notes")["Table"]
    recent, whole = sorted(table["GlobalSecondaryIndexes"], key=lambda index: str(index["IndexName"]))
    assert recent["KeySchema"] == [
        {"AttributeName": "kind", "KeyType": "HASH"},
        {"AttributeName": "at", "KeyType": "RANGE"},
    ]
    assert recent["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["title"]}
    assert whole["KeySchema"] == [{"AttributeName": "at", "KeyType": "HASH"}]
    assert whole["Projection"]["ProjectionType"] == "ALL"


def test_making_it_again_changes_nothing(target: Target) -> None:
    make(PLAN, target)
    before = [queue(target, one.name) for one in PLAN.queues]

    make(PLAN, target)

    assert [queue(target, one.name) for one in PLAN.queues] == before
    configured = client("s3", target.endpoint_url).get_bucket_notification_configuration(Bucket="photos")
    assert len(configured["TopicConfigurations"]) == 1
    assert len(client("sns", target.endpoint_url).list_subscriptions()["Subscriptions"]) == 3


def test_what_is_there_keeps_its_settings(target: Target) -> None:
    sqs, s3 = client("sqs", target.endpoint_url), client("s3", target.endpoint_url)
    url = sqs.create_queue(QueueName="blog-photos", Attributes={"VisibilityTimeout": "77"})["QueueUrl"]
    own = {"Sid": "own", "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [own]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["QueueArn"]
    s3.create_bucket(Bucket="photos")
    mine = {"Id": "mine", "QueueArn": arn, "Events": ["s3:ObjectTagging:*"]}
    s3.put_bucket_notification_configuration(Bucket="photos", NotificationConfiguration={"QueueConfigurations": [mine]})

    make(PLAN, target)

    found = queue(target, "blog-photos")
    assert found["VisibilityTimeout"] == "77"
    assert "RedrivePolicy" in found
    assert "own" in [one["Sid"] for one in json.loads(found["Policy"])["Statement"]]
    configured = s3.get_bucket_notification_configuration(Bucket="photos")
    assert configured["QueueConfigurations"][0]["Id"] == "mine"
    assert configured["TopicConfigurations"][0]["Id"] == "eventkit"


def test_a_table_without_a_stream_gets_one(target: Target) -> None:
    client("dynamodb", target.endpoint_url).create_table(
        TableName="todos",
        AttributeDefinitions=[{"AttributeName": "other", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "other", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )

    make(Plan(tables=PLAN.tables), target)

    table = client("dynamodb", target.endpoint_url).describe_table(TableName="todos")["Table"]
    assert table["StreamSpecification"]["StreamEnabled"]
    assert table["KeySchema"][0]["AttributeName"] == "other"


def test_a_stream_is_made_once_and_keeps_its_shards(target: Target) -> None:
    make(Plan(streams=PLAN.streams), target)

    make(Plan(streams=(StreamPlan("clicks", 5),)), target)

    kinesis = client("kinesis", target.endpoint_url)
    shards = {name: len(kinesis.list_shards(StreamName=name)["Shards"]) for name in ("clicks", "views")}
    assert shards == {"clicks": 2, "views": 3}


def test_what_takes_failures_is_made_whatever_it_is(target: Target) -> None:
    for on_failure in (("queue", "failed"), ("topic", "failed"), ("bucket", "failed"), ("bucket", "failed")):
        make(Plan(on_failure=on_failure), target)

    assert queue(target, "failed")["MessageRetentionPeriod"] == str(14 * 24 * 3600)
    topics = client("sns", target.endpoint_url).list_topics()["Topics"]
    assert [one["TopicArn"].rpartition(":")[2] for one in topics] == ["failed"]
    assert [one["Name"] for one in client("s3", target.endpoint_url).list_buckets()["Buckets"]] == ["failed"]


def test_progress_says_what_leads_where(target: Target) -> None:
    lines = make(PLAN, target)

    assert lines == list(lines_of(PLAN))
    assert lines[0] == "bucket photos → topic blog-photos → queue blog-photos"
    assert "topic posts → queue blog-posts" in lines
    assert "queue jobs.fifo, its dead letters in jobs-dlq.fifo" in lines
    assert lines[-4:] == [
        "table todos, its key id (N), with a stream",
        "stream clicks, with 2 shards",
        "stream views, with 3 shards",
        "queue blog-failures, for what is given up of tables and streams",
    ]


def test_a_topic_that_nobody_subscribes_to_leads_nowhere() -> None:
    assert list(lines_of(Plan(topics=(TopicPlan("posts"),)))) == ["topic posts"]


@pytest.mark.parametrize(
    "url",
    ["http://localhost:4566", "http://LOCALHOST", "http://127.0.0.1:1", "https://127.8.9.10", "http://[::1]:4566/"],
)
def test_this_machine_is_recognised(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "localhost:4566",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@example.com/",
        "http://example.com/#127.0.0.1",
        "http://10.0.0.1:4566",
        "http://0.0.0.0:4566",
        "http://[::]:4566",
        "http://[::ffff:10.0.0.1]",
        "https://sqs.eu-west-1.amazonaws.com",
        "http://[",
    ],
)
def test_nothing_is_made_anywhere_else_unless_it_is_permitted(url: str | None) -> None:
    with pytest.raises(ConfigurationError, match="pass --provision"):
        asyncio.run(provision(PLAN, Target(url), print))

    require_permission(Target(url, anywhere=True))


def test_an_emulator_that_is_not_there_is_an_error_of_the_backend(emulator: Emulator) -> None:
    bad = Plan(buckets=(BucketPlan("Not A Bucket", "posts", ("s3:ObjectCreated:*",)),), topics=(TopicPlan("posts"),))

    with pytest.raises(BackendError, match="CreateBucket 'Not A Bucket' failed"):
        make(bad, Target(emulator.endpoint_url, "us-east-1"))


def test_a_statement_replaces_the_one_that_it_is_a_version_of() -> None:
    source = "arn:aws:sns:eu-west-1:1:a"
    first = permission("sns.amazonaws.com", "sqs:SendMessage", "arn:aws:sqs:eu-west-1:1:q", source)
    other = {"Sid": "other", "Effect": "Deny"}
    known = json.dumps({"Version": "2012-10-17", "Id": "mine", "Statement": other})

    merged = with_statements(with_statements(known, [first]), [first])

    assert json.loads(merged) == {"Version": "2012-10-17", "Id": "mine", "Statement": [other, first]}
    assert first["Sid"].isalnum()


def test_a_notification_leaves_the_others_alone() -> None:
    known: dict[str, Any] = {
        "ResponseMetadata": {},
        "TopicConfigurations": [{"Id": "mine"}, {"Id": "eventkit", "TopicArn": "old"}],
        "EventBridgeConfiguration": {},
    }

    merged = with_notification(known, "new", ["s3:ObjectCreated:*"])

    assert merged == {
        "TopicConfigurations": [
            {"Id": "mine"},
            {"Id": "eventkit", "TopicArn": "new", "Events": ["s3:ObjectCreated:*"]},
        ],
        "EventBridgeConfiguration": {},
    }
