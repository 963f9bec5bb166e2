"""What is in the blog's table: posts with their comments and photos, and subscribers, each an item of its kind.

One table holds them all, keyed so that what is read together lies together: a post, its photos and its comments share
their partition key `post#<slug>`, and their sort keys put the photos right before the post.
"""

from collections.abc import Mapping, Sequence
from time import time
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

__all__ = [
    "INDEX",
    "POST",
    "SUBSCRIBER",
    "Anything",
    "Comment",
    "Headline",
    "Item",
    "Photo",
    "Post",
    "Shown",
    "Size",
    "Subscriber",
    "comment_sk",
    "later",
    "now",
    "photo_sk",
    "post_pk",
    "read_item",
    "subscriber_pk",
]

POST = "post"
"""A post's sort key. Its photos' begin with `photo#`, its comments' with `comment#`, so both are less than it."""

SUBSCRIBER = "subscriber"
"""A subscriber's sort key."""

INDEX = "recent"
"""The index of posts by the time of their publication. Other items have no such time, so they are not in it."""

Milliseconds = int
"""Since 1970."""


def now() -> Milliseconds:
    """The time by this machine's clock."""
    return int(time() * 1000)


class Size(BaseModel):
    """A photo in one size, by the keys of its two files in the bucket; `width` and `height` in pixels."""

    model_config = ConfigDict(frozen=True)

    width: int
    height: int
    webp: str
    jpeg: str


class Shown(BaseModel):
    """A photo as a page shows it."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    sizes: tuple[Size, ...] = ()


class Item(BaseModel):
    """What every item has. `region` is where it was last written, and `updated_at` when, so that the last one wins.

    eventkit makes the table by `sort_key` and by a model's `indexes`.
    """

    model_config = ConfigDict(frozen=True)
    sort_key: ClassVar[str] = "sk"

    pk: str
    sk: str
    updated_at: Milliseconds
    region: str


class Headline(BaseModel):
    """What the index of posts holds of one."""

    model_config = ConfigDict(frozen=True)

    slug: str
    title: str
    summary: str
    author: str
    published_at: Milliseconds
    photo: Shown | None = None


class Post(Item):
    """A post. `version` counts its edits, from 1; `photo` is the first of its photos that became ready."""

    indexes: ClassVar[Mapping[str, Sequence[str]]] = {
        INDEX: ("kind", "published_at", "slug", "title", "summary", "author", "photo")
    }

    kind: Literal["post"] = "post"
    slug: str
    title: str
    summary: str
    text: str
    author: str
    published_at: Milliseconds
    edited_at: Milliseconds
    version: int = 1
    photo: Shown | None = None


class Comment(Item):
    """A comment on a post; its `id` is a ULID, so comments lie in the order in which they were written."""

    kind: Literal["comment"] = "comment"
    id: str
    slug: str
    author: str
    text: str
    created_at: Milliseconds


class Photo(Item):
    """A photo of a post: waiting for its upload, ready in its sizes, or refused for a reason."""

    kind: Literal["photo"] = "photo"
    id: str
    slug: str
    name: str
    status: Literal["waiting", "ready", "refused"] = "waiting"
    reason: str | None = None
    sizes: tuple[Size, ...] = ()


class Subscriber(Item):
    """Somebody who wants the blog's mail."""

    kind: Literal["subscriber"] = "subscriber"
    address: str
    name: str
    created_at: Milliseconds


Anything = Annotated[Post | Comment | Photo | Subscriber, Field(discriminator="kind")]

read_item: TypeAdapter[Post | Comment | Photo | Subscriber] = TypeAdapter(Anything)
"""Reads an item of whatever kind."""


def later(item: Item, at: Milliseconds) -> Milliseconds:
    """When a change of the item is made, at this time by our clock: after the item was written, by whatever clock.

    Otherwise a clock that is behind another Region's would have the change lost there, where the last writer wins.
    """
    return max(at, item.updated_at + 1)


def post_pk(slug: str) -> str:
    """The partition of a post, its photos and its comments."""
    return f"post#{slug}"


def comment_sk(comment: str) -> str:
    """The sort key of a comment with this id."""
    return f"comment#{comment}"


def photo_sk(photo: str) -> str:
    """The sort key of a photo with this id."""
    return f"photo#{photo}"


def subscriber_pk(address: str) -> str:
    """The partition of a subscriber; `address` is the same for each spelling of it."""
    return f"subscriber#{address}"
