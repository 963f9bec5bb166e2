"""The pure part: messages of SQS's API as Lambda's records and back, and how messages are put into batches."""

from base64 import b64encode
from collections import defaultdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from eventkit.backends._park import parked
from eventkit.events import Message
from eventkit.outcomes import Reject
from eventkit.publish import Outgoing
from eventkit_aws._records import batches, record_of, seconds_of_visibility, sqs_entry, topic_entry

ARN = "arn:aws:sqs:eu-west-1:123456789012:jobs"

texts = st.text(min_size=1, max_size=20)


def text_value(text: str) -> dict[str, object]:
    return {"DataType": "String", "StringValue": text}


def number_value(number: int) -> dict[str, object]:
    return {"DataType": "Number.int", "StringValue": str(number)}


def binary_value(data: bytes) -> dict[str, object]:
    return {"DataType": "Binary", "BinaryValue": data}


def message(body: str, attributes: dict[str, dict[str, object]], count: int) -> dict[str, object]:
    return {
        "MessageId": "id",
        "ReceiptHandle": "handle",
        "Body": body,
        "MD5OfBody": "md5",
        "Attributes": {"ApproximateReceiveCount": str(count), "SentTimestamp": "1"},
        "MessageAttributes": attributes,
    }


attributes = st.dictionaries(
    st.from_regex(r"[a-zA-Z][a-zA-Z0-9_-]{0,10}", fullmatch=True),
    st.one_of(
        st.builds(text_value, texts),
        st.builds(number_value, st.integers()),
        st.builds(binary_value, st.binary(min_size=1, max_size=20)),
    ),
    max_size=9,
)
messages = st.builds(message, texts, attributes, st.integers(1, 1000))


@given(messages)
def test_a_message_survives_the_way_through_a_record_into_another_queue(received: dict[str, Any]) -> None:
    entry: dict[str, Any] = sqs_entry(parked(record_of(received, ARN), Reject("no"), fifo=False))

    assert entry["MessageBody"] == received["Body"]
    note = entry["MessageAttributes"].pop("eventkit.reject")
    assert note["DataType"] == "String"
    assert entry["MessageAttributes"] == received["MessageAttributes"]


@given(messages)
def test_a_record_can_be_read(received: dict[str, Any]) -> None:
    read = Message(record_of(received, ARN))

    assert (read.text, read.source_arn) == (received["Body"], ARN)
    assert str(read.attempt) == received["Attributes"]["ApproximateReceiveCount"]
    assert read.attributes.keys() == received["MessageAttributes"].keys()


def test_a_record_has_lambdas_shape() -> None:
    record = record_of(
        {
            "MessageId": "1",
            "ReceiptHandle": "h",
            "Body": "b",
            "MD5OfBody": "92eb5ffee6ae2fec3ad71c777531578f",
            "MD5OfMessageAttributes": "x",
            "Attributes": {"SentTimestamp": "1"},
            "MessageAttributes": {"data": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}},
        },
        ARN,
    )

    assert record == {
        "messageId": "1",
        "receiptHandle": "h",
        "body": "b",
        "attributes": {"SentTimestamp": "1"},
        "messageAttributes": {
            "data": {
                "binaryValue": b64encode(b"\x00\xff").decode(),
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "Binary",
            }
        },
        "md5OfBody": "92eb5ffee6ae2fec3ad71c777531578f",
        "md5OfMessageAttributes": "x",
        "eventSource": "aws:sqs",
        "eventSourceARN": ARN,
        "awsRegion": "eu-west-1",
    }


def test_a_message_without_attributes_is_a_record_without_attributes() -> None:
    record = record_of({"MessageId": "1", "ReceiptHandle": "h", "Body": "b"}, ARN)

    assert (record["attributes"], record["messageAttributes"]) == ({}, {})


def test_group_and_deduplication_id_go_to_queues_and_topics() -> None:
    entry = topic_entry(Outgoing("a", "g", "d"))

    assert entry == {"Message": "a", "MessageGroupId": "g", "MessageDeduplicationId": "d"}


@given(st.floats(-10, 1e9))
def test_visibility_is_never_shorter_than_asked_for(delay: float) -> None:
    seconds = seconds_of_visibility(delay)

    assert 0 <= seconds <= 43_200
    assert seconds >= min(delay, 43_200)


sized = st.lists(st.tuples(st.integers(1, 40), st.sampled_from([None, "a", "b", "c"])), max_size=40)


@given(sized)
def test_batches_lose_nothing_keep_every_groups_order_and_fit(items: list[tuple[int, str | None]]) -> None:
    numbered = list(enumerate(items))

    found = list(batches(numbered, 50, lambda one: one[1][0], lambda one: one[1][1]))

    assert sorted(one for batch in found for one in batch) == numbered
    order: dict[str | None, list[int]] = defaultdict(list)
    for batch in found:
        assert 1 <= len(batch) <= 10
        assert sum(size for _, (size, _) in batch) <= 50
        groups = [group for _, (_, group) in batch if group is not None]
        assert len(groups) == len(set(groups))
        for number, (_, group) in batch:
            order[group].append(number)
    assert all(numbers == sorted(numbers) for numbers in order.values())


def test_a_message_that_is_too_big_goes_alone() -> None:
    found = list(batches([1, 99, 1], 50, lambda size: size, lambda _: None))

    assert found == [[1], [99], [1]]
