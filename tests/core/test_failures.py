"""What an on-failure destination gets, in the format of Lambda's own invocation records."""

import json
from typing import Any

import pytest

from eventkit import BackendError, ConfigurationError, MessageTooLargeError, Reject
from eventkit.backends._park import NOTE
from eventkit.backends.memory import MemoryBackend
from eventkit.failures import GivenUp, document_of, keep, message_of, object_of
from eventkit.streams.slices import Condition
from eventkit.testing import eventbridge_s3, kinesis_record, s3_event, s3_record, sns_record, stream_record
from eventkit.values import replace
from tests.core.harness import Json

AT = 1_767_225_612.345
"""2026-01-01T00:00:12.345Z."""

ID = "c9b8fa9f-5a7f-4ab0-af9c-0c604cde93a5"


PHOTO = s3_record("ObjectCreated:Put", "photos", "a.jpg")


def changes(*numbers: int) -> list[Json]:
    return [stream_record("INSERT", "orders", keys={"id": n}, new={"id": n}, number=n) for n in numbers]


def clicks(*numbers: int) -> list[Json]:
    return [kinesis_record("text", "clicks", shard=3, number=number) for number in numbers]


def given_up(records: list[Json], why: Condition | Reject = Condition.RETRIES, **facts: object) -> GivenUp:
    return replace(GivenUp(records, why, "shop", AT, ID), **facts)


def test_changes_of_a_table_are_described_as_lambda_describes_them() -> None:
    """As recorded against AWS for a batch whose failures were reported: there the function's error is null."""
    document = document_of(given_up(changes(1, 2, 3), invocations=4, shard="shardId-0001-abc"))

    assert document == {
        "requestContext": {
            "requestId": ID,
            "functionArn": "eventkit:shop",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 4,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": None},
        "version": "1.0",
        "timestamp": "2026-01-01T00:00:12.345Z",
        "DDBStreamBatchInfo": {
            "shardId": "shardId-0001-abc",
            "startSequenceNumber": "000000000000000000001",
            "endSequenceNumber": "000000000000000000003",
            "approximateArrivalOfFirstRecord": "2026-01-01T00:00:01Z",
            "approximateArrivalOfLastRecord": "2026-01-01T00:00:03Z",
            "batchSize": 3,
            "streamArn": "arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000",
        },
    }


def test_records_of_kinesis_say_their_shard_and_their_times_to_the_millisecond() -> None:
    records = clicks(1, 2)

    document: Any = document_of(given_up(records))

    assert document["KinesisBatchInfo"] == {
        "shardId": "shardId-000000000003",
        "startSequenceNumber": records[0]["kinesis"]["sequenceNumber"],
        "endSequenceNumber": records[1]["kinesis"]["sequenceNumber"],
        "approximateArrivalOfFirstRecord": "2026-01-01T00:00:01.000Z",
        "approximateArrivalOfLastRecord": "2026-01-01T00:00:02.000Z",
        "batchSize": 2,
        "streamArn": "arn:aws:kinesis:us-east-1:123456789012:stream/clicks",
    }


def test_records_that_are_too_old_were_not_answered_and_count_as_invoked_once() -> None:
    """As recorded against AWS."""
    document: Any = document_of(given_up(clicks(1), Condition.AGE, invocations=0))

    assert document["requestContext"]["condition"] == "RecordAgeExceeded"
    assert document["requestContext"]["approximateInvokeCount"] == 1
    assert "responseContext" not in document


def test_a_function_that_failed_as_a_whole_is_said_to_have_done_so() -> None:
    document: Any = document_of(given_up(clicks(1), error="Unhandled"))

    assert document["responseContext"]["functionError"] == "Unhandled"


def test_a_message_has_the_records_besides_as_an_event_that_can_be_invoked_again() -> None:
    failure = given_up(changes(1, 2))

    sent = json.loads(message_of(failure).text)

    assert json.loads(sent.pop("payload")) == {"Records": changes(1, 2)}
    assert sent == document_of(failure)


def test_a_message_without_room_for_the_records_is_lambdas() -> None:
    large = [kinesis_record("x" * 200_000, "clicks")]
    failure = given_up(large)

    assert json.loads(message_of(failure).text) == document_of(failure)
    assert "payload" in json.loads(object_of(failure).body)


def test_a_rejected_record_has_a_condition_of_its_own_and_the_reason_in_the_note() -> None:
    failure = given_up(changes(1), Reject("no good", handler="take"))

    message = message_of(failure)

    assert json.loads(message.text)["requestContext"]["condition"] == "Rejected"
    assert json.loads(str(message.attributes[NOTE])) == {"reason": "no good", "handler": "take"}
    assert json.loads(object_of(failure).body)[NOTE] == {"reason": "no good", "handler": "take"}


def test_what_was_not_rejected_has_no_note() -> None:
    failure = given_up(changes(1))

    assert message_of(failure).attributes == {}
    assert NOTE not in json.loads(object_of(failure).body)


def test_which_shard_a_change_came_from_may_be_unknown() -> None:
    document: Any = document_of(given_up(changes(1)))

    assert document["DDBStreamBatchInfo"]["shardId"] == "unknown"


@pytest.mark.parametrize(
    "part", [{"dynamodb": {}}, {"dynamodb": None}, {"dynamodb": {"ApproximateCreationDateTime": 1e300}}]
)
def test_a_record_that_is_damaged_can_be_given_up_all_the_same(part: Json) -> None:
    document: Any = document_of(given_up([{"eventSource": "aws:dynamodb", **part}], Reject("damaged")))

    assert document["DDBStreamBatchInfo"]["startSequenceNumber"] == ""
    assert document["DDBStreamBatchInfo"]["approximateArrivalOfFirstRecord"] is None


@pytest.mark.parametrize(
    ("record", "event"),
    [
        (
            s3_record("ObjectCreated:Put", "photos", "a.jpg"),
            s3_event(s3_record("ObjectCreated:Put", "photos", "a.jpg")),
        ),
        (sns_record("text", "news"), {"Records": [sns_record("text", "news")]}),
        (eventbridge_s3("Object Created", "photos", "a.jpg"), eventbridge_s3("Object Created", "photos", "a.jpg")),
        (None, {"Records": [None]}),
    ],
)
def test_what_came_directly_is_in_the_record_of_an_asynchronous_invocation(record: Json, event: Json) -> None:
    failure = given_up([record], Reject("no good"))

    sent = json.loads(message_of(failure).text)

    assert sent["requestPayload"] == event
    assert "payload" not in sent
    assert sent["requestContext"]["condition"] == "Rejected"
    assert object_of(failure).key == f"aws/lambda/async/shop/2026/01/01/2026-01-01T00.00.12-{ID}"


@pytest.mark.parametrize(
    ("failure", "place"),
    [
        (given_up(clicks(1)), "shardId-000000000003"),
        (given_up(changes(1), shard="shardId-0001-abc"), "shardId-0001-abc"),
        (given_up(changes(1)), "unknown"),
    ],
)
def test_an_object_is_named_as_lambda_names_it(failure: GivenUp, place: str) -> None:
    assert object_of(failure).key == f"aws/lambda/shop/{place}/2026/01/01/2026-01-01T00.00.12-{ID}"


@pytest.fixture
def backend() -> MemoryBackend:
    made = MemoryBackend()
    made.create_queue("failures")
    made.subscribe("alarms", "failures")
    made.create_bucket("archive")
    return made


@pytest.mark.parametrize("destination", [("queue", "failures"), ("topic", "alarms")])
async def test_a_queue_and_a_topic_get_a_message(backend: MemoryBackend, destination: tuple[str, str]) -> None:
    await keep(given_up(changes(1)), destination, backend)

    assert backend.depth("failures") == 1


@pytest.mark.parametrize("address", ["archive", "arn:aws:s3:::archive"])
async def test_a_bucket_gets_an_object(backend: MemoryBackend, address: str) -> None:
    failure = given_up(changes(1))

    await keep(failure, ("bucket", address), backend)

    assert backend.objects("archive") == {object_of(failure).key: object_of(failure).body}


async def test_a_backend_without_buckets_says_so() -> None:
    class Queues:
        async def publish(self, kind: str, address: str, messages: object) -> None: ...

    with pytest.raises(ConfigurationError, match="Queues has no buckets"):
        await keep(given_up(changes(1)), ("bucket", "archive"), Queues())


async def test_what_is_not_accepted_is_an_error(backend: MemoryBackend) -> None:
    large = s3_record("ObjectCreated:Put", "photos", "x" * 300_000)

    with pytest.raises(BackendError, match="no bucket"):
        await keep(given_up(changes(1)), ("bucket", "unheard-of"), backend)
    with pytest.raises(MessageTooLargeError):
        await keep(given_up([large], Reject("no good")), ("topic", "alarms"), backend)
