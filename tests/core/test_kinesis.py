"""Records of Kinesis data streams: what they tell, compressed data, and aggregates."""

import gzip
import subprocess
import sys
import tracemalloc
import zlib
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit import App, DecodeError, Delivery, Done, KinesisRecord, Ordering, Reject, Retry, Stream, decode
from eventkit.decode import record_id, unwrap
from eventkit.events._aggregates import MAX_KEY, MAX_RECORDS
from eventkit.events.kinesis import MAX_TEXT
from eventkit.idempotency import by_record, payload
from eventkit.testing import kinesis_event, kinesis_record
from tests.core.aggregates import MAGIC, User, aggregate, deaggregated, enclosed
from tests.core.harness import Job, Json, arn, handled, handled_inline, opened

SEQUENCE = "49590338271490256608559692538361571095921575989136588899"

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
users: st.SearchStrategy[User] = st.tuples(texts, st.none() | st.integers(0, 2**128 - 1).map(str), st.binary())


def one(data: object, key: str = "1") -> KinesisRecord:
    """The only event of a record."""
    (event,) = all_of(data, key)
    return event


def all_of(data: object, key: str = "1") -> list[KinesisRecord]:
    """The events of a record with these data."""
    events = unwrap(kinesis_record(data, "clicks", key=key))
    return [event for event in events if isinstance(event, KinesisRecord)]


def zeros(size: int) -> bytes:
    """Gzip of so many zeros, in MiB. Its checksum is wrong, which nobody gets to see who stops in time."""
    writer = zlib.compressobj(9, wbits=31)
    head = writer.compress(bytes(2**20)) + writer.flush(zlib.Z_FULL_FLUSH)
    block = writer.compress(bytes(2**20)) + writer.flush(zlib.Z_FULL_FLUSH)
    return head + block * (size - 1)


def test_a_record_tells_all_that_lambda_says() -> None:
    event = one({"id": 1}, "ada")

    assert event.data == b'{"id":1}'
    assert event.text == '{"id":1}'
    assert event.partition_key == "ada"
    assert event.explicit_hash_key is None
    assert event.sequence_number == SEQUENCE
    assert event.subsequence_number is None
    assert event.shard == "shardId-000000000000"
    assert event.time == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert event.id == f"shardId-000000000000:{SEQUENCE}"
    assert event.source_arn == arn("kinesis", "stream/clicks")
    assert event.resource_name == "clicks"
    assert event.path == ("kinesis:clicks",)
    assert event.attributes == {}
    assert repr(event) == f"KinesisRecord(id='shardId-000000000000:{SEQUENCE}', stream='clicks')"


def test_records_come_in_the_order_of_their_shard_and_are_named_by_their_place_in_it() -> None:
    batch = decode(kinesis_event(kinesis_record("a", "clicks"), kinesis_record("b", "clicks", number=2)))

    assert batch.ordering is Ordering.SHARD
    assert [record.id for record in batch.records] == [SEQUENCE, str(int(SEQUENCE) + 1)]


def test_a_consumer_with_enhanced_fan_out_reads_the_same_stream() -> None:
    consumer = arn("kinesis", "stream/clicks/consumer/app:1540591608")

    (event,) = unwrap(kinesis_record("a", "clicks") | {"eventSourceARN": consumer})

    assert event.resource_name == "clicks"


@pytest.mark.parametrize("facts", [None, {}, {"data": None}, {"data": b"YQ=="}, {"data": ["YQ=="]}, "data"])
def test_a_record_without_data_is_refused(facts: object) -> None:
    with pytest.raises(DecodeError, match="a Kinesis record has no data"):
        unwrap(kinesis_record("a", "clicks") | {"kinesis": facts})


@pytest.mark.parametrize("data", ["{{{data}}}", "YQ", "YQ==YQ==", "Y Q==", "ä", "\ud800"])
def test_data_that_are_not_in_base64_are_refused(data: str) -> None:
    with pytest.raises(DecodeError, match="not in base64"):
        unwrap(kinesis_record("a", "clicks") | {"kinesis": {"data": data}})


def test_a_record_that_says_no_more_than_its_data_tells_that_it_does_not() -> None:
    (event,) = unwrap({"eventSource": "aws:kinesis", "kinesis": {"data": ""}})

    assert isinstance(event, KinesisRecord)
    assert (event.data, event.text, event.id, event.source_arn) == (b"", "", "", "")
    assert (event.partition_key, event.sequence_number, event.shard, event.time) == ("", "", None, None)
    assert record_id(event.record) is None


@pytest.mark.parametrize("seconds", [None, "soon", 1e300, float("nan"), -1e20])
def test_a_time_that_is_none_is_none(seconds: object) -> None:
    record: Json = {"eventSource": "aws:kinesis", "kinesis": {"data": "", "approximateArrivalTimestamp": seconds}}
    (event,) = unwrap(record)

    assert isinstance(event, KinesisRecord)
    assert event.time is None


@given(st.binary(max_size=200))
def test_data_are_what_the_producer_wrote(data: bytes) -> None:
    assert one(data).data == data


@given(st.text(st.characters(codec="utf-8")))
def test_a_text_is_the_same_whether_it_was_compressed_or_not(text: str) -> None:
    plain, compressed = one(text), one(gzip.compress(text.encode(), mtime=0))

    assert plain.text == compressed.text == text
    assert compressed.data.startswith(b"\x1f\x8b")
    assert payload(plain) == payload(compressed)


@pytest.mark.parametrize("data", [b"\xff", b"\xc3", b"a\x80", gzip.compress(b"\xff", mtime=0)])
def test_data_that_are_no_text_have_none(data: bytes) -> None:
    event = one(data)

    with pytest.raises(DecodeError, match="no text in UTF-8") as refused:
        _ = event.text
    assert refused.value.__cause__ is None
    assert payload(event) == data.hex()


WHOLE = gzip.compress(b"text", mtime=0)


@pytest.mark.parametrize(
    "data",
    [
        *(WHOLE[:length] for length in range(2, len(WHOLE))),
        WHOLE + WHOLE,
        WHOLE + b"\0",
        WHOLE[:-5] + b"\0" + WHOLE[-4:],
        b"\x1f\x8b" + b"text",
    ],
)
def test_gzip_that_is_damaged_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="begins as gzip does and is none"):
        _ = one(data).text


def test_a_text_may_be_as_large_as_the_largest_record_and_no_larger() -> None:
    assert len(one(gzip.compress(bytes(MAX_TEXT), mtime=0)).text) == MAX_TEXT
    with pytest.raises(DecodeError, match="larger than 10485760 bytes"):
        _ = one(gzip.compress(bytes(MAX_TEXT + 1), mtime=0)).text


def test_a_bomb_is_refused_before_it_is_large() -> None:
    event = one(zeros(1024))
    assert len(event.data) < 1.1 * 2**20

    tracemalloc.start()
    try:
        with pytest.raises(DecodeError, match="larger than"):
            _ = event.text
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 50 * 2**20


@given(st.lists(users, min_size=1, max_size=20))
def test_an_aggregate_is_unpacked_as_it_was_packed(packed: list[User]) -> None:
    record = kinesis_record(aggregate(packed), "clicks", key="outer")

    found = [event for event in unwrap(record) if isinstance(event, KinesisRecord)]

    assert [(event.partition_key, event.explicit_hash_key, event.data) for event in found] == packed
    assert [event.subsequence_number for event in found] == [*range(len(packed))]
    assert {event.sequence_number for event in found} == {SEQUENCE}
    assert {event.outermost for event in found} == {KinesisRecord(record)}


@given(st.lists(users.map(lambda user: (user[0], "7", user[2])), min_size=1, max_size=10))
def test_aws_own_deaggregator_finds_the_same(packed: list[User]) -> None:
    record = kinesis_record(aggregate(packed), "clicks")

    theirs = [one["kinesis"] for one in deaggregated(record)]

    ours: list[Json] = [dict(event.record) for event in unwrap(record)]
    assert [one["kinesis"] | {"aggregated": True} for one in ours] == [
        one | {"data": one["data"].decode()} for one in theirs
    ]


def test_an_aggregates_events_came_in_the_record() -> None:
    first, second = all_of(aggregate([("a", None, b"1"), ("b", None, b"2")]), "a")

    assert first.via == second.via == first.outermost
    assert first.path == ("kinesis:clicks", "kinesis:clicks")
    assert Delivery(first, "event", "route").id == f"shardId-000000000000:{SEQUENCE}"
    assert first != second


def test_two_user_records_are_two_parts_of_a_record_even_if_they_say_the_same() -> None:
    identify = by_record("app", "route")

    parts = [Delivery(event, "event", "route") for event in all_of(aggregate([("a", None, b"same")] * 2))]

    assert len({identify(part).key for part in parts}) == 2
    assert len({identify(part).fingerprint for part in parts}) == 1


def test_the_data_of_user_records_may_be_compressed() -> None:
    (event,) = all_of(aggregate([("a", None, gzip.compress(b"text", mtime=0))]))

    assert event.text == "text"


def test_an_aggregate_of_nothing_holds_no_event() -> None:
    assert all_of(enclosed(b"\x0a\x01k")) == []


PACKED = aggregate([("key", "7", b"data")])


@pytest.mark.parametrize(
    "data",
    [
        MAGIC,
        MAGIC + bytes(16),
        enclosed(b""),
        PACKED[:-1],
        PACKED[:-1] + b"\0",
        PACKED + b"\0",
        PACKED[:10] + b"!" + PACKED[11:],
    ],
)
def test_data_whose_digest_is_wrong_are_no_aggregate(data: bytes) -> None:
    event = one(data)

    assert event.data == data
    assert event.subsequence_number is None


@pytest.mark.parametrize(
    "message",
    [
        b"\xff\xff\xff",
        b"\x1a\x7f",
        b"\x0a\x01k\x1a\x04\x08\x05\x1a\x00",
        b"\x0a\x01k\x1a\x0c\x08" + b"\xff" * 9 + b"\x01\x1a\x00",
        b"\x0a\x01k\x1a\x06\x08\x00\x10\x00\x1a\x00",
        b"\x0a\x01k\x1a\x02\x1a\x00",
        b"\x0a\x01k\x1a\x02\x08\x00",
        b"\x0a\x01\xff\x1a\x04\x08\x00\x1a\x00",
        b"\x0b" * 1000,
    ],
    ids=[
        *(
            "no message",
            "cut off",
            "a key that is not there",
            "no key can be there",
            "no hash keys",
            "no key",
            "no data",
        ),
        *("a key that is no text", "nested groups"),
    ],
)
def test_an_aggregate_that_is_damaged_is_refused_as_a_whole(message: bytes) -> None:
    good = b"\x0a\x01k\x1a\x04\x08\x00\x1a\x00"

    with pytest.raises(DecodeError, match="an aggregated Kinesis record is damaged"):
        all_of(enclosed(message))
    with pytest.raises(DecodeError, match="an aggregated Kinesis record is damaged"):
        all_of(enclosed(good + message))


@given(st.binary(max_size=60))
def test_whatever_an_aggregate_holds_it_is_read_or_refused(message: bytes) -> None:
    try:
        found = all_of(enclosed(message))
    except DecodeError:
        return
    assert all(isinstance(event, KinesisRecord) for event in found)


def test_an_aggregate_has_so_many_records_and_no_more() -> None:
    tiny = b"\x1a\x04\x08\x00\x1a\x00"

    assert len(all_of(enclosed(b"\x0a\x01k" + tiny * MAX_RECORDS))) == MAX_RECORDS
    with pytest.raises(DecodeError, match="more than 50000 user records"):
        all_of(enclosed(b"\x0a\x01k" + tiny * (MAX_RECORDS + 1)))


def test_a_key_in_an_aggregate_is_no_longer_than_one_of_kinesis() -> None:
    assert one(aggregate([("k" * MAX_KEY, None, b"")])).partition_key == "k" * MAX_KEY
    with pytest.raises(DecodeError, match="more than 256 characters"):
        all_of(aggregate([("k" * (MAX_KEY + 1), None, b"")]))


WITHOUT = """
import sys
sys.modules["google.protobuf"] = None
from eventkit import MissingExtraError, decode
from eventkit.testing import kinesis_event, kinesis_record
data = bytes.fromhex(sys.argv[1])
assert len(decode(kinesis_event(kinesis_record(data[:-1], "clicks"))).records[0].events) == 1
try:
    decode(kinesis_event(kinesis_record(data, "clicks")))
except MissingExtraError as error:
    print(error.extra)
"""


def test_without_protobuf_an_aggregate_says_what_to_install_and_other_records_are_read() -> None:
    script = [sys.executable, "-c", WITHOUT, PACKED.hex()]

    result = subprocess.run(script, check=True, capture_output=True, text=True)

    assert result.stdout == "kinesis\n"


HANDLED_WITHOUT = """
import asyncio, logging, sys
sys.modules["google.protobuf"] = None
from eventkit import App, MissingExtraError, Retry, Stream
from eventkit.testing import kinesis_record
from tests.core.harness import handled, handled_inline
logging.basicConfig(format="%(message)s %(reason)s", stream=sys.stdout)
app = App("app")
app.on(Stream[str]("clicks"))(print)
record = kinesis_record(bytes.fromhex(sys.argv[1]), "clicks")
for outcome in asyncio.run(handled(app, record)), asyncio.run(handled_inline(app, record)):
    assert isinstance(outcome, Retry) and isinstance(outcome.error, MissingExtraError)
"""


def test_without_protobuf_an_aggregate_is_retried_and_never_rejected() -> None:
    script = [sys.executable, "-c", HANDLED_WITHOUT, PACKED.hex()]

    result = subprocess.run(script, check=True, capture_output=True, text=True)

    first, second = result.stdout.splitlines()
    assert first == second
    assert first.startswith("delivery.retry 'google.protobuf' is needed here")
    assert "eventkit-aws[kinesis]" in first


async def test_every_record_of_an_aggregate_is_a_delivery_and_one_outcome_is_made_of_all() -> None:
    app = App("app")
    seen: list[tuple[int, str]] = []

    @app.on(Stream[Job]("clicks"))
    def handle(job: Job, delivery: Delivery) -> None:
        assert isinstance(delivery.source, KinesisRecord)
        seen.append((job.id, delivery.source.partition_key))
        if job.id == 3:
            raise Retry(after=5)

    def record(*ids: int) -> Json:
        packed = [(f"k{number}", None, Job(id=number).model_dump_json().encode()) for number in ids]
        return kinesis_record(aggregate(packed), "clicks")

    assert await handled_inline(app, record(1, 2)) == Done()
    assert await handled(app, record(3, 4)) == Retry(after=5)
    assert seen == [(1, "k1"), (2, "k2"), (3, "k3"), (4, "k4")]


async def test_a_record_that_does_not_fit_is_rejected_and_one_of_another_stream_is_ignored() -> None:
    app = App("app")
    app.on(Stream[Job]("clicks"))(lambda _: None)

    async with opened(app) as dispatcher:
        assert isinstance(dispatcher.handle_inline(kinesis_record({"id": "x"}, "clicks")), Reject)
        assert isinstance(dispatcher.handle_inline(kinesis_record(b"\xff", "clicks")), Reject)
        assert dispatcher.handle_inline(kinesis_record({"id": "x"}, "other")) == Done()

    assert dispatcher.passed_over == {"ignored": 1}


def test_an_error_repeats_nothing_of_the_data() -> None:
    canary = b"CANARY"
    for data in (canary + b"\xff", gzip.compress(canary, mtime=0)[:-1], enclosed(canary)):
        with pytest.raises(DecodeError) as refused:
            _ = one(data).text
        assert "CANARY" not in str(refused.value)
        assert b64encode(canary).decode() not in str(refused.value)
