"""The API: what it answers, what it refuses and how it says so, and what caches are told."""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate

from examples.blog._items import Comment, Post, Size, Subscriber
from examples.blog._memory import MemoryBlog
from examples.blog._store import Article
from examples.blog.api import create_api
from tests.examples.blog.stand_ins import START, Forms, a_photo, a_post, clock, names

JSON = {"Content-Type": "application/json"}
PUBLISH = {"title": "Hello", "text": "A text.", "author": "Ada"}
EDIT = {"title": "Hello again", "text": "Another text."}
COMMENT = {"author": "Bob", "text": "Nice."}
PHOTO = {"name": "A cat", "type": "image/png", "size": 1_000}
SUBSCRIBE = {"address": "ada@example.org", "name": "Ada"}
SIZES = (Size(width=320, height=240, webp="thumbnails/a.webp", jpeg="thumbnails/a.jpg"),)
TAG = f'"{START}.0"'
"""Of a post as `a_post` makes it, and of the first one that is published."""
SIZES_SHOWN = [
    {"width": 320, "height": 240, "webp": "/media/thumbnails/a.webp", "jpeg": "/media/thumbnails/a.jpg"},
]


def cursor_of(place: object) -> str:
    """A cursor that somebody makes up."""
    return urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


@pytest.fixture
def blog() -> MemoryBlog:
    return MemoryBlog()


def api_over(blog: MemoryBlog) -> FastAPI:
    return create_api(blog, Forms(), now=clock(), new_id=names())


def client_of(api: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(api, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="https://blog.example")


@pytest.fixture
async def api(blog: MemoryBlog) -> AsyncGenerator[httpx.AsyncClient]:
    async with client_of(api_over(blog)) as client:
        yield client


def problem(response: httpx.Response) -> dict[str, Any]:
    """The problem that a response is, and nothing but one."""
    found: dict[str, Any] = response.json()
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    assert found["type"] == "about:blank"
    assert found["status"] == response.status_code
    assert found["title"]
    return found


class TestPosts:
    async def test_a_post_is_published_under_its_title(self, api: httpx.AsyncClient) -> None:
        created = await api.post("/api/posts", json={**PUBLISH, "title": "  Crème brûlée, à la Straße! "})

        assert (created.status_code, created.headers["Location"]) == (201, "/api/posts/creme-brulee-a-la-strasse")
        assert created.headers["Cache-Control"] == "no-store"
        read = await api.get(created.headers["Location"])
        assert read.json() == created.json()
        assert read.headers["ETag"] == created.headers["ETag"] == TAG
        assert created.json() == {
            "slug": "creme-brulee-a-la-strasse",
            "title": "Crème brûlée, à la Straße!",
            "text": "A text.",
            "author": "Ada",
            "published_at": "2023-11-14T22:13:20Z",
            "updated_at": "2023-11-14T22:13:20Z",
            "version": 1,
            "photos": [],
        }

    @pytest.mark.parametrize("title", ["Привет", "🐈", "!?"])
    async def test_a_title_without_a_letter_of_ascii_has_a_name_too(self, api: httpx.AsyncClient, title: str) -> None:
        created = await api.post("/api/posts", json={**PUBLISH, "title": title})

        assert created.headers["Location"] == "/api/posts/post"
        assert created.json()["title"] == title

    @pytest.mark.parametrize(
        "title",
        ["Enfin\u202f!", "今日は\u3000晴れ", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "👩\u200d💻 at work"],
        ids=["French", "Japanese", "Persian", "emoji"],
    )
    async def test_a_title_is_written_as_its_language_has_it(self, api: httpx.AsyncClient, title: str) -> None:
        created = await api.post("/api/posts", json={**PUBLISH, "title": title})

        assert (created.status_code, created.json()["title"]) == (201, title)

    async def test_posts_of_one_title_have_names_of_their_own(self, api: httpx.AsyncClient) -> None:
        created = [await api.post("/api/posts", json=PUBLISH) for _ in range(3)]

        places = [one.headers["Location"] for one in created]
        assert places[0] == "/api/posts/hello"
        assert len(set(places)) == 3
        assert [(await api.get(place)).status_code for place in places] == [200] * 3

    async def test_a_post_that_nobody_has_written_is_not_there(self, api: httpx.AsyncClient) -> None:
        for slug in ("nothing", "NOTHING", "a--b", "x" * 500, "%00", "..%2Fposts"):
            assert problem(await api.get(f"/api/posts/{slug}"))["status"] == 404

    async def test_a_post_shows_its_photos_that_are_ready(self, api: httpx.AsyncClient, blog: MemoryBlog) -> None:
        for item in (a_post(), a_photo("1"), a_photo("2"), a_photo("3")):
            await blog.add(item)
        await blog.settle(a_photo("2").model_copy(update={"status": "ready", "sizes": SIZES}))
        await blog.settle(a_photo("3").model_copy(update={"status": "refused", "reason": "it is damaged"}))

        shown = {"id": "2", "name": "A cat", "status": "ready", "reason": None, "sizes": SIZES_SHOWN}
        post = await api.get("/api/posts/hello")
        assert (post.json()["photos"], post.headers["ETag"]) == ([shown], f'"{START}.1"')
        assert (await api.get("/api/posts")).json()["items"][0]["photo"] == shown
        photos = await api.get("/api/posts/hello/photos")
        assert [(one["id"], one["status"], one["reason"]) for one in photos.json()["items"]] == [
            ("1", "waiting", None),
            ("2", "ready", None),
            ("3", "refused", "it is damaged"),
        ]
        assert photos.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("tags", [TAG, f"W/{TAG}", f'"9.9", {TAG}', "*"])
    async def test_who_has_the_post_is_told_so(self, api: httpx.AsyncClient, blog: MemoryBlog, tags: str) -> None:
        await blog.add(a_post())

        response = await api.get("/api/posts/hello", headers={"If-None-Match": tags})

        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["ETag"] == TAG
        assert "s-maxage" in response.headers["Cache-Control"]

    async def test_who_has_an_older_post_gets_the_newer(self, api: httpx.AsyncClient, blog: MemoryBlog) -> None:
        await blog.add(a_post())

        assert (await api.get("/api/posts/hello", headers={"If-None-Match": '"0.0"'})).status_code == 200

    async def test_a_query_that_nobody_knows_is_passed_over(self, api: httpx.AsyncClient, blog: MemoryBlog) -> None:
        await blog.add(a_post())

        assert (await api.get("/api/posts/hello?fresh=1")).status_code == 200


class TestEdits:
    async def test_an_edit_gives_the_next_version(self, api: httpx.AsyncClient) -> None:
        created = await api.post("/api/posts", json=PUBLISH)

        edited = await api.put("/api/posts/hello", json=EDIT, headers={"If-Match": created.headers["ETag"]})

        assert (edited.status_code, edited.json()["version"]) == (200, 2)
        assert edited.headers["Cache-Control"] == "no-store"
        answer = await api.get("/api/posts/hello")
        assert answer.headers["ETag"] == edited.headers["ETag"] != created.headers["ETag"]
        read = answer.json()
        assert read == edited.json()
        assert (read["title"], read["text"], read["author"]) == ("Hello again", "Another text.", "Ada")
        assert read["published_at"] < read["updated_at"]

    async def test_an_edit_of_what_has_been_edited_is_refused(self, api: httpx.AsyncClient) -> None:
        await api.post("/api/posts", json=PUBLISH)
        await api.put("/api/posts/hello", json=EDIT, headers={"If-Match": TAG})

        late = await api.put("/api/posts/hello", json={**EDIT, "title": "Late"}, headers={"If-Match": TAG})

        assert problem(late)["status"] == 412
        assert (await api.get("/api/posts/hello")).json()["title"] == "Hello again"

    async def test_of_two_edits_at_once_exactly_one_wins(self, api: httpx.AsyncClient) -> None:
        await api.post("/api/posts", json=PUBLISH)

        async def edit(title: str) -> httpx.Response:
            return await api.put("/api/posts/hello", json={**EDIT, "title": title}, headers={"If-Match": TAG})

        answers = await asyncio.gather(edit("First"), edit("Second"))

        assert sorted(answer.status_code for answer in answers) == [200, 412]
        (winner,) = [answer.json() for answer in answers if answer.status_code == 200]
        assert (await api.get("/api/posts/hello")).json() == winner

    async def test_a_photo_that_became_ready_meanwhile_costs_nobody_their_edit(
        self, api: httpx.AsyncClient, blog: MemoryBlog
    ) -> None:
        for item in (a_post(), a_photo()):
            await blog.add(item)
        await blog.settle(a_photo().model_copy(update={"status": "ready", "sizes": SIZES}))

        edited = await api.put("/api/posts/hello", json=EDIT, headers={"If-Match": TAG})

        assert (edited.status_code, edited.headers["ETag"][-3:]) == (200, '.1"')
        assert len(edited.json()["photos"]) == 1

    async def test_who_does_not_say_which_version_is_asked(self, api: httpx.AsyncClient, blog: MemoryBlog) -> None:
        await blog.add(a_post())

        assert problem(await api.put("/api/posts/hello", json=EDIT))["status"] == 428

    @pytest.mark.parametrize(
        ("tags", "status"),
        [
            ("*", 200),
            (f'"7.0", {TAG}', 200),
            (f"W/{TAG}", 412),
            (f'"{START}"', 412),
            (f"{START}.0", 412),
            ("", 412),
            ('"99999999999999999999.0"', 412),
        ],
    )
    async def test_tags_are_compared_strongly(
        self, api: httpx.AsyncClient, blog: MemoryBlog, tags: str, status: int
    ) -> None:
        await blog.add(a_post())

        edited = await api.put("/api/posts/hello", json=EDIT, headers={"If-Match": tags})

        assert edited.status_code == status

    async def test_what_is_not_there_cannot_be_edited(self, api: httpx.AsyncClient) -> None:
        assert problem(await api.put("/api/posts/nothing", json=EDIT, headers={"If-Match": "*"}))["status"] == 404

    async def test_of_edits_in_two_regions_the_lost_one_has_another_tag_than_what_remains(self) -> None:
        here, there = MemoryBlog(), MemoryBlog()
        for blog in (here, there):
            await blog.add(a_post())
        second = create_api(there, Forms(), now=lambda: START + 7)
        async with client_of(api_over(here)) as api, client_of(second) as abroad:
            lost = await api.put("/api/posts/hello", json={**EDIT, "title": "Lost"}, headers={"If-Match": TAG})
            await abroad.put("/api/posts/hello", json=EDIT, headers={"If-Match": TAG})
            here.items.update(there.items)
            tag = lost.headers["ETag"]

            read = await api.get("/api/posts/hello", headers={"If-None-Match": tag})
            late = await api.put("/api/posts/hello", json=EDIT, headers={"If-Match": tag})

        assert (read.status_code, read.json()["version"]) == (200, lost.json()["version"])
        assert problem(late)["status"] == 412


class TestListing:
    async def test_the_listing_has_summaries_and_the_newest_first(self, api: httpx.AsyncClient) -> None:
        for title in ("One", "Two"):
            await api.post("/api/posts", json={**PUBLISH, "title": title, "text": "word " * 100})

        listing = (await api.get("/api/posts")).json()

        assert [one["title"] for one in listing["items"]] == ["Two", "One"]
        assert listing["next"] is None
        assert listing["items"][0] == {
            "slug": "two",
            "title": "Two",
            "summary": "word " * 40 + "…",
            "author": "Ada",
            "published_at": "2023-11-14T22:13:21Z",
            "photo": None,
        }

    @given(times=st.lists(st.integers(START, START + 3), max_size=12), limit=st.integers(1, 5))
    async def test_its_parts_have_every_post_once_and_the_newest_first(self, times: list[int], limit: int) -> None:
        blog = MemoryBlog()
        for number, at in enumerate(times):
            await blog.add(a_post(f"p{number}", at=at))

        async with client_of(api_over(blog)) as api:
            parts = await all_parts(api, "/api/posts", limit)

        assert all(1 <= len(part) <= limit for part in parts) or parts == [[]]
        found = [one for part in parts for one in part]
        assert sorted(one["slug"] for one in found) == sorted(f"p{number}" for number in range(len(times)))
        dates = [datetime.fromisoformat(one["published_at"]) for one in found]
        assert dates == sorted(dates, reverse=True)

    async def test_comments_come_in_parts_and_the_oldest_first(self, api: httpx.AsyncClient, blog: MemoryBlog) -> None:
        await blog.add(a_post())
        for number in range(5):
            answer = await api.post("/api/posts/hello/comments", json={**COMMENT, "text": f"{number}"})
            assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")

        parts = await all_parts(api, "/api/posts/hello/comments", 2)

        assert [[one["text"] for one in part] for part in parts] == [["0", "1"], ["2", "3"], ["4"]]
        assert parts[0][0].keys() == {"id", "author", "text", "created_at"}

    async def test_there_are_no_comments_on_nothing(self, api: httpx.AsyncClient) -> None:
        assert problem(await api.get("/api/posts/nothing/comments"))["status"] == 404
        assert problem(await api.post("/api/posts/nothing/comments", json=COMMENT))["status"] == 404

    @pytest.mark.parametrize("path", ["/api/posts", "/api/posts/hello/comments"])
    @given(cursor=st.one_of(st.text(), st.sampled_from(["WzEsMl0", "WyJhIiwiYiJd", "bnVsbA", "e30", "Ing", "A" * 500])))
    async def test_a_cursor_that_is_made_up_is_a_problem_or_a_place(self, path: str, cursor: str) -> None:
        blog = MemoryBlog()
        await blog.add(a_post())

        async with client_of(api_over(blog)) as api:
            response = await api.get(path, params={"cursor": cursor})

        assert response.status_code == 200 or problem(response)["status"] == 400

    @pytest.mark.parametrize(
        "cursor",
        ["", "?", "WzEsMl0", "bnVsbA", "WyJhIiwiYiJd", "a" * 500, cursor_of([10**40, "a"]), cursor_of([-1, "a"])],
    )
    async def test_a_cursor_of_nowhere_is_refused(self, api: httpx.AsyncClient, cursor: str) -> None:
        assert "cursor" in problem(await api.get("/api/posts", params={"cursor": cursor}))["detail"]


async def all_parts(api: httpx.AsyncClient, path: str, limit: int) -> list[list[dict[str, Any]]]:
    parts: list[list[dict[str, Any]]] = []
    query: dict[str, str | int] = {"limit": limit}
    while True:
        part = (await api.get(path, params=query)).json()
        parts.append(part["items"])
        if part["next"] is None:
            return parts
        query["cursor"] = part["next"]


class TestPhotos:
    @pytest.mark.parametrize(
        ("kind", "suffix"), [("image/jpeg", "jpg"), ("image/png", "png"), ("image/webp", "webp"), ("image/gif", "gif")]
    )
    async def test_a_photo_waits_for_its_upload(
        self, api: httpx.AsyncClient, blog: MemoryBlog, kind: str, suffix: str
    ) -> None:
        await blog.add(a_post())

        created = await api.post("/api/posts/hello/photos", json={**PHOTO, "type": kind})

        assert (created.status_code, created.headers["Cache-Control"]) == (201, "no-store")
        photo = created.json()["photo"]
        assert photo == {"id": photo["id"], "name": "A cat", "status": "waiting", "reason": None, "sizes": []}
        assert created.json()["upload"] == {
            "url": "https://uploads.example",
            "fields": {"key": f"uploads/hello/{photo['id']}.{suffix}", "Content-Type": kind},
        }
        assert (await api.get("/api/posts/hello/photos")).json() == {"items": [photo]}

    async def test_a_post_has_no_more_photos_than_fit_into_one_answer(
        self, api: httpx.AsyncClient, blog: MemoryBlog
    ) -> None:
        await blog.add(a_post())
        answers = [await api.post("/api/posts/hello/photos", json=PHOTO) for _ in range(31)]

        assert [answer.status_code for answer in answers] == [201] * 30 + [409]
        assert problem(answers[-1])["detail"] == "A post has at most 30 photos."

    async def test_nothing_has_no_photos(self, api: httpx.AsyncClient) -> None:
        assert problem(await api.get("/api/posts/nothing/photos"))["status"] == 404
        assert problem(await api.post("/api/posts/nothing/photos", json=PHOTO))["status"] == 404


class TestSubscribers:
    async def test_the_answer_tells_nobody_who_subscribes(self, api: httpx.AsyncClient, blog: MemoryBlog) -> None:
        answers = [
            await api.post("/api/subscribers", json={**SUBSCRIBE, "address": address})
            for address in ("ada@example.org", "ADA@Example.org", "bob@example.org")
        ]

        assert len({(one.status_code, one.content, *sorted(one.headers.items())) for one in answers}) == 1
        assert (answers[0].status_code, answers[0].headers["Cache-Control"]) == (202, "no-store")
        assert [one.address for one in blog.items.values() if isinstance(one, Subscriber)] == [
            "ada@example.org",
            "bob@example.org",
        ]

    async def test_an_address_is_kept_in_the_one_form_in_which_it_is_written_to(
        self, api: httpx.AsyncClient, blog: MemoryBlog
    ) -> None:
        await api.post("/api/subscribers", json={**SUBSCRIBE, "address": " Ada@STRASSE.de "})

        (subscriber,) = blog.items.values()
        assert isinstance(subscriber, Subscriber)
        assert (subscriber.address, subscriber.pk) == ("Ada@strasse.de", "subscriber#ada@strasse.de")


SECRET = "hunter2-CANARY"

LONG = "x" * 50_001


@pytest.mark.parametrize(
    ("path", "body", "places"),
    [
        ("/api/posts", {}, ["#/title", "#/text", "#/author"]),
        ("/api/posts", {**PUBLISH, "title": "  "}, ["#/title"]),
        ("/api/posts", {**PUBLISH, "title": SECRET * 20}, ["#/title"]),
        ("/api/posts", {**PUBLISH, "title": f"{SECRET}\r\nBcc: eve"}, ["#/title"]),
        ("/api/posts", {**PUBLISH, "title": f"{SECRET}\u202egnp.exe"}, ["#/title"]),
        ("/api/posts", {**PUBLISH, "title": "\u200d\u00a0\u200d"}, ["#/title"]),
        ("/api/posts", {**PUBLISH, "text": LONG}, ["#/text"]),
        ("/api/posts", {**PUBLISH, "author": [SECRET]}, ["#/author"]),
        ("/api/posts", {**PUBLISH, "author": None}, ["#/author"]),
        ("/api/posts", {**PUBLISH, SECRET: SECRET}, ["#"]),
        ("/api/posts", [SECRET], ["#"]),
        ("/api/posts", SECRET, ["#"]),
        ("/api/posts/hello/comments", {**COMMENT, "text": SECRET * 400}, ["#/text"]),
        ("/api/posts/hello/photos", {**PHOTO, "type": f"image/{SECRET}"}, ["#/type"]),
        ("/api/posts/hello/photos", {**PHOTO, "size": 0}, ["#/size"]),
        ("/api/posts/hello/photos", {**PHOTO, "size": 10 * 2**20 + 1}, ["#/size"]),
        ("/api/posts/hello/photos", {**PHOTO, "name": SECRET * 20}, ["#/name"]),
        ("/api/subscribers", {**SUBSCRIBE, "address": SECRET}, ["#/address"]),
        ("/api/subscribers", {**SUBSCRIBE, "address": f"{SECRET}@localhost"}, ["#/address"]),
        ("/api/subscribers", {**SUBSCRIBE, "address": f"{SECRET}@example.org\nBcc: eve@example.org"}, ["#/address"]),
        ("/api/subscribers", {**SUBSCRIBE, "address": f"a@example.org, {SECRET}@example.org"}, ["#/address"]),
        ("/api/subscribers", {"address": 7, "name": ""}, ["#/address", "#/name"]),
    ],
)
async def test_what_does_not_fit_is_told_by_its_places_and_not_repeated(
    api: httpx.AsyncClient, blog: MemoryBlog, path: str, body: object, places: list[str]
) -> None:
    await blog.add(a_post())

    response = await api.post(path, json=body)

    assert response.status_code == 422
    assert [fault["pointer"] for fault in problem(response)["errors"]] == places
    assert all(fault["detail"] for fault in problem(response)["errors"])
    assert SECRET not in response.text
    assert len(blog.items) == 1


@pytest.mark.parametrize("query", ["limit=0", "limit=51", "limit=ten"])
async def test_a_parameter_that_does_not_fit_is_told_by_its_name(api: httpx.AsyncClient, query: str) -> None:
    response = await api.get(f"/api/posts?{query}")

    assert response.status_code == 422
    assert [fault["parameter"] for fault in problem(response)["errors"]] == ["limit"]


@pytest.mark.parametrize("body", [b"{", b"", b"\xff", b'{"title": "CANARY', b'"\\ud800"'])
async def test_what_is_no_json_is_a_problem(api: httpx.AsyncClient, body: bytes) -> None:
    response = await api.post("/api/posts", content=body, headers=JSON)

    assert problem(response)["status"] in {400, 422}
    assert "CANARY" not in response.text


async def test_half_a_character_is_a_problem(api: httpx.AsyncClient) -> None:
    body = b'{"title": "\\ud800", "text": "x", "author": "x"}'

    assert problem(await api.post("/api/posts", content=body, headers=JSON))["status"] == 422


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
async def test_what_a_form_of_another_site_can_send_is_not_taken(
    api: httpx.AsyncClient, blog: MemoryBlog, kind: str
) -> None:
    response = await api.post("/api/posts", content=json.dumps(PUBLISH), headers={"Content-Type": kind})

    assert problem(response)["status"] == 422
    assert not blog.items


@pytest.mark.parametrize("path", ["/api/posts", "/api/posts/hello", "/api/posts/hello/comments", "/api/posts/nothing"])
async def test_head_is_get_without_its_content(api: httpx.AsyncClient, blog: MemoryBlog, path: str) -> None:
    await blog.add(a_post())
    full = await api.get(path)

    head = await api.head(path)

    assert (head.status_code, head.headers, head.content) == (full.status_code, full.headers, b"")
    assert int(head.headers["Content-Length"]) == len(full.content)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/api", 404),
        ("GET", "/api/", 404),
        ("GET", "/api/posts/", 404),
        ("DELETE", "/api/posts", 405),
        ("PATCH", "/api/posts/hello", 405),
        ("GET", "/api/subscribers", 405),
    ],
)
async def test_what_there_is_not_is_a_problem_too(api: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    assert problem(await api.request(method, path))["status"] == status


async def test_an_error_is_a_problem_that_says_nothing_of_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(MemoryBlog):
        async def article(self, slug: str) -> Article | None:
            raise OSError(SECRET + slug)

    async with client_of(api_over(Broken())) as api:
        response = await api.get("/api/posts/hello")

    assert problem(response)["status"] == 500
    assert SECRET not in response.text + caplog.text
    assert [record.getMessage() for record in caplog.records] == ["request.failed"]


async def test_a_body_that_no_post_has_is_not_read(api: httpx.AsyncClient) -> None:
    response = await api.post("/api/posts", content=b" " * 1_000_001, headers=JSON)

    assert response.status_code == 413


FROM_STALE = "stale-while-revalidate=60, stale-if-error=86400"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/api/posts", f"public, max-age=0, s-maxage=300, {FROM_STALE}"),
        ("/api/posts/hello", f"public, max-age=0, s-maxage=86400, {FROM_STALE}"),
        ("/api/posts/hello/comments", f"public, max-age=0, s-maxage=30, {FROM_STALE}"),
        ("/api/posts/hello/photos", "no-store"),
        ("/api/health", "no-store"),
    ],
)
async def test_caches_are_told_what_to_keep(api: httpx.AsyncClient, blog: MemoryBlog, path: str, told: str) -> None:
    await blog.add(a_post())

    response = await api.get(path)

    assert (response.status_code, response.headers["Cache-Control"]) == (200, told)


async def test_each_write_notes_when_and_where_it_was_made(blog: MemoryBlog) -> None:
    async with client_of(create_api(blog, Forms(), region="eu-west-1", now=clock(), new_id=names())) as api:
        await api.post("/api/posts", json=PUBLISH)
        await api.post("/api/posts/hello/comments", json=COMMENT)
        await api.post("/api/posts/hello/photos", json=PHOTO)
        await api.post("/api/subscribers", json=SUBSCRIBE)

    assert {item.region for item in blog.items.values()} == {"eu-west-1"}
    assert [item.updated_at for item in blog.items.values()] == [START + 1_000 * number for number in range(4)]
    assert [type(item) for item in blog.items.values()][:2] == [Post, Comment]


def operations(description: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [operation for path in description["paths"].values() for operation in path.values()]


async def test_the_description_is_openapi_with_names_for_clients(api: httpx.AsyncClient) -> None:
    description = (await api.get("/api/openapi.json")).json()

    validate(description)
    assert {one["operationId"] for one in operations(description)} == {
        *("list_posts", "create_post", "get_post", "edit_post", "list_comments", "create_comment"),
        *("list_photos", "create_photo", "create_subscriber", "get_health"),
    }
    assert description["components"]["schemas"].keys() >= {
        "PostList",
        "PostView",
        "CommentList",
        "PhotoList",
        "Problem",
    }
    assert "HTTPValidationError" not in description["components"]["schemas"]
    problems = [
        answer["content"]
        for one in operations(description)
        for status, answer in one["responses"].items()
        if status.startswith("4")
    ]
    schema = {"$ref": "#/components/schemas/Problem"}
    assert problems
    assert all(content == {"application/problem+json": {"schema": schema}} for content in problems)
