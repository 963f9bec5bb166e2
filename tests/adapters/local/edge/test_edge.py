"""The Python edge before a real origin, with a clock that is set."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Unpack

import aiohttp
import pytest
from aiohttp import web

from eventkit.errors import ConfigurationError
from eventkit_local.edge import (
    ALL,
    ALL_METHODS,
    ALL_VIEWER,
    Access,
    Behaviour,
    Distribution,
    Edge,
    ErrorPage,
    Limits,
    Selection,
    Timeouts,
    Ttl,
    open_edge,
)
from eventkit_local.edge.cache import Cache
from eventkit_local.edge.messages import Request
from eventkit_local.edge.origin import Response
from tests.adapters.local.edge.stage import (
    NOON,
    Clock,
    Origin,
    Settings,
    ask,
    http_date,
    one,
    open_origin,
    reply,
    validated,
)

PATIENCE = 10.0


@asynccontextmanager
async def edge_before(
    origin: Origin, clock: Clock, limits: Limits | None = None, **settings: Unpack[Settings]
) -> AsyncGenerator[Edge]:
    """An edge with one behaviour, which has to be done in time."""
    async with (
        asyncio.timeout(PATIENCE),
        open_edge(one(origin, **settings), clock=clock, limits=limits or Limits()) as edge,
    ):
        yield edge


class Gate:
    """A reply that waits to be let through."""

    def __init__(self, text: str) -> None:
        self.arrived: asyncio.Event = asyncio.Event()
        self.opened: asyncio.Event = asyncio.Event()
        self._reply = reply(text, Cache_Control="max-age=60")

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.arrived.set()
        await self.opened.wait()
        return await self._reply(request)


async def test_a_response_ages_until_it_is_fetched_again(origin: Origin, clock: Clock) -> None:
    origin.replies["/page"] = reply(Cache_Control="max-age=60")

    async with edge_before(origin, clock) as edge:
        seen = [await ask(edge, "/page")]
        for now in (NOON + 30, NOON + 59, NOON + 60):
            clock.now = now
            seen.append(await ask(edge, "/page"))

    assert [(each.cache, each.age) for each in seen] == [("Miss", 0), ("Hit", 30), ("Hit", 59), ("Miss", 0)]


async def test_what_a_cache_before_the_origin_has_kept_counts_as_age(origin: Origin, clock: Clock) -> None:
    origin.replies["/page"] = reply(Cache_Control="max-age=60", Age="50")

    async with edge_before(origin, clock) as edge:
        await ask(edge, "/page")
        clock.now += 9
        second = await ask(edge, "/page")
        clock.now += 1
        third = await ask(edge, "/page")

    assert [(second.cache, second.age), third.cache] == [("Hit", 59), "Miss"]


async def test_a_304_makes_a_response_fresh_again(origin: Origin, clock: Clock) -> None:
    origin.replies["/page"] = validated("hello", '"1"', Cache_Control="max-age=60")

    async with edge_before(origin, clock) as edge:
        await ask(edge, "/page")
        clock.now += 100
        second = await ask(edge, "/page")
        clock.now += 59
        third = await ask(edge, "/page")

    assert [(each.cache, each.text, each.age) for each in (second, third)] == [
        ("RefreshHit", "hello", 0),
        ("Hit", "hello", 59),
    ]
    assert edge.figures.origin_bytes == len("hello")


async def test_a_date_validates_where_there_is_no_tag(origin: Origin, clock: Clock) -> None:
    async def dated(request: web.BaseRequest) -> web.StreamResponse:
        since = request.headers.get("If-Modified-Since")
        headers = {"Last-Modified": http_date(NOON - 1000), "Cache-Control": "max-age=60"}
        return web.Response(status=304 if since == http_date(NOON - 1000) else 200, headers=headers)

    origin.replies["/page"] = dated

    async with edge_before(origin, clock) as edge:
        await ask(edge, "/page")
        clock.now += 100
        second = await ask(edge, "/page")

    assert (second.status, second.cache) == (200, "RefreshHit")


async def test_a_304_about_something_else_is_not_believed(origin: Origin, clock: Clock) -> None:
    async def confused(request: web.BaseRequest) -> web.StreamResponse:
        asked = "If-None-Match" in request.headers
        headers = {"ETag": '"2"' if asked else '"1"', "Cache-Control": "max-age=60"}
        return web.Response(text="hello", headers=headers, status=304 if asked else 200)

    origin.replies["/page"] = confused

    async with edge_before(origin, clock) as edge:
        await ask(edge, "/page")
        clock.now += 100
        second = await ask(edge, "/page")

    assert (second.status, second.text, second.cache) == (200, "hello", "Miss")
    assert len(origin.asked) == 3


async def test_a_304_says_anew_what_tells_responses_apart(origin: Origin, clock: Clock) -> None:
    origin.replies["/page"] = validated("hallo", '"de"', Cache_Control="max-age=60")
    german, english = {"Accept-Language": "de"}, {"Accept-Language": "en"}

    async with edge_before(origin, clock, forward=Selection(headers=["Accept-Language"])) as edge:
        await ask(edge, "/page", fields=german)
        clock.now += 100
        origin.replies["/page"] = validated("hallo", '"de"', Cache_Control="max-age=60", Vary="Accept-Language")
        await ask(edge, "/page", fields=german)
        origin.replies["/page"] = reply("hello", Cache_Control="max-age=60", Vary="Accept-Language")
        seen = [await ask(edge, "/page", fields=fields) for fields in (english, german)]

    assert [(each.cache, each.text) for each in seen] == [("Miss", "hello"), ("Hit", "hallo")]


async def test_requests_for_a_stale_response_are_one_validation(origin: Origin, clock: Clock) -> None:
    origin.replies["/page"] = validated("hello", '"1"', Cache_Control="max-age=60")

    async with edge_before(origin, clock) as edge:
        await ask(edge, "/page")
        clock.now += 100
        seen = await asyncio.gather(*(ask(edge, "/page") for _ in range(10)))

    assert sorted(each.cache for each in seen) == ["Hit"] * 9 + ["RefreshHit"]
    assert len(origin.asked) == 2


async def test_a_response_is_used_while_it_is_validated_and_then_no_more(origin: Origin, clock: Clock) -> None:
    origin.replies["/page"] = reply("old", Cache_Control="max-age=60, stale-while-revalidate=30")

    async with edge_before(origin, clock) as edge:
        await ask(edge, "/page")
        origin.replies["/page"] = gate = Gate("new")
        clock.now += 89
        during = [await ask(edge, "/page") for _ in range(3)]
        await gate.arrived.wait()
        clock.now += 1
        late = asyncio.create_task(ask(edge, "/page"))
        gate.opened.set()
        after = await late

    assert [(each.cache, each.text) for each in during] == [("Hit", "old")] * 3
    assert after.text == "new"
    assert len(origin.asked) == 2


async def test_a_failing_origin_is_left_alone_for_a_while(origin: Origin, clock: Clock) -> None:
    origin.replies["/page"] = reply("old", Cache_Control="max-age=60, stale-if-error=600")

    async with edge_before(origin, clock, ttl=Ttl(error=10)) as edge:
        await ask(edge, "/page")
        origin.replies["/page"] = reply("broken", 500)
        clock.now += 100
        seen = [await ask(edge, "/page"), await ask(edge, "/page")]
        asked = len(origin.asked)
        clock.now += 10
        seen.append(await ask(edge, "/page"))
        clock.now = NOON + 660
        last = await ask(edge, "/page")

    assert [(each.status, each.text, each.cache) for each in seen] == [(200, "old", "Hit")] * 3
    assert asked == 2
    assert (last.status, last.text) == (500, "broken")
    assert len(origin.asked) == 4


async def test_an_origin_is_left_alone_no_longer_than_a_stale_response_may_stand_in(
    origin: Origin, clock: Clock
) -> None:
    origin.replies["/page"] = reply("old", Cache_Control="max-age=60, stale-if-error=5")

    async with edge_before(origin, clock, ttl=Ttl(error=10)) as edge:
        await ask(edge, "/page")
        origin.replies["/page"] = reply("broken", 500)
        clock.now += 64
        within = await ask(edge, "/page")
        clock.now += 1
        after = await ask(edge, "/page")

    assert [(each.status, each.text) for each in (within, after)] == [(200, "old"), (500, "broken")]


async def test_what_the_origin_has_replaced_does_not_stand_in(origin: Origin, clock: Clock) -> None:
    origin.replies["/page"] = reply("old", Cache_Control="max-age=60")

    async with edge_before(origin, clock) as edge:
        await ask(edge, "/page")
        origin.replies["/page"] = reply("new", Cache_Control="no-store")
        clock.now += 100
        second = await ask(edge, "/page")
        await origin.stop()
        clock.now += 100
        third = await ask(edge, "/page")

    assert (second.text, third.status) == ("new", 502)


async def test_an_error_is_kept_for_its_minimum(origin: Origin, clock: Clock) -> None:
    async with edge_before(origin, clock) as edge:
        first, second = await ask(edge, "/page"), await ask(edge, "/page")
        origin.replies["/page"] = reply("there it is")
        clock.now += 10
        third = await ask(edge, "/page")

    assert [(each.status, each.cache) for each in (first, second)] == [(404, "Error")] * 2
    assert (third.status, third.text) == (200, "there it is")
    assert len(origin.asked) == 2


async def test_an_origin_that_does_not_answer_in_time_is_a_504(origin: Origin, clock: Clock) -> None:
    origin.replies["/page"] = gate = Gate("late")
    distribution = one(origin)

    async with open_edge(distribution, clock=clock, timeouts=Timeouts(response=0.05)) as edge:
        seen = await ask(edge, "/page")
        gate.opened.set()

    assert (seen.status, seen.cache) == (504, "Error")
    assert "did not answer in time" in seen.text


async def test_an_origin_that_is_back_is_asked_again_at_once(origin: Origin, clock: Clock) -> None:
    async def breaks(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    origin.replies["/page"] = breaks

    async with edge_before(origin, clock) as edge:
        down = await ask(edge, "/page")
        origin.replies["/page"] = reply("back")
        back = await ask(edge, "/page")

    assert (down.status, back.text) == (502, "back")


async def test_a_failure_is_told_to_all_who_wait(origin: Origin, clock: Clock) -> None:
    await origin.stop()

    async with edge_before(origin, clock) as edge:
        seen = await asyncio.gather(*(ask(edge, "/page") for _ in range(5)))

    assert [each.status for each in seen] == [502] * 5


async def test_those_who_wait_for_an_answer_that_is_for_one_ask_themselves_and_together(
    origin: Origin, clock: Clock
) -> None:
    arrivals = 0
    first, others = asyncio.Event(), asyncio.Barrier(4)

    async def mine(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal arrivals
        arrivals += 1
        await (first.wait() if arrivals == 1 else others.wait())
        return web.Response(text=str(arrivals), headers={"Cache-Control": "private"})

    origin.replies["/mine"] = mine

    async with edge_before(origin, clock) as edge:
        waiting = [asyncio.create_task(ask(edge, "/mine")) for _ in range(5)]
        await ask(edge, "/elsewhere")
        first.set()
        seen = await asyncio.gather(*waiting)

    assert [each.status for each in seen] == [200] * 5
    assert arrivals == 5


async def test_what_must_be_validated_every_time_is_not_waited_for(origin: Origin, clock: Clock) -> None:
    together = asyncio.Barrier(4)

    async def unchanged(_: web.BaseRequest) -> web.StreamResponse:
        await together.wait()
        return web.Response(status=304, headers={"Cache-Control": "no-cache"})

    origin.replies["/page"] = reply("hello", Cache_Control="no-cache", ETag='"1"')

    async with edge_before(origin, clock) as edge:
        await ask(edge, "/page")
        origin.replies["/page"] = unchanged
        seen = await asyncio.gather(*(ask(edge, "/page") for _ in range(4)))

    assert [(each.text, each.cache) for each in seen] == [("hello", "RefreshHit")] * 4


async def test_what_has_become_cacheable_is_stored_again(origin: Origin, clock: Clock) -> None:
    origin.replies["/page"] = reply(Cache_Control="no-store")

    async with edge_before(origin, clock) as edge:
        await ask(edge, "/page")
        origin.replies["/page"] = reply(Cache_Control="max-age=60")
        results = [(await ask(edge, "/page")).cache for _ in range(3)]

    assert results == ["Miss", "Miss", "Hit"]


async def test_variants_that_are_asked_for_together_are_each_fetched_once(origin: Origin, clock: Clock) -> None:
    async def translated(request: web.BaseRequest) -> web.StreamResponse:
        headers = {"Vary": "Accept-Language", "Cache-Control": "max-age=60"}
        return web.Response(text=request.headers["Accept-Language"], headers=headers)

    origin.replies["/page"] = translated
    languages = ["de", "en", "fr"] * 4

    async with edge_before(origin, clock, forward=Selection(headers=["Accept-Language"])) as edge:
        await ask(edge, "/page", fields={"Accept-Language": "it"})
        asked = [ask(edge, "/page", fields={"Accept-Language": language}) for language in languages]
        seen = await asyncio.gather(*asked)

    assert [each.text for each in seen] == languages
    assert len(origin.asked) == 1 + 3


async def test_who_goes_away_harms_nobody_who_waits_for_the_same(origin: Origin, clock: Clock) -> None:
    origin.replies["/page"] = gate = Gate("hello")

    async with edge_before(origin, clock) as edge:
        leaving = asyncio.create_task(ask(edge, "/page"))
        await gate.arrived.wait()
        staying = asyncio.create_task(ask(edge, "/page"))
        await ask(edge, "/elsewhere")
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        await ask(edge, "/elsewhere")
        gate.opened.set()
        seen = await staying

    assert seen.text == "hello"
    assert origin.asked.count("GET /page") == 1


class Endless:
    """A reply without an end, unless a part is asked for."""

    def __init__(self, status: int = 200) -> None:
        self.freed: asyncio.Event = asyncio.Event()
        self._status = status

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if "Range" in request.headers:
            return web.Response(status=206, text="23", headers={"Content-Range": "bytes 2-3/*"})
        response = web.StreamResponse(status=self._status, headers={"Cache-Control": "no-store"})
        await response.prepare(request)
        try:
            while True:
                await response.write(bytes(65536))
        except ConnectionError:
            self.freed.set()
            raise


async def test_an_endless_body_ends_at_the_origin_when_its_viewer_has_gone(origin: Origin, clock: Clock) -> None:
    origin.replies["/endless"] = endless = Endless()

    async with edge_before(origin, clock) as edge:
        async with aiohttp.ClientSession() as session, session.get(f"{edge.url}/endless") as response:
            await response.content.readany()
        await endless.freed.wait()

    assert edge.figures.stored_responses == 0


async def test_a_part_of_what_is_not_stored_is_asked_for_and_the_rest_given_up(origin: Origin, clock: Clock) -> None:
    origin.replies["/endless"] = endless = Endless()

    async with edge_before(origin, clock) as edge:
        seen = await ask(edge, "/endless", fields={"Range": "bytes=2-3"})
        await endless.freed.wait()

    assert (seen.status, seen.text) == (206, "23")


async def test_a_body_reaches_the_viewer_while_it_is_being_made(origin: Origin, clock: Clock) -> None:
    rest = asyncio.Event()

    async def streamed(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Cache-Control": "max-age=60", "Date": http_date(NOON)})
        await response.prepare(request)
        await response.write(b"first")
        await rest.wait()
        await response.write(b"second")
        return response

    origin.replies["/stream"] = streamed

    async with edge_before(origin, clock) as edge, aiohttp.ClientSession() as session:
        async with session.get(f"{edge.url}/stream") as one, session.get(f"{edge.url}/stream") as other:
            begun = [await one.content.readany(), await other.content.readany()]
            rest.set()
            ended = [await one.read(), await other.read()]
        stored = await ask(edge, "/stream")

    assert (begun, ended) == ([b"first"] * 2, [b"second"] * 2)
    assert (stored.text, stored.cache, stored.headers["Content-Length"]) == ("firstsecond", "Hit", "11")
    assert len(origin.asked) == 1


async def test_a_body_that_breaks_off_breaks_off_for_the_viewer_and_is_not_stored(origin: Origin, clock: Clock) -> None:
    async def broken(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Cache-Control": "max-age=60", "Date": http_date(NOON)})
        await response.prepare(request)
        await response.write(b"first")
        assert request.transport is not None
        request.transport.close()
        return response

    origin.replies["/file"] = broken

    async with edge_before(origin, clock) as edge:
        with pytest.raises(aiohttp.ClientError):
            await ask(edge, "/file")
        origin.replies["/file"] = reply("whole")
        seen = await ask(edge, "/file")

    assert (seen.text, seen.cache) == ("whole", "Miss")


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "unannounced"])
async def test_a_response_that_is_too_large_passes_through(origin: Origin, clock: Clock, *, chunked: bool) -> None:
    content = bytes(range(256)) * 4096

    async def large(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Cache-Control": "max-age=60", "Date": http_date(NOON)})
        if not chunked:
            response.content_length = len(content)
        await response.prepare(request)
        for start in range(0, len(content), 65536):
            await response.write(content[start : start + 65536])
        return response

    origin.replies["/large"] = large

    async with edge_before(origin, clock, Limits(response=len(content) - 1)) as edge:
        seen = [await ask(edge, "/large") for _ in range(2)]
        stored = edge.figures.stored_responses

    assert [(each.content == content, each.cache) for each in seen] == [(True, "Miss")] * 2
    assert stored == 0
    assert edge.figures.origin_bytes == 2 * len(content)


async def test_a_part_of_a_response_that_is_too_large_is_asked_of_the_origin(origin: Origin, clock: Clock) -> None:
    async def large(request: web.BaseRequest) -> web.StreamResponse:
        if "Range" in request.headers:
            return web.Response(status=206, text="23", headers={"Content-Range": "bytes 2-3/2000"})
        return web.Response(text="0123456789" * 200, headers={"Cache-Control": "max-age=60"})

    origin.replies["/large"] = large

    async with edge_before(origin, clock, Limits(response=1000)) as edge:
        seen = await ask(edge, "/large", fields={"Range": "bytes=2-3"})

    assert (seen.status, seen.text, seen.headers["Content-Range"]) == (206, "23", "bytes 2-3/2000")


async def test_what_was_not_asked_for_the_longest_goes_first(origin: Origin, clock: Clock) -> None:
    for name in "abc":
        origin.replies[f"/{name}"] = reply("x" * 3000)

    async with edge_before(origin, clock, Limits(memory=10_000)) as edge:
        for path in ("/a", "/b", "/a", "/c"):
            await ask(edge, path)
        results = {path: (await ask(edge, path)).cache for path in ("/a", "/c", "/b")}
        weight = edge.figures.stored_bytes

    assert results == {"/a": "Hit", "/c": "Hit", "/b": "Miss"}
    assert edge.figures.evicted_responses == 2
    assert weight <= 10_000


async def test_what_is_being_fetched_during_an_invalidation_is_not_stored(origin: Origin, clock: Clock) -> None:
    origin.replies["/page"] = gate = Gate("old")
    batch = '<InvalidationBatch xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><Paths><Quantity>1</Quantity>'
    batch += "<Items><Path>/page</Path></Items></Paths><CallerReference>1</CallerReference></InvalidationBatch>"

    async with edge_before(origin, clock) as edge, aiohttp.ClientSession() as session:
        early = asyncio.create_task(ask(edge, "/page"))
        await gate.arrived.wait()
        origin.replies["/page"] = reply("new", Cache_Control="max-age=60")
        url = f"{edge.endpoint_url}/2020-05-31/distribution/{edge.distribution_id}/invalidation"
        async with session.post(url, data=batch) as made:
            assert made.status == 201
        during = await ask(edge, "/page")
        gate.opened.set()
        seen = [await early, during, await ask(edge, "/page")]

    assert [(each.text, each.cache) for each in seen] == [("old", "Miss"), ("new", "Miss"), ("new", "Hit")]


async def test_what_was_fetched_before_a_write_is_not_stored_after_it(origin: Origin, clock: Clock) -> None:
    origin.replies["/posts"] = gate = Gate("old")

    async with edge_before(origin, clock, methods=ALL_METHODS) as edge:
        early = asyncio.create_task(ask(edge, "/posts"))
        await gate.arrived.wait()
        origin.replies["/posts"] = reply("new", Cache_Control="max-age=60")
        await ask(edge, "/posts", "PUT", body=b"new")
        gate.opened.set()
        await early
        after = await ask(edge, "/posts")

    assert (after.text, after.cache) == ("new", "Miss")


async def test_the_preconditions_of_a_change_are_for_the_origin(origin: Origin, clock: Clock) -> None:
    origin.replies["/page"] = reply(Cache_Control="max-age=60")

    async with edge_before(origin, clock) as edge:
        await ask(edge, "/page")
        seen = await ask(edge, "/page", fields={"If-Match": '"1"'})

    assert seen.cache == "Miss"
    assert origin.requests[1][2]["If-Match"] == '"1"'


async def test_a_head_that_is_not_stored_is_the_origins(origin: Origin, clock: Clock) -> None:
    origin.replies["/page"] = reply("hello", Cache_Control="max-age=60")

    async with edge_before(origin, clock) as edge:
        head = await ask(edge, "/page", "HEAD")
        page = await ask(edge, "/page")

    assert (head.headers["Content-Length"], head.content, page.cache) == ("5", b"", "Miss")
    assert origin.asked == ["HEAD /page", "GET /page"]


async def test_content_and_cookies_arrive_as_they_were_sent(origin: Origin, clock: Clock) -> None:
    async def encoded(_: web.BaseRequest) -> web.StreamResponse:
        response = web.Response(body=b"\x1f\x8b not really", headers={"Content-Encoding": "gzip"})
        response.headers.add("Set-Cookie", "a=1")
        response.headers.add("Set-Cookie", "b=2")
        response.headers["X-Hop"] = "1"
        response.headers["Connection"] = "X-Hop"
        return response

    origin.replies["/page"] = encoded

    async with edge_before(origin, clock, forward=ALL_VIEWER) as edge:
        seen = await ask(edge, "/page")

    assert seen.content == b"\x1f\x8b not really"
    assert seen.headers.getall("Set-Cookie") == ["a=1", "b=2"]
    assert "X-Hop" not in seen.headers
    assert seen.headers["Via"] == "1.1 eventkit-edge (CloudFront)"


async def test_redirects_are_for_the_viewer(origin: Origin, clock: Clock) -> None:
    origin.replies["/old"] = reply(status=301, Location="/new")

    async with edge_before(origin, clock) as edge:
        first, second = await ask(edge, "/old"), await ask(edge, "/old")

    assert [(each.status, each.headers["Location"]) for each in (first, second)] == [(301, "/new")] * 2
    assert [first.cache, second.cache] == ["Miss", "Hit"]


async def test_a_target_arrives_as_it_was_written(origin: Origin, clock: Clock) -> None:
    target = "/a%2Fb/%7Ec;d=1/gr%C3%BC%C3%9Fe?q=%20+&r="

    async with edge_before(origin, clock, key=Selection(queries=ALL)) as edge:
        await ask(edge, target)

    assert origin.asked == [f"GET {target}"]


async def test_the_origin_learns_who_asks_and_through_whom(origin: Origin, clock: Clock) -> None:
    async with edge_before(origin, clock) as edge:
        await ask(edge, "/page", fields={"X-Forwarded-For": "192.0.2.1", "User-Agent": "browser"})

    _, _, headers = origin.requests[0]
    assert headers["X-Forwarded-For"] == "192.0.2.1, 127.0.0.1"
    assert headers["Via"] == "1.1 eventkit-edge (CloudFront)"
    assert headers["User-Agent"] == "Amazon CloudFront"


async def test_a_path_stands_for_what_it_is_rewritten_to(origin: Origin, clock: Clock) -> None:
    origin.replies["/post.html"] = reply("a post", Cache_Control="max-age=60")
    rewrite = (r"^/posts/[^/]+$", "/post.html")

    async with edge_before(origin, clock, rewrite=rewrite, key=Selection(queries=ALL)) as edge:
        answers = [await ask(edge, target) for target in ("/posts/one?a=1", "/posts/two?a=1", "/posts/", "/post.html")]

    assert [(answer.status, answer.cache) for answer in answers] == [
        (200, "Miss"),
        (200, "Hit"),
        (404, "Error"),
        (200, "Miss"),
    ]
    assert origin.asked == ["GET /post.html?a=1", "GET /posts/", "GET /post.html"]


async def test_what_a_path_stands_for_is_the_origins_of_its_own_behaviour(origin: Origin, clock: Clock) -> None:
    async with open_origin(clock) as other:
        other.replies["/page"] = reply("other", Cache_Control="max-age=60")
        origin.replies["/page"] = reply("own", Cache_Control="max-age=60")
        behaviours = [
            Behaviour(path_pattern="/other/*", origin=other.url, rewrite=("^/other", "")),
            Behaviour(origin=origin.url),
        ]

        async with asyncio.timeout(PATIENCE), open_edge(Distribution(behaviours=behaviours), clock=clock) as edge:
            answers = [await ask(edge, path) for path in ("/other/page", "/page")]

    assert [answer.text for answer in answers] == ["other", "own"]


async def test_every_answer_carries_the_headers_of_its_behaviour(origin: Origin, clock: Clock) -> None:
    origin.replies["/page"] = reply("hello", Cache_Control="max-age=60", X_Frame_Options="SAMEORIGIN")
    headers = {"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff"}

    async with edge_before(origin, clock, response_headers=headers) as edge:
        answers = [await ask(edge, "/page"), await ask(edge, "/page"), await ask(edge, "/page", "POST")]

    assert [answer.status for answer in answers] == [200, 200, 403]
    assert [answer.headers.getall("X-Frame-Options") for answer in answers] == [["DENY"]] * 3
    assert [answer.headers["X-Content-Type-Options"] for answer in answers] == ["nosniff"] * 3


async def test_an_error_has_a_page_of_its_own(origin: Origin, clock: Clock) -> None:
    origin.replies["/absent"] = reply("<Error/>", 403)
    origin.replies["/404.html"] = reply("not here", Cache_Control="max-age=60")
    pages = {403: ErrorPage("/404.html", 404)}

    async with edge_before(origin, clock, error_pages=pages) as edge:
        fields = {"Range": "bytes=0-1"}
        answers = [await ask(edge, "/absent"), await ask(edge, "/absent", fields=fields), await ask(edge, "/404.html")]

    assert [(answer.status, answer.text, answer.cache) for answer in answers] == [
        (404, "not here", "Error"),
        (404, "not here", "Error"),
        (200, "not here", "Hit"),
    ]


async def test_an_error_is_given_up_with_the_viewer_who_waits_for_its_page(origin: Origin, clock: Clock) -> None:
    origin.replies["/endless"] = endless = Endless(status=403)
    origin.replies["/404.html"] = gate = Gate("not here")

    async with edge_before(origin, clock, error_pages={403: ErrorPage("/404.html", 404)}) as edge:
        leaving = asyncio.create_task(ask(edge, "/endless"))
        await gate.arrived.wait()
        leaving.cancel()
        await endless.freed.wait()
        gate.opened.set()

    assert leaving.cancelled()


async def test_an_error_stays_what_it_is_where_its_page_cannot_be_had(origin: Origin, clock: Clock) -> None:
    origin.replies["/absent"] = reply("<Error/>", 403)

    async with edge_before(origin, clock, error_pages={403: ErrorPage("/404.html", 404)}) as edge:
        answer = await ask(edge, "/absent")

    assert (answer.status, answer.text) == (403, "<Error/>")


async def test_figures_count_what_viewers_and_origins_did(origin: Origin, clock: Clock) -> None:
    origin.replies["/page"] = validated("hello", '"1"', Cache_Control="max-age=60")

    async with edge_before(origin, clock) as edge:
        for seconds in (0, 1, 1, 60):
            clock.now += seconds
            await ask(edge, "/page")
        await ask(edge, "/absent")
        async with aiohttp.ClientSession() as session, session.get(f"{edge.endpoint_url}/figures") as response:
            shown = json.loads(await response.text())
        figures = edge.figures

    assert (figures.requests, figures.hits, figures.refresh_hits, figures.misses, figures.errors) == (5, 2, 1, 1, 1)
    assert (figures.origin_requests, figures.stored_responses) == (3, 2)
    assert figures.viewer_bytes == 4 * len("hello") + len("nothing here")
    assert figures.origin_bytes == len("hello") + len("nothing here")
    assert shown["hits"] == 2
    assert shown["hit_ratio"] == 0.4


async def test_each_request_is_a_line_without_what_could_be_secret(
    origin: Origin, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    origin.replies["/page"] = reply("hello")
    caplog.set_level(logging.INFO)

    async with edge_before(origin, clock, forward=ALL_VIEWER) as edge:
        await ask(edge, "/page?token=secret", fields={"Cookie": "secret", "Authorization": "secret"})

    lines = [record for record in caplog.records if record.name == "eventkit.edge"]
    assert [line.getMessage() for line in lines] == ["edge.request"]
    facts = vars(lines[0])
    assert {name: facts[name] for name in ("method", "path", "status", "result", "size", "is_whole")} == {
        "method": "GET",
        "path": "/page",
        "status": 200,
        "result": "Miss",
        "size": 5,
        "is_whole": True,
    }
    assert not any("secret" in str(vars(record)) for record in caplog.records)


async def test_lines_can_go_elsewhere(origin: Origin, clock: Clock) -> None:
    lines: list[Access] = []
    distribution = one(origin)

    async with open_edge(distribution, clock=clock, observe=lines.append) as edge:
        await ask(edge, "/absent")

    assert [(line.path, line.status, str(line.result), line.size) for line in lines] == [("/absent", 404, "Error", 12)]


def faulty(_origin: str, _request: Request) -> AbstractAsyncContextManager[Response]:
    raise LookupError("a fault")


async def test_a_fault_of_the_edge_keeps_nobody_waiting(clock: Clock) -> None:
    cache = Cache(Distribution(behaviours=[Behaviour(origin="http://127.0.0.1:1")]), faulty, Limits(), clock)

    async with asyncio.timeout(PATIENCE):
        answers = await asyncio.gather(*(cache.answer(Request("GET", "/page")) for _ in range(3)))

    assert [answer.head.status for answer in answers] == [502] * 3


@pytest.mark.parametrize("target", ["*", "example.com:443", "ftp://example.com/page"])
async def test_a_target_that_is_no_path_is_refused(clock: Clock, target: str) -> None:
    behaviour = Behaviour(origin="http://127.0.0.1:1", methods=ALL_METHODS)
    cache = Cache(Distribution(behaviours=[behaviour]), faulty, Limits(), clock)

    answer = await cache.answer(Request("OPTIONS", target))

    assert answer.head.status == 400


async def test_a_taken_port_is_named(origin: Origin, clock: Clock) -> None:
    distribution = one(origin)
    port = int(origin.url.rpartition(":")[2])

    with pytest.raises(ConfigurationError, match=f"port {port}"):
        async with open_edge(distribution, clock=clock, port=port):
            pass


async def test_other_clients_find_the_api_by_an_environment_variable(origin: Origin, clock: Clock) -> None:
    async with edge_before(origin, clock) as edge:
        assert edge.environ == {"AWS_ENDPOINT_URL_CLOUDFRONT": edge.endpoint_url}
