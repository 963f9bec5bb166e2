"""The blog's REST API: `create_api` gives one object that runs under uvicorn and, through Mangum, in Lambda.

What it needs comes in as parameters, so a test gives it a store in memory and a clock of its own. Cache headers are
such that a CDN does the reading: it keeps what was published until an event invalidates it, and serves what it has
while the API is being asked, or does not answer.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from ulid import ULID

from eventkit_handlers.welcome_email import address_key
from examples.blog._cursors import Cursors
from examples.blog._head import HeadAsGet
from examples.blog._items import (
    POST,
    SUBSCRIBER,
    Comment,
    Photo,
    Post,
    Subscriber,
    comment_sk,
    now,
    photo_sk,
    post_pk,
    subscriber_pk,
)
from examples.blog._models import (
    CommentList,
    CommentView,
    Edited,
    Health,
    NewComment,
    NewPhoto,
    NewPost,
    NewSubscriber,
    PhotoList,
    PhotoView,
    PostList,
    PostView,
    Subscribed,
    Summary,
    Uploading,
)
from examples.blog._photos import upload_key
from examples.blog._preconditions import is_edit_of, is_fresh, tag_of
from examples.blog._problems import ProblemError, answer_with_problems, responses
from examples.blog._store import Article, BlogStore, Edit, Id, Position
from examples.blog._texts import is_slug, slug_of, summary_of
from examples.blog._uploads import Uploads

__all__ = ["create_api"]

P = TypeVar("P")

NO_STORE = "no-store"
LISTING = "public, max-age=0, s-maxage=300, stale-while-revalidate=60, stale-if-error=86400"
ARTICLE = "public, max-age=0, s-maxage=86400, stale-while-revalidate=60, stale-if-error=86400"
COMMENTS = "public, max-age=0, s-maxage=30, stale-while-revalidate=60, stale-if-error=86400"

MEDIA = "/media/"
"""Where the edge has the bucket's objects."""

MOST_PHOTOS = 30
"""Photos of a post: all of them are in one answer."""

POSTS = Cursors(TypeAdapter(Position))
REMARKS = Cursors(TypeAdapter(Id))


def _ulid() -> str:
    return str(ULID())


@dataclass(frozen=True, slots=True)
class Services:
    """What the operations work with."""

    blog: BlogStore
    uploads: Uploads
    region: str
    now: Callable[[], int]
    new_id: Callable[[], str]


def create_api(
    blog: BlogStore,
    uploads: Uploads,
    *,
    region: str = "local",
    now: Callable[[], int] = now,
    new_id: Callable[[], str] = _ulid,
) -> FastAPI:
    """The API over a store and a bucket.

    `region` is noted as the place of each write. `now` gives milliseconds since 1970, and `new_id` texts of which each
    is greater than those before it, as ULIDs are.
    """
    app = FastAPI(
        title="MyBlog.com",
        version="1",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        max_body_size=1_000_000,
    )
    app.state.services = Services(blog, uploads, region, now, new_id)
    app.include_router(router, prefix="/api")
    app.add_middleware(HeadAsGet)
    answer_with_problems(app)
    return app


def _operation_id(route: APIRoute) -> str:
    """The function's name: clients are generated from it."""
    return route.name


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Given = Annotated[Services, Depends(_services)]


async def _article(slug: str, given: Given) -> Article:
    article = await given.blog.article(slug) if is_slug(slug) else None
    if article is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "There is no such post.")
    return article


Known = Annotated[Article, Depends(_article)]
"""The post that the address names; 404 where there is none."""

Limit = Annotated[int, Query(ge=1, le=50, description="How many at most")]
Cursor = Annotated[str | None, Query(description="Where to go on: `next` of the part before")]

router = APIRouter()


def _slugs(title: str, given: Given) -> Iterator[str]:
    """Names for a post, the nicest first; the others end in what no other post has."""
    slug = slug_of(title)
    yield slug
    yield f"{slug}-{given.new_id().lower()}"


def _place(cursors: Cursors[P], cursor: str | None) -> P | None:
    try:
        return None if cursor is None else cursors.decode(cursor)
    except ValueError:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "The cursor is none of this listing's.") from None


def _written(response: Response, article: Article) -> PostView:
    response.headers.update({"Cache-Control": NO_STORE, "ETag": tag_of(article)})
    return PostView.of(article, MEDIA)


@router.get("/health", tags=["health"])
async def get_health(response: Response) -> Health:
    """Whether the API answers; it asks nobody else."""
    response.headers["Cache-Control"] = NO_STORE
    return Health()


@router.get("/posts", tags=["posts"], responses=responses(HTTPStatus.BAD_REQUEST))
async def list_posts(response: Response, given: Given, limit: Limit = 10, cursor: Cursor = None) -> PostList:
    """Posts, newest first."""
    page = await given.blog.headlines(limit, _place(POSTS, cursor))
    response.headers["Cache-Control"] = LISTING
    last = Position(page.items[-1].published_at, page.items[-1].slug) if page.more else None
    items = [Summary.of(post, MEDIA) for post in page.items]
    return PostList(items=items, next=None if last is None else POSTS.encode(last))


@router.post("/posts", status_code=HTTPStatus.CREATED, tags=["posts"], responses=responses(HTTPStatus.CONFLICT))
async def create_post(body: NewPost, response: Response, given: Given) -> PostView:
    """Publish a post; its name in addresses is made of its title."""
    at = given.now()
    for slug in _slugs(body.title, given):
        post = Post(
            pk=post_pk(slug),
            sk=POST,
            **body.model_dump(),
            slug=slug,
            summary=summary_of(body.text),
            published_at=at,
            edited_at=at,
            updated_at=at,
            region=given.region,
        )
        if await given.blog.add(post):
            response.headers["Location"] = f"/api/posts/{slug}"
            return _written(response, Article(post, ()))
    raise ProblemError(HTTPStatus.CONFLICT, "There are posts of this title already; choose another.")


@router.get("/posts/{slug}", response_model=PostView, tags=["posts"], responses=responses(HTTPStatus.NOT_FOUND))
async def get_post(
    article: Known, response: Response, if_none_match: Annotated[str | None, Header()] = None
) -> PostView | Response:
    """A post with its photos."""
    headers = {"Cache-Control": ARTICLE, "ETag": tag_of(article)}
    if is_fresh(if_none_match, headers["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    response.headers.update(headers)
    return PostView.of(article, MEDIA)


@router.put(
    "/posts/{slug}",
    tags=["posts"],
    responses=responses(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.PRECONDITION_REQUIRED),
)
async def edit_post(
    body: Edited,
    article: Known,
    response: Response,
    given: Given,
    if_match: Annotated[str | None, Header(description="The ETag of what was edited")] = None,
) -> PostView:
    """Edit a post, unless somebody else has edited it since; a photo that became ready meanwhile is no edit."""
    if if_match is None:
        raise ProblemError(HTTPStatus.PRECONDITION_REQUIRED, "Say which version you have edited: If-Match, its ETag.")
    edit = Edit(body.title, summary_of(body.text), body.text, given.now())
    matches = is_edit_of(if_match, article.post.edited_at)
    post = await given.blog.edit(article.post, edit) if matches else None
    if post is None:
        raise ProblemError(HTTPStatus.PRECONDITION_FAILED, "Another edit came first; read the post again.")
    return _written(response, Article(post, article.photos))


@router.get(
    "/posts/{slug}/comments", tags=["comments"], responses=responses(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)
)
async def list_comments(
    article: Known, response: Response, given: Given, limit: Limit = 20, cursor: Cursor = None
) -> CommentList:
    """Comments on a post, oldest first."""
    page = await given.blog.comments(article.post.slug, limit, _place(REMARKS, cursor))
    response.headers["Cache-Control"] = COMMENTS
    last = page.items[-1].id if page.more else None
    return CommentList(items=[*map(CommentView.of, page.items)], next=None if last is None else REMARKS.encode(last))


@router.post(
    "/posts/{slug}/comments",
    status_code=HTTPStatus.CREATED,
    tags=["comments"],
    responses=responses(HTTPStatus.NOT_FOUND),
)
async def create_comment(body: NewComment, article: Known, response: Response, given: Given) -> CommentView:
    """Comment on a post."""
    name, at, slug = given.new_id(), given.now(), article.post.slug
    comment = Comment(
        pk=post_pk(slug),
        sk=comment_sk(name),
        **body.model_dump(),
        id=name,
        slug=slug,
        created_at=at,
        updated_at=at,
        region=given.region,
    )
    await given.blog.add(comment)
    response.headers["Cache-Control"] = NO_STORE
    return CommentView.of(comment)


@router.get("/posts/{slug}/photos", tags=["photos"], responses=responses(HTTPStatus.NOT_FOUND))
async def list_photos(article: Known, response: Response) -> PhotoList:
    """All photos of a post, those that wait and those that were refused included."""
    response.headers["Cache-Control"] = NO_STORE
    return PhotoList(items=[PhotoView.of(photo, MEDIA) for photo in article.photos])


@router.post(
    "/posts/{slug}/photos",
    status_code=HTTPStatus.CREATED,
    tags=["photos"],
    responses=responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def create_photo(body: NewPhoto, article: Known, response: Response, given: Given) -> Uploading:
    """Announce a photo, and get the form to upload it by."""
    if len(article.photos) >= MOST_PHOTOS:
        raise ProblemError(HTTPStatus.CONFLICT, f"A post has at most {MOST_PHOTOS} photos.")
    name, slug = given.new_id(), article.post.slug
    photo = Photo(
        pk=post_pk(slug),
        sk=photo_sk(name),
        id=name,
        slug=slug,
        name=body.name,
        updated_at=given.now(),
        region=given.region,
    )
    upload = await given.uploads.form(upload_key(slug, name, body.type), body.type)
    await given.blog.add(photo)
    response.headers["Cache-Control"] = NO_STORE
    return Uploading(upload=upload, photo=PhotoView.of(photo, MEDIA))


@router.post("/subscribers", status_code=HTTPStatus.ACCEPTED, tags=["subscribers"], responses=responses())
async def create_subscriber(body: NewSubscriber, response: Response, given: Given) -> Subscribed:
    """Subscribe somebody. The answer is the same whether they had subscribed or not."""
    at = given.now()
    subscriber = Subscriber(
        pk=subscriber_pk(address_key(body.address)),
        sk=SUBSCRIBER,
        **body.model_dump(),
        created_at=at,
        updated_at=at,
        region=given.region,
    )
    await given.blog.add(subscriber)
    response.headers["Cache-Control"] = NO_STORE
    return Subscribed()
