"""From any AWS event to typed values: pure, without I/O.

What is recognised ("Event message structure", "Fanout to Amazon SQS queues" and their neighbours in AWS's guides):

- a Lambda invocation by SQS, SNS, S3, DynamoDB Streams, Kinesis or an EventBridge rule, `s3:TestEvent`;
- inside a message's body: an SNS notification, S3 notifications, an event of EventBridge, `s3:TestEvent`;
- inside a Kinesis record: the user records of an aggregate.

EventBridge's events of Amazon S3 become those that its notifications are.

Anything else in a body, and in a Kinesis record, is the sender's own message.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, TypeGuard

from pydantic_core import SchemaValidator, core_schema, from_json

from eventkit._json import is_list, is_object
from eventkit.errors import DecodeError
from eventkit.events import AwsEvent, BusEvent, Message, Notification, TestEvent
from eventkit.events._base import text_or_none
from eventkit.events.dynamodb import change_event
from eventkit.events.eventbridge import from_eventbridge, is_event
from eventkit.events.kinesis import kinesis_records
from eventkit.events.s3 import object_event
from eventkit.values import Value

__all__ = ["Batch", "Ordering", "Record", "decode", "ordering_of", "unwrap"]

MAX_ENVELOPES = 4
"""How many envelopes may lie around an event; S3 in SNS in SQS has two, EventBridge in SNS in SQS three."""

DETAIL_TYPE = '"detail-type"'
"""What every event of EventBridge has."""

STREAMS = ("aws:dynamodb", "aws:kinesis")
"""Sources whose records come in the order of a shard."""

_AWS_SOURCE = re.compile(r"aws:[a-z0-9-]{1,32}")
"""How AWS names sources; anything else is not repeated in texts."""


class Ordering(Enum):
    """Which records of a batch must be handled one after the other."""

    NONE = "none"
    GROUP = "group"
    """Those of one message group, on FIFO queues."""
    SHARD = "shard"
    """All, because a stream's batch comes from one shard."""


class Record(Value):
    """One record as AWS delivers it, with the events found in it: none in a test event, several in some."""

    raw: Mapping[str, object]
    events: tuple[AwsEvent, ...] = ()
    error: DecodeError | None = None
    """Why the record cannot be decoded; its neighbours are not touched by that."""

    @property
    def id(self) -> str | None:
        """What a partial batch response names the record by: message id or sequence number."""
        return record_id(self.raw)


class Batch(Value):
    """The records of one receive or one invocation, with their ordering."""

    records: tuple[Record, ...]
    ordering: Ordering = Ordering.NONE

    @property
    def events(self) -> Iterator[AwsEvent]:
        """The events of all records, in order."""
        return (event for record in self.records for event in record.events)


def decode(event: object) -> Batch:
    """The records of any AWS event, unwrapped and typed.

    `event` is the parsed JSON that Lambda hands to a function, or a notification as SNS or S3 send it.
    A record that cannot be decoded keeps its error and harms no other. Raises `DecodeError` when the whole is not
    an event of a service that eventkit knows, and `MissingExtraError` for an aggregated Kinesis record that nothing
    can read here.
    """
    raws = records_of(event)
    return Batch(tuple(_record(raw) for raw in raws), ordering_of(raws))


def _record(raw: Mapping[str, object]) -> Record:
    try:
        return Record(raw, unwrap(raw))
    except DecodeError as error:
        return Record(raw, error=error)


def records_of(event: object) -> list[Mapping[str, object]]:
    """The undecoded records of an AWS event. Raises `DecodeError` when it is not an event that eventkit knows."""
    if is_object(event):
        records = event.get("Records")
        if is_list(records):
            return records
        if _is_single(event):
            return [event]
    raise DecodeError(
        "this is not an event of SQS, SNS, S3, DynamoDB Streams, Kinesis or EventBridge: it has neither a list of "
        "'Records' nor the fields of a notification"
    )


def _is_single(event: Mapping[str, object]) -> bool:
    return "detail-type" in event or _is_test(event) or _is_notification(event)


def ordering_of(records: Sequence[Mapping[str, object]]) -> Ordering:
    """The ordering that the source of the records keeps; the first record that names its source tells."""
    for raw in records:
        if is_object(raw) and "eventSource" in raw:
            if raw["eventSource"] in STREAMS:
                return Ordering.SHARD
            arn = raw.get("eventSourceARN")
            return Ordering.GROUP if isinstance(arn, str) and arn.endswith(".fifo") else Ordering.NONE
    return Ordering.NONE


def record_id(raw: Mapping[str, object]) -> str | None:
    """What a partial batch response names the record by, or None where the record lacks it."""
    if not is_object(raw):
        return None
    change, data = raw.get("dynamodb"), raw.get("kinesis")
    if is_object(change):
        return text_or_none(change.get("SequenceNumber"))
    return text_or_none(data.get("sequenceNumber") if is_object(data) else raw.get("messageId"))


def unwrap(raw: Mapping[str, object]) -> tuple[AwsEvent, ...]:
    """The events inside one record, in order.

    Raises `DecodeError` when one of them cannot be decoded, and `MissingExtraError` as `decode` does.
    """
    if not is_object(raw):
        raise DecodeError("a record is not an object")
    source = raw.get("eventSource")
    if source == "aws:sqs":
        message = Message(raw)
        return _inside(message, 1) if may_hold_events(message.text) else (message,)
    if source == "aws:s3":
        return (object_event(raw),)
    if source == "aws:dynamodb":
        return (change_event(raw),)
    if source == "aws:kinesis":
        return kinesis_records(raw)
    if raw.get("EventSource") == "aws:sns":
        notification = raw.get("Sns")
        if not is_object(notification):
            raise DecodeError("an SNS record lacks its notification")
        return _inside(Notification(notification), 1)
    return _recognised(raw, None, 0) or _unknown(source)


def _unknown(source: object) -> tuple[AwsEvent, ...]:
    known = "aws:sqs, aws:sns, aws:s3, aws:dynamodb, aws:kinesis, and events of EventBridge"
    named = f"the source {source!r}" if isinstance(source, str) and _AWS_SOURCE.fullmatch(source) else "no source"
    raise DecodeError(f"a record names {named}; eventkit decodes {known}")


def may_hold_events(text: str) -> bool:
    """Whether a text is worth a closer look: every envelope and notification of AWS has one of these."""
    return '"TopicArn"' in text or "s3:" in text or DETAIL_TYPE in text  # an S3 record's ARN, and s3:TestEvent


def _inside(envelope: Message | Notification, depth: int) -> tuple[AwsEvent, ...]:
    """The events in the envelope's text, or the envelope itself where the text is the sender's own message."""
    text = envelope.text
    if '"TopicArn"' in text:
        body = _notification(text)
        if body is not None:
            if depth >= MAX_ENVELOPES:
                raise DecodeError(f"an event lies inside more than {MAX_ENVELOPES} envelopes")
            return _inside(Notification(body, envelope), depth + 1)
    if "s3:" in text or DETAIL_TYPE in text:
        found = _recognised(_parsed(text), envelope, depth)
        if found is not None:
            return found
    return (envelope,)


def _recognised(body: object, via: AwsEvent | None, depth: int) -> tuple[AwsEvent, ...] | None:
    """The events of a body that AWS made, or None where the body is somebody's own."""
    if not is_object(body):
        return None
    if _is_test(body):
        return (TestEvent(body, via),)
    if "detail-type" in body:
        return _of_eventbridge(body, via)
    if via is None and _is_notification(body):
        return _inside(Notification(body), depth + 1)
    records = body.get("Records")
    if is_list(records) and any(_is_s3(record) for record in records):
        return tuple(_s3(record, via) for record in records)
    return None


def _of_eventbridge(body: Mapping[str, object], via: AwsEvent | None) -> tuple[AwsEvent, ...] | None:
    if body.get("source") == "aws.s3":
        return (from_eventbridge(body, via),)
    return (BusEvent(body, via),) if is_event(body) else None


def _s3(record: object, via: AwsEvent | None) -> AwsEvent:
    if not _is_s3(record):
        raise DecodeError("an S3 notification holds a record that is none of S3's")
    return object_event(record, via)


def _is_s3(record: object) -> TypeGuard[dict[str, Any]]:
    return is_object(record) and record.get("eventSource") == "aws:s3" and is_object(record.get("s3"))


def _is_test(body: Mapping[str, object]) -> bool:
    return body.get("Event") == "s3:TestEvent" and body.get("Service") == "Amazon S3"


def _is_notification(body: Mapping[str, object]) -> bool:
    return body.get("Type") == "Notification" and type(body.get("TopicArn")) is str


def _parsed(text: str) -> object:
    try:
        return from_json(text, allow_inf_nan=False)
    except (ValueError, RecursionError):
        return None


_optional = core_schema.typed_dict_field(core_schema.any_schema(), required=False)
_required = core_schema.typed_dict_field(core_schema.str_schema(strict=True))
_NOTIFICATION = SchemaValidator(
    core_schema.typed_dict_schema(
        {
            "Type": core_schema.typed_dict_field(core_schema.literal_schema(["Notification"])),
            "TopicArn": _required,
            "Message": _required,
            "MessageId": _required,
            "MessageAttributes": _optional,
            "Subject": _optional,
            "Timestamp": _optional,
        }
    )
)
"""The part of an SNS notification that eventkit reads, taken straight from the text: two times faster than all."""


def _notification(text: str) -> dict[str, Any] | None:
    try:
        return _NOTIFICATION.validate_json(text)  # type: ignore[no-any-return]
    except ValueError:
        return None
