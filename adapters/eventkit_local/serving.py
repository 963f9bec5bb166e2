"""Services of an app's own on this machine: an ASGI app under uvicorn, inside the loop that runs already.

::

    async with serving(create_api()) as url:
        ...  # requests to url are answered
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from eventkit.errors import ConfigurationError, MissingExtraError
from eventkit_local._ports import listening, reserved

try:
    from uvicorn import Config, Server
except ModuleNotFoundError as _error:
    raise MissingExtraError(_error.name or "uvicorn", "local") from _error

__all__ = ["AsgiApp", "serving"]

Message = MutableMapping[str, Any]
AsgiApp = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]
"""An application by ASGI, version 3: takes a scope, and what receives and sends messages."""

GRACE = 2
"""Seconds that responses have to end when the server stops."""


@asynccontextmanager
async def serving(app: AsgiApp, port: int = 0) -> AsyncGenerator[str]:
    """Serve the app on the loopback interface for the length of the block, and give its address.

    The app's lifespan is run, signals are left to whoever has them, and at the end responses have two seconds. `port` 0
    is any free one.

    Raises:
        ConfigurationError: The port is taken, or the app's lifespan failed; its error is in the log `uvicorn.error`.
    """
    with reserved(port) as listener:
        server = _Server(_config(app))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await server.is_ready(running)
            yield f"http://{listening(listener)}"
        finally:
            server.should_exit = True
            await asyncio.gather(running, return_exceptions=True)


def _config(app: AsgiApp) -> Config:
    return Config(
        app,
        access_log=False,  # it would hold queries
        log_config=None,  # logging is the program's to configure
        log_level="warning",  # that it starts and stops, the program knows
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        ws="none",
    )


class _Server(Server):
    """uvicorn's server, that says when it serves and takes no signals."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._ready = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit as error:  # what uvicorn does about an app's lifespan that fails
            text = "the app's lifespan failed; the log `uvicorn.error` says how"
            raise ConfigurationError(text) from error
        self._ready.set()

    async def is_ready(self, running: "asyncio.Task[None]") -> None:
        """Wait until requests are answered; raises what ended the server before that."""
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait((ready, running), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if running.done():
            running.result()
