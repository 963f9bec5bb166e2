"""What those who run a distribution see: its API, and its figures. Any implementation of the edge serves it."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict

from aiohttp import web

from eventkit.errors import ConfigurationError
from eventkit_local.edge.access import Figures
from eventkit_local.edge.cloudfront_api import ApiCall, answer
from eventkit_local.edge.invalidation import Invalidations

__all__ = ["HOST", "Handle", "Owners", "serving"]

HOST = "127.0.0.1"
Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_GRACE = 1.0  # seconds that responses have to end when a server closes


class Owners:
    """Answers those who run the distribution.

    Args:
        distribution_id: What they call it.
        invalidations: Those that were made.
        figures: Gives the figures of now, which `/figures` shows as JSON.
    """

    def __init__(self, distribution_id: str, invalidations: Invalidations, figures: Callable[[], Figures]) -> None:
        self._distribution_id = distribution_id
        self._invalidations = invalidations
        self._figures = figures

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer a request."""
        if request.path == "/figures":
            figures = self._figures()
            shown = {**asdict(figures), "hit_ratio": figures.hit_ratio}
            return web.Response(body=json.dumps(shown).encode(), content_type="application/json")
        call = ApiCall(request.method, request.path, request.query, await request.read())
        done = await answer(call, self._distribution_id, self._invalidations)
        headers = {} if done.location is None else {"Location": f"{request.url.origin()}{done.location}"}
        return web.Response(status=done.status, body=done.body, content_type="text/xml", headers=headers)


@asynccontextmanager
async def serving(handle: Handle, port: int = 0) -> AsyncGenerator[str]:
    """Serve on the loopback interface for the length of the block, and give the address; 0 is any free port.

    Raises `ConfigurationError` where the port is taken.
    """
    # Its own access log would hold queries; a handler ends when its client goes away; bodies are left as they are.
    server = web.Server(handle, access_log=None, handler_cancellation=True, auto_decompress=False)
    runner = web.ServerRunner(server, shutdown_timeout=_GRACE)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, port)
        await _start(site, port)
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _start(site: web.TCPSite, port: int) -> None:
    try:
        await site.start()
    except OSError as error:
        raise ConfigurationError(f"the edge cannot listen on port {port}: {error.strerror}") from error
