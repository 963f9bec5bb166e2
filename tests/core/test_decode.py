"""From what AWS hands over to typed events, through every envelope."""

import json
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit import (
    Batch,
    DecodeError,
    EventkitError,
    Message,
    Notification,
    ObjectCreated,
    ObjectEvent,
    Ordering,
    decode,
)
from eventkit.decode import MAX_ENVELOPES, unwrap
from tests.core.harness import TEST_EVENT, Json, change, eventbridge, notification, only, s3, sns, sqs, todo


def refused(record: object) -> DecodeError:
    (part,) = decode({"Records": [record]}).records
    assert part.events == ()
    assert part.error is not None
    return part.error


S3_IN_SNS = {"Records": [s3()]}

NESTINGS: list[tuple[str, object, tuple[str, ...]]] = [
    ("direct", s3(), ("s3:photos",)),
    ("SNS", sns(S3_IN_SNS), ("sns:posts", "s3:photos")),
    ("SQS", sqs(S3_IN_SNS), ("sqs:jobs", "s3:photos")),
    ("SNS in SQS", sqs(notification(S3_IN_SNS)), ("sqs:jobs", "sns:posts", "s3:photos")),
    (
        "SNS in SNS in SQS",
        sqs(notification(notification(S3_IN_SNS))),
        ("sqs:jobs", "sns:posts", "sns:posts", "s3:photos"),
    ),
    ("EventBridge", eventbridge(), ("s3:photos",)),
    ("EventBridge in SQS", sqs(eventbridge()), ("sqs:jobs", "s3:photos")),
    ("EventBridge in SNS", sns(eventbridge()), ("sns:posts", "s3:photos")),
    ("EventBridge in SNS in SQS", sqs(notification(eventbridge())), ("sqs:jobs", "sns:posts", "s3:photos")),
    ("a notification by itself", notification(S3_IN_SNS), ("sns:posts", "s3:photos")),
]


@pytest.mark.parametrize(("record", "path"), [case[1:] for case in NESTINGS], ids=[case[0] for case in NESTINGS])
def test_an_object_event_is_found_in_whatever_brought_it(record: object, path: tuple[str, ...]) -> None:
    event = only(record)

    assert isinstance(event, ObjectCreated)
    assert (event.bucket, event.key) == ("photos", "uploads/a.jpg")
    assert event.path == path


def test_a_nested_event_is_known_by_its_outermost_envelope() -> None:
    event = only(sqs(notification(S3_IN_SNS, MessageAttributes={"a": {"Type": "String", "Value": "b"}})))

    assert isinstance(event.outermost, Message)
    assert isinstance(event.via, Notification)
    assert event.id == event.via.id
    assert event.attributes == {"a": "b"}
    assert [type(envelope) for envelope in event.envelopes()] == [ObjectCreated, Notification, Message]


TWO = {"Records": [s3("a"), s3("b")]}


@pytest.mark.parametrize("record", [sqs(TWO), sns(TWO), sqs(notification(TWO))], ids=["SQS", "SNS", "SNS in SQS"])
def test_two_records_in_one_message_are_two_events_of_one_record(record: Json) -> None:
    (part,) = decode({"Records": [record]}).records

    assert [event.key for event in part.events if isinstance(event, ObjectEvent)] == ["a", "b"]
    assert len({event.outermost for event in part.events}) == 1


def test_a_message_of_the_senders_own_is_the_message() -> None:
    event = only(sqs({"id": 1}))

    assert isinstance(event, Message)
    assert event.text == '{"id": 1}'


def test_a_published_message_of_the_senders_own_is_the_notification() -> None:
    event = only(sqs(notification({"id": 1})))

    assert isinstance(event, Notification)
    assert event.text == '{"id": 1}'
    assert event.path == ("sqs:jobs", "sns:posts")


LOOK_ALIKES: list[object] = [
    {"Records": []},
    {"Records": [1, 2]},
    {"Records": [{"id": 1}]},
    {"Records": [{"eventSource": "aws:s3"}]},
    {"Records": [{"eventSource": "aws:sqs", "body": "x"}]},
    {"Records": {"s3": {}}},
    {"text": 'we spoke about "TopicArn" and "s3" and "aws:s3"'},
    {"TopicArn": "arn:aws:sns:us-east-1:123456789012:posts"},
    {"Type": "Notification", "Message": "mine"},
    {"Type": "Notification", "TopicArn": 7, "Message": "mine", "MessageId": "1"},
    {"Type": "SubscriptionConfirmation", "TopicArn": "arn:aws:sns:::t", "Message": "m", "MessageId": "1"},
    {"Event": "s3:TestEvent"},
    {"Event": "mine", "Service": "Amazon S3"},
    {"source": "aws.s3"},
    {"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification", "detail": {}},
    {"source": "my.shop", "detail-type": "Order Placed", "detail": {}, "about": "aws.s3"},
    {"s3": {"bucket": {"name": "photos"}}},
    ["aws:s3", {"TopicArn": "x"}],
    '{"TopicArn": ',
    '"TopicArn" "s3" "aws',
    '{"Records": [{"eventSource": "aws:s3", "s3": {}}',
    "",
    "null",
    '{"aws": NaN}',
]


@pytest.mark.parametrize("body", LOOK_ALIKES, ids=lambda body: repr(body)[:48])
def test_a_message_that_merely_looks_similar_is_left_alone(body: object) -> None:
    event = only(sqs(body))

    assert isinstance(event, Message)


BROKEN: list[object] = [
    {"Records": [s3(), {"id": 1}]},
    {"Records": [s3(), None]},
    {"Records": [s3(), change()]},
    {"Records": [s3() | {"s3": {"bucket": {"arn": "arn:aws:s3:::photos"}}}]},
    eventbridge() | {"detail": {}},
]


@pytest.mark.parametrize("body", BROKEN)
def test_a_notification_of_s3_that_is_broken_is_refused_as_a_whole(body: object) -> None:
    assert isinstance(refused(sqs(body)), DecodeError)


def wrapped_in_sns(times: int, inner: object) -> object:
    for _ in range(times):
        inner = notification(inner)
    return inner


def test_as_many_envelopes_as_allowed_are_opened() -> None:
    event = only(sqs(wrapped_in_sns(MAX_ENVELOPES - 1, S3_IN_SNS)))

    assert len(event.path) == MAX_ENVELOPES + 1


@pytest.mark.parametrize("times", [MAX_ENVELOPES, MAX_ENVELOPES + 1, 9])
def test_more_envelopes_are_refused(times: int) -> None:
    assert "more than 4 envelopes" in str(refused(sqs(wrapped_in_sns(times, S3_IN_SNS))))


@pytest.mark.parametrize(
    "event", [{"Records": [sqs("x")]}, {"Records": []}, TEST_EVENT, eventbridge(), notification("x")]
)
def test_every_event_of_lambda_gives_a_batch(event: Json) -> None:
    assert isinstance(decode(event), Batch)


def test_an_empty_batch_has_no_records() -> None:
    assert decode({"Records": []}) == Batch(())


def test_a_batch_has_the_events_of_its_records_in_order() -> None:
    batch = decode({"Records": [s3("a"), s3("b"), s3("c")]})

    assert [event.key for event in batch.events if isinstance(event, ObjectEvent)] == ["a", "b", "c"]


@pytest.mark.parametrize("event", [None, [], "text", 7, {}, {"Records": None}, {"Records": {}}, {"records": []}, b"{}"])
def test_what_is_no_event_is_refused(event: object) -> None:
    with pytest.raises(DecodeError, match="this is not an event of SQS, SNS, S3, DynamoDB Streams"):
        decode(event)


@pytest.mark.parametrize(
    "record", [None, 7, "text", [], [s3()], {}, {"eventSource": None}, {"eventSource": ["aws:sqs"]}]
)
def test_a_record_that_is_none_harms_only_itself(record: object) -> None:
    batch = decode({"Records": [record, s3()]})

    broken, good = batch.records
    assert isinstance(broken.error, DecodeError)
    assert len(good.events) == 1


def test_an_unknown_source_is_named() -> None:
    assert "the source 'aws:kafka'" in str(refused({"eventSource": "aws:kafka"}))


def test_an_unknown_source_that_may_be_anything_is_not_named() -> None:
    assert "a record names no source" in str(refused({"eventSource": "my secret"}))


@pytest.mark.parametrize("inner", [None, [], "text"])
def test_an_sns_record_without_a_notification_is_refused(inner: object) -> None:
    assert "lacks its notification" in str(refused({"EventSource": "aws:sns", "Sns": inner}))


@pytest.mark.parametrize(
    ("records", "ordering"),
    [
        ([sqs("x")], Ordering.NONE),
        ([sqs("x", "jobs.fifo")], Ordering.GROUP),
        ([sqs("x", system={"MessageGroupId": "fair"})], Ordering.NONE),
        ([change()], Ordering.SHARD),
        ([s3()], Ordering.NONE),
        ([sns("x")], Ordering.NONE),
        ([None, sqs("x", "jobs.fifo")], Ordering.GROUP),
        ([], Ordering.NONE),
        ([None], Ordering.NONE),
    ],
)
def test_the_source_tells_the_ordering(records: list[Json], ordering: Ordering) -> None:
    assert decode({"Records": records}).ordering is ordering


@pytest.mark.parametrize(
    ("record", "known"),
    [
        (sqs("x"), "059f36b4-87a3-44ab-83d2-661975830a7d"),
        (change(), "13021600000000001596893679"),
        (sqs("x", messageId=""), None),
        (sqs("x", messageId=None), None),
        (sqs("x", messageId=7), None),
        (s3(), None),
        (None, None),
        (7, None),
    ],
)
def test_a_record_is_named_by_message_id_or_sequence_number(record: object, known: str | None) -> None:
    (part,) = decode({"Records": [record]}).records

    assert part.id == known


DEEP = "[" * 100_000
HOSTILE: list[str] = [
    DEEP,
    '{"TopicArn":' * 100_000,
    '{"aws:s3":' * 100_000,
    '{"Records":[{"eventSource":"aws:s3","s3":' + DEEP,
    '{"Type":"Notification","TopicArn":"x","MessageId":"1","Message":"m","MessageAttributes":' + DEEP,
    '{"aws": ' + "1" * 5_000 + "}",
    '{"aws": 1e999}',
    '{"aws": NaN, "TopicArn": Infinity}',
    '{"aws": "\\ud800"}',
    '{"aws": "\ud800"}',
    '{"TopicArn": "\ud800"}',
    '{"Type":"Notification","TopicArn":"\\udfff","MessageId":"1","Message":"m"}',
]


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: ascii(body[:40]))
def test_a_hostile_body_is_at_most_a_message_that_no_model_fits(body: str) -> None:
    (part,) = decode({"Records": [sqs(body)]}).records

    assert part.error is None
    assert isinstance(part.events[0], Message)


def test_a_hundred_thousand_levels_cost_nothing() -> None:
    began = perf_counter()

    for body in HOSTILE[:5]:
        unwrap(sqs(body))

    assert perf_counter() - began < 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(json_values)
def test_whatever_is_decoded_raises_nothing_but_our_errors(anything: object) -> None:
    for event in (anything, {"Records": anything}, {"Records": [anything]}, {"Records": [sqs(json.dumps(anything))]}):
        try:
            decode(event)
        except EventkitError:
            continue


def test_a_record_keeps_what_aws_delivered() -> None:
    delivered = sqs("x")

    (part,) = decode({"Records": [delivered]}).records

    assert part.raw is delivered


def test_decoding_does_not_change_what_it_reads() -> None:
    event: Json = {"Records": [sqs(notification(S3_IN_SNS)), change(new=todo()), s3(), sns("x"), eventbridge()]}
    before = json.dumps(event)

    decode(event)

    assert json.dumps(event) == before
