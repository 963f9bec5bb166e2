"""What the API takes and gives."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from unicodedata import category

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from eventkit_handlers.welcome_email import address_of
from examples.blog._items import Comment, Headline, Photo, Shown
from examples.blog._store import Article
from examples.blog._uploads import LARGEST, Upload

__all__ = [
    "CommentList",
    "CommentView",
    "Edited",
    "Health",
    "NewComment",
    "NewPhoto",
    "NewPost",
    "NewSubscriber",
    "PhotoList",
    "PhotoView",
    "PostList",
    "PostView",
    "Subscribed",
    "Summary",
    "Uploading",
]


JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""Not printed, yet Persian words and many emoji are written with them."""


def _one_line(text: str) -> str:
    """Spaces of whatever width and kind are spaces, as French and Japanese have them."""
    if not all(one.isprintable() or one in JOINERS or category(one) == "Zs" for one in text):
        raise ValueError("It has a line break, or something else that cannot be printed.")
    if not any(one.isprintable() and one != " " for one in text):
        raise ValueError("It has nothing that is seen.")
    return text


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_one_line)]

Title = Annotated[Line, Field(max_length=160)]
Name = Annotated[Line, Field(max_length=80)]
Caption = Annotated[Line, Field(max_length=200)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50_000)]
Remark = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=5_000)]
Address = Annotated[str, StringConstraints(strip_whitespace=True, max_length=254), AfterValidator(address_of)]


class Body(BaseModel):
    """What is sent; a member that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid")


class NewPost(Body):
    """A post to publish."""

    title: Title
    text: Text
    author: Name


class Edited(Body):
    """What an edit makes of a post."""

    title: Title
    text: Text


class NewComment(Body):
    """A comment to add."""

    author: Name
    text: Remark


class NewPhoto(Body):
    """A photo that will be uploaded: what it shows, its type, and how many bytes it has."""

    name: Caption
    type: Literal["image/jpeg", "image/png", "image/webp", "image/gif"]
    size: Annotated[int, Field(ge=1, le=LARGEST)]


class NewSubscriber(Body):
    """Somebody who wants mail."""

    address: Address
    name: Name


class SizeView(BaseModel):
    """A photo in one size: width and height in pixels, and where its two files are."""

    width: int
    height: int
    webp: str
    jpeg: str


class PhotoView(BaseModel):
    """A photo; `reason` says why one was refused."""

    id: str
    name: str
    status: Literal["waiting", "ready", "refused"]
    reason: str | None
    sizes: list[SizeView]

    @classmethod
    def of(cls, photo: Photo | Shown, media: str) -> "PhotoView":
        """The photo, whose files are found under `media`."""
        sizes = [
            SizeView(width=one.width, height=one.height, webp=media + one.webp, jpeg=media + one.jpeg)
            for one in photo.sizes
        ]
        if isinstance(photo, Shown):
            return cls(id=photo.id, name=photo.name, status="ready", reason=None, sizes=sizes)
        return cls(id=photo.id, name=photo.name, status=photo.status, reason=photo.reason, sizes=sizes)


class PhotoList(BaseModel):
    """All photos of a post."""

    items: list[PhotoView]


class Summary(BaseModel):
    """A post in the listing; `photo` is the first one that became ready."""

    slug: str
    title: str
    summary: str
    author: str
    published_at: datetime
    photo: PhotoView | None

    @classmethod
    def of(cls, post: Headline, media: str) -> "Summary":
        """The post, the files of whose photo are found under `media`."""
        photo = None if post.photo is None else PhotoView.of(post.photo, media)
        told = post.model_dump(include={"slug", "title", "summary", "author"})
        return cls(**told, published_at=_time(post.published_at), photo=photo)


class PostView(BaseModel):
    """A post with its photos that are ready; `version` counts edits from 1."""

    slug: str
    title: str
    text: str
    author: str
    published_at: datetime
    updated_at: datetime
    version: int
    photos: list[PhotoView]

    @classmethod
    def of(cls, article: Article, media: str) -> "PostView":
        """The post, the files of whose photos are found under `media`."""
        post = article.post
        return cls(
            slug=post.slug,
            title=post.title,
            text=post.text,
            author=post.author,
            published_at=_time(post.published_at),
            updated_at=_time(post.edited_at),
            version=post.version,
            photos=[PhotoView.of(photo, media) for photo in article.photos if photo.status == "ready"],
        )


class CommentView(BaseModel):
    """A comment."""

    id: str
    author: str
    text: str
    created_at: datetime

    @classmethod
    def of(cls, comment: Comment) -> "CommentView":
        """The comment."""
        return cls(id=comment.id, author=comment.author, text=comment.text, created_at=_time(comment.created_at))


class PostList(BaseModel):
    """Part of the listing; `next` is the cursor of the part that follows, null in the last one."""

    items: list[Summary]
    next: str | None


class CommentList(BaseModel):
    """Part of a post's comments; `next` is the cursor of the part that follows, null in the last one."""

    items: list[CommentView]
    next: str | None


class Uploading(BaseModel):
    """A photo that waits for its upload, and the form to send it by."""

    upload: Upload
    photo: PhotoView


class Subscribed(BaseModel):
    """The same for everybody, so that nobody learns who has subscribed."""

    status: Literal["accepted"] = "accepted"


class Health(BaseModel):
    """That the API answers."""

    status: Literal["ok"] = "ok"


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
