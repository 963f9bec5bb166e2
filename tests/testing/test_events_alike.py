"""The builders write events as AWS does: byte for byte, but for what AWS makes up itself, whose form is compared.

The events of other projects are in `../shared/corpora`; where they are not, these tests are skipped.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from eventkit import decode
from eventkit.events import Inserted, KinesisRecord, Message, Modified, Notification, ObjectEvent, Removed
from eventkit.testing import (
    eventbridge_s3,
    kinesis_record,
    s3_record,
    sns_envelope,
    sns_record,
    sqs_record,
    stream_record,
)
from tests.core import corpora

Json = dict[str, Any]

FORMS = (
    ("uuid", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    ("moment", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
    ("second", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    ("milliseconds", r"\d{13}"),
    ("sequence", r"\d{3,}"),
    ("bucket arn", r"arn:aws:s3:::[\w.-]+"),
    ("queue arn", r"arn:aws:sqs:[a-z0-9-]+:\d{12}:[\w.-]+"),
    ("topic arn", r"arn:aws:sns:[a-z0-9-]+:\d{12}:[\w.-]+"),
)
"""How what AWS makes up looks."""

MADE_UP = {
    *("receiptHandle", "SenderId", "md5OfBody", "MessageDeduplicationId", "awsRegion", "region", "account"),
    *("Signature", "SigningCertURL", "SigningCertUrl", "UnsubscribeURL", "UnsubscribeUrl", "EventSubscriptionArn"),
    *(
        "principalId",
        "sourceIPAddress",
        "x-amz-request-id",
        "x-amz-id-2",
        "configurationId",
        "sequencer",
        "eTag",
        "etag",
    ),
    *("request-id", "requester", "source-ip-address", "eventID", "eventSourceARN", "eventVersion", "SizeBytes"),
    *(
        "ApproximateCreationDateTime",
        "approximateArrivalTimestamp",
        "invokeIdentityArn",
        "versionId",
        "version-id",
        "lifecycleRestorationExpiryTime",
    ),
    *("lifecycleRestoreStorageClass", "restore-expiry-time"),
}
"""Members whose values say nothing about the event."""


def written(event: Mapping[str, Any]) -> str:
    """The event as it is written, with the form of what AWS makes up in its place."""
    return json.dumps(_formed("", event))


def _formed(name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
    match value:
        case dict():
            return {key: _formed(key, member) for key, member in cast("Json", value).items()}
        case list():
            return [_formed(name, member) for member in cast("list[object]", value)]
        case _ if name in MADE_UP:
            return "number" if isinstance(value, int | float) else type(value).__name__
        case str():
            return next((form for form, pattern in FORMS if re.fullmatch(pattern, value)), value)
        case _:
            return value


def _sqs(real: Json) -> Json:
    (event,) = decode({"Records": [{**real, "body": "x"}]}).events
    assert isinstance(event, Message)
    queue = event.source_arn.rpartition(":")[2]
    return sqs_record(real["body"], queue, attempt=event.attempt, group=event.group)


def _sns(real: Json) -> Json:
    notification = real["Sns"]
    (event,) = decode({"Records": [real]}).events
    assert isinstance(event, Notification)
    topic = notification["TopicArn"].rpartition(":")[2]
    return sns_record(
        notification["Message"], topic, subject=notification.get("Subject"), attributes=cast("Any", event.attributes)
    )


def _envelope(real: Json) -> Json:
    return sns_envelope(real["Message"], real["TopicArn"].rpartition(":")[2])


def _s3(real: Json) -> Json:
    (event,) = decode({"Records": [real]}).events
    assert isinstance(event, ObjectEvent)
    size = real["s3"]["object"].get("size", 0)
    version = real["s3"]["object"].get("versionId")
    return s3_record(real["eventName"], real["s3"]["bucket"]["name"], event.key, size=size, version_id=version)


def _bridged(real: Json) -> Json:
    held = real["detail"]["object"]
    bucket, size = real["detail"]["bucket"]["name"], held.get("size", 0)
    reason, deletion = real["detail"].get("reason"), real["detail"].get("deletion-type", "")
    return eventbridge_s3(real["detail-type"], bucket, held["key"], size=size, reason=reason, deletion=deletion)


def _change(real: Json) -> Json:
    (event,) = decode({"Records": [real]}).events
    assert isinstance(event, Inserted | Modified | Removed)
    images: Json = {
        name: getattr(cast("object", event), name)
        for name in ("new", "old")
        if f"{name.title()}Image" in real["dynamodb"]
    }
    view = real["dynamodb"]["StreamViewType"]
    expired = "userIdentity" in real
    return stream_record(real["eventName"], "table", keys=cast("Any", event.keys), view=view, expired=expired, **images)


def _kinesis(real: Json) -> Json:
    (event,) = decode({"Records": [real]}).events
    assert isinstance(event, KinesisRecord)
    return kinesis_record(event.data, "stream", key=event.partition_key)


BUILDERS: list[tuple[str, Callable[[Json], Json]]] = [
    ("sqs/aws-docs-devguide--event-36d5b154.json", _sqs),
    ("sqs/powertools-python--snsSqsEvent-6a70c23b.json", _sqs),
    ("sqs/powertools-python--snsSqsFifoEvent-edd6b7de.json", _sqs),
    ("sns/aws-lambda-java-libs--sns_event-f5ee329a.json", _sns),
    ("sns_envelope/powertools-python--snsSqsEvent-8ce9d33c.json", _envelope),
    ("sns_envelope/powertools-python--snsSqsFifoEvent-9895ca8c.json", _envelope),
    ("kinesis/powertools-python--kinesisStreamEvent-0ac04c74.json", _kinesis),
    ("kinesis/powertools-python--kinesisStreamCloudWatchLogsEvent-b68440a1.json", _kinesis),
    ("s3/powertools-python--s3Event-8dedfa28.json", _s3),
    ("s3/powertools-python--s3EventDeleteObject-59261459.json", _s3),
    ("eventbridge/powertools-python--s3EventBridgeNotificationObjectCreatedEvent-023f5136.json", _bridged),
    ("eventbridge/powertools-python--s3EventBridgeNotificationObjectDeletedEvent-aac8d32d.json", _bridged),
    ("eventbridge/powertools-python--s3EventBridgeNotificationObjectExpiredEvent-4ba1992d.json", _bridged),
    ("eventbridge/powertools-python--s3EventBridgeNotificationObjectRestoreCompletedEvent-9fb2e593.json", _bridged),
]

UNORDERED: list[tuple[str, Callable[[Json], Json]]] = [
    ("dynamodb/aws-sam-cli-pypi--DynamoDBUpdate-3121d744.json", _change),
    ("dynamodb/powertools-java--dynamo_event-6d49d119.json", _change),
    ("sns/powertools-java--sns_event-7fec4598.json", _sns),
]
"""Files whose members are in another order than those of most, or in several."""


@corpora.needed
@pytest.mark.parametrize(("file", "build"), BUILDERS, ids=[file for file, _ in BUILDERS])
def test_an_event_is_written_as_aws_writes_it(file: str, build: Callable[[Json], Json]) -> None:
    found = corpora.load(file)
    for real in found.get("Records", [found]):
        assert written(build(real)) == written(real)


@corpora.needed
@pytest.mark.parametrize(("file", "build"), UNORDERED, ids=[file for file, _ in UNORDERED])
def test_an_event_has_the_members_that_aws_writes(file: str, build: Callable[[Json], Json]) -> None:
    for real in corpora.load(file)["Records"]:
        assert json.loads(written(build(real))) == json.loads(written(real))


@corpora.needed
def test_a_change_has_its_members_in_the_order_of_dynamodb() -> None:
    real = corpora.load("dynamodb/aws-lambda-go--dynamodb-event-32b5d5c4.json")["Records"][0]

    made: Json = stream_record("INSERT", "table", keys={"key": "a"}, new={"key": "a"}, expired=True)

    assert (list(made), list(made["dynamodb"])) == (list(real), list(real["dynamodb"]))
