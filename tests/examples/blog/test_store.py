"""Every store of the blog's items keeps the same promises: in memory, and in DynamoDB on two emulators, by two SDKs."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, cast

import aioboto3
import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventkit import Names
from eventkit_aws.sqs import blocking
from eventkit_local.emulator import start_emulator
from eventkit_local.plan import Plan, plan_of
from eventkit_local.provision import Target, provision
from examples.blog._dynamodb import Call, DynamoDbBlog, DynamoDbClient
from examples.blog._items import Photo, Size
from examples.blog._memory import MemoryBlog
from examples.blog._store import Article, BlogStore, Edit, Position
from examples.blog.app import app
from tests.examples.blog.stand_ins import START, a_comment, a_photo, a_post, a_subscriber

NUMBERS = count(1)

EDIT = Edit("Another title", "Another summary", "Another text", START + 5)
SIZES = (Size(width=320, height=240, webp="thumbnails/a.webp", jpeg="thumbnails/a.jpg"),)


def ready(at: int) -> Photo:
    return a_photo().model_copy(update={"status": "ready", "sizes": SIZES, "updated_at": at})


@pytest.fixture(scope="module")
def ministack() -> Iterator[str]:
    if os.name != "posix":
        pytest.skip("the emulator runs on Linux and macOS")
    with start_emulator() as emulator:
        yield emulator.endpoint_url


async def new_table(endpoint: str) -> str:
    """A table as eventkit makes it for the app."""
    names = Names("blog", {"TABLE_BLOG": f"blog-{next(NUMBERS)}"})
    (table,) = plan_of(app, names).tables
    await provision(Plan(tables=(table,)), Target(endpoint, "us-east-1"), lambda _: None)
    return table.name


async def by_aioboto3(endpoint: str) -> AsyncIterator[DynamoDbBlog]:
    sdk = cast("Any", aioboto3.Session())
    async with sdk.client("dynamodb", endpoint_url=endpoint) as client:
        yield DynamoDbBlog(client, await new_table(endpoint))


async def by_boto3(endpoint: str) -> AsyncIterator[DynamoDbBlog]:
    client = cast("Any", boto3).client("dynamodb", endpoint_url=endpoint)
    yield DynamoDbBlog(cast("DynamoDbClient", blocking(client)), await new_table(endpoint))
    client.close()


@dataclass(frozen=True)
class Through:
    """A client to whose writes something happens on their way."""

    client: DynamoDbClient
    on_its_way: Callable[[Call], Call]

    @property
    def get_item(self) -> Call:
        return self.client.get_item

    @property
    def query(self) -> Call:
        return self.client.query

    @property
    def put_item(self) -> Call:
        return self.on_its_way(self.client.put_item)

    @property
    def update_item(self) -> Call:
        return self.on_its_way(self.client.update_item)


def twice(write: Call) -> Call:
    """The write as an SDK makes it where the first answer is lost."""

    async def repeated(**request: object) -> object:
        await write(**request)
        return await write(**request)

    return repeated


def after(deed: Callable[[], Awaitable[object]]) -> Callable[[Call], Call]:
    """The first write comes after somebody else's deed."""
    left = iter([deed])

    def late(write: Call) -> Call:
        async def call(**request: object) -> object:
            for one in left:
                await one()
            return await write(**request)

        return call

    return late


@pytest.fixture(params=["memory", "aioboto3 on ministack", "boto3 on moto"])
async def blog(request: pytest.FixtureRequest) -> AsyncIterator[BlogStore]:
    match request.param:
        case "memory":
            yield MemoryBlog()
        case "aioboto3 on ministack":
            async for one in by_aioboto3(request.getfixturevalue("ministack")):
                yield one
        case _:
            async for one in by_boto3(request.getfixturevalue("moto")):
                yield one


async def test_a_post_is_read_as_it_was_written(blog: BlogStore) -> None:
    post = a_post(text='Fünf Zeilen\nund 😀 "Zitate"')

    assert await blog.add(post)

    article = await blog.article("hello")
    assert article is not None
    assert (article.post, list(article.photos)) == (post, [])


async def test_what_is_not_there_is_none(blog: BlogStore) -> None:
    await blog.add(a_comment("1", "other"))

    assert await blog.article("other") is None
    assert await blog.photo("other", "1") is None
    assert await blog.edit(a_post("other"), EDIT) is None


async def test_a_key_is_taken_once(blog: BlogStore) -> None:
    first, second = a_post(), a_post(text="Another.")

    assert [await blog.add(first), await blog.add(second)] == [True, False]

    article = await blog.article("hello")
    assert article is not None
    assert article.post == first


async def test_of_posts_of_one_name_that_are_added_at_once_there_is_one(blog: BlogStore) -> None:
    added = await asyncio.gather(*(blog.add(a_post(text=f"Text {number}")) for number in range(5)))

    assert sorted(added) == [False, False, False, False, True]


async def test_a_subscriber_is_one_for_each_address(blog: BlogStore) -> None:
    assert [await blog.add(a_subscriber(name=name)) for name in ("Ada", "Eve")] == [True, False]


async def test_an_edit_makes_the_next_version_of_a_post(blog: BlogStore) -> None:
    await blog.add(a_post())

    edited = await blog.edit(a_post(), EDIT)

    article = await blog.article("hello")
    assert article is not None
    assert article.post == edited
    assert edited is not None
    assert (edited.title, edited.summary, edited.text) == (EDIT.title, EDIT.summary, EDIT.text)
    assert (edited.version, edited.edited_at, edited.updated_at) == (2, EDIT.at, EDIT.at)
    assert (edited.published_at, edited.author) == (START, "Ada")


async def test_of_edits_of_one_version_at_once_exactly_one_wins(blog: BlogStore) -> None:
    await blog.add(a_post())
    edits = [Edit(f"Title {number}", "", "Text", START) for number in range(5)]

    edited = await asyncio.gather(*(blog.edit(a_post(), edit) for edit in edits))

    (winner,) = [post for post in edited if post is not None]
    article = await blog.article("hello")
    assert article is not None
    assert (article.post.title, article.post.version) == (winner.title, 2)


async def test_an_edit_of_a_post_that_has_got_its_photo_since_is_later_than_that(blog: BlogStore) -> None:
    for item in (a_post(), a_photo()):
        await blog.add(item)
    await blog.settle(ready(START + 100))

    edited = await blog.edit(a_post(), EDIT)

    assert edited is not None
    assert (edited.text, edited.updated_at, edited.edited_at) == (EDIT.text, START + 101, START + 101)
    assert (await existing(blog)).post == edited
    assert edited.photo is not None


async def existing(blog: BlogStore) -> Article:
    article = await blog.article("hello")
    assert article is not None
    return article


class TestWritesOnTheirWay:
    """What may happen between a write and its answer, where DynamoDB is far away."""

    @pytest.fixture
    async def opened(self, ministack: str) -> AsyncIterator[tuple[DynamoDbClient, str]]:
        client = cast("Any", boto3).client("dynamodb", endpoint_url=ministack)
        yield cast("DynamoDbClient", blocking(client)), await new_table(ministack)
        client.close()

    async def test_what_is_added_is_added_though_the_answer_is_lost(self, opened: tuple[DynamoDbClient, str]) -> None:
        client, table = opened
        blog = DynamoDbBlog(Through(client, twice), table)

        assert await blog.add(a_post())
        assert await blog.add(a_photo())
        assert not await blog.add(a_post(text="Another."))

    async def test_an_edit_is_made_once_though_the_answer_is_lost(self, opened: tuple[DynamoDbClient, str]) -> None:
        client, table = opened
        blog = DynamoDbBlog(Through(client, twice), table)
        await blog.add(a_post())

        edited = await blog.edit(a_post(), EDIT)

        assert (await existing(blog)).post == edited
        assert edited is not None
        assert edited.version == 2

    async def test_a_photo_that_becomes_a_posts_own_while_it_is_edited_is_later_than_the_edit(
        self, opened: tuple[DynamoDbClient, str]
    ) -> None:
        client, table = opened
        blog = DynamoDbBlog(client, table)
        for item in (a_post(), a_photo()):
            await blog.add(item)
        edit = Edit("Another title", "", "Another text", START + 1_000)

        late = DynamoDbBlog(Through(client, after(lambda: blog.edit(a_post(), edit))), table)
        await late.settle(ready(START + 100))

        post = (await existing(blog)).post
        assert (post.text, post.edited_at, post.updated_at) == ("Another text", START + 1_000, START + 1_001)
        assert post.photo is not None

    async def test_of_two_photos_that_become_ready_at_once_the_first_is_the_posts_own(
        self, opened: tuple[DynamoDbClient, str]
    ) -> None:
        client, table = opened
        blog = DynamoDbBlog(client, table)
        for item in (a_post(), a_photo("1"), a_photo("2")):
            await blog.add(item)
        second = ready(START + 1).model_copy(update={"sk": a_photo("2").sk, "id": "2"})

        late = DynamoDbBlog(Through(client, after(lambda: blog.settle(second))), table)
        await late.settle(ready(START + 2))

        article = await existing(blog)
        assert article.post.photo is not None
        assert article.post.photo.id == "2"
        assert [photo.status for photo in article.photos] == ["ready", "ready"]


async def test_comments_come_oldest_first_in_parts(blog: BlogStore) -> None:
    for name in ("3", "1", "5", "2", "4"):
        await blog.add(a_comment(name))
    await blog.add(a_comment("0", "other"))
    await blog.add(a_photo())

    first = await blog.comments("hello", 2, None)
    second = await blog.comments("hello", 2, first.items[-1].id)
    third = await blog.comments("hello", 2, second.items[-1].id)

    assert [[one.id for one in page.items] for page in (first, second, third)] == [["1", "2"], ["3", "4"], ["5"]]
    assert [page.more for page in (first, second, third)] == [True, True, False]


async def test_a_part_that_takes_all_that_is_left_is_the_last(blog: BlogStore) -> None:
    await blog.add(a_comment("1"))

    assert not (await blog.comments("hello", 1, None)).more


async def test_a_post_has_its_photos_in_order_and_not_its_comments(blog: BlogStore) -> None:
    for item in (a_photo("2"), a_post(), a_comment("1"), a_photo("1"), a_photo("1", "other")):
        await blog.add(item)

    article = await blog.article("hello")

    assert article is not None
    assert list(article.photos) == [a_photo("1"), a_photo("2")]
    assert await blog.photo("hello", "2") == a_photo("2")


async def test_the_first_photo_that_is_ready_becomes_the_posts_own(blog: BlogStore) -> None:
    for item in (a_post(), a_photo("1"), a_photo("2")):
        await blog.add(item)
    ready = [a_photo(name).model_copy(update={"status": "ready", "sizes": SIZES}) for name in ("2", "1")]

    for photo in ready:
        await blog.settle(photo)

    article = await blog.article("hello")
    assert article is not None
    assert list(article.photos) == ready[::-1]
    assert article.post.photo is not None
    assert (article.post.photo.id, article.post.photo.sizes, article.post.version) == ("2", SIZES, 1)
    assert article.post.updated_at == START + 1
    (headline,) = (await blog.headlines(1, None)).items
    assert headline.photo == article.post.photo


async def test_a_photo_is_settled_once(blog: BlogStore) -> None:
    await blog.add(a_post())
    await blog.add(a_photo())
    refused = a_photo().model_copy(update={"status": "refused", "reason": "it is damaged", "updated_at": START + 1})

    await blog.settle(refused)
    await blog.settle(a_photo().model_copy(update={"status": "refused", "reason": "another", "updated_at": START + 2}))

    assert await blog.photo("hello", "1") == refused
    article = await blog.article("hello")
    assert article is not None
    assert article.post == a_post()


async def test_a_photo_of_nothing_makes_no_item(blog: BlogStore) -> None:
    await blog.settle(a_photo().model_copy(update={"status": "ready", "sizes": SIZES}))

    assert await blog.article("hello") is None
    assert await blog.photo("hello", "1") is None


async def test_the_listing_has_posts_alone_and_the_newest_first(blog: BlogStore) -> None:
    for item in (a_post("b", at=2), a_comment("1", "b"), a_photo("1", "b"), a_subscriber(), a_post("c", at=3)):
        await blog.add(item)

    page = await blog.headlines(10, None)

    assert [headline.slug for headline in page.items] == ["c", "b"]
    assert not page.more


async def listed(blog: BlogStore, limit: int) -> list[str]:
    slugs: list[str] = []
    place: Position | None = None
    while True:
        page = await blog.headlines(limit, place)
        slugs += [headline.slug for headline in page.items]
        if not page.more:
            return slugs
        place = Position(page.items[-1].published_at, page.items[-1].slug)


TIMES = st.lists(st.integers(0, 3), max_size=12)
"""Few times, so that posts have the same."""


@given(times=TIMES, limit=st.integers(1, 5))
async def test_parts_in_memory_have_every_post_once_and_the_newest_first(times: list[int], limit: int) -> None:
    blog = MemoryBlog()
    posts = [a_post(f"p{number}", at=at) for number, at in enumerate(times)]
    for post in posts:
        await blog.add(post)

    found = await listed(blog, limit)

    when = {post.slug: post.published_at for post in posts}
    assert sorted(found) == sorted(when)
    assert [when[slug] for slug in found] == sorted(when.values(), reverse=True)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(times=TIMES, limit=st.integers(1, 5))
async def test_parts_in_dynamodb_have_every_post_once_and_the_newest_first(
    ministack: str, times: list[int], limit: int
) -> None:
    async for blog in by_boto3(ministack):
        posts = [a_post(f"p{number}", at=at) for number, at in enumerate(times)]
        for post in posts:
            await blog.add(post)

        found = await listed(blog, limit)

        when = {post.slug: post.published_at for post in posts}
        assert sorted(found) == sorted(when)
        assert [when[slug] for slug in found] == sorted(when.values(), reverse=True)
