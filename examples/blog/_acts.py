"""What the demo plays, act by act. Each checks what has come of it, and gives sentences about what has not happened."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from examples.blog._account import Account
from examples.blog._arrivals import PATIENCE, Arrivals
from examples.blog._photographs import Picture, bomb, cut_short
from examples.blog._replay import replay
from examples.blog._story import Story
from examples.blog._visitor import Reading, UnexpectedAnswerError, Visitor
from examples.blog.app import SPECS
from examples.blog.dev import Blog

__all__ = ["STORE", "Acts", "differences"]

STORE = "blog-done"
"""The table in which it is remembered whom the blog has welcomed: for the poller, and for Lambda."""

SUBSCRIBER = "ada@example.org"
LAST = "grace@example.org"
"""Who subscribes behind everything that could have sent another mail to the first one."""

EDITED = "Read more slowly"

OURS = ("AWS_", "BLOG_", "EVENTKIT_")
"""How the environment variables begin that the function gets, too."""


@dataclass(slots=True, kw_only=True)
class Acts:
    """The story, once everything is there. `visitor` comes by the edge; `author` and `abroad` ask the API itself."""

    blog: Blog
    account: Account
    arrivals: Arrivals
    story: Story
    visitor: Visitor
    author: Visitor
    abroad: Visitor
    pictures: Mapping[str, Picture]
    _slug: str = ""
    _photo: str = ""
    _refused: list[str] = field(default_factory=list[str])

    async def play(self) -> Sequence[str]:
        """Play all acts, and give what did not happen."""
        acts: tuple[Callable[[], Awaitable[Sequence[str]]], ...] = (
            self.first_posts,
            self.read_twice,
            self.upload,
            self.refuse,
            self.subscribe,
            self.edit,
            self.second_region,
            self.other_runtime,
            self.nothing_left,
        )
        return [fault for act in acts for fault in await act()]

    async def first_posts(self) -> Sequence[str]:
        """The photos of the first posts become ready."""
        photos = [(post.slug, photo) for post in self.blog.posts for photo in post.photos]
        with self.story.step(f"{len(photos)} photographs of the first posts: S3, SNS, SQS, thumbnails") as faults:
            for slug, photo in photos:
                faults.extend(await self._ready(slug, photo))
        return faults

    async def read_twice(self) -> Sequence[str]:
        """What is read a second time does not reach an origin."""
        posts = (await self.author.data("/api/posts"))["items"]
        self._slug = posts[0]["slug"]
        photo = posts[0]["photo"]["sizes"][0]["webp"]
        paths = ["/", f"/posts/{self._slug}", f"/api/posts/{self._slug}", photo, "/api/posts?limit=5"]
        with self.story.step("Pages, data and a photograph, each read twice through the edge") as faults:
            for path in paths:
                faults.extend(await self._read(path, ["Miss", "Hit"]))
        return faults

    async def upload(self) -> Sequence[str]:
        """A photograph is uploaded, and the page that was cached shows it."""
        self._slug = await self.visitor.publish("A photograph of today", "It has just been taken.", "Grace")
        path = f"/api/posts/{self._slug}"
        with self.story.step("A post, and a photograph straight into the bucket: its thumbnails are there") as faults:
            await self.visitor.read(path)
            self._photo = await self.visitor.add_photo(self._slug, self.pictures["coffee"])
            faults.extend(await self._ready(self._slug, self._photo))
            made = await self.account.thumbnails(self._photo)
            if len(made) != len(SPECS):
                faults.append(f"there are {len(made)} thumbnails instead of {len(SPECS)}")
            faults.extend(await self._read(path, ["Miss", "Hit"]))
            if self._photo not in str(await self.visitor.data(path)):
                faults.append("the post, read through the edge, does not show its photograph")
        return faults

    async def refuse(self) -> Sequence[str]:
        """Files that are up to no good are refused, and their author is told why."""
        with self.story.step("A file that unpacks to 400 megapixels, and half a photograph, are refused") as faults:
            for picture in (bomb(), cut_short(self.pictures["rocket"])):
                photo = await self.visitor.add_photo(self._slug, picture)
                self._refused.append(photo)
                if not await self.arrivals.wait("make_thumbnails", photo):
                    faults.append(f"nothing has become of {picture.about!r}")
                    continue
                found = await self.visitor.photo(self._slug, photo)
                if found["status"] != "refused" or not found["reason"]:
                    faults.append(f"{picture.about!r} is {found['status']} and should have been refused")
                self.story.progress(f"the author reads: {found['reason']}")
        return faults

    async def subscribe(self) -> Sequence[str]:
        """A subscriber is welcomed."""
        with self.story.step(f"{SUBSCRIBER} subscribes, and again in another spelling: one mail") as faults:
            await self.visitor.subscribe(SUBSCRIBER, "Ada")
            faults.extend(await self._welcomed(SUBSCRIBER))
            await self.visitor.subscribe("Ada@Example.org", "Ada")
        return faults

    async def edit(self) -> Sequence[str]:
        """An edit that the edge knows nothing of is seen through it after its event."""
        path = f"/api/posts/{self._slug}"
        with self.story.step("An edit past the edge: its event invalidates what the edge has") as faults:
            faults.extend(await self._read(path, ["Hit"]))
            known = len(self.arrivals.settled("invalidate", f"{self._slug} post"))
            await self.author.edit(self._slug, "A photograph of today", EDITED)
            if not await self.arrivals.wait("invalidate", f"{self._slug} post", known + 1):
                faults.append("the edit's event has not been handled")
            faults.extend(await self._read(path, ["Miss", "Hit"]))
            if (await self.visitor.data(path))["text"] != EDITED:
                faults.append("the edit is not seen through the edge")
        return faults

    async def second_region(self) -> Sequence[str]:
        """What is written in one Region is read in the other, both ways."""
        path = f"/api/posts/{self._slug}"
        with self.story.step(f"The post in {self.blog.region}, and a comment from there seen here") as faults:
            if not await self._eventually(self._edit_abroad):
                faults.append(f"the edit has not come to {self.blog.region}")
            await self.abroad.comment(self._slug, "Ursula", "Greetings from far away")
            if not await self._eventually(self._comment_here):
                faults.append(f"the comment from {self.blog.region} has not come here")
            self.story.reading(f"{self.blog.second}{path}", await self.abroad.read(path))
        return faults

    async def other_runtime(self) -> Sequence[str]:
        """Lambda handles the same records, and those of the second Region, and nothing is different after that."""
        before = await self.account.thumbnails(self._photo)
        refused = await self.account.refused()
        records = [*self.arrivals.records, *await self.account.changes(self.blog.region)]
        await self.account.undo(self._slug, self._photo)
        with self.story.step(f"The same {len(records)} records, by Lambda's own runtime client") as faults:
            again = await replay(records, self._environment())
            faults.extend(again.errors)
            faults.extend([f"Lambda would deliver the record {name} again" for name in again.retries])
            if await self.account.thumbnails(self._photo) != before:
                faults.append("the thumbnails that Lambda makes differ from the poller's")
            if await self.account.refused() != refused + len(self._refused):
                faults.append("Lambda has not refused what the poller has refused")
            await self.visitor.subscribe(LAST, "Grace")
            faults.extend([*await self._welcomed(LAST), *await self._welcomed(SUBSCRIBER)])
            if faults:
                faults.append(f"the function's log:\n{again.log}")
        self.story.progress(f"{again.invocations} invocations; the same thumbnails and refusals, and still one mail")
        return faults

    async def nothing_left(self) -> Sequence[str]:
        """Nothing is left to do."""
        with self.story.step("The queue is empty") as faults:
            if not await self._eventually(self._is_quiet):
                faults.append(f"{await self.account.waiting()} messages are left in the queue")
        return faults

    async def _ready(self, slug: str, photo: str) -> Sequence[str]:
        """Wait for a photo's thumbnails, and for what the edge is told of them."""
        if not await self.arrivals.wait("make_thumbnails", photo):
            return [f"no thumbnails have been made of the photo {photo}"]
        found = await self.author.photo(slug, photo)
        if found["status"] != "ready":
            return [f"the photo {photo} is {found['status']}: {found['reason']}"]
        if not await self.arrivals.wait("invalidate", photo):
            return [f"the event of the photo {photo} has not been handled"]
        return []

    async def _read(self, path: str, expected: Sequence[str]) -> Sequence[str]:
        """Read a path as often as the edge is expected to say something of it."""
        readings = [await self.visitor.read(path) for _ in expected]
        self.story.reading(path, *readings)
        return [*differences(path, readings, expected)]

    async def _welcomed(self, address: str) -> Sequence[str]:
        """Wait for a mail to the address; there must be no other."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self.blog.mailbox.wait_for(address)
        mails = len(self.blog.mailbox.sent_to(address))
        return [] if mails == 1 else [f"{address} has got {mails} mails instead of one"]

    async def _edit_abroad(self) -> bool:
        with suppress(UnexpectedAnswerError):  # it may not even know the post yet
            return bool((await self.abroad.data(f"/api/posts/{self._slug}"))["text"] == EDITED)
        return False

    async def _comment_here(self) -> bool:
        found: dict[str, Any] = await self.visitor.data(f"/api/posts/{self._slug}/comments")
        return any(comment["author"] == "Ursula" for comment in found["items"])

    async def _is_quiet(self) -> bool:
        return await self.account.waiting() == 0

    async def _eventually(self, holds: Callable[[], Awaitable[bool]]) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while not await holds():  # noqa: ASYNC110 - neither a Region nor a queue tells of it
                    await asyncio.sleep(0.1)
                return True
        return False

    def _environment(self) -> dict[str, str]:
        known = {name: value for name, value in os.environ.items() if name.startswith(OURS)}
        return {**known, "EVENTKIT_STORE": f"dynamodb+boto3://{STORE}"}


def differences(path: str, readings: Sequence[Reading], expected: Sequence[str]) -> Sequence[str]:
    """What the edge should not have said of a path, as a sentence."""
    said = [reading.cache for reading in readings]
    if said == list(expected):
        return []
    return [f"{path} was a {', then a '.join(said)}, and should have been a {', then a '.join(expected)}"]
