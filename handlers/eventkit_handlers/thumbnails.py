"""Make a thumbnail of every image that is put into a bucket.

::

    make = thumbnail_maker(store, ThumbnailSpec(size=(320, 320), format="WEBP"))
    app.on(photos.created(prefix="uploads/"))(make)

`thumbnails_maker` makes several of each image, which is decoded once: `thumbnails_maker(store, [small, large])`.

`store` is anything with the two verbs of `ObjectStore`. `make_thumbnails` is the pure part alone. Images that strangers
upload are best decoded in a child process: `thumbnail_maker(store, render=in_process())`.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Protocol

from eventkit.errors import ConfigurationError
from eventkit.events.s3 import ObjectCreated
from eventkit.outcomes import Reject
from eventkit_handlers._images import make_thumbnail, make_thumbnails
from eventkit_handlers._sandbox import in_process
from eventkit_handlers._spec import Render, Thumbnail, ThumbnailFormat, ThumbnailSpec

__all__ = [
    "ObjectStore",
    "Render",
    "StoredThumbnail",
    "Thumbnail",
    "ThumbnailFormat",
    "ThumbnailSpec",
    "in_process",
    "in_thread",
    "make_thumbnail",
    "make_thumbnails",
    "thumbnail_key",
    "thumbnail_maker",
    "thumbnails_maker",
]

log: logging.Logger = logging.getLogger(__name__)

MARK: Final = {"eventkit-generated": "thumbnail"}
"""User metadata of every thumbnail, by which any maker knows one, whatever its key."""

MAX_PREFIX: Final = 256
"""Characters. With the longest stem, hash and size a key stays far below the 1,024 bytes that S3 allows."""

PREFIX: Final = re.compile(r"(?:(?!\.\.?/)[A-Za-z0-9!_.*'()=-]+/)+")
"""Folders of the characters that the S3 user guide calls safe ("Naming Amazon S3 objects"), and `=`; no `.` or `..`."""


class ObjectStore(Protocol):
    """Where the originals are and the thumbnails go. Errors that may pass are raised; they lead to a retry."""

    async def get(self, bucket: str, key: str, *, limit: int) -> tuple[bytes, Mapping[str, str]] | None:
        """The object's content as it is now, with its user metadata; None where there is none.

        Reads at most `limit` bytes and leaves the rest: a size stated elsewhere may be wrong. The names of the
        metadata are without `x-amz-meta-`, in lower case.
        """
        ...

    async def put(self, bucket: str, key: str, data: bytes, *, content_type: str, metadata: Mapping[str, str]) -> None:
        """Store the object, replacing what has this key."""
        ...


@dataclass(frozen=True, slots=True)
class StoredThumbnail:
    """A thumbnail that was stored, and of what. A route may publish it: `to=Queue[StoredThumbnail]("made")`."""

    bucket: str
    key: str
    width: int
    height: int
    content_type: str
    source_bucket: str
    source_key: str


async def in_thread(data: bytes, specs: Sequence[ThumbnailSpec]) -> Sequence[Thumbnail]:
    """Make the thumbnails on a thread. Quick, but a decoder that hangs or crashes takes the process with it."""
    return await asyncio.to_thread(make_thumbnails, data, specs)


def thumbnail_key(bucket: str, key: str, spec: ThumbnailSpec, prefix: str = "thumbnails/") -> str:
    """Where the thumbnail of an object is stored: the same for the same object, another for any other.

    Only ASCII letters, digits, `-` and `_` of the key's last part are kept, for people to read; what tells objects
    apart is a hash of 128 bits.
    """
    name = key.rstrip("/").rpartition("/")[2]
    stem = re.sub(r"[^A-Za-z0-9_]+", "-", name.rpartition(".")[0] or name).strip("-")[:40] or "image"
    # Keys out of JSON may hold lone surrogates. No bucket's name holds a slash.
    digest = sha256(f"{bucket}/{key}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
    width, height = spec.size
    return f"{prefix}{stem}-{digest}-{width}x{height}{spec.suffix}"


def thumbnail_maker(
    store: ObjectStore,
    spec: ThumbnailSpec = ThumbnailSpec(),  # noqa: B008 - an immutable value
    *,
    prefix: str = "thumbnails/",
    bucket: str | None = None,
    render: Render = in_thread,
) -> Callable[[ObjectCreated], Coroutine[Any, Any, StoredThumbnail | None]]:
    """A handler that stores a thumbnail of each object created, and returns it, or None where it stored nothing.

    It does what that of `thumbnails_maker` does, with one spec. Raises `ConfigurationError` likewise.
    """
    make = thumbnails_maker(store, [spec], prefix=prefix, bucket=bucket, render=render)

    async def store_thumbnail(event: ObjectCreated) -> StoredThumbnail | None:
        return next(iter(await make(event)), None)

    return store_thumbnail


def thumbnails_maker(
    store: ObjectStore,
    specs: Sequence[ThumbnailSpec],
    *,
    prefix: str = "thumbnails/",
    bucket: str | None = None,
    render: Render = in_thread,
) -> Callable[[ObjectCreated], Coroutine[Any, Any, Sequence[StoredThumbnail]]]:
    """A handler that stores thumbnails of each object created, one for each spec, and returns them in their order.

    The original is read and decoded once. Thumbnails go to `bucket` (None: the one the object is in) under `prefix`,
    see `thumbnail_key`. A repeated event stores the same bytes under the same keys. The content is read as it is now,
    not as it was at the event, because events come in any order. How many run at once is up to the route
    (`concurrency=`).

    The handler returns nothing, having stored nothing, for an object that is gone, for a folder marker (a key that ends
    in a slash) and for a thumbnail: a key under `prefix` in the bucket that it writes to, or an object with the
    metadata in `MARK`. It raises `Reject` for what `make_thumbnails` rejects; errors of the store pass through.

    Raises `ConfigurationError` where there is no spec, or two would be stored under one key, and for a prefix that is
    not one or more folders: without one the handler would be called for its own thumbnails. Better still, subscribe to
    another prefix. Two makers in one app need routes with a `name=` each.
    """
    _check_prefix(prefix)
    _check_specs(specs)
    most = min(spec.max_bytes for spec in specs)

    async def store_thumbnails(event: ObjectCreated) -> Sequence[StoredThumbnail]:
        target = bucket or event.bucket
        if event.key.endswith("/") or (event.bucket == target and event.key.startswith(prefix)):
            return ()
        data = await _original(store, event, most)
        if data is None:
            return ()
        made = zip(specs, await render(data, specs), strict=True)
        return [await put(event, target, spec, thumbnail) for spec, thumbnail in made]

    async def put(event: ObjectCreated, target: str, spec: ThumbnailSpec, thumbnail: Thumbnail) -> StoredThumbnail:
        key = thumbnail_key(event.bucket, event.key, spec, prefix)
        await store.put(target, key, thumbnail.data, content_type=spec.content_type, metadata=MARK)
        size = {"width": thumbnail.width, "height": thumbnail.height}
        log.info("thumbnail.stored", extra={"bucket": target, "key": key, "source_key": event.key, **size})
        return StoredThumbnail(
            target, key, **size, content_type=spec.content_type, source_bucket=event.bucket, source_key=event.key
        )

    return store_thumbnails


async def _original(store: ObjectStore, event: ObjectCreated, most: int) -> bytes | None:
    """The content, of at most so many bytes, to make thumbnails of; None where nothing is to be done."""
    if event.size is not None and event.size > most:
        raise Reject(f"the object has {event.size:,} bytes; at most {most:,} are accepted")
    # One byte beyond the limit is enough for `make_thumbnails` to see that there are too many.
    found = await store.get(event.bucket, event.key, limit=most + 1)
    if found is None:
        log.info("thumbnail.original_gone", extra={"bucket": event.bucket, "key": event.key})
        return None
    data, metadata = found
    return None if MARK.items() <= metadata.items() else data


def _check_specs(specs: Sequence[ThumbnailSpec]) -> None:
    if not specs or len({(spec.size, spec.format) for spec in specs}) < len(specs):
        raise ConfigurationError("thumbnails_maker() needs specs of which no two have the same size and format")


def _check_prefix(prefix: str) -> None:
    if not PREFIX.fullmatch(prefix) or len(prefix) > MAX_PREFIX:
        raise ConfigurationError(
            f"prefix={prefix!r}: thumbnails need a folder of their own, such as 'thumbnails/': ASCII, "
            f"at most {MAX_PREFIX} characters, a slash at the end and none at the start"
        )
