"""Messages of queues."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from eventkit import DecodeError, Message
from tests.core.harness import arn, sqs


def message(**attribute: object) -> Message:
    return Message(sqs("text", messageAttributes={"own": attribute}))


def test_a_message_tells_all_that_the_record_says() -> None:
    system = {"AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793"}

    event = Message(sqs("text", system=system))

    assert event.text == "text"
    assert event.id == "059f36b4-87a3-44ab-83d2-661975830a7d"
    assert event.source_arn == "arn:aws:sqs:us-east-1:123456789012:jobs"
    assert event.resource_name == "jobs"
    assert event.path == ("sqs:jobs",)
    assert event.attempt == 1
    assert event.sent == datetime(2018, 12, 17, 21, 37, 29, 183_000, UTC)
    assert event.trace == "Root=1-5759e988-bd862e3fe1be46a994272793"
    assert event.attributes == {}
    assert repr(event) == "Message(id='059f36b4-87a3-44ab-83d2-661975830a7d', queue='jobs')"


@pytest.mark.parametrize("queue", ["jobs.fifo", "jobs"])
@pytest.mark.parametrize("group", ["customer-1", None])
def test_the_name_of_a_fifo_queue_tells_and_a_message_group_does_not(queue: str, group: str | None) -> None:
    event = Message(sqs("text", queue, system={"MessageGroupId": group}))

    assert event.fifo is queue.endswith(".fifo")
    assert event.group == group


def test_a_fifo_message_has_a_group_and_a_deduplication_id() -> None:
    event = Message(sqs("text", "jobs.fifo", system={"MessageGroupId": "g", "MessageDeduplicationId": "d"}))

    assert (event.group, event.deduplication_id) == ("g", "d")


@pytest.mark.parametrize(
    ("count", "attempt"),
    [("1", 1), ("17", 17), ("0", 1), ("", 1), ("-3", 1), ("x", 1), ("٣", 1), ("9" * 5000, 1), (3, 1), (None, 1)],
    ids=lambda value: repr(value)[:12],
)
def test_the_receive_count_is_the_attempt_and_at_least_one(count: object, attempt: int) -> None:
    assert Message(sqs("text", system={"ApproximateReceiveCount": count})).attempt == attempt


@pytest.mark.parametrize("sent", [None, "", "soon", "9" * 400, 1545082649183, "-1"], ids=lambda sent: repr(sent)[:16])
def test_a_time_that_is_none_is_none(sent: object) -> None:
    assert Message(sqs("text", system={"SentTimestamp": sent})).sent is None


@pytest.mark.parametrize("attributes", [None, [], "text", 7])
def test_a_record_without_system_attributes_has_none(attributes: object) -> None:
    event = Message(sqs("text", attributes=attributes, messageAttributes=attributes))

    assert (event.attempt, event.group, event.deduplication_id, event.trace, event.sent) == (1, None, None, None, None)
    assert event.attributes == {}


@pytest.mark.parametrize(
    ("kind", "field", "text", "value"),
    [
        ("String", "stringValue", "100", "100"),
        ("String.json", "stringValue", "{}", "{}"),
        ("Number", "stringValue", "100", Decimal(100)),
        ("Number.byte", "stringValue", "-1.5", Decimal("-1.5")),
        ("Number.java.lang.Long", "stringValue", "9223372036854775807", Decimal(9223372036854775807)),
        ("Binary", "binaryValue", "AAH/", b"\x00\x01\xff"),
        ("Binary.gif", "binaryValue", "", b""),
    ],
)
def test_every_type_of_message_attribute_is_read(kind: str, field: str, text: str, value: object) -> None:
    event = message(**{"dataType": kind, field: text})

    assert event.attributes == {"own": value}


@pytest.mark.parametrize(
    "attribute",
    [
        {"dataType": "Number", "stringValue": "many"},
        {"dataType": "Number", "stringValue": "NaN"},
        {"dataType": "Number", "stringValue": "sNaN"},
        {"dataType": "Number", "stringValue": "Infinity"},
        {"dataType": "Number"},
        {"dataType": "Binary", "binaryValue": "Y"},
        {"dataType": "Binary", "stringValue": "YQ=="},
        {"dataType": "String"},
        {"dataType": "Complex", "stringValue": "1"},
        {"stringValue": "1"},
        {},
    ],
)
def test_a_message_attribute_that_is_not_what_it_says_is_refused(attribute: dict[str, object]) -> None:
    event = message(**attribute)

    with pytest.raises(DecodeError, match="a message attribute"):
        _ = event.attributes


@pytest.mark.parametrize("attribute", [None, "text", 7, []])
def test_a_message_attribute_that_is_no_object_is_refused(attribute: object) -> None:
    event = Message(sqs("text", messageAttributes={"own": attribute}))

    with pytest.raises(DecodeError, match="a message attribute"):
        _ = event.attributes


@pytest.mark.parametrize("body", [None, 7, {}, []])
def test_a_record_without_a_body_is_refused(body: object) -> None:
    with pytest.raises(DecodeError, match="no body that is a text"):
        Message(sqs("text") | {"body": body})


@pytest.mark.parametrize("stated", [None, 7, ["arn"], {}])
def test_a_source_that_is_no_text_is_none(stated: object) -> None:
    event = Message(sqs("text", eventSourceARN=stated))

    assert (event.source_arn, event.fifo) == ("", False)


def test_an_arn_of_another_service_names_no_queue() -> None:
    assert Message(sqs("text", eventSourceARN=arn("sns", "jobs"))).resource_name is None


@pytest.mark.parametrize("name", ["text", "attempt", "group", "record", "anything"])
def test_a_message_cannot_be_changed(name: str) -> None:
    event = Message(sqs("text"))

    with pytest.raises(AttributeError):
        setattr(event, name, "other")
