"""An ASGI app is served for the length of a block."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from eventkit.errors import ConfigurationError
from eventkit_local._ports import listening, reserved
from eventkit_local.serving import serving

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class App:
    """Answers every request once it may, and remembers its lifespan."""

    def __init__(self, *, broken: bool = False) -> None:
        self.lifespan: list[str] = []
        self.asked = asyncio.Event()
        self.may = asyncio.Event()
        self.may.set()
        self._broken = broken

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        self.asked.set()
        await self.may.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    async def _live(self, receive: Receive, send: Send) -> None:
        for kind in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{kind}"
            if self._broken:
                await send({"type": f"lifespan.{kind}.failed", "message": "no database"})
                return
            self.lifespan.append(kind)
            await send({"type": f"lifespan.{kind}.complete"})


async def got(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.text()


async def test_requests_are_answered_within_the_block_and_not_after_it() -> None:
    app = App()

    async with serving(app) as url:
        assert await got(f"{url}/posts") == "/posts"
        assert app.lifespan == ["startup"]

    assert app.lifespan == ["startup", "shutdown"]
    with pytest.raises(aiohttp.ClientConnectorError):
        await got(url)


async def test_it_listens_on_the_loopback_interface_alone() -> None:
    async with serving(App()) as url:
        assert urlsplit(url).hostname == "127.0.0.1"


async def test_signals_are_left_as_they_are() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    async with serving(App()):
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


async def test_a_response_under_way_is_sent_before_the_server_has_stopped() -> None:
    app = App()
    app.may.clear()

    async with serving(app) as url:
        answer = asyncio.create_task(got(f"{url}/slow"))
        await app.asked.wait()
        asyncio.get_running_loop().call_soon(app.may.set)

    assert await answer == "/slow"


async def test_an_app_whose_lifespan_fails_is_told_of_in_a_sentence() -> None:
    with pytest.raises(ConfigurationError, match="lifespan failed"):
        async with serving(App(broken=True)):
            pass


async def test_a_port_that_is_taken_is_told_of_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} of 127.0.0.1 cannot be had"):
            async with serving(App(), port):
                pass


async def test_a_reserved_port_refuses_connections_until_somebody_listens() -> None:
    with reserved() as found:
        host, _, port = listening(found).partition(":")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, int(port))

        found.listen()
        _, writer = await asyncio.open_connection(host, int(port))
        writer.close()
        await writer.wait_closed()


async def test_what_the_block_raises_is_raised_and_the_server_stops() -> None:
    app = App()

    with pytest.raises(KeyError, match="mine"):
        async with serving(app):
            raise KeyError("mine")

    assert app.lifespan == ["startup", "shutdown"]
