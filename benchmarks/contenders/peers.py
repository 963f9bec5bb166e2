"""The work with the peers, as their documentation shows it. Imported in the environment that has them."""
# The checkers run where the peers are not installed.
# mypy: ignore-errors
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false, reportReturnType=false

import json
from collections.abc import Mapping, Sequence
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes import S3Event as S3DataClass
from aws_lambda_powertools.utilities.parser import parse
from aws_lambda_powertools.utilities.parser.models import (
    DynamoDBStreamChangedRecordModel,
    DynamoDBStreamRecordModel,
    S3Model,
    SnsNotificationModel,
    SqsRecordModel,
)
from boto3.dynamodb.types import TypeDeserializer
from chalice import Chalice
from chalice.app import SQSEvent
from pydantic import Json

from benchmarks.contenders import Contender, Invoke, Take
from benchmarks.payloads import Event, Order, Todo
from benchmarks.sections import BOTO3, CHALICE, DATA_CLASS, POWERTOOLS

__all__ = ["PEERS"]


class OrderRecord(SqsRecordModel):
    """A message with an order in it."""

    body: Json[Order]


class OrderNotification(SnsNotificationModel):
    """A notification with an order in it."""

    Message: Json[Order]


class NotificationRecord(SqsRecordModel):
    """A message with such a notification in it."""

    body: Json[OrderNotification]


class TodoImages(DynamoDBStreamChangedRecordModel):
    """The images of a changed item."""

    NewImage: Todo | None = None
    OldImage: Todo | None = None


class TodoRecord(DynamoDBStreamRecordModel):
    """A stream record with such images."""

    dynamodb: TodoImages


def powertools_sqs(take: Take) -> Invoke:
    """Powertools' batch processor with a model."""
    processor = BatchProcessor(event_type=EventType.SQS, model=OrderRecord)

    def record_handler(record: OrderRecord) -> None:
        take(record.body)

    def handler(event: Event, context: object) -> object:
        return process_partial_response(
            event=event, record_handler=record_handler, processor=processor, context=context
        )

    return handler


def powertools_sns(take: Take) -> Invoke:
    """The same with a model of the notification inside."""
    processor = BatchProcessor(event_type=EventType.SQS, model=NotificationRecord)

    def record_handler(record: NotificationRecord) -> None:
        take(record.body.Message)

    def handler(event: Event, context: object) -> object:
        return process_partial_response(
            event=event, record_handler=record_handler, processor=processor, context=context
        )

    return handler


def powertools_s3(take: Take) -> Invoke:
    """Powertools' parser: S3's events are no batches to it."""

    def handler(event: Event, _context: object) -> None:
        for record in parse(event=event, model=S3Model).Records:
            take(record.s3.bucket.name, unquote_plus(record.s3.object.key))

    return handler


def powertools_s3_data_class(take: Take) -> Invoke:
    """Powertools' data class, which validates nothing."""

    def handler(event: Event, _context: object) -> None:
        for record in S3DataClass(event).records:
            take(record.s3.bucket.name, unquote_plus(record.s3.get_object.key))

    return handler


def powertools_dynamodb(take: Take) -> Invoke:
    """Powertools' batch processor with a model of the images."""
    processor = BatchProcessor(event_type=EventType.DynamoDBStreams, model=TodoRecord)

    def record_handler(record: TodoRecord) -> None:
        take(record.dynamodb.OldImage, record.dynamodb.NewImage)

    def handler(event: Event, context: object) -> object:
        return process_partial_response(
            event=event, record_handler=record_handler, processor=processor, context=context
        )

    return handler


def chalice_sqs(take: Take) -> Invoke:
    """Chalice's event; model and partial response are the user's."""
    app = Chalice("shop")

    @app.on_sqs_message(queue="orders")
    def handler(event: SQSEvent) -> Event:
        failures: list[Event] = []
        for record in event:
            try:
                take(Order.model_validate_json(record.body))
            except Exception:  # noqa: BLE001 - whatever a handler raises, the neighbours go on
                failures.append({"itemIdentifier": record.to_dict()["messageId"]})
        return {"batchItemFailures": failures}

    return handler


def chalice_sns(take: Take) -> Invoke:
    """The same; the notification is the user's, too."""
    app = Chalice("shop")

    @app.on_sqs_message(queue="orders")
    def handler(event: SQSEvent) -> Event:
        failures: list[Event] = []
        for record in event:
            try:
                take(Order.model_validate_json(json.loads(record.body)["Message"]))
            except Exception:  # noqa: BLE001 - whatever a handler raises, the neighbours go on
                failures.append({"itemIdentifier": record.to_dict()["messageId"]})
        return {"batchItemFailures": failures}

    return handler


def boto3_dynamodb(take: Take) -> Invoke:
    """boto3's deserialiser, then the model."""
    read = TypeDeserializer().deserialize

    def item(image: Event) -> Todo:
        return Todo.model_validate({name: read(attribute) for name, attribute in image.items()})

    def handler(event: Event, _context: object) -> Event:
        for record in event["Records"]:
            change = record["dynamodb"]
            try:
                take(item(change["OldImage"]), item(change["NewImage"]))
            except Exception:  # noqa: BLE001 - whatever a handler raises, what was done before is kept
                return {"batchItemFailures": [{"itemIdentifier": change["SequenceNumber"]}]}
        return {"batchItemFailures": []}

    return handler


PEERS: Mapping[str, Sequence[Contender]] = {
    "sqs": [
        Contender(POWERTOOLS, powertools_sqs, isolates=True),
        Contender(CHALICE, chalice_sqs, isolates=True),
    ],
    "sns": [
        Contender(POWERTOOLS, powertools_sns, isolates=True),
        Contender(CHALICE, chalice_sns, isolates=True),
    ],
    "s3": [
        Contender(DATA_CLASS, powertools_s3_data_class),
        Contender(POWERTOOLS, powertools_s3),
    ],
    "dynamodb": [
        Contender(BOTO3, boto3_dynamodb),
        Contender(POWERTOOLS, powertools_dynamodb),
    ],
}
"""By scenario. Chalice's S3 event shows the first record only, and it leaves DynamoDB's images as they are."""
