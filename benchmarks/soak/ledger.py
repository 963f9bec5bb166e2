"""The table of leases, as one who looks on sees it: what is in it, and every change that it has ever taken.

The emulator's table has a stream of its own, so no write is missed, and it tells each one's item before and after.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodbstreams import DynamoDBStreamsClient

__all__ = ["Change", "Entry", "Ledger", "open_ledger"]


Item = Mapping[str, Any]
"""An item in DynamoDB's typed form, which two clients type in two ways."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A lease, as far as it is judged; the checkpoint is its text."""

    shard: str
    owner: str | None
    counter: int
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Change:
    """One write: the lease before and after it, None where there was none."""

    old: Entry | None
    new: Entry | None


class Ledger:
    """The leases of one stream."""

    def __init__(self, table: str, dynamodb: "DynamoDBClient", streams: "DynamoDBStreamsClient", arn: str) -> None:
        self._table = table
        self._dynamodb = dynamodb
        self._streams = streams
        self._arn = arn

    @property
    def leases(self) -> Sequence[Entry]:
        """All leases as they are now."""
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
        return [_entry(item) for page in pages for item in page["Items"]]

    @property
    def history(self) -> Sequence[Change]:
        """Every change, in order."""
        (shard,) = self._streams.describe_stream(StreamArn=self._arn)["StreamDescription"].get("Shards", [])
        found: list[Change] = []
        iterator = self._streams.get_shard_iterator(
            StreamArn=self._arn, ShardId=shard.get("ShardId", ""), ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while True:
            page = self._streams.get_records(ShardIterator=iterator)
            if not page["Records"]:
                return found
            changes = [record.get("dynamodb", {}) for record in page["Records"]]
            found += [Change(_image(one.get("OldImage")), _image(one.get("NewImage"))) for one in changes]
            iterator = page["NextShardIterator"]


def _image(item: Item | None) -> Entry | None:
    return _entry(item) if item else None


def _entry(item: Item) -> Entry:
    texts = {name: value["S"] for name, value in item.items() if "S" in value}
    return Entry(texts["shard"], texts.get("owner"), int(item["counter"]["N"]), texts["checkpoint"])


@contextmanager
def open_ledger(environ: Mapping[str, str], table: str) -> Generator[Ledger]:
    """Make a table of leases where these environment variables lead."""
    session: Any = boto3.Session(  # boto3's types know hundreds of clients, and pyright only those that are installed
        region_name=environ["AWS_REGION"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
    )
    dynamodb: DynamoDBClient = session.client("dynamodb", endpoint_url=environ["AWS_ENDPOINT_URL"])
    streams: DynamoDBStreamsClient = session.client("dynamodbstreams", endpoint_url=environ["AWS_ENDPOINT_URL"])
    try:
        made = dynamodb.create_table(
            TableName=table,
            KeySchema=[
                {"AttributeName": "consumer", "KeyType": "HASH"},
                {"AttributeName": "shard", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "consumer", "AttributeType": "S"},
                {"AttributeName": "shard", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )["TableDescription"]
        yield Ledger(table, dynamodb, streams, made.get("LatestStreamArn", ""))
    finally:
        dynamodb.close()
        streams.close()
