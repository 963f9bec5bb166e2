"""Where the blog's items are kept: what a store promises, whatever it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, NamedTuple, Protocol, TypeVar

from pydantic import Field, StringConstraints

from examples.blog._items import Comment, Headline, Photo, Post, Shown, Subscriber

__all__ = ["Article", "BlogStore", "Edit", "Id", "Page", "Position", "shown"]

T = TypeVar("T")


Id = Annotated[str, StringConstraints(pattern="^[0-9A-Za-z]{1,26}$")]
"""A comment's id: a ULID."""


class Position(NamedTuple):
    """A post's place in the listing."""

    published_at: Annotated[int, Field(ge=0, lt=10**15)]
    slug: Annotated[str, Field(min_length=1, max_length=200)]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a listing, and whether it goes on behind its last item."""

    items: Sequence[T]
    more: bool


@dataclass(frozen=True, slots=True)
class Article:
    """A post with all its photos, in the order in which they were added."""

    post: Post
    photos: Sequence[Photo]


@dataclass(frozen=True, slots=True)
class Edit:
    """What an edit makes of a post; `at` is in milliseconds since 1970."""

    title: str
    summary: str
    text: str
    at: int


class BlogStore(Protocol):
    """The blog's table. What was written is read at once, apart from the listing, which may lag behind.

    Errors that may pass, of whatever kind, are raised.
    """

    async def headlines(self, limit: int, after: Position | None) -> Page[Headline]:
        """At most so many posts, newest first, from behind a place on."""
        ...

    async def article(self, slug: str) -> Article | None:
        """The post with its photos, if there is one."""
        ...

    async def comments(self, slug: str, limit: int, after: str | None) -> Page[Comment]:
        """At most so many comments on a post, oldest first, from behind the one with this id on."""
        ...

    async def photo(self, slug: str, photo: str) -> Photo | None:
        """The post's photo with this id, if there is one."""
        ...

    async def add(self, item: Post | Comment | Photo | Subscriber) -> bool:
        """Write an item; False, having written nothing, where its key is taken."""
        ...

    async def edit(self, slug: str, version: int, edit: Edit) -> Post | None:
        """Edit this version of the post; None where another edit came first, or there is no such post."""
        ...

    async def settle(self, photo: Photo) -> None:
        """Make of a waiting photo what it has become; one that is not waiting any more stays as it is.

        The first photo of a post that is ready becomes the post's own, before it is told to be ready.
        """
        ...


def shown(photo: Photo) -> Shown:
    """The photo as a post carries it."""
    return Shown(id=photo.id, name=photo.name, sizes=photo.sizes)
