"""The blog's app by itself: what it stores, what it refuses, and that it never feeds itself."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from io import BytesIO

import pytest
from PIL import Image

from eventkit import Names, Outcome, Reject
from eventkit.backends import Raw
from eventkit.dispatch import Dispatcher
from eventkit.inject import Overrides
from eventkit.outcomes import DONE
from eventkit.testing import s3_event, s3_record, sns_envelope, sqs_record
from eventkit_handlers.thumbnails import thumbnail_key, thumbnail_maker
from examples.blog import app as blog
from tests.core.harness import opened

BUCKET = "photos"


def picture(kind: str = "PNG") -> bytes:
    file = BytesIO()
    Image.linear_gradient("L").resize((640, 480)).save(file, kind)  # pyright: ignore[reportUnknownMemberType] - numpy's types
    return file.getvalue()


def notification(key: str) -> Raw:
    """What S3 says about a new object, by way of SNS and SQS."""
    return sqs_record(sns_envelope(s3_event(s3_record("ObjectCreated:Put", BUCKET, key)), "blog-photos"), "blog-photos")


class MemoryBucket:
    """A bucket that notifies of every object that is put into it, as S3 does."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.notifications: list[Raw] = []

    async def get(self, bucket: str, key: str, *, limit: int) -> tuple[bytes, Mapping[str, str]] | None:
        assert bucket == BUCKET
        return (self.objects[key][:limit], {}) if key in self.objects else None

    async def put(self, bucket: str, key: str, data: bytes, *, content_type: str, metadata: Mapping[str, str]) -> None:
        assert (bucket, content_type, metadata) == (BUCKET, "image/jpeg", {"eventkit-generated": "thumbnail"})
        self.upload(key, data)

    def upload(self, key: str, data: bytes) -> None:
        self.objects[key] = data
        self.notifications.append(notification(key))

    async def deliver_all(self, dispatcher: Dispatcher) -> list[Outcome]:
        """Deliver until there is nothing more to deliver; it must end."""
        outcomes: list[Outcome] = []
        while self.notifications:
            outcomes.append(await dispatcher.handle(self.notifications.pop(0)))
            assert len(outcomes) < 10, "the app feeds itself"
        return outcomes


@asynccontextmanager
async def running(bucket: MemoryBucket) -> AsyncGenerator[Dispatcher]:
    def thumbnails() -> blog.Thumbnailer:
        return thumbnail_maker(bucket, blog.SPEC, prefix=blog.THUMBNAILS)

    overrides: Overrides = {blog.thumbnails: thumbnails}
    async with opened(blog.app, names=Names("blog"), overrides=overrides) as dispatcher:
        yield dispatcher


async def test_one_upload_gives_exactly_one_thumbnail() -> None:
    bucket = MemoryBucket()
    bucket.upload("uploads/café crème.png", picture())

    async with running(bucket) as dispatcher:
        outcomes = await bucket.deliver_all(dispatcher)

    made = thumbnail_key(BUCKET, "uploads/café crème.png", blog.SPEC, blog.THUMBNAILS)
    assert outcomes == [DONE, DONE]
    assert set(bucket.objects) == {"uploads/café crème.png", made}


@pytest.mark.parametrize("key", ["uploads/notes.txt", "drafts/a.png", "thumbnails/a.png", "a.png"])
async def test_what_is_no_upload_of_a_picture_is_left_alone(key: str) -> None:
    bucket = MemoryBucket()
    bucket.upload(key, picture())

    async with running(bucket) as dispatcher:
        outcomes = await bucket.deliver_all(dispatcher)

    assert outcomes == [DONE]
    assert set(bucket.objects) == {key}


async def test_a_broken_picture_is_rejected_with_its_reason() -> None:
    bucket = MemoryBucket()
    bucket.upload("uploads/broken.jpg", picture("JPEG")[:500])

    async with running(bucket) as dispatcher:
        outcomes = await bucket.deliver_all(dispatcher)

    assert outcomes == [Reject("the image is damaged or of an unsupported kind (OSError)")]
    assert set(bucket.objects) == {"uploads/broken.jpg"}


async def test_the_same_event_twice_stores_the_same_thumbnail() -> None:
    bucket = MemoryBucket()
    async with running(bucket) as dispatcher:
        bucket.upload("uploads/a.png", picture())
        await bucket.deliver_all(dispatcher)
        once = dict(bucket.objects)

        bucket.upload("uploads/a.png", picture())
        await bucket.deliver_all(dispatcher)

    assert bucket.objects == once
