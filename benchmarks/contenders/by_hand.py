"""The work as one writes it by hand, in a loop."""

import json
from decimal import Decimal
from typing import Any
from urllib.parse import unquote_plus

from benchmarks.contenders import Invoke, Take
from benchmarks.payloads import Event, Order, Todo

__all__ = ["dynamodb", "dynamodb_typed", "s3", "s3_where", "sns", "sns_typed", "sqs", "sqs_typed"]


def sqs(take: Take) -> Invoke:
    """`json.loads`, and the handler works on dicts; one failing message fails the batch."""

    def on_order(order: Event) -> None:
        take(order)

    def handler(event: Event, _context: object) -> None:
        for record in event["Records"]:
            on_order(json.loads(record["body"]))

    return handler


def sqs_typed(take: Take) -> Invoke:
    """The body into the model; a failing message is reported alone."""

    def on_order(order: Order) -> None:
        take(order)

    def handler(event: Event, _context: object) -> Event:
        failures: list[Event] = []
        for record in event["Records"]:
            try:
                on_order(Order.model_validate_json(record["body"]))
            except Exception:  # noqa: BLE001 - whatever a handler raises, the neighbours go on
                failures.append({"itemIdentifier": record["messageId"]})
        return {"batchItemFailures": failures}

    return handler


def sns(take: Take) -> Invoke:
    """`json.loads` twice, and the handler works on dicts."""

    def on_order(order: Event) -> None:
        take(order)

    def handler(event: Event, _context: object) -> None:
        for record in event["Records"]:
            on_order(json.loads(json.loads(record["body"])["Message"]))

    return handler


def sns_typed(take: Take) -> Invoke:
    """`json.loads` for the notification, then its message into the model."""

    def on_order(order: Order) -> None:
        take(order)

    def handler(event: Event, _context: object) -> Event:
        failures: list[Event] = []
        for record in event["Records"]:
            try:
                on_order(Order.model_validate_json(json.loads(record["body"])["Message"]))
            except Exception:  # noqa: BLE001 - whatever a handler raises, the neighbours go on
                failures.append({"itemIdentifier": record["messageId"]})
        return {"batchItemFailures": failures}

    return handler


def s3(take: Take) -> Invoke:
    """Bucket and decoded key out of the dict."""

    def on_photo(bucket: str, key: str) -> None:
        take(bucket, key)

    def handler(event: Event, _context: object) -> None:
        for record in event["Records"]:
            s3 = record["s3"]
            on_photo(s3["bucket"]["name"], unquote_plus(s3["object"]["key"]))

    return handler


def s3_where(take: Take) -> Invoke:
    """The same, for one bucket, one kind of event, one prefix and two suffixes."""

    def on_photo(bucket: str, key: str) -> None:
        take(bucket, key)

    def handler(event: Event, _context: object) -> None:
        for record in event["Records"]:
            s3 = record["s3"]
            bucket = s3["bucket"]["name"]
            if bucket == "photos" and record["eventName"].startswith("ObjectCreated:"):
                key = unquote_plus(s3["object"]["key"])
                if key.startswith("uploads/") and key.endswith((".jpg", ".png")):
                    on_photo(bucket, key)

    return handler


def dynamodb(take: Take) -> Invoke:
    """Both images as plain dicts."""

    def on_change(old: Event, new: Event) -> None:
        take(old, new)

    def handler(event: Event, _context: object) -> None:
        for record in event["Records"]:
            change = record["dynamodb"]
            on_change(_item(change["OldImage"]), _item(change["NewImage"]))

    return handler


def dynamodb_typed(take: Take) -> Invoke:
    """Both images into the model; the first failing change is where the stream goes on."""

    def on_change(old: Todo, new: Todo) -> None:
        take(old, new)

    def handler(event: Event, _context: object) -> Event:
        for record in event["Records"]:
            change = record["dynamodb"]
            try:
                old = Todo.model_validate(_item(change["OldImage"]))
                on_change(old, Todo.model_validate(_item(change["NewImage"])))
            except Exception:  # noqa: BLE001 - whatever a handler raises, what was done before is kept
                return {"batchItemFailures": [{"itemIdentifier": change["SequenceNumber"]}]}
        return {"batchItemFailures": []}

    return handler


def _item(image: Event) -> Event:
    return {name: _plain(attribute) for name, attribute in image.items()}


def _plain(attribute: dict[str, Any]) -> object:
    ((kind, value),) = attribute.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "N":
            return int(value) if value.isdigit() else Decimal(value)
        case "L":
            return [_plain(member) for member in value]
        case "M":
            return _item(value)
        case _:
            raise ValueError(kind)
