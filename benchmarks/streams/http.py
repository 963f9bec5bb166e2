"""A server of AWS's JSON protocols on the loopback interface."""

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate

from aiohttp import web

from benchmarks.streams.service import Refused, Request

__all__ = ["Answer", "serving"]

Answer = Callable[[str, Request], Awaitable[bytes]]
"""Takes a request's header `x-amz-target` and its body, gives the response's body. Raises `Refused`."""

CONTENT_TYPE = "application/x-amz-json-1.0"
LARGEST = 2**20


@asynccontextmanager
async def serving(answer: Answer, clock: Callable[[], float] = time.time) -> AsyncGenerator[str]:
    """Serve on a free port for the length of the block; gives the endpoint. `clock` is what `Date` tells."""

    async def handle(request: web.BaseRequest) -> web.Response:
        headers = {"Date": formatdate(clock(), usegmt=True)}
        target = request.headers.get("x-amz-target", "")
        try:
            body = await answer(target, json.loads(await request.read() or b"{}"))
        except Refused as refused:
            error = json.dumps({"__type": str(refused), "message": target}).encode()
            return web.Response(body=error, status=400, content_type=CONTENT_TYPE, headers=headers)
        return web.Response(body=body, content_type=CONTENT_TYPE, headers=headers)

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
