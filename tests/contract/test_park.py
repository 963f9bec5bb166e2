"""What a rejected record becomes, the same for every backend."""

import json

import pytest

from eventkit.backends._park import NOTE, parked
from eventkit.backends._sending import MAX_BYTES
from eventkit.errors import DecodeError
from eventkit.outcomes import Reject
from eventkit.testing import sqs_record


def test_the_note_names_reason_handler_attempt_and_queue() -> None:
    record = sqs_record("x", "jobs", attempt=3)

    copy = parked(record, Reject("no image", handler="blog.thumbnail"), fifo=False)

    assert copy.attributes[NOTE]["dataType"] == "String"
    assert json.loads(copy.attributes[NOTE]["stringValue"]) == {
        "reason": "no image",
        "handler": "blog.thumbnail",
        "attempt": 3,
        "queue": record["eventSourceARN"],
    }


def test_ten_attributes_leave_no_room_for_the_note() -> None:
    record = sqs_record("x", "jobs", attributes={f"a{number}": number for number in range(10)})

    copy = parked(record, Reject("no"), fifo=False)

    assert copy.attributes == record["messageAttributes"]


def test_a_body_at_the_limit_leaves_no_room_for_the_note() -> None:
    copy = parked(sqs_record("x" * MAX_BYTES, "jobs"), Reject("no"), fifo=False)

    assert (copy.attributes, copy.size) == ({}, MAX_BYTES)


def test_a_second_note_replaces_the_first() -> None:
    attributes: dict[str, str | int] = {NOTE: "old", **{f"a{number}": number for number in range(9)}}

    copy = parked(sqs_record("x", "jobs", attributes=attributes), Reject("new"), fifo=False)

    assert json.loads(copy.attributes[NOTE]["stringValue"])["reason"] == "new"
    assert len(copy.attributes) == 10


def test_the_reason_is_cut_and_holds_no_character_that_sqs_refuses() -> None:
    copy = parked(sqs_record("x", "jobs"), Reject("\x00\ud800ü" + "x" * 5000), fifo=False)

    text = copy.attributes[NOTE]["stringValue"]
    assert text.isascii()
    assert text.isprintable()
    assert len(json.loads(text)["reason"]) == 1000


def test_a_fifo_copy_keeps_its_group_and_has_the_messages_id_against_repetition() -> None:
    record = sqs_record("x", "jobs.fifo", group="g")

    copy = parked(record, Reject("no"), fifo=True)

    assert (copy.group, copy.deduplication_id) == ("g", record["messageId"])


def test_a_fair_queues_group_and_the_trace_are_kept() -> None:
    record = sqs_record("x", "jobs", group="tenant")
    system = record["attributes"]
    assert isinstance(system, dict)
    system["AWSTraceHeader"] = "Root=1-5759e988-bd862e3fe1be46a994272793"

    copy = parked(record, Reject("no"), fifo=False)

    assert (copy.group, copy.deduplication_id) == ("tenant", None)
    assert copy.trace == "Root=1-5759e988-bd862e3fe1be46a994272793"
    assert json.loads(copy.attributes[NOTE]["stringValue"])["trace"] == copy.trace


def test_a_trace_in_the_attributes_is_noted_too() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    copy = parked(sqs_record("x", "jobs", attributes={"traceparent": trace}), Reject("no"), fifo=False)

    assert json.loads(copy.attributes[NOTE]["stringValue"])["trace"] == trace
    assert copy.attributes["traceparent"]["stringValue"] == trace


def test_what_is_no_message_cannot_be_parked() -> None:
    with pytest.raises(DecodeError):
        parked({"eventSource": "aws:s3"}, Reject("no"), fifo=False)
