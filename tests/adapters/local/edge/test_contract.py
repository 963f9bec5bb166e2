"""What every implementation of the edge does. No test here needs time to pass, so that Varnish runs them too."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from eventkit_local.edge import (
    ALL,
    ALL_METHODS,
    ALL_VIEWER,
    CACHING_DISABLED,
    Behaviour,
    Distribution,
    Selection,
    Ttl,
    open_edge,
)
from eventkit_local.edge.varnish import find_varnish, open_varnish
from tests.adapters.local.clients import client
from tests.adapters.local.edge.stage import AnyEdge, Open, Origin, ask, one, open_origin, reply, validated

PATIENCE = 10.0


@asynccontextmanager
async def python(distribution: Distribution) -> AsyncGenerator[AnyEdge]:
    async with open_edge(distribution) as edge:
        yield edge


@asynccontextmanager
async def varnish(distribution: Distribution) -> AsyncGenerator[AnyEdge]:
    async with open_varnish(distribution) as edge:
        yield edge


# tests/adapters/local/edge/test_varnish.py says so where Varnish is absent.
IMPLEMENTATIONS: Mapping[str, Open] = {"python": python} | ({"varnish": varnish} if find_varnish() else {})


@pytest.fixture(params=IMPLEMENTATIONS.values(), ids=list(IMPLEMENTATIONS))
def opened(request: pytest.FixtureRequest) -> Open:
    chosen: Open = request.param
    return chosen


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with open_origin(time.time) as origin:
        yield origin


async def test_a_fresh_response_is_asked_for_once(opened: Open, origin: Origin) -> None:
    origin.replies["/page"] = reply("hello", Cache_Control="max-age=60")

    async with opened(one(origin)) as edge:
        first, second = await ask(edge, "/page"), await ask(edge, "/page")

    assert [first.cache, second.cache] == ["Miss", "Hit"]
    assert [first.text, second.text] == ["hello", "hello"]
    assert "Age" in second.headers
    assert origin.asked == ["GET /page"]


async def test_a_response_that_does_not_say_lives_for_the_default(opened: Open, origin: Origin) -> None:
    origin.replies["/page"] = reply()

    async with opened(one(origin)) as edge:
        await ask(edge, "/page")
        second = await ask(edge, "/page")

    assert second.cache == "Hit"


@pytest.mark.parametrize("said", ["no-store", "private", "private, max-age=60", "max-age=60, no-store"])
async def test_what_is_not_for_all_is_not_stored(opened: Open, origin: Origin, said: str) -> None:
    origin.replies["/mine"] = reply(Cache_Control=said)

    async with opened(one(origin)) as edge:
        results = [(await ask(edge, "/mine")).cache for _ in range(3)]

    assert results == ["Miss"] * 3
    assert len(origin.asked) == 3


async def test_caching_can_be_disabled(opened: Open, origin: Origin) -> None:
    origin.replies["/page"] = reply(Cache_Control="max-age=60")

    async with opened(one(origin, ttl=CACHING_DISABLED)) as edge:
        await ask(edge, "/page")
        second = await ask(edge, "/page")

    assert second.cache == "Miss"


async def test_a_minimum_overrides_what_the_origin_says(opened: Open, origin: Origin) -> None:
    origin.replies["/page"] = reply(Cache_Control="no-store")

    async with opened(one(origin, ttl=Ttl(minimum=60))) as edge:
        await ask(edge, "/page")
        second = await ask(edge, "/page")

    assert second.cache == "Hit"


async def test_query_strings_neither_count_nor_arrive_unless_they_are_selected(opened: Open, origin: Origin) -> None:
    origin.replies["/page"] = reply(Cache_Control="max-age=60")

    async with opened(one(origin)) as edge:
        await ask(edge, "/page?utm=1")
        second = await ask(edge, "/page?utm=2")

    assert second.cache == "Hit"
    assert origin.asked == ["GET /page"]


async def test_selected_query_strings_tell_responses_apart(opened: Open, origin: Origin) -> None:
    origin.replies["/page"] = reply(Cache_Control="max-age=60")

    async with opened(one(origin, key=Selection(queries=["page", "size"]))) as edge:
        results = [(await ask(edge, f"/page?{query}")).cache for query in ("page=1", "page=2", "utm=x&page=1&y=z")]

    assert results == ["Miss", "Miss", "Hit"]
    assert origin.asked == ["GET /page?page=1", "GET /page?page=2"]


async def test_selected_cookies_and_headers_tell_responses_apart(opened: Open, origin: Origin) -> None:
    origin.replies["/page"] = reply(Cache_Control="max-age=60")
    viewers = [
        {"Cookie": "theme=dark; session=1", "Accept-Language": "de"},
        {"Cookie": "session=2; theme=dark", "Accept-Language": "de"},
        {"Cookie": "theme=light", "Accept-Language": "de"},
        {"Cookie": "theme=dark", "Accept-Language": "en"},
    ]

    async with opened(one(origin, key=Selection(cookies=["theme"], headers=["Accept-Language"]))) as edge:
        results = [(await ask(edge, "/page", fields=fields)).cache for fields in viewers]

    assert results == ["Miss", "Hit", "Miss", "Miss"]
    assert [headers["Cookie"] for _, _, headers in origin.requests] == ["theme=dark", "theme=light", "theme=dark"]
    assert [headers["Accept-Language"] for _, _, headers in origin.requests] == ["de", "de", "en"]


async def test_what_is_not_selected_does_not_reach_the_origin(opened: Open, origin: Origin) -> None:
    origin.replies["/page"] = reply()
    fields = {
        "Cookie": "session=1",
        "Authorization": "Bearer x",
        "Accept-Language": "de",
        "Referer": "/",
        "Accept": "a/b",
    }

    async with opened(one(origin)) as edge:
        await ask(edge, "/page", fields=fields)

    _, _, headers = origin.requests[0]
    assert [name for name in fields if name in headers] == []
    assert headers["Host"] == origin.url.removeprefix("http://")


@pytest.mark.parametrize("said", ["max-age=60", "no-store"])
@pytest.mark.parametrize(("forward", "given"), [(Selection(), None), (Selection(cookies=["theme"]), "theme=dark")])
async def test_cookies_come_from_an_origin_that_gets_some(
    opened: Open, origin: Origin, forward: Selection, given: str | None, said: str
) -> None:
    origin.replies["/page"] = reply(Cache_Control=said, Set_Cookie="theme=dark")

    async with opened(one(origin, forward=forward)) as edge:
        page = await ask(edge, "/page")

    assert page.headers.get("Set-Cookie") == given


async def test_all_that_a_viewer_sends_can_reach_the_origin(opened: Open, origin: Origin) -> None:
    origin.replies["/page"] = reply(Cache_Control="no-store")
    fields = {"Cookie": "session=1", "Authorization": "Bearer x", "Accept-Language": "de", "X-Own": "y"}

    async with opened(one(origin, forward=ALL_VIEWER)) as edge:
        await ask(edge, "/page?a=1", fields=fields)

    assert origin.asked == ["GET /page?a=1"]
    assert {name: origin.requests[0][2].get(name) for name in fields} == fields


@pytest.mark.parametrize(
    ("said", "result"), [("max-age=60", "Miss"), ("max-age=60, public", "Hit"), ("s-maxage=60", "Hit")]
)
async def test_what_was_asked_for_with_authorization_is_shared_only_if_the_origin_says_so(
    opened: Open, origin: Origin, said: str, result: str
) -> None:
    origin.replies["/page"] = reply(Cache_Control=said)

    async with opened(one(origin, forward=ALL_VIEWER)) as edge:
        await ask(edge, "/page", fields={"Authorization": "Bearer x"})
        second = await ask(edge, "/page", fields={"Authorization": "Bearer y"})

    assert second.cache == result


async def test_vary_tells_responses_apart_by_what_reached_the_origin(opened: Open, origin: Origin) -> None:
    async def translated(request: web.BaseRequest) -> web.StreamResponse:
        headers = {"Vary": "Accept-Language", "Cache-Control": "max-age=60"}
        return web.Response(text=request.headers.get("Accept-Language", "none"), headers=headers)

    origin.replies["/page"] = translated

    async with opened(one(origin, forward=Selection(headers=["Accept-Language"]))) as edge:
        seen = [await ask(edge, "/page", fields={"Accept-Language": language}) for language in ("de", "en", "de", "en")]

    assert [(each.text, each.cache) for each in seen] == [("de", "Miss"), ("en", "Miss"), ("de", "Hit"), ("en", "Hit")]


async def test_the_first_behaviour_that_covers_a_path_counts(opened: Open, origin: Origin) -> None:
    async with open_origin(time.time) as other:
        other.replies["/prefix/api/posts/1"] = reply("other")
        other.replies["/prefix/api/comments"] = reply("late")
        origin.replies["/api/comments"] = reply("origin")
        origin.replies["/index.html"] = reply("home")
        behaviours = [
            Behaviour(path_pattern="/api/posts/?", origin=f"{other.url}/prefix"),
            Behaviour(path_pattern="api/*", origin=origin.url),
            Behaviour(path_pattern="/api/comments", origin=f"{other.url}/prefix"),
            Behaviour(origin=origin.url),
        ]

        async with opened(Distribution(behaviours=behaviours, default_root_object="index.html")) as edge:
            texts = [(await ask(edge, path)).text for path in ("/api/posts/1", "/api/comments", "/")]

    assert texts == ["other", "origin", "home"]


async def test_a_method_that_the_behaviour_does_not_allow_is_refused(opened: Open, origin: Origin) -> None:
    async with opened(one(origin)) as edge:
        seen = await ask(edge, "/page", "POST", body=b"x")

    assert (seen.status, seen.cache) == (403, "Error")
    assert origin.asked == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_read_with_a_body_is_refused(opened: Open, origin: Origin, method: str) -> None:
    async with opened(one(origin, forward=ALL_VIEWER)) as edge, asyncio.timeout(PATIENCE):
        seen = await ask(edge, "/page", method, body=b"x")

    assert seen.status in (400, 403)  # Varnish refuses a HEAD with a body before it asks what it is configured with
    assert origin.asked == []


async def test_a_viewer_who_names_the_host_in_the_target_gets_the_path_of_it(opened: Open, origin: Origin) -> None:
    origin.replies["/page"] = reply("hello")

    async with opened(one(origin, key=Selection(queries=ALL))) as edge, aiohttp.ClientSession() as session:
        async with session.get("http://blog.example/page?a=1", proxy=edge.url) as response:
            text = await response.text()
        again = await ask(edge, "/page?a=1")

    assert (text, again.cache) == ("hello", "Hit")
    assert origin.asked == ["GET /page?a=1"]


async def test_a_viewer_who_waits_to_be_told_to_go_on_is_told(opened: Open, origin: Origin) -> None:
    async def echoed(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=await request.read())

    origin.replies["/posts"] = echoed

    async with opened(one(origin, methods=ALL_METHODS)) as edge, asyncio.timeout(PATIENCE):
        seen = await ask(edge, "/posts", "POST", {"Expect": "100-continue"}, b"new")

    assert (seen.status, seen.text) == (200, "new")


async def test_what_a_write_answers_is_no_304(opened: Open, origin: Origin) -> None:
    origin.replies["/page"] = reply("made", ETag='"1"')

    async with opened(one(origin, methods=ALL_METHODS)) as edge:
        seen = await ask(edge, "/page", "PUT", {"If-None-Match": "*"}, b"new")

    assert (seen.status, seen.text) == (200, "made")
    assert origin.requests[0][2]["If-None-Match"] == "*"


async def test_a_write_reaches_the_origin_with_its_body_and_invalidates_what_it_changed(
    opened: Open, origin: Origin
) -> None:
    async def posts(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "POST":
            return web.Response(text=(await request.read()).decode(), status=201, headers={"Location": "/posts/1"})
        return web.Response(text="list", headers={"Cache-Control": "max-age=60"})

    origin.replies["/posts"] = origin.replies["/posts/1"] = origin.replies["/posts/2"] = posts
    paths = ["/posts", "/posts/1", "/posts/2"]

    async with opened(one(origin, methods=ALL_METHODS)) as edge:
        for path in paths:
            await ask(edge, path)
        written = await ask(edge, "/posts", "POST", {"Content-Type": "text/plain", "Authorization": "Bearer x"}, b"new")
        after = [(await ask(edge, path)).cache for path in paths]

    assert (written.status, written.text, written.cache) == (201, "new", "Miss")
    assert origin.requests[3][2]["Authorization"] == "Bearer x"
    assert after == ["Miss", "Miss", "Hit"]


async def test_a_write_that_fails_invalidates_nothing(opened: Open, origin: Origin) -> None:
    async def posts(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=422 if request.method == "POST" else 200, headers={"Cache-Control": "max-age=60"})

    origin.replies["/posts"] = posts

    async with opened(one(origin, methods=ALL_METHODS)) as edge:
        await ask(edge, "/posts")
        await ask(edge, "/posts", "POST", body=b"x")
        after = await ask(edge, "/posts")

    assert after.cache == "Hit"


async def test_a_stored_response_answers_head(opened: Open, origin: Origin) -> None:
    origin.replies["/page"] = reply("hello", Cache_Control="max-age=60")

    async with opened(one(origin)) as edge:
        await ask(edge, "/page")
        head = await ask(edge, "/page", "HEAD")

    assert (head.status, head.content, head.headers["Content-Length"], head.cache) == (200, b"", "5", "Hit")


@pytest.mark.parametrize(
    ("asked", "status", "content", "content_range"),
    [
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=7-", 206, "789", "bytes 7-9/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=8-99", 206, "89", "bytes 8-9/10"),
        ("bytes=0-1,4-5", 200, "0123456789", None),
        ("lines=0-1", 200, "0123456789", None),
    ],
)
async def test_a_range_is_cut_out_of_the_stored_response(
    opened: Open, origin: Origin, asked: str, status: int, content: str, content_range: str | None
) -> None:
    origin.replies["/file"] = reply("0123456789", Cache_Control="max-age=60", ETag='"1"')

    async with opened(one(origin)) as edge:
        await ask(edge, "/file")
        seen = await ask(edge, "/file", fields={"Range": asked})

    assert (seen.status, seen.text, seen.headers.get("Content-Range")) == (status, content, content_range)
    assert len(origin.asked) == 1


async def test_a_range_that_is_asked_for_first_stores_the_whole(opened: Open, origin: Origin) -> None:
    origin.replies["/file"] = reply("0123456789", Cache_Control="max-age=60")

    async with opened(one(origin)) as edge:
        part = await ask(edge, "/file", fields={"Range": "bytes=2-4"})
        whole = await ask(edge, "/file")

    assert (part.status, part.text) == (206, "234")
    assert (whole.text, whole.cache) == ("0123456789", "Hit")


async def test_a_range_outside_of_the_content_is_refused(opened: Open, origin: Origin) -> None:
    origin.replies["/file"] = reply("0123456789", Cache_Control="max-age=60")

    async with opened(one(origin)) as edge:
        await ask(edge, "/file")
        seen = await ask(edge, "/file", fields={"Range": "bytes=10-"})

    assert (seen.status, seen.headers["Content-Range"]) == (416, "bytes */10")


async def test_what_the_origin_says_to_a_range_outside_of_the_content_arrives_whole(
    opened: Open, origin: Origin
) -> None:
    origin.replies["/file"] = reply("no such part", 416, Cache_Control="no-store")

    async with opened(one(origin)) as edge, asyncio.timeout(PATIENCE):
        seen = await ask(edge, "/file", fields={"Range": "bytes=10-"})

    assert (seen.status, seen.text) == (416, "no such part")


@pytest.mark.parametrize(("condition", "status"), [('"1"', 206), ('"2"', 200)])
async def test_a_range_depends_on_its_condition(opened: Open, origin: Origin, condition: str, status: int) -> None:
    origin.replies["/file"] = reply("0123456789", Cache_Control="max-age=60", ETag='"1"')

    async with opened(one(origin)) as edge:
        await ask(edge, "/file")
        seen = await ask(edge, "/file", fields={"Range": "bytes=0-3", "If-Range": condition})

    assert seen.status == status


async def test_who_has_the_stored_response_already_is_told_so(opened: Open, origin: Origin) -> None:
    origin.replies["/page"] = reply("hello", Cache_Control="max-age=60", ETag='"1"')

    async with opened(one(origin)) as edge:
        await ask(edge, "/page", fields={"If-None-Match": '"0"'})
        same = await ask(edge, "/page", fields={"If-None-Match": 'W/"1"'})
        other = await ask(edge, "/page", fields={"If-None-Match": '"2"'})

    assert (same.status, same.content, same.headers["ETag"]) == (304, b"", '"1"')
    assert (other.status, other.text) == (200, "hello")
    assert "If-None-Match" not in origin.requests[0][2]


async def test_a_stale_response_is_validated_and_used_again(opened: Open, origin: Origin) -> None:
    origin.replies["/page"] = validated("hello", '"1"', Cache_Control="max-age=0")

    async with opened(one(origin)) as edge:
        await ask(edge, "/page")
        second = await ask(edge, "/page")
        origin.replies["/page"] = validated("changed", '"2"', Cache_Control="max-age=0")
        third = await ask(edge, "/page")

    assert (second.status, second.text, second.cache) == (200, "hello", "RefreshHit")
    assert (third.status, third.text, third.cache) == (200, "changed", "Miss")
    assert [headers.get("If-None-Match") for _, _, headers in origin.requests] == [None, '"1"', '"1"']


async def test_what_a_304_reserves_for_one_user_is_no_longer_shared(opened: Open, origin: Origin) -> None:
    origin.replies["/page"] = validated("hello", '"1"', Cache_Control="max-age=0")

    async with opened(one(origin)) as edge:
        await ask(edge, "/page")
        origin.replies["/page"] = validated("hello", '"1"', Cache_Control="private, max-age=60")
        after = [await ask(edge, "/page") for _ in range(2)]

    assert [each.text for each in after] == ["hello"] * 2
    assert after[-1].cache == "Miss"


async def test_requests_that_come_together_are_one_request_to_the_origin(opened: Open, origin: Origin) -> None:
    gate = asyncio.Event()

    async def slow(_: web.BaseRequest) -> web.StreamResponse:
        await gate.wait()
        return web.Response(text="hello", headers={"Cache-Control": "max-age=60"})

    origin.replies["/page"] = slow
    origin.replies["/other"] = reply()

    async with opened(one(origin)) as edge, asyncio.timeout(PATIENCE):
        waiting = [asyncio.create_task(ask(edge, "/page")) for _ in range(20)]
        for number in range(5):  # by then the twenty have reached the edge
            await ask(edge, f"/other/{number}")
        gate.set()
        seen = await asyncio.gather(*waiting)

    assert [each.text for each in seen] == ["hello"] * 20
    assert origin.asked.count("GET /page") == 1


async def test_what_cannot_be_stored_is_not_waited_for_one_by_one(opened: Open, origin: Origin) -> None:
    together = asyncio.Barrier(4)

    async def mine(_: web.BaseRequest) -> web.StreamResponse:
        await together.wait()
        return web.Response(text="mine", headers={"Cache-Control": "no-store"})

    origin.replies["/mine"] = reply(Cache_Control="no-store")

    async with opened(one(origin)) as edge, asyncio.timeout(PATIENCE):
        await ask(edge, "/mine")
        origin.replies["/mine"] = mine
        seen = await asyncio.gather(*(ask(edge, "/mine") for _ in range(4)))

    assert [each.text for each in seen] == ["mine"] * 4


async def test_a_stale_response_is_used_while_it_is_validated(opened: Open, origin: Origin) -> None:
    validation = asyncio.Event()

    async def changed(_: web.BaseRequest) -> web.StreamResponse:
        validation.set()
        return web.Response(text="new", headers={"Cache-Control": "max-age=60"})

    origin.replies["/page"] = reply("old", Cache_Control="max-age=0, stale-while-revalidate=60")

    async with opened(one(origin)) as edge, asyncio.timeout(PATIENCE):
        await ask(edge, "/page")
        origin.replies["/page"] = changed
        second = await ask(edge, "/page")
        await validation.wait()

    assert (second.text, second.cache) == ("old", "Hit")


@pytest.mark.parametrize("said", ["max-age=0, stale-if-error=600", "s-maxage=0, stale-if-error=600", "max-age=0"])
async def test_a_stale_response_stands_in_for_an_origin_that_is_down(opened: Open, origin: Origin, said: str) -> None:
    origin.replies["/page"] = reply("old", Cache_Control=said, ETag='"1"')

    async with opened(one(origin)) as edge:
        await ask(edge, "/page")
        await origin.stop()
        seen = await ask(edge, "/page")

    assert (seen.status, seen.text) == (200, "old")


async def test_a_stale_response_stands_in_for_an_error(opened: Open, origin: Origin) -> None:
    origin.replies["/page"] = reply("old", Cache_Control="max-age=0, stale-if-error=600", ETag='"1"')

    async with opened(one(origin)) as edge:
        await ask(edge, "/page")
        origin.replies["/page"] = reply("broken", 503)
        seen = await ask(edge, "/page")

    assert (seen.status, seen.text) == (200, "old")


@pytest.mark.parametrize("said", ["must-revalidate", "proxy-revalidate", "no-cache", "stale-if-error=0", "s-maxage=0"])
async def test_a_stale_response_that_may_not_be_used_does_not_stand_in(opened: Open, origin: Origin, said: str) -> None:
    origin.replies["/page"] = reply("old", Cache_Control=f"max-age=0, {said}", ETag='"1"')

    async with opened(one(origin)) as edge:
        await ask(edge, "/page")
        await origin.stop()
        seen = await ask(edge, "/page")

    assert seen.status in {502, 503}
    assert seen.cache == "Error"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_origin_that_is_down_is_an_error(opened: Open, origin: Origin, method: str) -> None:
    await origin.stop()

    async with opened(one(origin)) as edge:
        host, port = edge.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"{method} /page HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n".encode())
        head, _, content = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()

    assert head.split()[1] in {b"502", b"503"}
    assert b"X-Cache: Error from cloudfront" in head
    assert bool(content) is (method == "GET")


async def test_paths_are_invalidated_by_boto3(opened: Open, origin: Origin) -> None:
    paths = ["/images/a.jpg", "/images/b.jpg?size=1", "/posts/1", "/posts/1?page=2", "/Posts/1"]
    for path in paths:
        origin.replies[path.partition("?")[0]] = reply(Cache_Control="max-age=60")

    async with opened(one(origin, key=Selection(queries=ALL))) as edge:
        cloudfront = client("cloudfront", edge.endpoint_url)
        for path in paths:
            await ask(edge, path)
        batch = {"Paths": {"Quantity": 2, "Items": ["/images/*", "/posts/1"]}, "CallerReference": "1"}
        made = await asyncio.to_thread(
            cloudfront.create_invalidation, DistributionId=edge.distribution_id, InvalidationBatch=batch
        )
        after = [(await ask(edge, path)).cache for path in paths]

    assert made["Invalidation"]["InvalidationBatch"] == batch
    assert after == ["Miss", "Miss", "Miss", "Hit", "Hit"]


async def test_everything_is_invalidated_by_one_path(opened: Open, origin: Origin) -> None:
    origin.replies["/a"] = origin.replies["/b/c"] = reply(Cache_Control="max-age=60")

    async with opened(one(origin)) as edge:
        cloudfront = client("cloudfront", edge.endpoint_url)
        await ask(edge, "/a")
        await ask(edge, "/b/c")
        await asyncio.to_thread(
            cloudfront.create_invalidation,
            DistributionId=edge.distribution_id,
            InvalidationBatch={"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": "1"},
        )
        after = [(await ask(edge, path)).cache for path in ("/a", "/b/c")]

    assert after == ["Miss", "Miss"]
