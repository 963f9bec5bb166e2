"""A photo's way: the key that it is uploaded under, and what becomes of its item."""

import re
from collections.abc import Sequence

from eventkit import Reject
from eventkit_handlers.thumbnails import StoredThumbnail
from examples.blog._items import Photo, Size, later
from examples.blog._store import BlogStore

__all__ = ["PREFIX", "SUFFIXES", "ready", "refused", "upload_key", "uploaded"]

PREFIX = "uploads/"
"""Where in the bucket photos are uploaded to."""

SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/gif": ".gif"}

KEY = re.compile(rf"{PREFIX}(?P<slug>[^/]+)/(?P<photo>[^/.]+)\.[a-z]+")


def upload_key(slug: str, photo: str, content_type: str) -> str:
    """The key for a photo of this type, one of those in `SUFFIXES`."""
    return f"{PREFIX}{slug}/{photo}{SUFFIXES[content_type]}"


async def uploaded(key: str, blog: BlogStore) -> Photo:
    """The photo that was uploaded under the key.

    Raises `Reject` for a key that the API makes for none, and `LookupError` where there is no such photo: its item may
    be on its way from another Region, so the event is retried.
    """
    names = KEY.fullmatch(key)
    if names is None:
        raise Reject("the object's key is not that of a photo")
    photo = await blog.photo(names["slug"], names["photo"])
    if photo is None:
        raise LookupError("there is no photo of this name in the table")
    return photo


def ready(photo: Photo, made: Sequence[StoredThumbnail], at: int) -> Photo:
    """The photo in its sizes, each made in WebP and in JPEG; a small photo's larger sizes are all the same."""
    pairs = zip(made[::2], made[1::2], strict=True)
    sizes = {
        webp.width: Size(width=webp.width, height=webp.height, webp=webp.key, jpeg=jpeg.key) for webp, jpeg in pairs
    }
    return photo.model_copy(update={"status": "ready", "sizes": tuple(sizes.values()), "updated_at": later(photo, at)})


def refused(photo: Photo, reason: str, at: int) -> Photo:
    """The photo, refused for a reason."""
    return photo.model_copy(update={"status": "refused", "reason": reason, "updated_at": later(photo, at)})
