"""The envelope in which an SNS topic puts a message into a queue ("Fanout to Amazon SQS queues"). Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime

from eventkit.backends._sending import Attributes, is_fifo

__all__ = ["notification", "sns_attributes", "timestamp"]


def notification(
    message: str, topic_arn: str, *, message_id: str, sent: datetime, attributes: Mapping[str, Mapping[str, object]]
) -> dict[str, object]:
    """The notification as queues hold it; `attributes` are SNS's own form, `{"Type": …, "Value": …}`.

    Its signature is a placeholder. FIFO topics do not sign.
    """
    region = topic_arn.split(":")[3]
    body: dict[str, object] = {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": topic_arn,
        "Message": message,
        "Timestamp": timestamp(sent),
    }
    if not is_fifo(topic_arn):
        certificate = f"https://sns.{region}.amazonaws.com/SimpleNotificationService-0.pem"
        body |= {"SignatureVersion": "1", "Signature": "EXAMPLE", "SigningCertURL": certificate}
    body["UnsubscribeURL"] = f"https://sns.{region}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={topic_arn}:0"
    if attributes:
        body["MessageAttributes"] = dict(attributes)
    return body


def sns_attributes(attributes: Attributes) -> dict[str, dict[str, object]]:
    """Message attributes of a queue's message, in Lambda's form, as a notification holds them."""
    return {
        name: {"Type": one["dataType"], "Value": one.get("binaryValue", one.get("stringValue"))}
        for name, one in attributes.items()
    }


def timestamp(moment: datetime) -> str:
    """The moment as AWS writes it: UTC, with milliseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
