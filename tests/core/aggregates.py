"""Aggregates as the Kinesis Producer Library writes them, by AWS's own aggregator."""

import sys
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import md5
from importlib import import_module
from typing import Any

MAGIC = b"\xf3\x89\x9a\xc2"

User = tuple[str, str | None, bytes]
"""A user record: partition key, explicit hash key, data."""


@cache
def _library(module: str) -> Any:  # noqa: ANN401 - it has no types
    """A module of `aws_kinesis_agg`, without the folders that importing it puts in front of `sys.path`."""
    path = [*sys.path]
    try:
        return import_module(f"aws_kinesis_agg.{module}")
    finally:
        sys.path[:] = path


def aggregate(users: Iterable[User]) -> bytes:
    """The data of a record that holds these user records."""
    aggregator = _library("aggregator").AggRecord()
    for key, hash_key, data in users:
        assert aggregator.add_user_record(key, data, hash_key)
    data = aggregator.get_contents()[2]
    assert isinstance(data, bytes)
    return data


def deaggregated(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The user records of a record in Lambda's shape, as AWS's deaggregator gives them: data as bytes of base64."""
    found: list[dict[str, Any]] = _library("deaggregator").deaggregate_records([record])
    return found


def enclosed(message: bytes) -> bytes:
    """A message with the magic bytes and the right digest around it."""
    return MAGIC + message + md5(message, usedforsecurity=False).digest()
