"""Aggregates of the Kinesis Producer Library: several user records in one record ("KPL Aggregated Record Format").

After four magic bytes comes a message of Protocol Buffers, and after that its MD5 digest. protobuf reads it; the
format is stated here, because `aws_kinesis_agg`, which states it too, puts itself in front of `sys.path`, prints the
payload of a damaged aggregate, and drops what is behind the damage.
"""

from functools import cache
from hashlib import md5
from typing import Any, NamedTuple

from eventkit.errors import DecodeError, MissingExtraError

__all__ = ["UserRecord", "user_records"]

MAGIC = 4
"""Bytes before the message."""

DIGEST = 16
"""Bytes behind the message."""

MAX_RECORDS = 50_000
"""User records that an aggregate may hold: 20 bytes for each, in one of 1 MiB."""

MAX_KEY = 256
"""Characters of a partition key ("PutRecord"), with room to spare for a hash key."""


class UserRecord(NamedTuple):
    """What the producer put into an aggregate as one record."""

    partition_key: str
    explicit_hash_key: str | None
    data: bytes


def user_records(data: bytes) -> list[UserRecord] | None:
    """The user records in data that begin with the magic bytes; None where the digest says that it is no aggregate.

    Raises `DecodeError` for an aggregate that is damaged or too large, and `MissingExtraError` without protobuf.
    """
    message = data[MAGIC:-DIGEST]
    if not message or md5(message, usedforsecurity=False).digest() != data[-DIGEST:]:
        return None
    aggregate: Any = _aggregate()()
    from google.protobuf.message import DecodeError as NotProtobuf

    try:
        aggregate.ParseFromString(message)
        found = (
            _records(aggregate) if aggregate.IsInitialized() else None
        )  # parsing does not look for what must be there
    except (NotProtobuf, IndexError, UnicodeDecodeError):
        found = None
    if found is None:
        raise DecodeError("an aggregated Kinesis record is damaged, though its digest is right")
    return found


def _records(aggregate: Any) -> list[UserRecord]:  # noqa: ANN401 - a class that protobuf makes at run time
    if len(aggregate.records) > MAX_RECORDS:
        raise DecodeError(f"an aggregated Kinesis record holds more than {MAX_RECORDS} user records")
    keys = [_key(key) for key in aggregate.partition_key_table]
    hash_keys = [_key(key) for key in aggregate.explicit_hash_key_table]
    return [
        UserRecord(
            keys[one.partition_key_index],
            hash_keys[one.explicit_hash_key_index] if one.HasField("explicit_hash_key_index") else None,
            one.data,
        )
        for one in aggregate.records
    ]


def _key(key: bytes) -> str:
    text = key.decode()
    if len(text) > MAX_KEY:
        raise DecodeError(f"a key in an aggregated Kinesis record has more than {MAX_KEY} characters")
    return text


@cache
def _aggregate() -> type:
    """The message `AggregatedRecord`, in a pool of its own, so that no other definition can be in its way.

    Keys are read as bytes, which are text on the wire. Raises `MissingExtraError`.
    """
    try:
        from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
        from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
        from google.protobuf.descriptor_pool import DescriptorPool
        from google.protobuf.message_factory import GetMessageClass
    except ModuleNotFoundError as error:
        raise MissingExtraError("google.protobuf", "kinesis") from error

    required, optional, repeated = Field.LABEL_REQUIRED, Field.LABEL_OPTIONAL, Field.LABEL_REPEATED
    record = DescriptorProto(
        name="Record",
        field=[
            Field(name="partition_key_index", number=1, label=required, type=Field.TYPE_UINT64),
            Field(name="explicit_hash_key_index", number=2, label=optional, type=Field.TYPE_UINT64),
            Field(name="data", number=3, label=required, type=Field.TYPE_BYTES),
        ],
    )
    aggregate = DescriptorProto(
        name="AggregatedRecord",
        field=[
            Field(name="partition_key_table", number=1, label=repeated, type=Field.TYPE_BYTES),
            Field(name="explicit_hash_key_table", number=2, label=repeated, type=Field.TYPE_BYTES),
            Field(name="records", number=3, label=repeated, type=Field.TYPE_MESSAGE, type_name="Record"),
        ],
    )
    pool = DescriptorPool()
    pool.Add(FileDescriptorProto(name="aggregate.proto", package="kpl", message_type=[record, aggregate]))
    return GetMessageClass(pool.FindMessageTypeByName("kpl.AggregatedRecord"))
