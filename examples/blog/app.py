"""The blog's app: what happens when something has been written, uploaded, or somebody has subscribed.

What runs it is up to `lambda_main` and `poller_main`; what its resources are called, and where they are, up to the
environment (`EVENTKIT_TABLE_BLOG`, `EVENTKIT_BUCKET_PHOTOS`, `AWS_ENDPOINT_URL`, …). The API (`api.py`) writes into
the same table and hands out forms to upload by; the two know each other by these alone.
"""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Annotated, Any

from eventkit import App, Delivery, Depends, Inserted, Modified, ObjectCreated, Reject, Router
from eventkit.conditions import new
from eventkit_handlers.cdn_invalidation import cdn_invalidation
from eventkit_handlers.thumbnails import Render, StoredThumbnail, ThumbnailSpec, in_process, thumbnails_maker
from eventkit_handlers.welcome_email import once_per_address, welcome_email
from examples.blog._items import Comment, Photo, Post, Subscriber
from examples.blog._photos import PREFIX, ready, refused, uploaded
from examples.blog._resources import comments, photos, pictures, posts, subscribers
from examples.blog._services import Services, open_services
from examples.blog._uploads import LARGEST
from examples.blog._welcome import TEMPLATE, address_of

__all__ = ["SPECS", "THUMBNAILS", "app", "renderer", "router"]

THUMBNAILS = "thumbnails/"

SPECS = [
    ThumbnailSpec(size=(side, side), format=target, max_bytes=LARGEST)
    for side in (320, 960, 1600)
    for target in ("WEBP", "JPEG")
]
"""Each size in both formats: WebP is a third smaller, and JPEG is what everything can show."""

Written = Inserted[Post] | Modified[Post] | Modified[Photo] | Inserted[Comment]
Thumbnailer = Callable[[ObjectCreated], Coroutine[Any, Any, Sequence[StoredThumbnail]]]
Invalidate = Callable[[Written, Delivery], Coroutine[Any, Any, None]]
Welcome = Callable[[Inserted[Subscriber]], Coroutine[Any, Any, None]]

router = Router()


def renderer() -> Render:
    """Strangers' files are decoded in a child process, which cannot take ours with it."""
    return in_process()


def thumbnails(services: Services, render: Annotated[Render, Depends(renderer, scope="app")]) -> Thumbnailer:
    """The ready handler, wired."""
    return thumbnails_maker(services.objects, SPECS, prefix=THUMBNAILS, render=render)


def invalidation(services: Services) -> Invalidate:
    """The ready handler, wired."""
    return cdn_invalidation(services.invalidations, changed_paths)


def welcoming(services: Services) -> Welcome:
    """The ready handler, wired."""
    return welcome_email(
        services.mailer,
        TEMPLATE,
        sender=services.settings.sender,
        address=address_of,
        values=lambda subscriber: {"name": subscriber.name, "site": services.settings.site},
    )


# Lambda's timeout must be longer, and the queue's visibility is six times this.
@router.on(photos.created(prefix=PREFIX), timeout=50, concurrency=4)
async def make_thumbnails(
    upload: ObjectCreated, services: Services, make: Annotated[Thumbnailer, Depends(thumbnails, scope="app")]
) -> None:
    """Make a photo's thumbnails, and note in its item what has become of it: its author is waiting for that.

    The item is written before the event is settled. So an event that comes again finds either a photo that still waits,
    and does the same work over, or one whose fate is known: what is ready stays as it is, whatever is uploaded in its
    place later, and what was refused is rejected again, in case its message is not in the dead-letter queue yet.
    """
    photo = await uploaded(upload.key, services.blog)
    if photo.status == "refused":
        raise Reject(photo.reason or "the photo was refused")
    if photo.status == "ready":
        return
    try:
        made = await make(upload)
    except Reject as reject:
        await services.blog.settle(refused(photo, reject.reason, services.now()))
        raise
    if made:
        await services.blog.settle(ready(photo, made, services.now()))


@router.on(
    (posts.inserted() | posts.modified()).where(new("kind").equals("post"))
    | pictures.modified().where(new("kind").equals("photo"), new("status").becomes("ready"))
    | comments.inserted().where(new("kind").equals("comment"))
)
async def invalidate(
    change: Written, delivery: Delivery, cdn: Annotated[Invalidate, Depends(invalidation, scope="app")]
) -> None:
    """Have the CDN fetch anew what shows the change, and nothing else."""
    await cdn(change, delivery)


@router.on(
    subscribers.inserted().where(new("kind").equals("subscriber")),
    idempotent=once_per_address(address_of),
)
async def welcome(change: Inserted[Subscriber], greet: Annotated[Welcome, Depends(welcoming, scope="app")]) -> None:
    """Welcome a subscriber, once for each address, by whatever path the event comes."""
    await greet(change)


def changed_paths(change: Written) -> Iterable[str]:
    """The paths that show the item, with and without a query."""
    match change.new:
        case Post(slug=slug):
            showing = ["/api/posts", f"/api/posts/{slug}"]
        case Photo(slug=slug):  # the first one is the post's own, whose change is an event of the post
            showing = [f"/api/posts/{slug}"]
        case Comment(slug=slug):
            showing = [f"/api/posts/{slug}/comments"]
    return [path for one in showing for path in (one, f"{one}?*")]


app = App("blog", lifespan=open_services)
app.include(router)
