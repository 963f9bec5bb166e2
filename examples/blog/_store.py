"""Where the blog's items are kept: what a store promises, whatever it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, NamedTuple, Protocol, TypeVar

from pydantic import Field, StringConstraints

from examples.blog._items import Comment, Headline, Photo, Post, Shown, Subscriber, later

__all__ = ["Article", "BlogStore", "Edit", "Id", "Page", "Position", "covered", "edited"]

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
    """What an edit makes of a post; `at` is the time by our clock, in milliseconds since 1970."""

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
        """Write an item; False, having written nothing, where its key is taken by another."""
        ...

    async def edit(self, post: Post, edit: Edit) -> Post | None:
        """Edit the post as it was read; None where another edit came first, or it is not there any more.

        A photo that has become the post's own since then is no edit.
        """
        ...

    async def settle(self, photo: Photo) -> None:
        """Make of a waiting photo what it has become; one that is not waiting any more stays as it is.

        The first photo of a post that is ready becomes the post's own, before it is told to be ready.
        """
        ...


def edited(post: Post, edit: Edit) -> Post:
    """The post, edited."""
    at = later(post, edit.at)
    texts = {"title": edit.title, "summary": edit.summary, "text": edit.text}
    return post.model_copy(update={**texts, "version": post.version + 1, "edited_at": at, "updated_at": at})


def covered(post: Post, photo: Photo) -> Post:
    """The post with a photo as its own."""
    cover = Shown(id=photo.id, name=photo.name, sizes=photo.sizes)
    return post.model_copy(update={"photo": cover, "updated_at": later(post, photo.updated_at)})
