"""What stands for the blog's surroundings in tests: time, a bucket, a mailer and a CDN, and items to begin with."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from itertools import count

from PIL import Image

from eventkit import App
from eventkit.inject import Overrides
from eventkit_handlers.cdn_invalidation import open_invalidations
from eventkit_handlers.thumbnails import Render, Thumbnail, ThumbnailSpec, make_thumbnails
from eventkit_handlers.welcome_email import Mail
from examples.blog._items import (
    POST,
    SUBSCRIBER,
    Comment,
    Photo,
    Post,
    Subscriber,
    comment_sk,
    photo_sk,
    post_pk,
    subscriber_pk,
)
from examples.blog._memory import MemoryBlog
from examples.blog._services import Services
from examples.blog._settings import Settings
from examples.blog._uploads import Upload
from examples.blog.app import renderer, router

START = 1_700_000_000_000
"""Milliseconds since 1970."""


def clock() -> Callable[[], int]:
    """A clock that goes on by a second whenever it is looked at."""
    return count(START, 1_000).__next__


def names() -> Callable[[], str]:
    """Ids in order, as ULIDs are."""
    numbers = count(1)
    return lambda: f"{next(numbers):026d}"


def a_post(slug: str = "hello", *, at: int = START, text: str = "A text.") -> Post:
    return Post(
        pk=post_pk(slug),
        sk=POST,
        slug=slug,
        title=slug.title(),
        summary=text[:200],
        text=text,
        author="Ada",
        published_at=at,
        edited_at=at,
        updated_at=at,
        region="local",
    )


def a_comment(name: str, slug: str = "hello") -> Comment:
    return Comment(
        pk=post_pk(slug),
        sk=comment_sk(name),
        id=name,
        slug=slug,
        author="Bob",
        text="Nice.",
        created_at=START,
        updated_at=START,
        region="local",
    )


def a_photo(name: str = "1", slug: str = "hello") -> Photo:
    return Photo(
        pk=post_pk(slug), sk=photo_sk(name), id=name, slug=slug, name="A cat", updated_at=START, region="local"
    )


def a_subscriber(address: str = "ada@example.org", name: str = "Ada") -> Subscriber:
    return Subscriber(
        pk=subscriber_pk(address.casefold()),
        sk=SUBSCRIBER,
        address=address,
        name=name,
        created_at=START,
        updated_at=START,
        region="local",
    )


def picture(kind: str = "PNG", size: tuple[int, int] = (1_200, 900)) -> bytes:
    file = BytesIO()
    Image.linear_gradient("L").resize(size).save(file, kind)  # pyright: ignore[reportUnknownMemberType] - numpy's types
    return file.getvalue()


class Bucket:
    """Objects in memory, with their types."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.types: dict[str, str] = {}

    async def get(self, bucket: str, key: str, *, limit: int) -> tuple[bytes, Mapping[str, str]] | None:
        assert bucket == "photos"
        return (self.objects[key][:limit], {}) if key in self.objects else None

    async def put(self, bucket: str, key: str, data: bytes, *, content_type: str, metadata: Mapping[str, str]) -> None:
        assert (bucket, metadata) == ("photos", {"eventkit-generated": "thumbnail"})
        self.objects[key], self.types[key] = data, content_type


@dataclass
class Outbox:
    """Keeps mail; `failures` are raised first, one at a time."""

    sent: list[Mail] = field(default_factory=list[Mail])
    failures: list[Exception] = field(default_factory=list[Exception])

    async def send(self, mail: Mail) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(mail)


class Cdn:
    """Keeps what was invalidated, call by call."""

    def __init__(self) -> None:
        self.calls: list[Sequence[str]] = []

    async def invalidate(self, paths: Sequence[str], reference: str) -> None:
        assert reference
        self.calls.append(paths)


class Forms:
    """Gives forms that say what was asked for."""

    async def form(self, key: str, content_type: str) -> Upload:
        return Upload(url="https://uploads.example", fields={"key": key, "Content-Type": content_type})


class FailingBlog(MemoryBlog):
    """Raises `failures` first, one at a time, where a photo is to be settled."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[Exception] = []

    async def settle(self, photo: Photo) -> None:
        if self.failures:
            raise self.failures.pop(0)
        await super().settle(photo)


@dataclass
class Surroundings:
    """The app's surroundings, with a post and a photo of it that waits."""

    blog: FailingBlog = field(default_factory=FailingBlog)
    bucket: Bucket = field(default_factory=Bucket)
    outbox: Outbox = field(default_factory=Outbox)
    cdn: Cdn = field(default_factory=Cdn)

    def __post_init__(self) -> None:
        for item in (a_post(), a_photo()):
            self.blog.items[item.pk, item.sk] = item

    @property
    def app(self) -> App:
        """The blog's routes, here."""
        app = App("blog", lifespan=self._lifespan)
        app.include(router)
        return app

    @property
    def photo(self) -> Photo:
        """The photo, as it is now."""
        found = self.blog.items[post_pk("hello"), photo_sk("1")]
        assert isinstance(found, Photo)
        return found

    @asynccontextmanager
    async def _lifespan(self, _: App) -> AsyncGenerator[Services]:
        async with open_invalidations(self.cdn) as invalidations:
            yield Services(self.blog, self.bucket, self.outbox, invalidations, Settings(), clock())


def at_once() -> Render:
    """Thumbnails without a child process: virtual time does not wait for one."""
    return _render


async def _render(data: bytes, specs: Sequence[ThumbnailSpec]) -> Sequence[Thumbnail]:
    return make_thumbnails(data, specs)


OVERRIDES: Overrides = {renderer: at_once}
