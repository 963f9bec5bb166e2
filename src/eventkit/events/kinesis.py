"""Records of Amazon Kinesis data streams, as Lambda delivers them ("Using Lambda with Kinesis").

A producer may put several user records into one, an aggregate ("KPL Aggregated Record Format"), and may compress its
data by gzip. Encryption by the service (KMS) is undone by the service.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

from eventkit._json import is_object
from eventkit.errors import DecodeError
from eventkit.events._base import AwsEvent, text_or_none

__all__ = ["KinesisRecord", "kinesis_records"]

AGGREGATE = b"\xf3\x89\x9a\xc2"
"""What the data of an aggregate begins with."""

GZIP = b"\x1f\x8b"
"""What gzip begins with (RFC 1952); neither JSON nor any text in UTF-8 does."""

GZIP_WINDOW = 31
"""To zlib: the largest window, and gzip's header and checksum."""

MAX_TEXT = 10 * 2**20
"""Bytes that compressed data may have when it is decompressed: as many as the largest record."""


class KinesisRecord(AwsEvent):
    """One record of a stream. A route on a `Stream[M]` gets its data as the model; the rest is on `Delivery.source`.

    A user record of an aggregate is one too; what it came in is its `via`.
    """

    __slots__ = ("_data", "_facts", "_text")
    service: ClassVar[str] = "kinesis"

    def __init__(self, record: Mapping[str, object], via: AwsEvent | None = None) -> None:
        """A view of one record. Raises `DecodeError` when it has no data in base64."""
        raw: Any = record
        facts = raw.get("kinesis")
        data = facts.get("data") if is_object(facts) else None
        if not is_object(facts) or type(data) is not str:
            raise DecodeError("a Kinesis record has no data")
        try:
            self._data = a2b_base64(data, strict_mode=True)
        except (Base64Error, ValueError):
            raise DecodeError("a Kinesis record's data is not in base64") from None
        self._raw = raw
        self._via = via
        self._facts = facts
        self._text: str | None = None

    @property
    def data(self) -> bytes:
        """The data as the producer wrote it."""
        return self._data

    @property
    def text(self) -> str:
        """The data as text, decompressed where it is gzip.

        Raises `DecodeError` for data that is not UTF-8, damaged, or larger than 10 MiB when it is decompressed.
        """
        if self._text is None:
            data = _decompressed(self._data) if self._data.startswith(GZIP) else self._data
            try:
                self._text = data.decode()
            except UnicodeDecodeError:
                raise DecodeError("a Kinesis record's data is no text in UTF-8") from None
        return self._text

    @property
    def id(self) -> str:
        return str(self._raw.get("eventID", ""))

    @property
    def source_arn(self) -> str:
        arn = self._raw.get("eventSourceARN")
        return arn if type(arn) is str else ""

    @property
    def partition_key(self) -> str:
        """The key by which the producer chose the shard."""
        return str(self._facts.get("partitionKey", ""))

    @property
    def explicit_hash_key(self) -> str | None:
        """What a user record of an aggregate was placed by in its key's stead: a decimal number; None elsewhere."""
        return text_or_none(self._facts.get("explicitHashKey"))

    @property
    def sequence_number(self) -> str:
        """The record's place in its shard: a decimal text to be compared as a number."""
        return str(self._facts.get("sequenceNumber", ""))

    @property
    def subsequence_number(self) -> int | None:
        """A user record's place in its aggregate, from 0; None for a record that was in none."""
        number = self._facts.get("subSequenceNumber")
        return number if type(number) is int else None

    @property
    def shard(self) -> str | None:
        """The shard's name; None where the record does not say."""
        shard, separator, _ = self.id.rpartition(":")
        return shard if separator else None

    @property
    def time(self) -> datetime | None:
        """When the stream got the record, to about a millisecond."""
        seconds = self._facts.get("approximateArrivalTimestamp")
        try:
            return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) else None
        except (ValueError, OverflowError, OSError):
            return None

    def __repr__(self) -> str:
        return f"KinesisRecord(id={self.id!r}, stream={self.resource_name!r})"


def kinesis_records(record: Mapping[str, object]) -> tuple[KinesisRecord, ...]:
    """The record, or the user records in an aggregate, in their order.

    Whether Lambda's shard is the one that a user record's own key belongs to, which it may not be after a reshard, is
    not asked, as in Lambda. Raises `DecodeError`, and `MissingExtraError` where nothing can read aggregates.
    """
    whole = KinesisRecord(record)
    if not whole.data.startswith(AGGREGATE):
        return (whole,)
    from eventkit.events._aggregates import user_records  # most streams have none, so most apps need no protobuf

    found = user_records(whole.data)
    return (whole,) if found is None else tuple(_inside(whole, number, *one) for number, one in enumerate(found))


def _inside(aggregate: KinesisRecord, number: int, key: str, hash_key: str | None, data: bytes) -> KinesisRecord:
    """A user record, as a record in Lambda's shape."""
    facts: dict[str, object] = {
        **cast("Mapping[str, object]", aggregate.record["kinesis"]),
        "partitionKey": key,
        "explicitHashKey": hash_key,
        "subSequenceNumber": number,
        "data": b2a_base64(data, newline=False).decode("ascii"),
    }
    return KinesisRecord({**aggregate.record, "kinesis": facts}, aggregate)


def _decompressed(data: bytes) -> bytes:
    from zlib import decompressobj, error  # most streams have no compressed data

    stream = decompressobj(GZIP_WINDOW)
    try:
        found = stream.decompress(data, MAX_TEXT + 1)
    except error:
        raise DecodeError("a Kinesis record's data begins as gzip does and is none") from None
    if len(found) > MAX_TEXT:
        raise DecodeError(f"a Kinesis record's data is larger than {MAX_TEXT} bytes when it is decompressed")
    if not stream.eof or stream.unused_data:
        raise DecodeError("a Kinesis record's data begins as gzip does and is none")
    return found
