"""The queues of a run, as one who provisions and sends sees them."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.literals import QueueAttributeNameType
    from types_boto3_sqs.type_defs import MessageTypeDef, SendMessageBatchRequestEntryTypeDef

__all__ = ["BATCH", "Counts", "SoakQueue", "Sqs", "open_sqs"]

BATCH = 10
"""Messages of one call ("Amazon SQS message quotas")."""

RECEIVES = 100
"""The `maxReceiveCount`. A kill costs whatever is in flight a receive, which is no fault of the message; so many that
no message meets a hundred of them, and what lands in the dead-letter queue has been put there by a mistake."""

COUNTS: "Sequence[QueueAttributeNameType]" = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True, slots=True)
class Counts:
    """What is in a queue; the emulator's counts are exact."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """All messages."""
        return self.visible + self.in_flight + self.delayed


class SoakQueue:
    """A queue with its dead-letter queue."""

    def __init__(self, client: "SQSClient", name: str, url: str, dead: "SoakQueue | None" = None) -> None:
        self.name = name
        self.dead = dead or self
        self._client = client
        self._url = url

    @property
    def counts(self) -> Counts:
        """What is in it now."""
        found = self._attributes(COUNTS)
        return Counts(*(int(found[name]) for name in COUNTS))

    def send(self, messages: Sequence[str]) -> None:
        """Send messages, in order; what stands before the slash is their group."""
        for start in range(0, len(messages), BATCH):
            entries = [self._entry(position, text) for position, text in enumerate(messages[start : start + BATCH])]
            failed = self._client.send_message_batch(QueueUrl=self._url, Entries=entries).get("Failed")
            assert not failed, f"the emulator did not take a message: {failed}"

    @property
    def arn(self) -> str:
        """Its ARN."""
        return self._attributes(("QueueArn",))["QueueArn"]

    def take(self) -> dict[str, int]:
        """Receive what is visible; returns how often each message had been received before."""
        taken: dict[str, int] = {}
        while found := self._received():
            taken |= {message.get("Body", ""): _receives(message) - 1 for message in found}
        return taken

    def _attributes(self, names: "Sequence[QueueAttributeNameType]") -> "Mapping[QueueAttributeNameType, str]":
        return self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]

    def _received(self) -> "Sequence[MessageTypeDef]":
        answer = self._client.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=BATCH, MessageSystemAttributeNames=["ApproximateReceiveCount"]
        )
        return answer.get("Messages", [])

    def _entry(self, position: int, text: str) -> "SendMessageBatchRequestEntryTypeDef":
        entry: SendMessageBatchRequestEntryTypeDef = {"Id": str(position), "MessageBody": text}
        if self.name.endswith(".fifo"):
            entry["MessageGroupId"] = text.partition("/")[0]
            entry["MessageDeduplicationId"] = text
        return entry


def _receives(message: "MessageTypeDef") -> int:
    return int(message.get("Attributes", {})["ApproximateReceiveCount"])


class Sqs:
    """The queues of one emulator."""

    def __init__(self, client: "SQSClient") -> None:
        self._client = client

    def create(self, name: str, visibility: int) -> SoakQueue:
        """A queue, FIFO where its name says so, with a dead-letter queue behind it."""
        stem, dot, suffix = name.partition(".")
        dead = self._create(f"{stem}-dead{dot}{suffix}", {})
        redrive = {"deadLetterTargetArn": dead.arn, "maxReceiveCount": str(RECEIVES)}
        return self._create(name, {"VisibilityTimeout": str(visibility), "RedrivePolicy": json.dumps(redrive)}, dead)

    def _create(
        self, name: str, settings: "Mapping[QueueAttributeNameType, str]", dead: SoakQueue | None = None
    ) -> SoakQueue:
        kind: Mapping[QueueAttributeNameType, str] = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        url = self._client.create_queue(QueueName=name, Attributes={**settings, **kind})["QueueUrl"]
        return SoakQueue(self._client, name, url, dead)


@contextmanager
def open_sqs(environ: Mapping[str, str]) -> Generator[Sqs]:
    """The queues that these environment variables lead to."""
    session: Any = boto3.Session(  # boto3's types know hundreds of clients, and pyright only those that are installed
        region_name=environ["AWS_REGION"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
    )
    client: SQSClient = session.client("sqs", endpoint_url=environ["AWS_ENDPOINT_URL"])
    try:
        yield Sqs(client)
    finally:
        client.close()
