"""What the edge's tests play with: an origin that records what it is asked, a clock that is set, and a viewer."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Protocol, TypedDict, Unpack

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from eventkit_local.edge import Behaviour, Distribution, ErrorPage, Selection, Ttl

NOON = 1_900_000_000.0


@dataclass
class Clock:
    """Seconds since the epoch, which pass when a test says so."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


def http_date(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)


Reply = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def reply(text: str = "content", status: int = 200, **headers: str) -> Reply:
    """Always the same; an underscore in the name of a header stands for a hyphen."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}

    async def made(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=text, status=status, headers=fields)

    return made


def validated(text: str, etag: str, **headers: str) -> Reply:
    """A 304 for who names the entity tag."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}

    async def made(request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag, **fields})
        return web.Response(text=text, headers={"ETag": etag, **fields})

    return made


@dataclass
class Origin:
    """A server that answers by path and remembers what it was asked."""

    clock: Callable[[], float]
    replies: dict[str, Reply] = field(default_factory=dict[str, Reply])
    requests: list[tuple[str, str, CIMultiDictProxy[str]]] = field(
        default_factory=list[tuple[str, str, CIMultiDictProxy[str]]]
    )
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""
    _runner: web.ServerRunner | None = None

    @property
    def asked(self) -> list[str]:
        """Methods and targets, in the order that they came."""
        return [f"{method} {target}" for method, target, _ in self.requests]

    async def start(self) -> None:
        runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._runner, self.url = runner, f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append((request.method, request.raw_path, request.headers))
        self.arrived.set()
        self.arrived.clear()
        made = await self.replies.get(request.path, reply("nothing here", 404))(request)
        if not made.prepared:
            made.headers.setdefault("Date", http_date(self.clock()))
        return made


@asynccontextmanager
async def open_origin(clock: Callable[[], float]) -> AsyncGenerator[Origin]:
    origin = Origin(clock)
    await origin.start()
    try:
        yield origin
    finally:
        await origin.stop()


class Settings(TypedDict, total=False):
    """What a behaviour has beside its origin and its paths."""

    key: Selection
    forward: Selection
    ttl: Ttl
    methods: Collection[str]
    rewrite: tuple[str, str]
    response_headers: Mapping[str, str]
    error_pages: Mapping[int, ErrorPage]


def one(origin: Origin, **settings: Unpack[Settings]) -> Distribution:
    """One behaviour for everything."""
    return Distribution(behaviours=[Behaviour(origin=origin.url, **settings)])


class AnyEdge(Protocol):
    """What an implementation of the edge shows."""

    @property
    def url(self) -> str: ...
    @property
    def endpoint_url(self) -> str: ...
    @property
    def distribution_id(self) -> str: ...


Open = Callable[[Distribution], AbstractAsyncContextManager[AnyEdge]]


@dataclass(frozen=True)
class Seen:
    """A response as a viewer sees it."""

    status: int
    headers: CIMultiDictProxy[str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    @property
    def cache(self) -> str:
        """What X-Cache says, in one word."""
        return self.headers.get("X-Cache", "").partition(" ")[0]

    @property
    def age(self) -> int:
        return int(self.headers.get("Age", "0"))


NO_FIELDS: Mapping[str, str] = {}


async def ask(
    edge: AnyEdge, path: str, method: str = "GET", fields: Mapping[str, str] = NO_FIELDS, body: bytes | None = None
) -> Seen:
    """Send a request with a connection of its own."""
    async with (
        aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=("User-Agent", "Accept-Encoding")) as session,
        session.request(
            method, URL(edge.url + path, encoded=True), headers=CIMultiDict(fields), data=body, allow_redirects=False
        ) as response,
    ):
        return Seen(response.status, response.headers, await response.read())
