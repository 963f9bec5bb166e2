"""Health and metrics over HTTP, for whoever watches the process: `/healthz`, `/readyz` and `/metrics` on one port.

::

    async with serve_health(Address.parse("0.0.0.0:8080"), lambda: health_of(poller.state)):
        await run_poller(poller)

As it is served around the poller, it still answers while that drains: alive, and ready no more.
"""

import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from eventkit.errors import ConfigurationError, MissingExtraError
from eventkit_poller.observing import State

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["Address", "Health", "Page", "health_of", "serve_health"]

MAX_PORT = 65_535

GRACE = 1.0
"""Seconds that an answer under way gets when the server stops; it takes milliseconds."""

INDEX = "/healthz  whether the process is alive\n/readyz   whether it receives\n/metrics  Prometheus\n"

NO_METRICS = "No metrics are served here. They need an extra:  python -m pip install 'eventkit-aws[metrics]'\n"

_ADDRESS = re.compile(r"(?:(\[[0-9A-Fa-f:.]+\]|[\w.-]+):)?([0-9]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Health:
    """What a probe is told.

    Attributes:
        alive: Whether the process works at all; where it does not, it should be started anew.
        ready: Whether it receives.
        facts: What else there is to say, as JSON values.
    """

    alive: bool
    ready: bool
    facts: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. Port 0 is any that is free."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read `HOST:PORT`, `[IPV6]:PORT` or `PORT`, which is on this machine only. Raises `ConfigurationError`."""
        found = _ADDRESS.fullmatch(text)
        if found is None or int(found[2]) > MAX_PORT:
            raise ConfigurationError(f"{text!r} is no address to listen on: write 8080, 0.0.0.0:8080 or [::]:8080")
        return cls((found[1] or "127.0.0.1").strip("[]"), int(found[2]))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered: bytes, and their type as HTTP's `Content-Type` says it."""

    content: bytes
    content_type: str


Look = Callable[[], Health]
Metrics = Callable[[], Page]


def health_of(state: State) -> Health:
    """The health of a process with one poller: alive while it answers at all, because its event loop answers."""
    queues = {
        queue: {name: fact for name, fact in asdict(now).items() if fact is not None}
        for queue, now in state.queues.items()
    }
    return Health(alive=True, ready=state.is_ready, facts={"queues": queues})


@asynccontextmanager
async def serve_health(address: Address, look: Look, metrics: Metrics | None = None) -> AsyncGenerator[Address]:
    """Answer probes for the length of the block; gives the address that is listened on.

    `/healthz` and `/readyz` are 200 or 503 by what `look` says at that moment, with the facts as JSON. `/metrics` is
    the page that `metrics` makes, and 404 where there is none. Both are called on the event loop.

    Raises `MissingExtraError` where aiohttp is not installed, and `ConfigurationError` where the address cannot be
    listened on.
    """
    runner = _runner(look, metrics)
    await runner.setup()
    try:
        yield await _listening(runner, address)
    finally:
        await runner.cleanup()


def _runner(look: Look, metrics: Metrics | None) -> "web.AppRunner":
    try:
        from aiohttp import web
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "aiohttp", "poller") from error

    async def handle(request: web.Request) -> web.Response:
        status, page = _answer(request.path, look, metrics)
        return web.Response(status=status, body=page.content, headers={"Content-Type": page.content_type})

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    return web.AppRunner(app, access_log=None, shutdown_timeout=GRACE)


async def _listening(runner: "web.AppRunner", address: Address) -> Address:
    from aiohttp import web

    try:
        await web.TCPSite(runner, address.host, address.port).start()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(f"{address} cannot be listened on, choose another address: {reason}") from error
    host, port, *_ = runner.addresses[0]
    return Address(str(host), int(port))


def _answer(path: str, look: Look, metrics: Metrics | None) -> tuple[HTTPStatus, Page]:
    match path:
        case "/healthz":
            health = look()
            return _status(health.alive), _told(health)
        case "/readyz":
            health = look()
            return _status(health.ready), _told(health)
        case "/metrics":
            return (HTTPStatus.OK, metrics()) if metrics else (HTTPStatus.NOT_FOUND, _text(NO_METRICS))
        case "/":
            return HTTPStatus.OK, _text(INDEX)
        case _:
            return HTTPStatus.NOT_FOUND, _text(f"There is nothing here. There are:\n{INDEX}")


def _status(good: bool) -> HTTPStatus:  # noqa: FBT001 - its only parameter
    return HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE


def _told(health: Health) -> Page:
    body = {"alive": health.alive, "ready": health.ready, **health.facts}
    return Page(json.dumps(body, default=str).encode(), "application/json")


def _text(text: str) -> Page:
    return Page(text.encode(), "text/plain; charset=utf-8")
