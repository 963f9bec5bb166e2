"""A load as blogs have it, 99 reads to a write: `python -m examples.blog.load [CHART.svg]`.

The blog is opened on this machine as for the demo. A hundred posts are read by Zipf's law, the k-th most popular one
k times more rarely than the first; now and then somebody comments or edits. The same requests are made through the
edge, and of the API itself. What it tells is how much the edge keeps away from the origin; the times are of an emulator
and of one process that is client, edge and API at once, and only their ratio means something.
"""

import asyncio
import logging
import random
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from statistics import quantiles

from eventkit import EventkitError
from eventkit_local.dev import dev_session, local_aws
from examples.blog._chart import Bar, Panel, chart
from examples.blog._visitor import UnexpectedAnswerError, Visitor, visiting
from examples.blog.app import app
from examples.blog.dev import Blog, open_blog

__all__ = ["Deed", "Load", "Measured", "Plan", "deeds", "main", "measure"]

WRITES = 0.01
ENOUGH = 0.95
"""The share of reads that the edge must answer by itself."""

OUT = Path("out", "load.svg")


@dataclass(frozen=True, slots=True)
class Plan:
    """How many requests are made, of how many posts, and how many at a time."""

    requests: int = 10_000
    posts: int = 100
    concurrency: int = 16
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Deed:
    """One request: `post` or `comments` of a post by its rank, the front page (`home`), a `comment` or an `edit`."""

    kind: str
    rank: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a load: seconds of each read, how many the edge answered, requests to the API, lost edits."""

    seconds: Sequence[float]
    hits: int
    origin: int
    conflicts: int

    @property
    def share(self) -> float:
        """The share of reads that did not wait for an origin."""
        return self.hits / len(self.seconds)

    def percentile(self, number: int) -> float:
        """Milliseconds that so many of a hundred reads took at most."""
        return quantiles(self.seconds, n=100)[number - 1] * 1000


def deeds(plan: Plan) -> Iterator[Deed]:
    """The requests, the same for the same seed: a view of a post is its text and its comments."""
    choice = random.Random(plan.seed)  # noqa: S311 - a load, and no secret
    weights = [1 / rank for rank in range(1, plan.posts + 1)]
    for rank in choice.choices(range(plan.posts), weights, k=plan.requests):
        if choice.random() < WRITES:
            yield Deed(choice.choice(("comment", "edit")), rank)
        else:
            yield Deed(choice.choices(("post", "comments", "home"), (45, 45, 10))[0], rank)


def main(arguments: Sequence[str]) -> int:
    """Make the load, and leave the chart; the exit code says whether the edge did enough."""
    logging.basicConfig(handlers=[logging.NullHandler()])
    plan = Plan()
    try:
        through, past = asyncio.run(measure(plan))
    except EventkitError as error:
        print(f"The load cannot be made: {error}")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    path = Path(arguments[0]) if arguments else OUT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_chart(through, past), encoding="utf-8")
    for line in _told(plan, through, past):
        print(line)
    print(f"Chart: {path}")
    if through.share < ENOUGH:
        print(f"The edge answered less than {ENOUGH:.0%} by itself.")
        return 1
    return 0


async def measure(plan: Plan) -> tuple[Measured, Measured]:
    """Open the blog, and make the load through its edge, and of its API itself."""
    async with AsyncExitStack() as stack:
        aws = stack.enter_context(local_aws(print))
        session = await stack.enter_async_context(dev_session(app, aws=aws))
        blog = await stack.enter_async_context(open_blog(session))
        await stack.enter_async_context(session.polling())
        past = await _load(plan, blog, blog.api)
        return await _load(plan, blog, blog.edge.url), past


async def _load(plan: Plan, blog: Blog, url: str) -> Measured:
    async with visiting(url, plan.concurrency) as visitor, visiting(blog.api) as author:
        slugs = [await author.publish(f"Post {rank}", "Text. " * 200, "Ada") for rank in range(plan.posts)]
        before = blog.edge.figures.origin_requests
        load = Load(visitor, slugs, deeds(plan))
        await load.run(plan.concurrency)
        asked = blog.edge.figures.origin_requests - before
    origin = asked if url == blog.edge.url else plan.requests
    return Measured(load.seconds, load.hits, origin, load.conflicts)


class Load:
    """Does deeds until there are none left."""

    def __init__(self, visitor: Visitor, slugs: Sequence[str], left: Iterator[Deed]) -> None:
        self._visitor = visitor
        self._slugs = slugs
        self._left = left
        self.seconds: list[float] = []
        self.hits = 0
        self.conflicts = 0

    async def run(self, concurrency: int) -> None:
        """Do them, so many at a time. Raises the first `UnexpectedAnswerError`, and ends the others."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(concurrency):
                    tasks.create_task(self._run())
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _run(self) -> None:
        for deed in self._left:
            slug = self._slugs[deed.rank]
            match deed.kind:
                case "comment":
                    await self._visitor.comment(slug, "Grace", "I have read it.")
                case "edit":
                    await self._edit(slug)
                case "home":
                    await self._read("/api/posts")
                case "comments":
                    await self._read(f"/api/posts/{slug}/comments")
                case _:
                    await self._read(f"/api/posts/{slug}")

    async def _read(self, path: str) -> None:
        reading = await self._visitor.read(path)
        if reading.status != HTTPStatus.OK:
            raise UnexpectedAnswerError(f"GET {path} was answered with {reading.status}", reading.status)
        self.seconds.append(reading.seconds)
        self.hits += reading.cache == "Hit"

    async def _edit(self, slug: str) -> None:
        try:
            await self._visitor.edit(slug, "A new title", "Another text. " * 100)
        except UnexpectedAnswerError as error:
            if error.status != HTTPStatus.PRECONDITION_FAILED:
                raise
            self.conflicts += 1  # somebody else's edit came first, or the edge does not know of it yet


def _told(plan: Plan, through: Measured, past: Measured) -> Iterator[str]:
    yield f"{plan.requests:,} requests, {plan.concurrency} at a time; client, edge and API in one process"
    yield f"{'':<18}{'p50':>10}{'p99':>10}{'to the API':>12}"
    for name, one in (("through the edge", through), ("the API itself", past)):
        yield f"{name:<18}{one.percentile(50):>7.1f} ms{one.percentile(99):>7.1f} ms{one.origin:>12,}"
    yield f"The edge answered {through.share:.1%} of {len(through.seconds):,} reads by itself."


def _chart(through: Measured, past: Measured) -> str:
    rest = 1 - through.share
    answered = [
        Bar("by the edge", through.share, f"{through.share:.1%}"),
        Bar("by the API", rest, f"{rest:.1%}", edge=False),
    ]
    times = [
        Bar(f"p{number}, {name}", one.percentile(number), f"{one.percentile(number):.1f} ms", edge=one is through)
        for number in (50, 99)
        for name, one in (("through the edge", through), ("the API itself", past))
    ]
    title = f"Who answered {len(through.seconds):,} reads, and how long they took with and without the edge"
    return chart(title, [Panel("Reads that were answered", answered), Panel("How long a read took", times)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
