"""The edge as a process serves it: an address for viewers, and one for the API and the figures."""

import re
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from aiohttp import HttpVersion11, web

from eventkit_local.edge.access import Access, Figures, Observe, log_access
from eventkit_local.edge.answers import Answer
from eventkit_local.edge.cache import Cache
from eventkit_local.edge.distribution import Distribution
from eventkit_local.edge.flights import Clock, Limits
from eventkit_local.edge.invalidation import Invalidations
from eventkit_local.edge.messages import Request, headers_of
from eventkit_local.edge.origin import Timeouts, open_client
from eventkit_local.edge.owners import Owners, serving
from eventkit_local.edge.transfer import BrokenTransferError

__all__ = ["Edge", "open_edge"]


@dataclass(frozen=True, slots=True)
class Edge:
    """A running edge.

    Attributes:
        url: Where viewers find it, without a slash at the end.
        endpoint_url: What a CloudFront client takes as its `endpoint_url`; `/figures` shows the figures as JSON.
        distribution_id: What `create_invalidation` calls the distribution.
    """

    url: str
    endpoint_url: str
    distribution_id: str
    _cache: Cache

    @property
    def figures(self) -> Figures:
        """What it has done so far."""
        return self._cache.figures

    @property
    def environ(self) -> dict[str, str]:
        """Environment variables that point CloudFront clients of any AWS SDK here, and leave other services alone."""
        return {"AWS_ENDPOINT_URL_CLOUDFRONT": self.endpoint_url}


_AUTHORITY = re.compile(r"^https?://[^/?#]*", re.IGNORECASE)
_DEFAULT_LIMITS = Limits()
_DEFAULT_TIMEOUTS = Timeouts()


@asynccontextmanager
async def open_edge(
    distribution: Distribution,
    *,
    port: int = 0,
    clock: Clock = time.time,
    limits: Limits = _DEFAULT_LIMITS,
    timeouts: Timeouts = _DEFAULT_TIMEOUTS,
    observe: Observe = log_access,
) -> AsyncGenerator[Edge]:
    """Serve a distribution on the loopback interface for the length of the block.

    Args:
        distribution: Its behaviours and origins.
        port: Where viewers find it; 0 lets the kernel choose. The API is on a port that the kernel chooses.
        clock: Seconds since the epoch; decides about every age.
        limits: How much is kept in memory.
        timeouts: How long origins are waited for.
        observe: Takes the lines of the access log, on the event loop.

    Raises:
        ConfigurationError: The port is taken.
    """
    async with open_client(timeouts, clock) as fetch:
        cache = Cache(distribution, fetch, limits, clock)
        viewers = _Viewers(cache, clock, observe)
        owners = Owners(distribution.id, Invalidations(cache.purge, clock), lambda: cache.figures)
        try:
            async with serving(viewers.handle, port) as url, serving(owners.handle) as endpoint_url:
                yield Edge(url, endpoint_url, distribution.id, cache)
        finally:
            await cache.close()


class _Viewers:
    """Answers viewers."""

    def __init__(self, cache: Cache, clock: Clock, observe: Observe) -> None:
        self._cache = cache
        self._clock = clock
        self._observe = observe

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        asked, received = self._clock(), _received(request)
        answer = await self._cache.answer(received)
        response = web.StreamResponse(status=answer.head.status, headers=answer.head.headers)
        sending = _Sending(request, response, answer)
        try:
            await sending.send()
        finally:
            access = sending.access(received, self._clock() - asked)
            self._cache.figures.count(access)
            self._observe(access)
        return response


class _Sending:
    """One response on its way to the viewer."""

    def __init__(self, request: web.BaseRequest, response: web.StreamResponse, answer: Answer) -> None:
        self._request = request
        self._response = response
        self._answer = answer
        self._size = 0
        self._is_whole = False

    async def send(self) -> None:
        """Send head and content; a body that breaks off breaks the connection, so that nobody takes it for whole."""
        try:
            await self._response.prepare(self._request)
            await self._send_content()
            await self._response.write_eof()
            self._is_whole = True
        except BrokenTransferError:
            if self._request.transport is not None:
                self._request.transport.abort()
        finally:
            self._answer.close()

    async def _send_content(self) -> None:
        if self._answer.body is None:
            return
        async with aclosing(aiter(self._answer.body)) as pieces:
            async for piece in pieces:
                await self._response.write(piece)
                self._size += len(piece)

    def access(self, received: Request, seconds: float) -> Access:
        """Tell what has come of it."""
        status, result = self._answer.head.status, self._answer.result
        return Access(received.method, received.path, status, result, self._size, seconds, self._is_whole)


def _received(request: web.BaseRequest) -> Request:
    return Request(
        method=request.method,
        target=_target(request.raw_path),
        headers=headers_of(request.headers.copy()),
        body=_content(request) if request.body_exists else None,
        viewer=request.remote or "",
    )


def _target(sent: str) -> str:
    """Path and query of a target, which may name the host too (RFC 9112, section 3.2.2)."""
    target, is_absolute = _AUTHORITY.subn("", sent)
    return f"/{target}" if is_absolute and not target.startswith("/") else target


async def _content(request: web.BaseRequest) -> AsyncGenerator[bytes]:
    """The content; a viewer who waits for a word before it sends it gets one (RFC 9110, section 10.1.1)."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    async for piece in request.content.iter_any():
        yield piece
