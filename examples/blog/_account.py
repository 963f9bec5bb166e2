"""The demo's hands in the account: it looks at what is there, and undoes what was made of a photo."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import Any

from eventkit.backends import Raw
from eventkit.streams import open_streams
from eventkit.streams.positions import TRIM_HORIZON
from eventkit_local.dev import Session
from examples.blog._items import photo_sk, post_pk
from examples.blog.app import THUMBNAILS

__all__ = ["Account", "open_account"]

Client = Any
"""One of aioboto3's clients, whose types come with a package that users need not have."""

PAGE = 1_000


class Account:
    """The app's bucket, its table, its queue and its dead-letter queue."""

    def __init__(self, s3: Client, sqs: Client, dynamodb: Client, session: Session) -> None:
        self._s3 = s3
        self._sqs = sqs
        self._dynamodb = dynamodb
        self._aws = session.aws
        self._queue = session.plan.queues[0]
        self._bucket = session.plan.buckets[0].name
        self._table = session.plan.tables[0].name

    async def thumbnails(self, photo: str) -> Mapping[str, bytes]:
        """The photo's thumbnails by their keys."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=f"{THUMBNAILS}{photo}")
        keys = [found["Key"] async for page in pages for found in page.get("Contents", ())]
        return {key: await self._content(key) for key in keys}

    async def undo(self, slug: str, photo: str) -> None:
        """Take the photo's thumbnails away, and have it wait again."""
        for key in await self.thumbnails(photo):
            await self._s3.delete_object(Bucket=self._bucket, Key=key)
        await self._dynamodb.update_item(
            TableName=self._table,
            Key={"pk": {"S": post_pk(slug)}, "sk": {"S": photo_sk(photo)}},
            UpdateExpression="SET #status = :waiting REMOVE sizes",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":waiting": {"S": "waiting"}},
        )

    async def waiting(self) -> int:
        """How many messages are in the app's queue, those in flight included."""
        return await self._count(self._queue.name)

    async def refused(self) -> int:
        """How many messages are in its dead-letter queue."""
        return await self._count(self._queue.dead_letter)

    async def changes(self, region: str) -> Sequence[Raw]:
        """What the stream of the table holds in a Region."""
        found = list[Raw]()
        async with open_streams(self._aws.in_region(region).backend_url) as streams:
            stream = await streams.resolve("table", self._table)
            for shard in (await streams.shards(stream)).shards:
                page = await streams.read(await streams.open(stream, shard.id, TRIM_HORIZON), PAGE)
                found += page.records
        return found

    async def _content(self, key: str) -> bytes:
        found = await self._s3.get_object(Bucket=self._bucket, Key=key)
        data: bytes = await found["Body"].read()
        return data

    async def _count(self, queue: str) -> int:
        url = (await self._sqs.get_queue_url(QueueName=queue))["QueueUrl"]
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = await self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return sum(int(found["Attributes"][name]) for name in names)


@asynccontextmanager
async def open_account(session: Session) -> AsyncGenerator[Account]:
    """Hands in the account that this process's environment points to."""
    aws: Any = import_module("aioboto3").Session()
    async with AsyncExitStack() as stack:
        s3, sqs, dynamodb = [
            await stack.enter_async_context(aws.client(service)) for service in ("s3", "sqs", "dynamodb")
        ]
        yield Account(s3, sqs, dynamodb, session)
