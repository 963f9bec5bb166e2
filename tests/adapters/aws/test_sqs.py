"""What the SQS backend does with the answers of AWS that no emulator gives."""

import json
import subprocess
import sys
from typing import Any, cast

import pytest
from botocore.exceptions import EndpointConnectionError, NoRegionError

from eventkit.backends import SETTLED, Raw, Unsettled
from eventkit.errors import BackendError, ConfigurationError, EventkitError, MissingExtraError
from eventkit.outcomes import Reject
from eventkit.publish import Outgoing
from eventkit.testing import sqs_record
from eventkit_aws.sqs import BlockingClient, SqsBackend, blocking, blocking_backend, open_backend
from tests.adapters.aws.fakes import ARN, URL, Answers, FakeClient, refusal, sqs


def backend(
    client: FakeClient, sns: FakeClient | None = None, naps: list[float] | None = None, events: FakeClient | None = None
) -> SqsBackend:
    async def sleep(seconds: float) -> None:
        if naps is not None:
            naps.append(seconds)

    clients = [cast("BlockingClient", one) for one in (client, sns, events)]
    return SqsBackend(*clients, sleep=sleep)


def records(count: int) -> list[Raw]:
    return [sqs_record("{}", "jobs", number=number) for number in range(1, count + 1)]


def failed(position: int, code: str, *, sender: bool) -> dict[str, Any]:
    return {"Id": str(position), "Code": code, "SenderFault": sender}


async def test_a_receive_asks_for_everything_and_waits_in_whole_seconds() -> None:
    client = sqs(receive_message=[{}])

    assert await backend(client).receive("jobs", 10, 0.5) == []

    assert client.requests("receive_message") == [
        {
            "QueueUrl": URL,
            "MaxNumberOfMessages": 10,
            "WaitTimeSeconds": 1,
            "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        }
    ]


async def test_a_queue_is_looked_up_once() -> None:
    client = sqs(receive_message=[{}])
    queues = backend(client)

    for _ in range(3):
        await queues.receive("jobs", 10, 0)

    assert [name for name, _ in client.calls].count("get_queue_url") == 1
    assert [name for name, _ in client.calls].count("get_queue_attributes") == 1


async def test_an_arn_names_its_account() -> None:
    client = sqs(receive_message=[{}])

    await backend(client).receive(ARN, 10, 0)

    assert client.requests("get_queue_url") == [{"QueueName": "jobs", "QueueOwnerAWSAccountId": "123456789012"}]


async def test_a_url_is_used_as_it_is() -> None:
    client = sqs(delete_message_batch=[{}])

    await backend(client).delete(URL, records(1))

    assert client.requests("get_queue_url") == []
    assert client.requests("delete_message_batch")[0]["QueueUrl"] == URL


async def test_a_queue_of_the_same_name_in_another_region_is_not_read() -> None:
    client = sqs(receive_message=[{}])

    with pytest.raises(BackendError, match="AWS_REGION"):
        await backend(client).receive(ARN.replace("eu-west-1", "us-east-1"), 10, 0)


async def test_what_was_not_found_is_looked_up_again() -> None:
    client = sqs(receive_message=[{}], get_queue_url=[refusal("QueueDoesNotExist"), {"QueueUrl": URL}])
    queues = backend(client)
    with pytest.raises(BackendError, match="no such queue"):
        await queues.receive("jobs", 10, 0)

    assert await queues.receive("jobs", 10, 0) == []


async def test_entries_that_may_succeed_and_those_that_cannot_are_told_apart() -> None:
    failures = [
        failed(1, "InternalError", sender=False),
        failed(4, "ReceiptHandleIsInvalid", sender=True),
        failed(7, "RequestThrottled", sender=True),
    ]
    client = sqs(delete_message_batch=[{"Failed": failures}])
    given = records(10)

    left = await backend(client).delete("jobs", given)

    assert left == Unsettled((given[1], given[7]), (given[4],))


async def test_settling_goes_by_tens() -> None:
    client = sqs(delete_message_batch=[{"Failed": [failed(0, "InternalError", sender=False)]}, {}, {}])
    given = records(23)

    left = await backend(client).delete("jobs", given)

    assert [len(request["Entries"]) for request in client.requests("delete_message_batch")] == [10, 10, 3]
    assert left == Unsettled(again=(given[0],))


async def test_one_bad_handle_does_not_fail_its_neighbours() -> None:
    given = records(3)
    bad = given[1]["receiptHandle"]

    def answer(request: dict[str, Any]) -> dict[str, Any] | Exception:
        handles = [entry["ReceiptHandle"] for entry in request["Entries"]]
        return refusal("AWS.SimpleQueueService.InvalidParameterValue") if bad in handles else {}

    client = sqs(change_message_visibility_batch=answer)

    left = await backend(client).extend("jobs", [(record, 1.2) for record in given])

    assert left == Unsettled(lost=(given[1],))
    assert [len(one["Entries"]) for one in client.requests("change_message_visibility_batch")] == [3, 1, 1, 1]


async def test_visibility_is_in_whole_seconds_and_never_shorter_than_asked_for() -> None:
    client = sqs(change_message_visibility_batch=[{}])
    delays = [0.0, 0.1, 29.5, 1e6]

    await backend(client).extend("jobs", list(zip(records(4), delays, strict=True)))

    entries = client.requests("change_message_visibility_batch")[0]["Entries"]
    assert [entry["VisibilityTimeout"] for entry in entries] == [0, 1, 30, 43_200]


@pytest.mark.parametrize("method", ["receive_message", "delete_message_batch"])
async def test_an_error_names_the_operation_and_the_code_but_no_payload(method: str) -> None:
    cause = refusal("AccessDenied")
    answers: dict[str, Answers] = {method: [cause]}
    queues = backend(sqs(**answers))

    with pytest.raises(BackendError, match=r"Batch|ReceiveMessage") as raised:
        await (queues.receive("jobs", 1, 0) if method == "receive_message" else queues.delete("jobs", records(1)))

    assert raised.value.__cause__ is cause
    assert "AccessDenied" in str(raised.value)
    assert "secret" not in str(raised.value)


async def test_a_service_that_cannot_be_reached_is_a_backend_error() -> None:
    client = sqs(receive_message=[EndpointConnectionError(endpoint_url="https://sqs")])

    with pytest.raises(BackendError, match="could not be reached"):
        await backend(client).receive("jobs", 1, 0)


async def test_a_reject_goes_where_the_redrive_policy_says() -> None:
    dead = "arn:aws:sqs:eu-west-1:123456789012:jobs-dead"
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 5})
    client = sqs(
        get_queue_attributes=[{"Attributes": {"RedrivePolicy": policy}}],
        get_queue_url=lambda request: {"QueueUrl": f"https://sqs/{request['QueueName']}"},
        send_message_batch=[{}],
    )

    await backend(client).park("jobs", sqs_record("x", "jobs", attributes={"photo": b"\x00"}), Reject("no"))

    (sent,) = client.requests("send_message_batch")
    (entry,) = sent["Entries"]
    assert (sent["QueueUrl"], entry["MessageBody"]) == ("https://sqs/jobs-dead", "x")
    assert entry["MessageAttributes"]["photo"] == {"DataType": "Binary", "BinaryValue": b"\x00"}
    assert set(entry["MessageAttributes"]) == {"photo", "eventkit.reject"}
    assert "MessageDeduplicationId" not in entry


async def test_entries_that_were_not_accepted_are_sent_again() -> None:
    client = sqs(
        send_message_batch=[
            {"Failed": [failed(0, "InternalError", sender=False), failed(2, "RequestThrottled", sender=True)]},
            {"Failed": [failed(1, "InternalError", sender=False)]},
            {},
        ]
    )
    naps: list[float] = []

    await backend(client, naps=naps).publish("queue", "jobs", [Outgoing(text) for text in "abc"])

    sent = [[entry["MessageBody"] for entry in request["Entries"]] for request in client.requests("send_message_batch")]
    assert sent == [["a", "b", "c"], ["a", "c"], ["c"]]
    assert naps == [0.2, 0.4]


async def test_patience_with_entries_ends() -> None:
    client = sqs(send_message_batch=[{"Failed": [failed(0, "InternalError", sender=False)]}])
    naps: list[float] = []

    with pytest.raises(BackendError, match="1 of the messages: InternalError"):
        await backend(client, naps=naps).publish("queue", "jobs", [Outgoing("a")])

    assert len(naps) == 3


async def test_an_entry_that_is_refused_for_good_is_not_sent_again() -> None:
    client = sqs(send_message_batch=[{"Failed": [failed(0, "InvalidMessageContents", sender=True)]}])

    with pytest.raises(BackendError, match="InvalidMessageContents"):
        await backend(client).publish("queue", "jobs", [Outgoing("a")])

    assert len(client.requests("send_message_batch")) == 1


async def test_no_request_is_longer_than_sqs_allows() -> None:
    client = sqs(send_message_batch=[{}])
    big = "x" * 400_000

    await backend(client).publish("queue", "jobs", [Outgoing(big) for _ in range(5)])

    assert [len(request["Entries"]) for request in client.requests("send_message_batch")] == [2, 2, 1]


async def test_a_topic_is_found_by_name_on_any_page_and_remembered() -> None:
    arn = "arn:aws:sns:eu-west-1:123456789012:news"
    pages: list[dict[str, object]] = [
        {"Topics": [{"TopicArn": f"{arn}-old"}], "NextToken": "2"},
        {"Topics": [{"TopicArn": arn}]},
    ]
    sns = FakeClient(list_topics=pages, publish_batch=[{}])
    topics = backend(sqs(), sns)

    for _ in range(2):
        await topics.publish("topic", "news", [Outgoing("a", attributes={"kind": "x"})])

    assert sns.requests("list_topics") == [{}, {"NextToken": "2"}]
    entry = {
        "Id": "0",
        "Message": "a",
        "MessageAttributes": {"kind": {"DataType": "String", "StringValue": "x"}},
    }
    assert sns.requests("publish_batch") == [{"TopicArn": arn, "PublishBatchRequestEntries": [entry]}] * 2


async def test_a_topic_is_not_looked_up_by_its_arn() -> None:
    sns = FakeClient(publish_batch=[{}])

    await backend(sqs(), sns).publish("topic", "arn:aws:sns:eu-west-1:123456789012:news", [Outgoing("a")])

    assert [name for name, _ in sns.calls] == ["publish_batch"]


def test_calls_of_a_blocking_client_need_no_event_loop() -> None:
    class Boto3:
        def get_queue_url(self, **_: str) -> dict[str, str]:
            return {"QueueUrl": URL}

        def change_message_visibility_batch(self, **_: object) -> dict[str, object]:
            return {}

    work = SqsBackend(blocking(Boto3()), blocking(None), blocking(None)).extend("jobs", [(records(1)[0], 5)])

    with pytest.raises(StopIteration) as stopped:
        work.send(None)
    assert stopped.value.value is SETTLED


@pytest.mark.parametrize("url", ["sqs://?regoin=x", "sqs://host", "sqs:///path", "sqs://?connections=none"])
async def test_an_unknown_option_is_told(url: str) -> None:
    with pytest.raises(ConfigurationError, match="region"):
        async with open_backend(url):
            pass


async def test_a_missing_region_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(BackendError, match="AWS_REGION") as raised:
        async with open_backend():
            pass

    assert isinstance(raised.value.__cause__, NoRegionError)


async def test_a_missing_sdk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)

    with pytest.raises(MissingExtraError, match=r"eventkit-aws\[aws\]") as raised:
        await blocking_backend().receive("jobs", 1, 0)

    assert isinstance(raised.value, EventkitError)


def test_importing_imports_no_sdk_and_no_event_loop() -> None:
    code = (
        "import sys, eventkit_aws.sqs, eventkit_aws.s3; eventkit_aws.sqs.blocking_backend();"
        "print(sorted({'asyncio', 'boto3', 'botocore', 'aioboto3', 'aiohttp'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
