"""The handler that invalidates what an event changed: paths, calls that are shared, and what is acknowledged when."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from eventkit import App, BackendError, Delivery, Depends, Done, Queue, Reject, Retry
from eventkit.events import Message
from eventkit.testing import TestApp, sqs_record
from eventkit_handlers._paths import calls_of
from eventkit_handlers.cdn_invalidation import (
    Invalidations,
    cdn_invalidation,
    invalidation_path,
    open_invalidations,
)

OUTAGE = BackendError("CloudFront cannot be reached")
FOREVER = 1e6


def clock() -> float:
    return asyncio.get_running_loop().time()


class Cdn:
    """An invalidator that takes `latency` seconds, and then answers as it was told."""

    def __init__(self, *failures: Exception | None, latency: float = 0.0, poison: str = "") -> None:
        self.calls: list[tuple[float, Sequence[str]]] = []
        self.references: list[str] = []
        self.failures = list(failures)
        self.latency = latency
        self.poison = poison

    async def invalidate(self, paths: Sequence[str], reference: str) -> None:
        self.calls.append((clock(), list(paths)))
        self.references.append(reference)
        await asyncio.sleep(self.latency)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        if self.poison in paths:
            raise Reject("no such path")

    @property
    def paths(self) -> list[Sequence[str]]:
        return [paths for _, paths in self.calls]


def ask(invalidations: Invalidations, event: str, *paths: str) -> asyncio.Task[None]:
    return asyncio.create_task(invalidations.invalidate(event, frozenset(paths)))


async def accepted(*requests: asyncio.Task[None]) -> list[type[BaseException] | None]:
    """What became of requests: None for those that were accepted."""
    results: list[BaseException | None] = await asyncio.gather(*requests, return_exceptions=True)
    return [None if one is None else type(one) for one in results]


class TestSharedCalls:
    async def test_events_that_come_together_share_a_call(self) -> None:
        cdn = Cdn()

        async with open_invalidations(cdn) as invalidations:
            await accepted(*(ask(invalidations, str(n), "/", f"/posts/{n}") for n in range(3)))

        assert cdn.paths == [["/", "/posts/0", "/posts/1", "/posts/2"]]

    async def test_one_that_is_alone_is_sent_at_once(self) -> None:
        cdn = Cdn()

        async with open_invalidations(cdn) as invalidations:
            for event in "ab":
                await invalidations.invalidate(event, frozenset([f"/{event}"]))

        assert cdn.calls == [(0, ["/a"]), (0, ["/b"])]

    async def test_what_comes_during_a_call_goes_together_with_the_next(self) -> None:
        cdn = Cdn(latency=10)

        async with open_invalidations(cdn) as invalidations:
            requests = [ask(invalidations, "a", "/a")]
            for event in "bcd":
                await asyncio.sleep(2)
                requests.append(ask(invalidations, event, f"/{event}"))
            await accepted(*requests)

        assert cdn.calls == [(0, ["/a"]), (10, ["/b", "/c", "/d"])]

    async def test_a_call_waits_for_others_as_long_as_it_shall(self) -> None:
        cdn = Cdn()

        async with open_invalidations(cdn, linger=5) as invalidations:
            requests = [ask(invalidations, "a", "/a")]
            await asyncio.sleep(4)
            requests.append(ask(invalidations, "b", "/b"))
            await accepted(*requests)
            await invalidations.invalidate("c", frozenset(["/c"]))

        assert cdn.calls == [(5, ["/a", "/b"]), (10, ["/c"])]

    async def test_a_thousand_paths_do_not_wait_and_nothing_is_added_to_them(self) -> None:
        cdn = Cdn()

        async with open_invalidations(cdn, linger=FOREVER) as invalidations:
            many = [f"/{n}" for n in range(1_000)]
            full = [ask(invalidations, "many", *many), ask(invalidations, "more", "/more")]
            await full[0]
            assert clock() == 0
            assert sorted(path for paths in cdn.paths for path in paths) == sorted(many)
            await full[1]

        assert cdn.calls[-1] == (FOREVER, ["/more"])

    async def test_calls_go_one_after_another(self) -> None:
        cdn = Cdn(latency=3)

        async with open_invalidations(cdn) as invalidations:
            batches = [[f"/{batch}/{n}" for n in range(985)] for batch in range(3)]
            requests = [ask(invalidations, str(number), *paths, "/*") for number, paths in enumerate(batches)]
            requests += [ask(invalidations, "x", *(f"/x{n}" for n in range(1_000)))]
            await accepted(*requests)

        times = [time for time, _ in cdn.calls]
        assert times == [3 * n for n in range(len(times))]


class TestAcknowledging:
    async def test_a_request_ends_when_its_paths_were_accepted_and_not_before(self) -> None:
        cdn = Cdn(latency=7)

        async with open_invalidations(cdn, linger=1) as invalidations:
            request = ask(invalidations, "a", "/a")
            await asyncio.sleep(7.9)
            assert not request.done()
            await request

        assert clock() == 8

    @pytest.mark.parametrize("error", [OUTAGE, Retry(after=30)])
    async def test_a_failure_reaches_all_who_wait_and_none_that_comes_later(self, error: Exception) -> None:
        cdn = Cdn(error)

        async with open_invalidations(cdn) as invalidations:
            first = await accepted(ask(invalidations, "a", "/a"), ask(invalidations, "b", "/b"))
            later = await accepted(ask(invalidations, "c", "/c"))

        assert (first, later) == ([type(error)] * 2, [None])

    async def test_what_is_rejected_for_one_event_is_accepted_for_the_others(self) -> None:
        cdn = Cdn(poison="/bad")

        async with open_invalidations(cdn) as invalidations:
            results = await accepted(*(ask(invalidations, path, path) for path in ("/a", "/bad", "/c")))

        assert results == [None, Reject, None]
        assert cdn.paths == [["/a", "/bad", "/c"], ["/a"], ["/bad"], ["/c"]]

    async def test_who_is_cancelled_takes_nobody_with_it(self) -> None:
        cdn = Cdn(OUTAGE, latency=5)

        async with open_invalidations(cdn) as invalidations:
            first, second = ask(invalidations, "a", "/a"), ask(invalidations, "b", "/b")
            await asyncio.sleep(1)
            first.cancel()
            assert await accepted(first, second) == [asyncio.CancelledError, BackendError]

    async def test_what_nobody_waits_for_ends_with_the_app(self) -> None:
        cdn = Cdn(latency=FOREVER)
        before = asyncio.all_tasks()

        async with open_invalidations(cdn) as invalidations:
            requests = [ask(invalidations, "a", "/a")]
            await asyncio.sleep(1)
            requests.append(ask(invalidations, "b", "/b"))
            await asyncio.sleep(1)

        assert await accepted(*requests) == [asyncio.CancelledError] * 2
        assert asyncio.all_tasks() == before
        assert clock() == 2

    async def test_it_is_told_how_much_was_invalidated_and_not_what(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)

        async with open_invalidations(Cdn()) as invalidations:
            await accepted(ask(invalidations, "a", "/", "/a"), ask(invalidations, "b", "/"))

        [entry] = caplog.records
        assert (entry.getMessage(), vars(entry)["events"], vars(entry)["paths"]) == ("cdn.invalidated", 2, 2)
        assert "/a" not in str(vars(entry))


def delivery(message: str, text: str = "{}") -> Delivery:
    event = Message({**sqs_record(text, "posts"), "messageId": message})
    return Delivery(event, text, "invalidate")


class TestReferences:
    async def references(self, *batches: Sequence[tuple[str, str]]) -> list[str]:
        """The references of batches of messages, given by id and slug."""
        cdn = Cdn()
        async with open_invalidations(cdn) as invalidations:

            def paths(slug: str) -> Sequence[str]:
                return ["/", f"/posts/{slug}"]

            handler = cdn_invalidation(invalidations, paths)
            for batch in batches:
                await asyncio.gather(*(handler(slug, delivery(message)) for message, slug in batch))
        return cdn.references

    async def test_a_batch_that_comes_again_is_the_same_to_the_cdn(self) -> None:
        first, again = await self.references([("m1", "a"), ("m2", "b")], [("m2", "b"), ("m1", "a")])

        assert first == again

    async def test_the_next_edit_of_the_same_post_is_another(self) -> None:
        first, second = await self.references([("m1", "a")], [("m2", "a")])

        assert first != second

    async def test_other_paths_are_never_sent_with_the_same_reference(self) -> None:
        first, second = await self.references([("m1", "a")], [("m1", "b")])

        assert first != second


class TestPaths:
    @pytest.mark.parametrize(
        ("given", "known"),
        [
            ("/", "/"),
            ("/posts/a-b_c.d/", "/posts/a-b_c.d/"),
            ("/posts/über uns", "/posts/%C3%BCber%20uns"),
            ("/posts/%C3%BC", "/posts/%C3%BC"),
            ("/100%", "/100%25"),
            ("/a?page=2&q=x+y", "/a?page=2&q=x+y"),
            ('/a<b>"#{}|\\^~[]`\n', "/a%3Cb%3E%22%23%7B%7D%7C%5C%5E%7E%5B%5D%60%0A"),
            ("/posts/*", "/posts/*"),
            ("/posts/a%2A", "/posts/a%2A"),
        ],
    )
    def test_a_path_is_encoded_as_far_as_it_must_be(self, given: str, known: str) -> None:
        assert invalidation_path(given) == invalidation_path(known) == known

    @pytest.mark.parametrize(
        "path", ["", "posts/a", "https://example.org/", "/a*b", "/a**", "/\ud800", "/" + "ü" * 667]
    )
    def test_what_is_no_path_is_rejected_and_not_repeated(self, path: str) -> None:
        with pytest.raises(Reject, match="a path to invalidate") as raised:
            invalidation_path(path)

        assert not path or path not in raised.value.reason

    @given(st.text(min_size=0, max_size=50).filter(lambda text: "*" not in text and "%" not in text))
    def test_an_encoded_path_is_ascii_and_means_the_same(self, text: str) -> None:
        encoded = invalidation_path(f"/{text}")

        assert encoded.isascii()
        assert encoded.isprintable()
        assert " " not in encoded
        assert unquote(encoded) == f"/{text}"
        assert invalidation_path(encoded) == encoded

    def test_nothing_is_no_call(self) -> None:
        assert calls_of([]) == []

    def test_what_a_wildcard_covers_is_left_out(self) -> None:
        assert calls_of(["/a/1", "/a/*", "/a/b/*", "/b", "/b", "/c*", "/a"]) == [["/a/*", "/c*", "/a", "/b"]]
        assert calls_of(["/*", "/", "/x*", "/y?z"]) == [["/*"]]

    @given(st.sets(st.integers(0, 9_999), max_size=2_500), st.integers(0, 40))
    def test_each_path_is_in_one_call_and_no_call_is_too_large(self, numbers: set[int], wildcards: int) -> None:
        paths = {f"/{n}" for n in numbers} | {f"/w{n:02}*" for n in range(wildcards)}

        calls = calls_of(paths)

        assert sorted(path for call in calls for path in call) == sorted(paths)
        assert all(len(call) <= 1_000 for call in calls)
        assert all(sum(path.endswith("*") for path in call) <= 15 for call in calls)
        assert calls == calls_of(sorted(paths, reverse=True))


class Post(BaseModel):
    slug: str


Purge = Callable[[Post, Delivery], Coroutine[Any, Any, None]]
posts = Queue[Post]("posts")


def paths_of(post: Post) -> Sequence[str]:
    return [] if post.slug == "draft" else ["/", f"/posts/{post.slug}"]


@dataclass(frozen=True)
class State:
    purge: Purge


def purging(state: State) -> Purge:
    return state.purge


def app_of(cdn: Cdn, linger: float = 0.0) -> App:
    """An app as its author would write it: opened in the lifespan, wired by a dependency."""

    @asynccontextmanager
    async def lifespan(_: App) -> AsyncGenerator[State]:
        async with open_invalidations(cdn, linger) as invalidations:
            yield State(cdn_invalidation(invalidations, paths_of))

    app = App("blog", lifespan=lifespan)

    @app.on(posts)
    async def invalidate(post: Post, delivery: Delivery, purge: Annotated[Purge, Depends(purging)]) -> None:
        await purge(post, delivery)

    return app


def slugs(*names: str) -> list[Post]:
    return [Post(slug=name) for name in names]


async def test_an_event_that_changed_nothing_waits_for_nothing() -> None:
    async with open_invalidations(Cdn(), linger=FOREVER) as invalidations:
        await cdn_invalidation(invalidations, paths_of)(Post(slug="draft"), delivery("m1"))

    assert clock() == 0


@pytest.mark.parametrize("runtime", ["lambda", "poller"])
class TestInBothRuntimes:
    async def test_every_post_is_invalidated_before_its_event_is_acknowledged(self, runtime: str) -> None:
        cdn = Cdn(latency=1)

        async with TestApp(app_of(cdn), runtime=runtime) as t:
            t.send(posts, *slugs("a", "b", "c", "draft"))
            await t.settle(advance="1m")

        assert {path for paths in cdn.paths for path in paths} == {"/", "/posts/a", "/posts/b", "/posts/c"}
        assert t.outcomes == (Done(),) * 4
        assert min(one.at for one in t.settlements if "draft" not in str(one.record["body"])) >= 1

    async def test_what_was_not_accepted_comes_again(self, runtime: str) -> None:
        cdn = Cdn(OUTAGE, Retry(after=30))

        async with TestApp(app_of(cdn), runtime=runtime) as t:
            t.send(posts, *slugs("a"))
            await t.settle(advance="1h")

        assert [type(outcome) for outcome in t.outcomes] == [Retry, Retry, Done]
        assert cdn.paths == [["/", "/posts/a"]] * 3
        assert len(set(cdn.references)) == 1

    async def test_a_path_that_is_none_is_a_dead_letter_alone(self, runtime: str) -> None:
        cdn = Cdn()

        async with TestApp(app_of(cdn), runtime=runtime) as t:
            t.send(posts, *slugs("a", "*/b", "c"))
            await t.settle(advance="1m")
            dead = t.dead_letters(posts)

        assert [one.reason for one in dead] == ["a path to invalidate begins with a slash, and has no * but at its end"]
        assert {path for paths in cdn.paths for path in paths} == {"/", "/posts/a", "/posts/c"}


async def test_the_poller_shares_one_call_among_the_messages_of_a_receive() -> None:
    cdn = Cdn()

    async with TestApp(app_of(cdn, linger=1), runtime="poller") as t:
        t.send(posts, *slugs(*"abcdefghij"))
        await t.settle(advance="1m")

    assert cdn.paths == [["/", *(f"/posts/{slug}" for slug in "abcdefghij")]]


async def test_in_lambda_one_record_after_another_waits_for_no_other() -> None:
    cdn = Cdn()

    async with TestApp(app_of(cdn)) as t:
        t.send(posts, *slugs("a", "b"))
        await t.settle()

    assert cdn.paths == [["/", "/posts/a"], ["/", "/posts/b"]]
    assert {time for time, _ in cdn.calls} == {0}
