"""The blog's items in memory, for tests and for working on the pages."""

from collections.abc import Sequence
from typing import TypeVar

from examples.blog._items import POST, Comment, Headline, Photo, Post, Subscriber, photo_sk, post_pk
from examples.blog._store import Article, Edit, Page, Position, covered, edited

__all__ = ["MemoryBlog"]

T = TypeVar("T")

Key = tuple[str, str]


class MemoryBlog:
    """A `BlogStore`. Its verbs never wait, so each is done as a whole."""

    def __init__(self, region: str = "local") -> None:
        self._region = region
        self.items: dict[Key, Post | Comment | Photo | Subscriber] = {}
        """Everything, by its key."""

    async def headlines(self, limit: int, after: Position | None) -> Page[Headline]:
        posts = [one for one in self.items.values() if isinstance(one, Post)]
        posts.sort(key=_position, reverse=True)
        behind = [post for post in posts if after is None or _position(post) < after]
        found = [Headline.model_validate(post.model_dump(include=set(Headline.model_fields))) for post in behind]
        return _page(found, limit)

    async def article(self, slug: str) -> Article | None:
        post = self._post(slug)
        if post is None:
            return None
        photos = [one for _, one in sorted(self.items.items()) if isinstance(one, Photo) and one.slug == slug]
        return Article(post, photos)

    async def comments(self, slug: str, limit: int, after: str | None) -> Page[Comment]:
        found = [one for _, one in sorted(self.items.items()) if isinstance(one, Comment) and one.slug == slug]
        return _page([one for one in found if after is None or one.id > after], limit)

    async def photo(self, slug: str, photo: str) -> Photo | None:
        found = self.items.get((post_pk(slug), photo_sk(photo)))
        return found if isinstance(found, Photo) else None

    async def add(self, item: Post | Comment | Photo | Subscriber) -> bool:
        return self.items.setdefault((item.pk, item.sk), item) == item

    async def edit(self, post: Post, edit: Edit) -> Post | None:
        found = self._post(post.slug)
        if found is None or found.edited_at != post.edited_at:
            return None
        return self._put(edited(found, edit))

    async def settle(self, photo: Photo) -> None:
        post, waiting = self._post(photo.slug), await self.photo(photo.slug, photo.id)
        if post is not None and post.photo is None and photo.status == "ready":
            self._put(covered(post, photo))
        if waiting is not None and waiting.status == "waiting":
            self.items[photo.pk, photo.sk] = photo

    def _post(self, slug: str) -> Post | None:
        found = self.items.get((post_pk(slug), POST))
        return found if isinstance(found, Post) else None

    def _put(self, post: Post) -> Post:
        here = post.model_copy(update={"region": self._region})
        self.items[post.pk, post.sk] = here
        return here


def _position(post: Post) -> Position:
    return Position(post.published_at, post.slug)


def _page(found: Sequence[T], limit: int) -> Page[T]:
    return Page(found[:limit], more=len(found) > limit)
