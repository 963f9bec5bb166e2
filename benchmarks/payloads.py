"""The events that are dispatched, as Lambda delivers them, and the models that are in them."""

import json
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

__all__ = ["ACCOUNT", "Event", "Order", "Todo", "dynamodb", "s3", "sns_in_sqs", "sqs"]

Event = dict[str, Any]
"""An invocation's event: parsed JSON."""

ACCOUNT = "us-east-1:123456789012"


class Order(BaseModel):
    """The body of a message."""

    id: int
    customer: str
    total: float
    items: list[str]
    paid: bool


class Person(BaseModel):
    """A map in an item."""

    name: str
    email: str


class Todo(BaseModel):
    """An item of a table."""

    id: str
    title: str
    notes: str
    created: str
    priority: int
    revision: int
    effort: Decimal
    tags: list[str]
    owner: Person
    done: bool


def _order(number: int) -> str:
    return json.dumps({"id": number, "customer": "Ada", "total": 9.5, "items": ["pen", "ink"], "paid": True})


def sqs(count: int) -> Event:
    """Messages whose bodies are orders."""
    return {"Records": [_message(number, _order(number)) for number in range(count)]}


def _message(number: int, body: str) -> Event:
    return {
        "messageId": f"059f36b4-87a3-44ab-83d2-{number:012}",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1545082649183",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1545082649185",
        },
        "messageAttributes": {},
        "md5OfBody": "098f6bcd4621d373cade4e832627b4f6",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{ACCOUNT}:orders",
        "awsRegion": "us-east-1",
    }


def sns_in_sqs(count: int) -> Event:
    """Messages that hold notifications whose messages are orders."""
    return {"Records": [_message(number, json.dumps(_notification(number))) for number in range(count)]}


def _notification(number: int) -> Event:
    sns = "https://sns.us-east-1.amazonaws.com/"
    return {
        "Type": "Notification",
        "MessageId": f"95df01b4-ee98-5cb9-9903-{number:012}",
        "TopicArn": f"arn:aws:sns:{ACCOUNT}:placed",
        "Message": _order(number),
        "Timestamp": "2023-04-12T20:43:38.021Z",
        "SignatureVersion": "1",
        "Signature": "tcc6faL2yUC6dgZdmrwh1Y4cGa/ebXEkAi6RibDsvpi+tE/1+82j" * 6,
        "SigningCertURL": f"{sns}SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
        "UnsubscribeURL": f"{sns}?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:{ACCOUNT}:placed:2bcfbf39",
    }


def s3(count: int) -> Event:
    """Notifications of objects that were put."""
    return {"Records": [_object_created(number) for number in range(count)]}


def _object_created(number: int) -> Event:
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2023-04-12T20:43:38.021Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:A1YQ72UWCM96UF"},
        "requestParameters": {"sourceIPAddress": "205.255.255.255"},
        "responseElements": {"x-amz-request-id": "D82B88E5F771F645", "x-amz-id-2": "vlR7PnpV2Ce81l0PRw6jlUpck7Jo5Z"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "828aa6fc-f7b5-4305-8584-487c791949c1",
            "bucket": {
                "name": "photos",
                "ownerIdentity": {"principalId": "A3I5XTEXAMAI3E"},
                "arn": "arn:aws:s3:::photos",
            },
            "object": {
                "key": f"uploads/holiday+{number}.jpg",
                "size": 1305107,
                "eTag": "b21b84d653bb07b05b1e6b33684dc11b",
                "sequencer": "0C0F6F405D6ED209E1",
            },
        },
    }


def dynamodb(count: int) -> Event:
    """Changes of items, each with the image before and after."""
    return {"Records": [_modified(number) for number in range(count)]}


def _modified(number: int) -> Event:
    return {
        "eventID": f"c4ca4238a0b923820dcc{number:012}",
        "eventName": "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1681332218,
            "Keys": {"id": {"S": f"todo-{number}"}},
            "NewImage": _image(number, done=True),
            "OldImage": _image(number, done=False),
            "SequenceNumber": f"{4421584500000000017450439091 + number}",
            "SizeBytes": 420,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": f"arn:aws:dynamodb:{ACCOUNT}:table/todos/stream/2023-04-12T20:00:00.000",
    }


def _image(number: int, *, done: bool) -> Event:
    return {
        "id": {"S": f"todo-{number}"},
        "title": {"S": "buy milk"},
        "notes": {"S": "two bottles, from the shop around the corner"},
        "created": {"S": "2023-04-12T20:43:38.021Z"},
        "priority": {"N": "3"},
        "revision": {"N": "12"},
        "effort": {"N": "1.25"},
        "tags": {"L": [{"S": "home"}, {"S": "shopping"}]},
        "owner": {"M": {"name": {"S": "Ada"}, "email": {"S": "ada@example.org"}}},
        "done": {"BOOL": done},
    }
