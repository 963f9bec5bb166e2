"""A visitor of the blog who is a program: reads pages, writes by the API, and uploads photographs as a browser does."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import aiohttp

from eventkit.errors import EventkitError
from examples.blog._photographs import Picture

__all__ = ["Reading", "UnexpectedAnswerError", "Visitor", "visiting"]

Fields = dict[str, Any]

FAILURES = 400
"""The first status that is one."""

PATIENCE = aiohttp.ClientTimeout(total=30)


class UnexpectedAnswerError(EventkitError):
    """The blog answered what it should not, with this status; None where it did not answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status: int | None = status


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: the body, its header fields, what the edge says of it (`X-Cache`, in a word), and seconds."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    seconds: float

    @property
    def cache(self) -> str:
        """`Hit`, `Miss`, `RefreshHit` or `Error`; nothing where no edge was asked."""
        return self.headers.get("X-Cache", "").partition(" ")[0]


class Visitor:
    """A visitor of the blog at one address. Its verbs raise `UnexpectedAnswerError`."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def read(self, path: str) -> Reading:
        """Read a page, a file or data, whatever its status is."""
        began = perf_counter()
        async with self._answer("GET", self._url + path) as response:
            body = await response.read()
            return Reading(response.status, body, response.headers, perf_counter() - began)

    async def data(self, path: str) -> Fields:
        """Read data of the API."""
        return await self._call("GET", path)

    async def publish(self, title: str, text: str, author: str) -> str:
        """Publish a post, and give its name in addresses."""
        made = await self._call("POST", "/api/posts", {"title": title, "text": text, "author": author})
        return str(made["slug"])

    async def edit(self, slug: str, title: str, text: str) -> None:
        """Edit a post as it is now."""
        path = f"/api/posts/{slug}"
        tag = (await self.read(path)).headers.get("ETag", "")
        await self._call("PUT", path, {"title": title, "text": text}, {"If-Match": tag})

    async def comment(self, slug: str, author: str, text: str) -> None:
        """Comment on a post."""
        await self._call("POST", f"/api/posts/{slug}/comments", {"author": author, "text": text})

    async def subscribe(self, address: str, name: str) -> None:
        """Want mail."""
        await self._call("POST", "/api/subscribers", {"address": address, "name": name})

    async def add_photo(self, slug: str, picture: Picture) -> str:
        """Announce a photo, upload it by the form that comes back, straight into the bucket, and give its id."""
        wish = {"name": picture.about, "type": picture.type, "size": len(picture.data)}
        made = await self._call("POST", f"/api/posts/{slug}/photos", wish)
        form = aiohttp.FormData(made["upload"]["fields"])
        form.add_field("file", picture.data, filename="photo", content_type=picture.type)
        async with self._answer("POST", made["upload"]["url"], data=form) as response:
            await _check(response)
        return str(made["photo"]["id"])

    async def photo(self, slug: str, photo: str) -> Fields:
        """How a photo of a post is."""
        found = await self._call("GET", f"/api/posts/{slug}/photos")
        return next(one for one in found["items"] if one["id"] == photo)

    async def _call(
        self, method: str, path: str, body: Fields | None = None, headers: Mapping[str, str] | None = None
    ) -> Fields:
        async with self._answer(method, self._url + path, json=body, headers=headers) as response:
            await _check(response)
            found: Fields = await response.json()
            return found

    @asynccontextmanager
    async def _answer(self, method: str, url: str, **request: Any) -> AsyncGenerator[aiohttp.ClientResponse]:  # noqa: ANN401 - aiohttp's own
        try:
            async with self._session.request(method, url, **request) as response:
                yield response
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnexpectedAnswerError(f"{method} {url} was not answered: {type(error).__name__}") from error


async def _check(response: aiohttp.ClientResponse) -> None:
    if response.status >= FAILURES:
        answered = f"{response.method} {response.url} was answered with {response.status}"
        raise UnexpectedAnswerError(f"{answered}: {await response.text()}", response.status)


@asynccontextmanager
async def visiting(url: str, connections: int = 100) -> AsyncGenerator[Visitor]:
    """A visitor of the blog at this address, with so many connections at most."""
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector, timeout=PATIENCE) as session:
        yield Visitor(session, url)
