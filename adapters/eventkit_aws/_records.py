"""Messages as SQS's API gives and takes them, and as Lambda delivers them ("Using Lambda with Amazon SQS"). Pure."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil
from typing import Any, TypeVar

from eventkit.backends import Raw
from eventkit.backends._bus import bus_entry
from eventkit.backends._sending import QueueMessage, queue_message
from eventkit.outcomes import MAX_VISIBILITY
from eventkit.outgoing import Outgoing

__all__ = ["batches", "event_entry", "not_put", "record_of", "seconds_of_visibility", "sqs_entry", "topic_entry"]

T = TypeVar("T")
Fields = dict[str, object]

MAX_ENTRIES = 10
"""Entries of one batch request of SQS, SNS and EventBridge."""

OWN_FAULTS = frozenset({"InternalFailure", "InternalException", "ServiceUnavailable"})
"""Codes of PutEvents for entries that failed by no fault of theirs ("PutEvents", errors common to all actions)."""


def record_of(message: Mapping[str, Any], arn: str) -> Raw:
    """A received message as Lambda would deliver it, from the queue with this ARN."""
    attributes: Mapping[str, Mapping[str, Any]] = message.get("MessageAttributes") or {}
    record: Fields = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes") or {}),
        "messageAttributes": {name: _from_sqs(value) for name, value in attributes.items()},
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": arn.split(":")[3],
    }
    if "MD5OfMessageAttributes" in message:
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record


def _from_sqs(attribute: Mapping[str, Any]) -> Fields:
    fields: Fields = {"stringListValues": [], "binaryListValues": [], "dataType": attribute["DataType"]}
    if "StringValue" in attribute:
        fields["stringValue"] = attribute["StringValue"]
    if "BinaryValue" in attribute:
        fields["binaryValue"] = b64encode(attribute["BinaryValue"]).decode("ascii")
    return fields


def _to_sqs(attribute: Mapping[str, Any]) -> Fields:
    if "binaryValue" in attribute:
        return {"DataType": attribute["dataType"], "BinaryValue": b64decode(attribute["binaryValue"])}
    return {"DataType": attribute["dataType"], "StringValue": attribute["stringValue"]}


def sqs_entry(message: QueueMessage) -> Fields:
    """A message as an entry of SendMessageBatch, without its id."""
    entry: Fields = {"MessageBody": message.body}
    if message.attributes:
        entry["MessageAttributes"] = {name: _to_sqs(value) for name, value in message.attributes.items()}
    if message.trace:
        trace = {"DataType": "String", "StringValue": message.trace}
        entry["MessageSystemAttributes"] = {"AWSTraceHeader": trace}
    return entry | _order(message)


def topic_entry(message: Outgoing) -> Fields:
    """A message as an entry of PublishBatch, without its id."""
    entry: Fields = {"Message": message.text}
    attributes = queue_message(message).attributes
    if attributes:
        entry["MessageAttributes"] = {name: _to_sqs(value) for name, value in attributes.items()}
    return entry | _order(message)


def event_entry(message: Outgoing, bus: str) -> Fields:
    """A message as an entry of PutEvents, for the bus with this ARN."""
    event = bus_entry(message)
    entry: Fields = {
        "EventBusName": bus,
        "Source": event.source,
        "DetailType": event.detail_type,
        "Detail": event.detail,
        "Resources": list(event.resources),
    }
    return entry if event.trace is None else {**entry, "TraceHeader": event.trace}


def not_put(response: Mapping[str, Any]) -> list[Mapping[str, object]]:
    """The entries that PutEvents did not accept, by their positions, as SQS and SNS name those of a batch."""
    answers: Sequence[Mapping[str, Any]] = response.get("Entries") or ()
    return [
        {"Id": str(position), "Code": answer["ErrorCode"], "SenderFault": answer["ErrorCode"] not in OWN_FAULTS}
        for position, answer in enumerate(answers)
        if "ErrorCode" in answer
    ]


def _order(message: QueueMessage | Outgoing) -> Fields:
    named = {"MessageGroupId": message.group, "MessageDeduplicationId": message.deduplication_id}
    return {name: value for name, value in named.items() if value is not None}


def seconds_of_visibility(delay: float) -> int:
    """The delay as SQS takes it: whole seconds, never less than was asked for, at most 12 hours."""
    return min(MAX_VISIBILITY, max(0, ceil(delay)))


def batches(
    messages: Sequence[T], max_bytes: int, size: Callable[[T], int], group: Callable[[T], str | None]
) -> Iterator[list[T]]:
    """The messages in batches that fit into a request each.

    Where an entry fails and is sent again, those behind it in its batch have overtaken it. So no batch has two
    messages of one group; `group` is None for what needs no order. A message that is too big goes alone, for the
    service to refuse.
    """
    waiting = list(messages)
    while waiting:
        batch: list[T] = []
        later: list[T] = []
        groups: set[str] = set()
        room = max_bytes
        for position, message in enumerate(waiting):
            if len(batch) == MAX_ENTRIES or (batch and size(message) > room):
                later += waiting[position:]
                break
            name = group(message)
            if name is not None and name in groups:
                later.append(message)
                continue
            groups |= set() if name is None else {name}
            batch.append(message)
            room -= size(message)
        yield batch
        waiting = later
