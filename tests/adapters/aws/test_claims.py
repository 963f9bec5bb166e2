"""Large payloads take the way through S3, in Amazon's format, and nothing else is fetched or deleted."""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any

import boto3
import pytest

from eventkit.backends import Raw, open_backend
from eventkit.backends.memory import MemoryBackend
from eventkit.decode import unwrap
from eventkit.errors import BackendError, ConfigurationError, MessageTooLargeError
from eventkit.events import Message
from eventkit.outcomes import Reject
from eventkit.outgoing import Outgoing
from eventkit.testing import VirtualClock, sns_envelope, sns_record, sqs_record
from eventkit_aws.claims import Claims, claim_checked
from tests.adapters.aws.claims import Shelf

POINTER = '["software.amazon.payloadoffloading.PayloadS3Pointer",{"s3BucketName":"payloads","s3Key":"key-1"}]'
OLD = '["com.amazon.sqs.javamessaging.MessageS3Pointer",{"s3BucketName":"payloads","s3Key":"key-1"}]'
LARGE = "ü" * 100


def claims_of(shelf: Shelf, **options: Any) -> Claims:  # noqa: ANN401 - any of the class's own
    numbers = count(1)
    return replace(Claims(shelf, "payloads", threshold=100, new_key=lambda: f"key-{next(numbers)}"), **options)


def world(**options: Any) -> tuple[MemoryBackend, MemoryBackend, Shelf]:  # noqa: ANN401 - likewise
    """A backend with claims, the bare one beneath it, and its shelf."""
    shelf, bare = Shelf(), MemoryBackend(clock=VirtualClock(autojump=True))
    bare.create_queue("dead")
    bare.create_queue("jobs", visibility=10, dead_letter="dead")
    return claim_checked(bare, claims_of(shelf, **options)), bare, shelf


async def take(backend: MemoryBackend, queue: str = "jobs") -> list[Raw]:
    return list(await backend.receive(queue, 10, 0))


def pointing(body: str = POINTER, name: str = "ExtendedPayloadSize", **options: Any) -> Raw:  # noqa: ANN401 - a record's
    return sqs_record(body, "jobs", attributes={name: 200, "kind": "a"}, **options)


def bodies(records: Sequence[Raw]) -> list[object]:
    return [record["body"] for record in records]


async def test_a_large_payload_is_stored_and_pointed_to_as_amazons_clients_do() -> None:
    backend, bare, shelf = world()

    await backend.publish("queue", "jobs", [Outgoing(LARGE, attributes={"kind": "a"}), Outgoing("small")])
    pointer, small = await take(bare)

    assert shelf.objects == {("payloads", "key-1"): LARGE.encode()}
    assert (pointer["body"], small["body"]) == (POINTER, "small")
    assert (
        pointer["messageAttributes"]
        == sqs_record("", "jobs", attributes={"kind": "a", "ExtendedPayloadSize": 200})["messageAttributes"]
    )


async def test_a_payload_comes_back_as_it_was_sent() -> None:
    backend, _, _ = world()

    await backend.publish("queue", "jobs", [Outgoing(LARGE, attributes={"kind": "a"})])
    (record,) = await take(backend)

    assert (Message(record).text, Message(record).attributes) == (LARGE, {"kind": "a"})


@pytest.mark.parametrize(
    ("body", "name"), [(POINTER, "ExtendedPayloadSize"), (OLD, "SQSLargePayloadSize"), (OLD, "ExtendedPayloadSize")]
)
async def test_pointers_of_amazons_clients_are_read(body: str, name: str) -> None:
    shelf = Shelf()
    shelf.objects["payloads", "key-1"] = LARGE.encode()

    (record,) = (await claims_of(shelf).resolved([pointing(body, name)])).records

    assert (Message(record).text, Message(record).attributes) == (LARGE, {"kind": "a"})


async def test_a_pointer_inside_a_notification_is_read() -> None:
    shelf = Shelf()
    shelf.objects["payloads", "key-1"] = LARGE.encode()
    marked: dict[str, str | int | Decimal | bytes] = {"ExtendedPayloadSize": 200, "kind": "a"}
    wrapped = sqs_record(sns_envelope(POINTER, "news", attributes=marked), "jobs")
    direct = sns_record(POINTER, "news", attributes=marked)

    resolved = await claims_of(shelf, cleanup=True).resolved([wrapped, direct])
    await claims_of(shelf, cleanup=True).cleaned(resolved.records)

    for record in resolved.records:
        (event,) = unwrap(record)
        assert (event.record["Message"], event.attributes) == (LARGE, {"kind": "a"})
    assert shelf.objects, "others may have got the topic's message, too"


@pytest.mark.parametrize(
    "record",
    [
        sqs_record(POINTER, "jobs"),
        pointing(POINTER.replace("payloads", "secrets")),
        pointing(POINTER.replace("key-1", "other/key-1")),
        pointing(POINTER.replace("software.amazon", "software.another")),
        pointing(POINTER.replace("s3Key", "key")),
        pointing(POINTER.replace('"key-1"', "1")),
        pointing(POINTER[:-1]),
        pointing('{"TopicArn": "S3Pointer"'),
        pointing('{"TopicArn": "S3Pointer"}'),
        pointing("{}"),
    ],
)
async def test_what_is_no_pointer_to_what_may_be_fetched_stays_as_it_is(record: Raw) -> None:
    shelf = Shelf()

    resolved = await claims_of(shelf, prefix="key-").resolved([record])

    assert (resolved.records, resolved.failed, shelf.limits) == ([record], [], [])


async def test_a_further_bucket_is_read_where_it_is_configured() -> None:
    shelf = Shelf()
    shelf.objects["theirs", "key-1"] = b"text"

    resolved = await claims_of(shelf, readable=frozenset({"theirs"})).resolved(
        [pointing(POINTER.replace("payloads", "theirs"))]
    )

    assert bodies(resolved.records) == ["text"]


@pytest.mark.parametrize("payload", [None, b"x" * 11, b"\xff"], ids=["missing", "too large", "no text"])
async def test_a_payload_that_cannot_be_used_leaves_the_pointer_to_be_rejected(payload: bytes | None) -> None:
    shelf = Shelf()
    shelf.objects |= {} if payload is None else {("payloads", "key-1"): payload}

    resolved = await claims_of(shelf, limit=10).resolved([pointing()])

    assert (bodies(resolved.records), shelf.limits) == ([POINTER], [11])


async def test_what_s3_cannot_give_now_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    backend, bare, shelf = world()
    await backend.publish("queue", "jobs", [Outgoing(LARGE), Outgoing("small")])
    shelf.broken.add("key-1")

    small = await take(backend)
    await backend.delete("jobs", small)
    shelf.broken.clear()
    (again,) = await backend.receive("jobs", 10, 20)

    assert bodies(small) == ["small"]
    assert (again["body"], Message(again).attempt) == (LARGE, 2)
    assert [entry.message for entry in caplog.records] == ["claim.not_fetched"]
    assert bare.depth("jobs") == 1


async def test_what_cannot_be_fetched_holds_back_its_group_and_no_other() -> None:
    shelf = Shelf()
    shelf.broken.add("key-1")
    first = sqs_record(POINTER, "jobs.fifo", number=1, group="a", attributes={"ExtendedPayloadSize": 1})
    behind = sqs_record("x", "jobs.fifo", number=2, group="a")
    other = sqs_record("x", "jobs.fifo", number=3, group="b")

    resolved = await claims_of(shelf).resolved([first, behind, other])

    assert (resolved.records, resolved.failed) == ([other], [first, behind])


async def test_a_payload_is_deleted_with_its_message_where_that_is_asked_for() -> None:
    backend, _, shelf = world(cleanup=True)
    await backend.publish("queue", "jobs", [Outgoing(LARGE)])
    records = await take(backend)
    assert shelf.objects

    await backend.delete("jobs", records)

    assert shelf.objects == {}


async def test_a_payload_stays_where_nobody_asked() -> None:
    backend, _, shelf = world()
    await backend.publish("queue", "jobs", [Outgoing(LARGE)])

    await backend.delete("jobs", await take(backend))

    assert shelf.objects


async def test_the_payload_of_a_message_that_was_lost_is_somebody_elses() -> None:
    backend, bare, shelf = world(cleanup=True)
    await backend.publish("queue", "jobs", [Outgoing(LARGE)])
    records = await take(backend)
    await bare.extend("jobs", [(record, 0) for record in records])
    await take(bare)

    assert (await backend.delete("jobs", records)).lost == records

    assert shelf.objects


async def test_a_rejected_message_keeps_its_payload_for_whoever_reads_the_dead_letters() -> None:
    backend, bare, shelf = world(cleanup=True)
    await backend.publish("queue", "jobs", [Outgoing(LARGE)])
    (record,) = await take(backend)

    await backend.park("jobs", record, Reject("no"))
    await backend.delete("jobs", [record])

    assert shelf.objects
    (dead,) = await take(bare, "dead")
    assert dead["body"] == POINTER
    await bare.extend("dead", [(dead, 0)])
    assert bodies(await take(backend, "dead")) == [LARGE]


async def test_a_payload_that_cannot_be_deleted_is_left_and_told(caplog: pytest.LogCaptureFixture) -> None:
    backend, bare, shelf = world(cleanup=True)
    await backend.publish("queue", "jobs", [Outgoing(LARGE)])
    records = await take(backend)
    shelf.broken.add("key-1")

    await backend.delete("jobs", records)

    assert bare.depth("jobs") == 0
    assert [entry.message for entry in caplog.records if entry.levelno == logging.WARNING] == ["claim.not_deleted"]


async def test_a_repeated_large_message_is_kept_once() -> None:
    backend, bare, _ = world()
    bare.create_queue("jobs.fifo")

    for _ in range(2):
        await backend.publish("queue", "jobs.fifo", [Outgoing(LARGE, "g")])

    assert bare.depth("jobs.fifo") == 1


async def test_nothing_is_sent_that_could_not_be_stored() -> None:
    backend, bare, shelf = world()
    shelf.broken.add("key-1")

    with pytest.raises(BackendError, match="S3"):
        await backend.publish("queue", "jobs", [Outgoing("small"), Outgoing(LARGE)])

    assert bare.depth("jobs") == 0


async def test_an_event_stays_whole_since_rules_look_into_it() -> None:
    backend, bare, shelf = world()
    bare.create_bus("orders")
    attributes = {"source": "shop", "detail-type": "Placed"}

    with pytest.raises(MessageTooLargeError):
        await backend.publish("bus", "orders", [Outgoing('{"a":"' + "x" * 300_000 + '"}', attributes=attributes)])

    assert shelf.objects == {}


async def test_a_url_says_it_all(moto: str) -> None:
    sdk: Any = boto3
    clients = [sdk.client(name, endpoint_url=moto) for name in ("sqs", "s3")]
    try:
        sqs, s3 = clients
        sqs.create_queue(QueueName="jobs")
        s3.create_bucket(Bucket="payloads")
        for scheme in ("sqs", "sqs+boto3"):
            url = (
                f"{scheme}://?endpoint={moto}&claim_bucket=payloads&claim_prefix=a/&claim_threshold=100&claim_cleanup=1"
            )
            async with open_backend(url) as backend:
                await backend.publish("queue", "jobs", [Outgoing(LARGE)])
                (stored,) = s3.list_objects_v2(Bucket="payloads")["Contents"]
                records = await backend.receive("jobs", 10, 5)
                await backend.delete("jobs", records)

            assert stored["Key"].startswith("a/")
            assert bodies(records) == [LARGE]
            assert s3.list_objects_v2(Bucket="payloads")["KeyCount"] == 0
    finally:
        for client in clients:
            client.close()


@pytest.mark.parametrize("query", ["claim_cleanup=1", "claim_bucket=b&claim_size=1", "claim_bucket=b&claim_limit=1k"])
async def test_a_wrong_option_is_told(query: str) -> None:
    with pytest.raises(ConfigurationError, match="claim_bucket"):
        async with open_backend(f"sqs+boto3://?{query}"):
            pass


def test_options_become_claims() -> None:
    options = {"claim_bucket": "b", "claim_readable": "c,d", "claim_limit": "7"}

    claims = Claims.from_options(options, Shelf())

    assert (claims.bucket, sorted(claims.readable), claims.limit, claims.cleanup) == ("b", ["c", "d"], 7, False)
    assert json.loads(POINTER)[0] == "software.amazon.payloadoffloading.PayloadS3Pointer"
