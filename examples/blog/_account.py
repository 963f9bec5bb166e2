"""The demo's hands in the account: it uploads, and looks at what came of that."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from mimetypes import guess_type
from typing import Any

from eventkit import Message, ObjectCreated, decode
from eventkit.backends import Raw
from eventkit_aws.s3 import S3ObjectStore
from eventkit_local.dev import Session
from examples.blog._photographs import Picture
from examples.blog._results import Refusal, Results, key_of
from examples.blog.app import THUMBNAILS

__all__ = ["Account", "open_account"]

Client = Any
"""One of aioboto3's clients, whose types come with a package that users need not have."""

NOTE = "eventkit.reject"
"""The message attribute in which the dead-letter queue's messages say why they are there."""


class Account:
    """The app's bucket, its queue and its dead-letter queue."""

    def __init__(self, s3: Client, sqs: Client, session: Session) -> None:
        self._s3 = s3
        self._sqs = sqs
        self._backend = session.backend
        self._store = S3ObjectStore(s3)
        self._queue = session.plan.queues[0]
        self.bucket = session.plan.buckets[0].name
        """The bucket's physical name."""

    async def upload(self, picture: Picture) -> None:
        """Put the picture where the app looks for it."""
        kind = guess_type(picture.name)[0] or "application/octet-stream"
        await self._store.put(self.bucket, key_of(picture), picture.data, content_type=kind, metadata={})

    async def taken(self, retries: frozenset[str] = frozenset()) -> Results:
        """What a runtime has left, taken away so that the next one finds the account as the first one did."""
        thumbnails = {key: await self._take(key) for key in await self._thumbnails()}
        refusals: dict[str, Refusal] = {}
        while await self._count(self._queue.dead_letter):
            records = await self._backend.receive(self._queue.dead_letter, 10, 1.0)
            refusals |= {_key(record): _refusal(record) for record in records}
            await self._backend.delete(self._queue.dead_letter, records)
        return Results(thumbnails, refusals, retries)

    async def waiting(self) -> int:
        """How many messages are in the app's queue, those in flight included."""
        return await self._count(self._queue.name)

    async def _thumbnails(self) -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=THUMBNAILS)
        return [found["Key"] async for page in pages for found in page.get("Contents", ())]

    async def _take(self, key: str) -> bytes:
        found = await self._s3.get_object(Bucket=self.bucket, Key=key)
        data: bytes = await found["Body"].read()
        await self._s3.delete_object(Bucket=self.bucket, Key=key)
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
        s3, sqs = [await stack.enter_async_context(aws.client(service)) for service in ("s3", "sqs")]
        yield Account(s3, sqs, session)


def _key(record: Raw) -> str:
    """The upload that a dead letter is about."""
    events = decode({"Records": [record]}).events
    return next((event.key for event in events if isinstance(event, ObjectCreated)), Message(record).id)


def _refusal(record: Raw) -> Refusal:
    attributes: Any = record.get("messageAttributes") or {}
    note: Mapping[str, Any] = json.loads(attributes.get(NOTE, {}).get("stringValue", "{}"))
    return Refusal(note.get("reason", "no reason is attached"), note.get("handler"))
