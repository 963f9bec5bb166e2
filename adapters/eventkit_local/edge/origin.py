"""The way to the origins: an HTTP client that changes nothing on the way and follows no redirect."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from eventkit_local.edge.messages import Head, Request, end_to_end, headers_of

__all__ = ["Fetch", "OriginError", "Response", "Timeouts", "open_client"]

VIA = "1.1 eventkit-edge (CloudFront)"
_IDLE_SECONDS = 4  # less than uvicorn's 5, or a POST could meet a connection that is just being closed


class OriginError(Exception):
    """An origin cannot be reached, or does not answer in time.

    Attributes:
        status: What the viewer gets: 502 or 504.
    """

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Response:
    """An origin's answer: its head, and its body in pieces, whose iteration raises `OriginError`."""

    head: Head
    body: AsyncIterator[bytes]


Fetch = Callable[[str, Request], AbstractAsyncContextManager[Response]]
"""Sends a request to the origin with that URL; entering the context raises `OriginError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long origins are waited for, in seconds; the defaults are CloudFront's.

    Attributes:
        connect: Until there is a connection.
        response: Until the answer begins, and between two pieces of it.
    """

    connect: float = 10
    response: float = 30


@asynccontextmanager
async def open_client(timeouts: Timeouts, clock: Callable[[], float]) -> AsyncGenerator[Fetch]:
    """Open what fetches from origins; responses without a Date get the clock's."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=timeouts.connect, sock_read=timeouts.response),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
    )

    @asynccontextmanager
    async def fetch(origin: str, request: Request) -> AsyncGenerator[Response]:
        url = URL(origin.rstrip("/") + request.target, encoded=True)
        try:
            response = await session.request(
                request.method, url, headers=_sent(request), data=request.body, allow_redirects=False
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _translated(origin, error) from error
        async with response:
            yield Response(_received(response, clock()), _pieces(origin, response))

    async with session:
        yield fetch


def _sent(request: Request) -> CIMultiDict[str]:
    fields = CIMultiDict(request.headers)
    fields.setdefault("User-Agent", "Amazon CloudFront")
    fields["Via"] = ", ".join([*fields.getall("Via", ()), VIA])
    return fields


def _received(response: aiohttp.ClientResponse, now: float) -> Head:
    fields = end_to_end(headers_of(response.headers.copy()))
    fields.setdefault("Date", formatdate(now, usegmt=True))
    fields["Via"] = ", ".join([*fields.getall("Via", ()), VIA])
    return Head(response.status, headers_of(fields))


async def _pieces(origin: str, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for piece in response.content.iter_any():
            yield piece
    except (aiohttp.ClientError, TimeoutError) as error:
        raise _translated(origin, error) from error


def _translated(origin: str, error: Exception) -> OriginError:
    if isinstance(error, TimeoutError):
        return OriginError(HTTPStatus.GATEWAY_TIMEOUT, f"the origin {origin} did not answer in time")
    return OriginError(HTTPStatus.BAD_GATEWAY, f"the origin {origin} cannot be reached, or broke off: is it running?")
