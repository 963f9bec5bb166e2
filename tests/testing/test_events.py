"""The builders make what AWS delivers: eventkit reads it, and files of other projects have the same members."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from eventkit import (
    DeleteMarkerCreated,
    Inserted,
    KinesisRecord,
    Message,
    Modified,
    Notification,
    ObjectCreated,
    ObjectEvent,
    ObjectRemoved,
    ObjectTagged,
    Removed,
    StreamView,
    decode,
)
from eventkit.errors import AuthorError
from eventkit.events import AwsEvent, TestEvent
from eventkit.events.dynamodb import Item
from eventkit.testing import (
    dynamodb_event,
    eventbridge_s3,
    kinesis_event,
    kinesis_record,
    s3_event,
    s3_record,
    s3_test_event,
    sns_envelope,
    sns_event,
    sns_record,
    sqs_event,
    sqs_record,
    stream_record,
)

CORPORA = Path(__file__).resolve().parents[3] / "shared" / "corpora"
Json = Mapping[str, Any]


def only(event: object) -> AwsEvent:
    (record,) = decode(event).records
    assert record.error is None
    (found,) = record.events
    return found


def test_a_message_is_read_as_it_was_made() -> None:
    event = sqs_event(sqs_record({"id": 1}, "jobs", attempt=3, attributes={"s": "x", "n": 5, "b": b"\x00"}))

    message = only(event)

    assert isinstance(message, Message)
    assert (message.text, message.attempt, message.resource_name) == ('{"id":1}', 3, "jobs")
    assert message.attributes == {"s": "x", "n": Decimal(5), "b": b"\x00"}


@pytest.mark.parametrize(
    ("data", "written"), [({"id": 1}, b'{"id":1}'), ("text", b"text"), (b"\xff", b"\xff"), (5, b"5")]
)
def test_a_record_of_a_stream_is_read_as_it_was_made(data: object, written: bytes) -> None:
    record = only(kinesis_event(kinesis_record(data, "clicks", key="ada", shard=3, number=7)))

    assert isinstance(record, KinesisRecord)
    assert (record.data, record.partition_key, record.resource_name) == (written, "ada", "clicks")
    assert record.shard == "shardId-000000000003"
    assert int(record.sequence_number) == int(one_of("clicks", number=6).sequence_number) + 1


def one_of(stream: str, number: int) -> KinesisRecord:
    record = only(kinesis_event(kinesis_record("text", stream, number=number)))
    assert isinstance(record, KinesisRecord)
    return record


def test_records_are_told_apart_by_what_they_hold_and_by_their_number() -> None:
    records = [sqs_record("a", "jobs"), sqs_record("b", "jobs"), sqs_record("a", "jobs", number=2)]

    assert len({record["messageId"] for record in records}) == 3
    assert sqs_record("a", "jobs") == records[0]


def test_a_fifo_message_has_a_place_and_a_group() -> None:
    message = only(sqs_event(sqs_record("a", "jobs.fifo", group="g")))

    assert isinstance(message, Message)
    assert (message.fifo, message.group) == (True, "g")
    assert message.deduplication_id


class Job(BaseModel):
    key: str


def test_a_model_is_a_message() -> None:
    assert sqs_record(Job(key="ü"), "jobs")["body"] == '{"key":"ü"}'


def test_an_event_can_lie_in_envelopes() -> None:
    photo = s3_event(s3_record("ObjectCreated:Put", "photos", "a b/ü+1.jpg"))

    event = only(sqs_event(sqs_record(sns_envelope(photo, "news"), "media")))

    assert isinstance(event, ObjectCreated)
    assert event.path == ("sqs:media", "sns:news", "s3:photos")
    assert event.key == "a b/ü+1.jpg"


@given(st.text(min_size=1))
def test_any_key_survives(key: str) -> None:
    direct, bridged = (
        only(s3_event(s3_record("ObjectCreated:Put", "photos", key))),
        only(eventbridge_s3("Object Created", "photos", key)),
    )

    assert isinstance(direct, ObjectEvent)
    assert isinstance(bridged, ObjectEvent)
    assert (direct.key, bridged.key) == (key, key)


@pytest.mark.parametrize(
    ("name", "kind", "members"),
    [
        ("ObjectCreated:Put", ObjectCreated, {"key", "size", "eTag", "sequencer"}),
        ("ObjectRemoved:Delete", ObjectRemoved, {"key", "sequencer"}),
        ("ObjectRemoved:DeleteMarkerCreated", DeleteMarkerCreated, {"key", "eTag", "sequencer"}),
        ("ObjectTagging:Put", ObjectTagged, {"key", "eTag"}),
    ],
)
def test_a_notification_has_the_members_of_its_kind(name: str, kind: type[ObjectEvent], members: set[str]) -> None:
    record: dict[str, Any] = s3_record(name, "photos", "a.jpg")

    assert type(only(s3_event(record))) is kind
    found: Json = record["s3"]["object"]
    assert set(found) == members


def test_a_later_number_is_a_later_event() -> None:
    first, second = (
        s3_record("ObjectCreated:Put", "photos", "a.jpg", version_id="v", number=number) for number in (9, 10)
    )
    events = [only(s3_event(record)) for record in (first, second)]
    assert isinstance(events[0], ObjectCreated)
    assert isinstance(events[1], ObjectCreated)

    assert events[0].version_id == "v"
    assert str(events[0].sequencer) < str(events[1].sequencer)


def test_a_test_event_is_one() -> None:
    assert isinstance(only(s3_test_event("photos")), TestEvent)


def test_lambda_gets_notifications_in_its_own_form() -> None:
    event = only(sns_event(sns_record("hello", "news", attributes={"kind": "a"})))

    assert isinstance(event, Notification)
    assert (event.text, event.path, event.attributes) == ("hello", ("sns:news",), {"kind": "a"})


def test_a_fifo_topic_does_not_sign() -> None:
    assert "Signature" in sns_envelope("a", "news")
    assert "Signature" not in sns_envelope("a", "news.fifo")


def test_a_change_is_read_as_it_was_made() -> None:
    item = {
        "id": "1",
        "count": 3,
        "price": Decimal("1.5"),
        "done": False,
        "none": None,
        "data": b"\x00",
        "list": [1, "a", {"deep": True}],
        "tags": {"a", "b"},
        "numbers": {1, 2},
        "blobs": {b"x"},
    }

    event = only(dynamodb_event(stream_record("MODIFY", "todos", keys={"id": "1"}, new=item, old={"id": "1"})))

    assert isinstance(event, Modified)
    change = cast("Modified[Item]", event)
    assert (change.keys, change.new, change.old) == ({"id": "1"}, item, {"id": "1"})
    assert change.resource_name == "todos"


class Todo(BaseModel):
    id: str
    done: bool = False


@pytest.mark.parametrize(
    ("view", "images"),
    [
        (StreamView.KEYS_ONLY, set[str]()),
        (StreamView.NEW_IMAGE, {"NewImage"}),
        (StreamView.OLD_IMAGE, {"OldImage"}),
        (StreamView.NEW_AND_OLD_IMAGES, {"NewImage", "OldImage"}),
    ],
)
def test_the_view_decides_which_images_there_are(view: StreamView, images: set[str]) -> None:
    todo = Todo(id="1")

    record: dict[str, Any] = stream_record("MODIFY", "todos", keys={"id": "1"}, new=todo, old=todo, view=view)

    body: Json = record["dynamodb"]
    assert {"NewImage", "OldImage"} & set(body) == images
    change = only(dynamodb_event(record))
    assert isinstance(change, Modified)
    assert change.view is view


@pytest.mark.parametrize(("kind", "event"), [("INSERT", Inserted), ("REMOVE", Removed)])
def test_the_kind_decides_which_event_it_is(kind: str, event: type[AwsEvent]) -> None:
    assert isinstance(only(dynamodb_event(stream_record(kind, "todos", keys={"id": "1"}))), event)


@pytest.mark.parametrize("value", [1.5, set[str](), {1, "a"}, object()])
def test_what_dynamodb_cannot_hold_is_told(value: object) -> None:
    with pytest.raises(AuthorError, match="DynamoDB"):
        stream_record("INSERT", "todos", keys={"id": "1"}, new={"value": value})


def test_the_builders_need_no_pytest() -> None:
    code = "import sys, eventkit.testing; print('pytest' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


def corpus(name: str) -> Json:
    path = CORPORA / name
    if not path.exists():
        pytest.skip(f"the folder of other projects' events is absent: {CORPORA}")
    loaded: Json = json.loads(path.read_text("utf-8"))
    return loaded


def first(event: Json) -> Json:
    record: Json = event["Records"][0]
    return record


def shape(value: object) -> object:
    """The names of members, all the way down, where a member is an object."""
    if not isinstance(value, dict):
        return None
    members = cast("Json", value)
    return {name: shape(member) for name, member in members.items()}


notification = sns_record("x", "news", attributes={"Test": "a", "TestBinary": b"b"})


@pytest.mark.parametrize(
    ("path", "within", "made"),
    [
        ("sqs/aws-docs-devguide--event-36d5b154.json", first, sqs_record("x", "jobs")),
        ("sqs/powertools-python--snsSqsFifoEvent-edd6b7de.json", first, sqs_record("x", "jobs.fifo", group="g")),
        ("sns_envelope/powertools-python--snsSqsEvent-8ce9d33c.json", dict, sns_envelope("x", "news")),
        ("sns/powertools-python--snsEvent-d107646e.json", first, notification),
        ("s3/powertools-python--s3Event-8dedfa28.json", first, s3_record("ObjectCreated:Put", "b", "k")),
        (
            "s3/powertools-python--s3EventDeleteObject-59261459.json",
            first,
            s3_record("ObjectRemoved:Delete", "b", "k"),
        ),
        (
            "eventbridge/powertools-python--s3EventBridgeNotificationObjectCreatedEvent-023f5136.json",
            dict,
            eventbridge_s3("Object Created", "b", "k"),
        ),
        (
            "eventbridge/powertools-python--s3EventBridgeNotificationObjectDeletedEvent-aac8d32d.json",
            dict,
            eventbridge_s3("Object Deleted", "b", "k"),
        ),
    ],
)
def test_the_members_are_those_of_real_events(path: str, within: Callable[[Json], Json], made: Json) -> None:
    real = within(corpus(path))

    assert shape(made) == shape(real)
