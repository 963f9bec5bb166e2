"""Notifications of topics."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from eventkit import DecodeError, Notification
from tests.core.harness import notification


def attributes(**attribute: object) -> Notification:
    return Notification(notification("text", MessageAttributes={"own": attribute}))


def test_a_notification_tells_all_that_the_envelope_says() -> None:
    event = Notification(notification("text", Subject="Hello"))

    assert event.text == "text"
    assert event.subject == "Hello"
    assert event.id == "95df01b4-ee98-5cb9-9903-4c221d41eb5e"
    assert event.source_arn == "arn:aws:sns:us-east-1:123456789012:posts"
    assert event.resource_name == "posts"
    assert event.path == ("sns:posts",)
    assert event.sent == datetime(2019, 1, 2, 12, 45, 7, tzinfo=UTC)
    assert event.attributes == {}
    assert repr(event) == "Notification(id='95df01b4-ee98-5cb9-9903-4c221d41eb5e', topic='posts')"


def test_a_subject_that_is_not_there_is_none() -> None:
    assert Notification(notification("text")).subject is None
    assert Notification(notification("text", Subject=None)).subject is None


def test_both_spellings_of_the_urls_are_taken() -> None:
    lambdas = notification("text") | {"SigningCertUrl": "https://…", "UnsubscribeUrl": "https://…"}
    del lambdas["SigningCertURL"], lambdas["UnsubscribeURL"]

    assert Notification(lambdas).text == "text"


def test_a_fifo_topics_notification_without_a_signature_is_taken() -> None:
    unsigned = notification("text", "posts.fifo")
    del unsigned["Signature"], unsigned["SignatureVersion"], unsigned["SigningCertURL"]

    assert Notification(unsigned).resource_name == "posts.fifo"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("String", "100", "100"),
        ("Number", "100.5", Decimal("100.5")),
        ("Binary", "AAH/", b"\x00\x01\xff"),
        ("String.Array", json.dumps([]), ()),
        ("String.Array", json.dumps(["a", 1, 1.5, True, None]), ("a", Decimal(1), Decimal("1.5"), True, None)),
    ],
)
def test_every_type_of_message_attribute_is_read(kind: str, text: str, value: object) -> None:
    assert attributes(Type=kind, Value=text).attributes == {"own": value}


@pytest.mark.parametrize(
    "attribute",
    [
        {"Type": "Number", "Value": "many"},
        {"Type": "Number", "Value": "NaN"},
        {"Type": "Number", "Value": "-Infinity"},
        {"Type": "Binary", "Value": "Y"},
        {"Type": "String.Array", "Value": "text"},
        {"Type": "String.Array", "Value": '"text"'},
        {"Type": "String.Array", "Value": "[NaN]"},
        {"Type": "String.Array", "Value": "[1e999]"},
        {"Type": "String.Array", "Value": '[["nested"]]'},
        {"Type": "String.Array", "Value": "[" * 100_000},
        {"Type": "Future", "Value": "1"},
        {"Type": "String"},
        {"Value": "1"},
        {},
    ],
    ids=lambda attribute: repr(attribute)[:40],
)
def test_a_message_attribute_that_is_not_what_it_says_is_refused(attribute: dict[str, object]) -> None:
    event = attributes(**attribute)

    with pytest.raises(DecodeError, match="a message attribute"):
        _ = event.attributes


@pytest.mark.parametrize("stated", [None, [], "text"])
def test_a_notification_without_attributes_has_none(stated: object) -> None:
    assert Notification(notification("text", MessageAttributes=stated)).attributes == {}


@pytest.mark.parametrize("missing", ["Message", "TopicArn"])
@pytest.mark.parametrize("value", [None, 7, {}])
def test_a_notification_without_topic_or_message_is_refused(missing: str, value: object) -> None:
    with pytest.raises(DecodeError, match="lacks its topic or its message"):
        Notification(notification("text") | {missing: value})


@pytest.mark.parametrize("stated", [None, "", "yesterday", 7])
def test_a_time_that_is_none_is_none(stated: object) -> None:
    assert Notification(notification("text", Timestamp=stated)).sent is None


@pytest.mark.parametrize("name", ["text", "subject", "record", "anything"])
def test_a_notification_cannot_be_changed(name: str) -> None:
    event = Notification(notification("text"))

    with pytest.raises(AttributeError):
        setattr(event, name, "other")
