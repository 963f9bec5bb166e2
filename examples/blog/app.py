"""The blog's app: a photograph that is put under `uploads/` gets a thumbnail under `thumbnails/` in the same bucket.

What runs the app is up to `lambda_main` and `poller_main`; where the bucket is, up to the environment
(`AWS_ENDPOINT_URL`, `EVENTKIT_BUCKET_PHOTOS`, `EVENTKIT_VIA_PHOTOS`, …).
"""

import os
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Annotated, Any

from eventkit import App, Bucket, Depends, ObjectCreated
from eventkit_handlers.thumbnails import ObjectStore, StoredThumbnail, ThumbnailSpec, in_process, thumbnail_maker

__all__ = ["PICTURES", "SPEC", "THUMBNAILS", "UPLOADS", "app", "photos", "thumbnails"]

UPLOADS = "uploads/"
THUMBNAILS = "thumbnails/"
PICTURES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".tif", ".tiff", ".bmp")
SPEC = ThumbnailSpec(size=(320, 320))

Thumbnailer = Callable[[ObjectCreated], Coroutine[Any, Any, StoredThumbnail | None]]

photos = Bucket("photos")


@dataclass(frozen=True, slots=True)
class State:
    """What the app opens once in every process."""

    store: ObjectStore


@asynccontextmanager
async def lifespan(_: App) -> AsyncGenerator[State]:
    """Open S3 for the length of the process."""
    async with _open_store() as store:
        yield State(store)


def thumbnails(state: State) -> Thumbnailer:
    """The ready handler, wired. Strangers' files are decoded in a child process."""
    return thumbnail_maker(state.store, SPEC, prefix=THUMBNAILS, render=in_process())


app = App("blog", lifespan=lifespan)


@app.on(photos.created(prefix=UPLOADS, suffix=PICTURES), timeout=30, concurrency=4)
async def make_thumbnail(photo: ObjectCreated, make: Annotated[Thumbnailer, Depends(thumbnails, scope="app")]) -> None:
    """Thumbnails lie outside `uploads/`, so that the events of their own creation match no route."""
    await make(photo)


def _open_store() -> AbstractAsyncContextManager[ObjectStore]:
    """S3, by what the runtime brings; imported here, because an SDK costs a quarter of a second."""
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        from eventkit_aws.s3 import blocking_object_store

        return nullcontext(blocking_object_store())
    from eventkit_aws.s3 import open_object_store

    return open_object_store()
