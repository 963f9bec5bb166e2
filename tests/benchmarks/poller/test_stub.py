"""The stub speaks SQS to botocore, and counts what it is asked."""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aioboto3
import pytest
from botocore.exceptions import ClientError
from types_aiobotocore_sqs.client import SQSClient

from benchmarks.poller.arena import Feed, Report
from benchmarks.poller.stub import Connection, Stub

BODY = '{"name": "Zoë"}'
QUEUE = "orders"


class Recorder(asyncio.Transport):
    """A connection's other end."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    @property
    def answers(self) -> list[dict[str, object]]:
        return [json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in self.written]


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def connected(stub: Stub) -> tuple[Connection, Recorder]:
    connection, recorder = Connection(stub), Recorder()
    connection.connection_made(recorder)
    return connection, recorder


def asking(action: str, **request: object) -> bytes:
    body = json.dumps({"QueueUrl": f"http://stub/0/{QUEUE}", **request}).encode()
    head = f"POST / HTTP/1.1\r\nHost: stub\r\nX-Amz-Target: AmazonSQS.{action}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def putting(count: int) -> bytes:
    body = json.dumps({"queue": QUEUE, "count": count, "body": BODY}).encode()
    return b"POST /run HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


@asynccontextmanager
async def client(feed: Feed) -> AsyncGenerator[SQSClient]:
    session: Any = aioboto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    async with session.client("sqs", endpoint_url=feed.endpoint) as sqs:
        yield sqs


@asynccontextmanager
async def running(feed: Feed, count: int) -> AsyncGenerator[asyncio.Task[Report]]:
    async with asyncio.TaskGroup() as group:
        yield group.create_task(feed.run(QUEUE, count, BODY))


async def test_messages_are_received_ten_at_a_time_with_the_digest_of_their_body(feed: Feed) -> None:
    async with client(feed) as sqs, running(feed, 12):
        url = (await sqs.get_queue_url(QueueName=QUEUE))["QueueUrl"]

        found = [
            (await sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=20))["Messages"]
            for _ in range(2)
        ]

        assert [len(messages) for messages in found] == [10, 2]
        assert {message.get("Body") for messages in found for message in messages} == {BODY}
        digest = hashlib.md5(BODY.encode(), usedforsecurity=False).hexdigest()
        assert {message.get("MD5OfBody") for messages in found for message in messages} == {digest}
        assert len({message.get("ReceiptHandle") for messages in found for message in messages}) == 12
        for messages in found:
            for message in messages:
                await sqs.delete_message(QueueUrl=url, ReceiptHandle=message.get("ReceiptHandle", ""))


async def test_attributes_are_told_where_they_are_asked_for(feed: Feed) -> None:
    async with client(feed) as sqs, running(feed, 3):
        url = (await sqs.get_queue_url(QueueName=QUEUE))["QueueUrl"]

        plain = await sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)
        full = await sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])
        one = await sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["ApproximateReceiveCount"])

        assert "Attributes" not in plain["Messages"][0]
        attributes = full["Messages"][0].get("Attributes", {})
        assert attributes.get("ApproximateReceiveCount") == "1"
        assert int(attributes.get("SentTimestamp", "")) > 0
        assert one["Messages"][0].get("Attributes") == {"ApproximateReceiveCount": "1"}
        for message in (*plain["Messages"], *full["Messages"], *one["Messages"]):
            await sqs.delete_message(QueueUrl=url, ReceiptHandle=message.get("ReceiptHandle", ""))


async def test_a_run_ends_with_its_last_delete_and_tells_the_requests(feed: Feed) -> None:
    async with client(feed) as sqs, running(feed, 3) as run:
        url = (await sqs.get_queue_url(QueueName=QUEUE))["QueueUrl"]
        received = await sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=20)
        handles = [message.get("ReceiptHandle", "") for message in received["Messages"]]
        later = await sqs.change_message_visibility_batch(
            QueueUrl=url, Entries=[{"Id": "0", "ReceiptHandle": handles[0], "VisibilityTimeout": 60}]
        )

        await sqs.delete_message(QueueUrl=url, ReceiptHandle=handles[0])
        deleted = await sqs.delete_message_batch(
            QueueUrl=url, Entries=[{"Id": f"a{n}", "ReceiptHandle": handle} for n, handle in enumerate(handles[1:])]
        )
        report = await run

    assert [entry["Id"] for entry in later["Successful"]] == ["0"]
    assert [entry["Id"] for entry in deleted["Successful"]] == ["a0", "a1"]
    assert report.requests["DeleteMessage"] == report.requests["DeleteMessageBatch"] == 1
    assert report.requests["ChangeMessageVisibilityBatch"] == 1


async def test_a_queue_tells_its_attributes(feed: Feed) -> None:
    async with client(feed) as sqs:
        url = (await sqs.get_queue_url(QueueName=QUEUE))["QueueUrl"]

        found = await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn", "VisibilityTimeout"])
        policy = await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])

    arn = "arn:aws:sqs:us-east-1:000000000000:orders"
    assert found["Attributes"] == {"QueueArn": arn, "VisibilityTimeout": "30"}
    assert json.loads(policy["Attributes"]["RedrivePolicy"])["deadLetterTargetArn"] == f"{arn}-dead"


async def test_an_action_that_there_is_not_is_refused(feed: Feed) -> None:
    async with client(feed) as sqs:
        with pytest.raises(ClientError, match="UnsupportedOperation"):
            await sqs.purge_queue(QueueUrl=f"{feed.endpoint}/0/{QUEUE}")


async def test_a_receive_that_may_not_wait_is_answered_without_messages(feed: Feed) -> None:
    async with client(feed) as sqs:
        received = await sqs.receive_message(QueueUrl=f"{feed.endpoint}/0/{QUEUE}", WaitTimeSeconds=0)

    assert "Messages" not in received


async def test_a_receive_that_waits_is_answered_when_messages_come() -> None:
    stub = Stub()
    waiting, recorder = connected(stub)
    waiting.data_received(asking("ReceiveMessage", MaxNumberOfMessages=10, WaitTimeSeconds=20))
    assert recorder.answers == []

    connected(stub)[0].data_received(putting(3))

    (answer,) = recorder.answers
    assert len(json.dumps(answer).split('"MessageId"')) == 4


async def test_a_client_that_hung_up_takes_no_messages() -> None:
    stub = Stub()
    gone, of_gone = connected(stub)
    gone.data_received(asking("ReceiveMessage", WaitTimeSeconds=20))
    gone.connection_lost(None)
    connected(stub)[0].data_received(putting(1))
    there, of_there = connected(stub)

    there.data_received(asking("ReceiveMessage", WaitTimeSeconds=20))

    assert of_gone.answers == []
    assert "Messages" in of_there.answers[0]


async def test_a_request_may_come_in_pieces() -> None:
    connection, recorder = connected(Stub())

    for byte in asking("GetQueueAttributes", AttributeNames=["VisibilityTimeout"]):
        connection.data_received(bytes([byte]))

    assert recorder.answers == [{"Attributes": {"VisibilityTimeout": "30"}}]


async def test_latencies_count_from_when_a_message_was_there_and_from_its_receive() -> None:
    clock = Clock()
    stub = Stub(clock)
    control, report = connected(stub)
    consumer, received = connected(stub)
    control.data_received(putting(1))
    clock.now = 2.0
    consumer.data_received(asking("ReceiveMessage"))
    (handle,) = [text for text in received.written[0].decode().split('"') if text.startswith("AQEB")]
    clock.now = 5.0

    consumer.data_received(asking("DeleteMessage", ReceiptHandle=handle))

    assert report.answers == [
        {
            "seconds": 5.0,
            "requests": {"ReceiveMessage": 1, "DeleteMessage": 1},
            "since_available": [5.0, 5.0],
            "since_received": [3.0, 3.0],
        }
    ]
