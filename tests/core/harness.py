"""What the tests of the core share: records as AWS delivers them, and a runtime without a clock or a network."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeGuard, TypeVar, cast

from pydantic import BaseModel

from eventkit import App, AwsEvent, Middleware, Names, Outcome, Router, decode
from eventkit.dispatch import Dispatcher, Wiring, open_dispatcher
from eventkit.execution import Environment
from eventkit.inject import Overrides
from eventkit.publish import Outgoing, Publisher

T = TypeVar("T")
Json = dict[str, Any]

REGION = "us-east-1"
ACCOUNT = "123456789012"


class Job(BaseModel):
    id: int
    name: str = "widget"


class Todo(BaseModel):
    id: int
    status: str = "open"


def arn(service: str, name: str, *, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:{service}:{region}:{account}:{name}"


def is_object(value: object) -> TypeGuard[Json]:
    """Whether the value is a JSON object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Whether the value is a JSON array."""
    return isinstance(value, list)


def text_of(message: object) -> str:
    return message if isinstance(message, str) else json.dumps(message)


def sqs(body: object, queue: str = "jobs", *, system: Mapping[str, object] | None = None, **fields: object) -> Json:
    """One record of an SQS queue; `system` adds to its attributes."""
    return {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": text_of(body),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1545082649183",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1545082649185",
            **(system or {}),
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": arn("sqs", queue),
        "awsRegion": REGION,
        **fields,
    }


def notification(message: object, topic: str = "posts", **fields: object) -> Json:
    """An SNS notification, as a queue's message holds it."""
    return {
        "Type": "Notification",
        "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
        "TopicArn": arn("sns", topic),
        "Message": text_of(message),
        "Timestamp": "2019-01-02T12:45:07.000Z",
        "SignatureVersion": "1",
        "Signature": "tcc6faL2yUC6dgZdmrwh1Y4cGa/ebXEkAi6RibDsvpi+tE/1+82j...65r==",
        "SigningCertURL": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-ac565b8b.pem",
        "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe",
        **fields,
    }


def sns(message: object, topic: str = "posts", **fields: object) -> Json:
    """One record of an SNS topic, as Lambda gets it."""
    return {
        "EventVersion": "1.0",
        "EventSubscriptionArn": arn("sns", f"{topic}:21be56ed-a058-49f5-8c98-aedd2564c486"),
        "EventSource": "aws:sns",
        "Sns": notification(message, topic, **fields),
    }


def s3(key: str = "uploads/a.jpg", name: str = "ObjectCreated:Put", bucket: str = "photos", **details: object) -> Json:
    """One S3 notification; `key` is URL-encoded, `details` add to the object, and None takes away."""
    described = {"key": key, "size": 1024, "eTag": "d41d8cd98f00b204", "sequencer": "0A1B2C3D4E5F678901", **details}
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": "2023-04-12T20:43:38.021Z",
        "eventName": name,
        "userIdentity": {"principalId": "A1YQ72UWCM96UF"},
        "requestParameters": {"sourceIPAddress": "93.108.161.96"},
        "responseElements": {"x-amz-request-id": "YMSSR8BZJ2Y99K6P", "x-amz-id-2": "6ASrUfj5xpn859fIq"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "uploads",
            "bucket": {"name": bucket, "ownerIdentity": {"principalId": "A1"}, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {field: value for field, value in described.items() if value is not None},
        },
    }


def eventbridge(detail_type: str = "Object Created", key: str = "uploads/a.jpg", **detail: object) -> Json:
    """An S3 event through EventBridge, whose key is not URL-encoded; `detail` adds to the event's detail."""
    described: Json = {"key": key, "size": 1024, "etag": "b1946ac92492d2347c6235b4d2611184", "version-id": "IYV3p45B"}
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": detail_type,
        "source": "aws.s3",
        "account": ACCOUNT,
        "time": "2021-11-12T00:00:00Z",
        "region": REGION,
        "resources": ["arn:aws:s3:::photos"],
        "detail": {
            "version": "0",
            "bucket": {"name": "photos"},
            "object": {**described, "sequencer": "617f08299329d189"},
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": ACCOUNT,
            **detail,
        },
    }


TEST_EVENT: Json = {
    "Service": "Amazon S3",
    "Event": "s3:TestEvent",
    "Time": "2014-10-13T15:57:02.089Z",
    "Bucket": "photos",
    "RequestId": "5582815E1AEA5ADF",
    "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
}


def change(
    kind: str = "INSERT",
    *,
    new: Mapping[str, object] | None = None,
    old: Mapping[str, object] | None = None,
    table: str = "todos",
    view: str = "NEW_AND_OLD_IMAGES",
    **fields: object,
) -> Json:
    """One record of a table's stream, with images in DynamoDB's typed form."""
    described: Json = {
        "ApproximateCreationDateTime": 1479499740.5,
        "Keys": {"id": {"N": "1"}},
        "SequenceNumber": "13021600000000001596893679",
        "SizeBytes": 112,
        "StreamViewType": view,
    }
    images = {"NewImage": new, "OldImage": old}
    return {
        "eventID": "c4ca4238a0b923820dcc509a6f75849b",
        "eventName": kind,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": described | {name: image for name, image in images.items() if image is not None},
        "eventSourceARN": arn("dynamodb", f"table/{table}/stream/2016-11-16T20:42:48.104"),
        **fields,
    }


def todo(number: int = 1, status: str = "open") -> Json:
    """A `Todo` as an image."""
    return {"id": {"N": str(number)}, "status": {"S": status}}


def only(record: object) -> AwsEvent:
    """The one event in one record."""
    ((found,),) = [part.events for part in decode({"Records": [record]}).records]
    return found


def facts(event: AwsEvent) -> dict[str, object]:
    """All that an event tells; the images that its view does not carry are left out."""
    names = {name for name in dir(event) if not name.startswith("_")}
    told = {name: getattr(event, name) for name in names if hasattr(event, name)}
    return {name: value for name, value in told.items() if not callable(value)}


class AtOnce:
    """Calls plain functions at once, and remembers the timeouts."""

    def __init__(self) -> None:
        self.timeouts: list[float | None] = []

    async def call(self, function: Callable[[], T], timeout: float | None) -> T:  # noqa: ASYNC109 - the port's own
        self.timeouts.append(timeout)
        return function()


class Outbox:
    """A publisher that keeps what it was given, and says what happened in `log` when there is one."""

    def __init__(self, log: list[str] | None = None, failure: Exception | None = None) -> None:
        self.sent: list[tuple[str, str, str]] = []
        self.messages: list[Outgoing] = []
        self._log = log
        self._failure = failure

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        if self._failure is not None:
            raise self._failure
        self.sent.extend((kind, address, message.text) for message in messages)
        self.messages.extend(messages)
        if self._log is not None:
            self._log.append("published")


def ignore(_event: object) -> None:
    """A handler that does nothing."""


def register(app: Router, source: object, handler: Callable[..., object], **options: object) -> None:
    """Register a handler of which the type checkers know nothing."""
    on = cast("Callable[..., Callable[..., object]]", app.on)
    on(source, **options)(handler)


@asynccontextmanager
async def opened(
    app: App,
    *,
    names: Names | None = None,
    publisher: Publisher | None = None,
    overrides: Overrides | None = None,
    middleware: tuple[Middleware, ...] = (),
    blocking: AtOnce | None = None,
    random: float = 1.0,
) -> AsyncGenerator[Dispatcher]:
    """The app in a runtime whose clock stands still and whose dice always show `random`."""
    environment = Environment(blocking or AtOnce(), lambda: random, middleware)
    async with open_dispatcher(app, environment, Wiring(names or Names("app"), publisher), overrides) as dispatcher:
        yield dispatcher


async def handled(
    app: App, record: object, *, names: Names | None = None, publisher: Publisher | None = None
) -> Outcome:
    """The outcome of one record on the event loop; an app of plain functions must say the same without one."""
    async with opened(app, names=names, publisher=publisher) as dispatcher:
        return await dispatcher.handle(raw(record))


async def handled_inline(app: App, record: object, *, names: Names | None = None) -> Outcome:
    """The outcome of one record without an event loop."""
    async with opened(app, names=names) as dispatcher:
        assert dispatcher.inline
        return dispatcher.handle_inline(raw(record))


def raw(record: object) -> Mapping[str, object]:
    """The record under the type that dispatchers take, whatever it is: what comes from outside keeps to no type."""
    return cast("Mapping[str, object]", record)
