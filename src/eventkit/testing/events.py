"""Events as AWS delivers them, to be handed to an app in a test.

Nothing in them is random and no clock is read: the same arguments give the same event. `number` tells records apart
that are otherwise alike; ids, sequence numbers and times follow from it. An event can lie inside another one::

    sqs_event(sqs_record(sns_envelope(s3_event(s3_record("ObjectCreated:Put", "photos", "a b.jpg")), "news"), "media"))
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import md5
from urllib.parse import quote_plus
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import to_json

from eventkit.backends._sns import notification, timestamp
from eventkit.events.dynamodb import StreamView
from eventkit.testing._attributes import base64_text, typed_image

__all__ = [
    "ACCOUNT",
    "REGION",
    "dynamodb_event",
    "eventbridge_s3",
    "kinesis_event",
    "kinesis_record",
    "s3_event",
    "s3_record",
    "s3_test_event",
    "sns_envelope",
    "sns_event",
    "sns_record",
    "sqs_event",
    "sqs_record",
    "stream_record",
]

ACCOUNT = "123456789012"
REGION = "us-east-1"

Event = dict[str, object]
Attribute = str | int | Decimal | bytes
"""A message attribute's value; its type follows from it."""

_NONE: Mapping[str, Attribute] = {}
_START = datetime(2026, 1, 1, tzinfo=UTC)


def sqs_event(*records: Mapping[str, object]) -> Event:
    """An invocation by SQS."""
    return {"Records": list(records)}


def s3_event(*records: Mapping[str, object]) -> Event:
    """An invocation by S3."""
    return sqs_event(*records)


def sns_event(*records: Mapping[str, object]) -> Event:
    """An invocation by SNS."""
    return sqs_event(*records)


def dynamodb_event(*records: Mapping[str, object]) -> Event:
    """An invocation by a DynamoDB stream."""
    return sqs_event(*records)


def kinesis_event(*records: Mapping[str, object]) -> Event:
    """An invocation by a Kinesis data stream."""
    return sqs_event(*records)


def sqs_record(
    body: object,
    queue: str,
    *,
    number: int = 1,
    attempt: int = 1,
    group: str | None = None,
    attributes: Mapping[str, Attribute] = _NONE,
) -> Event:
    """A message of the queue with this name ("Using Lambda with Amazon SQS").

    `body` is a text as it is, or a value that is written as JSON; `attempt` is the receive count.
    """
    text = _text(body)
    message_id = _uuid("sqs", queue, text, str(number))
    sent = _milliseconds(number)
    system = {"ApproximateReceiveCount": str(attempt), "SentTimestamp": sent}
    if queue.endswith(".fifo"):
        system["SequenceNumber"] = f"{number:020d}"
    if group is not None:
        system["MessageGroupId"] = group
    system["SenderId"] = "AIDAEXAMPLE"
    if queue.endswith(".fifo"):
        system["MessageDeduplicationId"] = message_id
    system["ApproximateFirstReceiveTimestamp"] = sent
    return {
        "messageId": message_id,
        "receiptHandle": f"{message_id}#{attempt}",
        "body": text,
        "attributes": system,
        "messageAttributes": {name: _sqs_attribute(value) for name, value in attributes.items()},
        "md5OfBody": _md5(text),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
        "awsRegion": REGION,
    }


def sns_envelope(
    message: object,
    topic: str,
    *,
    number: int = 1,
    subject: str | None = None,
    attributes: Mapping[str, Attribute] = _NONE,
) -> Event:
    """What a queue's message holds of a message that was published to the topic ("Fanout to Amazon SQS queues").

    `message` is a text as it is, or a value that is written as JSON. Its signature is a placeholder.
    """
    text = _text(message)
    body = notification(
        text,
        f"arn:aws:sns:{REGION}:{ACCOUNT}:{topic}",
        message_id=_uuid("sns", topic, text, str(number)),
        sent=_moment(number),
        attributes={name: _sns_attribute(value) for name, value in attributes.items()},
    )
    if topic.endswith(".fifo"):
        body["SequenceNumber"] = f"{10**19 + number}"
    if subject is not None:
        body["Subject"] = subject
    return {name: body[name] for name in _SNS_MEMBERS if name in body}


_SNS_MEMBERS = (
    *("Type", "MessageId", "SequenceNumber", "TopicArn", "Subject", "Message", "Timestamp"),
    *("SignatureVersion", "Signature", "SigningCertURL", "UnsubscribeURL", "MessageAttributes"),
)
"""The members of a notification in SNS's order."""


def sns_record(
    message: object,
    topic: str,
    *,
    number: int = 1,
    subject: str | None = None,
    attributes: Mapping[str, Attribute] = _NONE,
) -> Event:
    """The same as Lambda gets it from SNS directly ("Using Lambda with Amazon SNS")."""
    envelope = sns_envelope(message, topic, number=number, subject=subject, attributes=attributes)
    # Lambda spells some members differently, and names these two in any case.
    body: Event = {"Subject": None, "MessageAttributes": {}, **envelope}
    return {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:{topic}:{_uuid('subscription', topic)}",
        "Sns": {name.replace("URL", "Url"): body[name] for name in _SNS_MEMBERS if name in body},
    }


def s3_record(
    name: str, bucket: str, key: str, *, size: int = 1024, version_id: str | None = None, number: int = 1
) -> Event:
    """A notification of S3, such as `ObjectCreated:Put`, with the members that S3 gives to that kind.

    `key` is the object's key as it is; the record holds it URL-encoded ("Event message structure").
    """
    family, _, kind = name.partition(":")
    removed = family in {"ObjectRemoved", "LifecycleExpiration"}
    unordered = family in {"ObjectTagging", "ObjectAcl"}
    members: Event = {"key": quote_plus(key, safe="/")}
    if not removed and not unordered:
        members["size"] = size
    if not removed or kind == "DeleteMarkerCreated":
        members["eTag"] = _md5(f"{bucket}/{key}")
    if version_id is not None:
        members["versionId"] = version_id
    if not unordered:
        members["sequencer"] = f"0055AED6DC{number:08X}"
    return _s3_record(name, bucket, members, number)


def _s3_record(name: str, bucket: str, members: Event, number: int) -> Event:
    owner = {"principalId": "A3NL1KOZZKExample"}
    return {
        "eventVersion": _S3_VERSIONS.get(name.partition(":")[0], "2.1"),
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": timestamp(_moment(number)),
        "eventName": name,
        "userIdentity": owner,
        "requestParameters": {"sourceIPAddress": "192.0.2.1"},
        "responseElements": {"x-amz-request-id": f"{number:016X}", "x-amz-id-2": "EXAMPLE"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "eventkit",
            "bucket": {"name": bucket, "ownerIdentity": owner, "arn": f"arn:aws:s3:::{bucket}"},
            "object": members,
        },
        **({"glacierEventData": {"restoreEventData": _RESTORED}} if name == "ObjectRestore:Completed" else {}),
    }


_RESTORED = {
    "lifecycleRestorationExpiryTime": "2026-02-01T00:00:00.000Z",
    "lifecycleRestoreStorageClass": "GLACIER",
}


_S3_VERSIONS = {
    "ObjectReplication": "2.2",
    "LifecycleExpiration": "2.3",
    "LifecycleTransition": "2.3",
    "IntelligentTiering": "2.3",
    "ObjectAcl": "2.3",
    "ObjectTagging": "2.3",
}


def s3_test_event(bucket: str) -> Event:
    """What S3 sends once when notifications are configured."""
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": timestamp(_START),
        "Bucket": bucket,
        "RequestId": f"{1:016X}",
        "HostId": "EXAMPLE",
    }


def eventbridge_s3(  # noqa: PLR0913 - what a test may choose, each by its name
    detail_type: str,
    bucket: str,
    key: str,
    *,
    size: int = 1024,
    version_id: str | None = None,
    reason: str | None = None,
    deletion: str = "Permanently Deleted",
    number: int = 1,
) -> Event:
    """An event of S3 through EventBridge, such as `Object Created` ("EventBridge event message structure").

    `reason` is `PutObject` or `DeleteObject` unless given; `Lifecycle Expiration` is a deletion by S3 itself.
    `deletion` is the type of a deletion, `Delete Marker Created` the other one. EventBridge does not encode the key.
    """
    why = reason or _REASONS.get(detail_type)
    by_caller = why is not None and not why.startswith("Lifecycle")
    members: Event = {"key": key}
    if detail_type != "Object Deleted" or not by_caller:
        members |= {"size": size, "etag": _md5(f"{bucket}/{key}")}
    if version_id is not None:
        members["version-id"] = version_id
    detail: Event = {
        "version": "0",
        "bucket": {"name": bucket},
        "object": {**members, "sequencer": f"0055AED6DC{number:08X}"},
        "request-id": f"{number:016X}",
        "requester": ACCOUNT if by_caller else "s3.amazonaws.com",
    }
    if by_caller:
        detail["source-ip-address"] = "192.0.2.1"
    if why is not None:
        detail["reason"] = why
    if detail_type == "Object Deleted":
        detail["deletion-type"] = deletion
    if detail_type == "Object Restore Completed":
        detail |= {"restore-expiry-time": "2026-02-01T00:00:00Z", "source-storage-class": "GLACIER"}
    return {
        "version": "0",
        "id": _uuid("eventbridge", bucket, key, str(number)),
        "detail-type": detail_type,
        "source": "aws.s3",
        "account": ACCOUNT,
        "time": _moment(number).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": detail,
    }


_REASONS = {"Object Created": "PutObject", "Object Deleted": "DeleteObject"}


def stream_record(  # noqa: PLR0913 - likewise
    kind: str,
    table: str,
    *,
    keys: Mapping[str, object],
    new: Mapping[str, object] | BaseModel | None = None,
    old: Mapping[str, object] | BaseModel | None = None,
    view: StreamView | str = StreamView.NEW_AND_OLD_IMAGES,
    expired: bool = False,
    number: int = 1,
) -> Event:
    """A change of an item: `INSERT`, `MODIFY` or `REMOVE`, with those of its images that the view carries.

    `expired` says that the time to live was over, and DynamoDB removed it ("DynamoDB Streams and Time to Live").

    Keys and images are plain values, as `Inserted` and its like give them. Raises `AuthorError` for a value that
    DynamoDB cannot hold, such as a `float`, and `ValueError` for an unknown view.
    """
    carried = StreamView(view)
    change: Event = {"ApproximateCreationDateTime": _moment(number).timestamp(), "Keys": typed_image(keys)}
    if new is not None and carried in {StreamView.NEW_IMAGE, StreamView.NEW_AND_OLD_IMAGES}:
        change["NewImage"] = typed_image(new)
    if old is not None and carried in {StreamView.OLD_IMAGE, StreamView.NEW_AND_OLD_IMAGES}:
        change["OldImage"] = typed_image(old)
    change |= {"SequenceNumber": f"{number:021d}", "SizeBytes": 64, "StreamViewType": carried.value}
    by_service = {"userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"}} if expired else {}
    return {
        "eventID": _md5(f"{table} {number}"),
        "eventName": kind,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        **by_service,
        "dynamodb": change,
        "eventSourceARN": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/stream/2026-01-01T00:00:00.000",
    }


def kinesis_record(data: object, stream: str, *, key: str = "1", shard: int = 0, number: int = 1) -> Event:
    """A record of the stream with this name ("Using Lambda with Kinesis").

    `data` are bytes or a text as they are, or a value that is written as JSON; `key` is the partition key.
    """
    written = data if isinstance(data, bytes) else _text(data).encode()
    sequence = str(_FIRST_SEQUENCE + number)
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": key,
            "sequenceNumber": sequence,
            "data": base64_text(written),
            "approximateArrivalTimestamp": _moment(number).timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-{shard:012d}:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": f"arn:aws:iam::{ACCOUNT}:role/eventkit",
        "awsRegion": REGION,
        "eventSourceARN": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{stream}",
    }


_FIRST_SEQUENCE = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898
"""Kinesis's sequence numbers have 56 digits."""


def _sqs_attribute(value: Attribute) -> Event:
    kind, text = _attribute(value)
    member = "binaryValue" if kind == "Binary" else "stringValue"
    return {member: text, "stringListValues": [], "binaryListValues": [], "dataType": kind}


def _sns_attribute(value: Attribute) -> Event:
    kind, text = _attribute(value)
    return {"Type": kind, "Value": text}


def _attribute(value: Attribute) -> tuple[str, str]:
    match value:
        case str():
            return "String", value
        case bytes():
            return "Binary", base64_text(value)
        case _:
            return "Number", str(value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else to_json(value).decode()


def _md5(text: str) -> str:
    return md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def _uuid(*parts: str) -> str:
    return str(UUID(_md5(" ".join(parts))))


def _moment(number: int) -> datetime:
    return _START + timedelta(seconds=number)


def _milliseconds(number: int) -> str:
    return str(int(_moment(number).timestamp() * 1000))
