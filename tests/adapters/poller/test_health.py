"""Health over HTTP, on real sockets and in real time."""

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientConnectorError, ClientSession

from eventkit import App, Queue
from eventkit.backends.memory import MemoryBackend
from eventkit.errors import ConfigurationError, MissingExtraError
from eventkit.publish import Outgoing
from eventkit_poller import Poller, Settings
from eventkit_poller.health import Address, Health, Page, health_of, serve_health
from eventkit_poller.observing import QueueState, State

ANY_PORT = Address("127.0.0.1", 0)
WELL = Health(alive=True, ready=True)


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    text: str


class Client:
    def __init__(self, session: ClientSession, address: Address) -> None:
        self._session = session
        self.address = address

    async def get(self, path: str) -> Answer:
        async with self._session.get(f"http://{self.address}{path}") as response:
            return Answer(response.status, response.headers["Content-Type"], await response.text())

    async def json(self, path: str) -> Mapping[str, Any]:
        async with self._session.get(f"http://{self.address}{path}") as response:
            body: Mapping[str, Any] = await response.json()
            return body


@asynccontextmanager
async def served(
    look: Callable[[], Health] = lambda: WELL, metrics: Callable[[], Page] | None = None
) -> AsyncGenerator[Client]:
    async with serve_health(ANY_PORT, look, metrics) as address, ClientSession() as session:
        yield Client(session, address)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("8080", Address("127.0.0.1", 8080)),
        ("0.0.0.0:8080", Address("0.0.0.0", 8080)),  # noqa: S104 - it is read, and not listened on
        ("localhost:0", Address("localhost", 0)),
        ("[::]:8080", Address("::", 8080)),
        ("[::1]:65535", Address("::1", 65_535)),
    ],
)
def test_an_address_is_a_port_alone_or_a_host_and_a_port(text: str, address: Address) -> None:
    assert Address.parse(text) == address
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "text", ["", "port", ":8080", "host:", "::8080", "8080:", "1.2.3.4:65536", "-1", "http://a:1", "८"]
)
def test_what_is_no_address_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no address to listen on: write 8080, 0\.0\.0\.0:8080"):
        Address.parse(text)


@pytest.mark.parametrize("alive", [True, False])
@pytest.mark.parametrize("ready", [True, False])
async def test_the_probes_answer_by_what_is_so_at_the_moment(*, alive: bool, ready: bool) -> None:
    async with served(lambda: Health(alive=alive, ready=ready)) as client:
        statuses = [(await client.get(path)).status for path in ("/healthz", "/readyz")]

    assert statuses == [200 if alive else 503, 200 if ready else 503]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_probe_tells_the_facts_as_json(path: str) -> None:
    state = State(serving=True, queues={"jobs": QueueState(3, 1.5, 0), "photos": QueueState(0, 0.0, 2)})

    async with served(lambda: health_of(state)) as client:
        told = await client.json(path)

    assert told == {
        "alive": True,
        "ready": False,
        "queues": {
            "jobs": {"in_flight": 3, "oldest": 1.5, "failures": 0},
            "photos": {"in_flight": 0, "oldest": 0.0, "failures": 2},
        },
    }


@pytest.mark.parametrize(
    ("state", "ready"),
    [
        (State(serving=True, queues={"jobs": QueueState(0, 0.0, 0)}), True),
        (State(serving=True, queues={"jobs": QueueState(0, 0.0, 1)}), False),
        (State(serving=False, queues={"jobs": QueueState(5, 9.0, 0)}), False),
    ],
)
def test_a_poller_is_alive_while_it_answers_and_ready_while_it_receives(state: State, *, ready: bool) -> None:
    health = health_of(state)

    assert (health.alive, health.ready) == (True, ready)


async def test_the_metrics_are_the_page_that_is_made_for_each_request() -> None:
    pages = iter([Page(b"one 1\n", "text/plain; version=1.0.0"), Page(b"one 2\n", "text/plain; version=1.0.0")])

    async with served(metrics=lambda: next(pages)) as client:
        answers = [await client.get("/metrics"), await client.get("/metrics")]

    assert answers == [Answer(200, "text/plain; version=1.0.0", f"one {number}\n") for number in (1, 2)]


async def test_without_metrics_the_answer_says_which_extra_is_missing() -> None:
    async with served() as client:
        answer = await client.get("/metrics")

    assert answer.status == 404
    assert "'eventkit-aws[metrics]'" in answer.text


async def test_the_root_says_what_there_is() -> None:
    async with served() as client:
        answer = await client.get("/")

    assert (answer.status, answer.content_type) == (200, "text/plain; charset=utf-8")
    assert [line.split()[0] for line in answer.text.splitlines()] == ["/healthz", "/readyz", "/metrics"]


@pytest.mark.parametrize("path", ["/favicon.ico", "/healthz/more", "/HEALTHZ", "/%2e%2e/etc"])
async def test_there_is_nothing_else(path: str) -> None:
    async with served() as client:
        assert (await client.get(path)).status == 404


async def test_requests_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with served() as client:
            await client.get("/healthz")

    assert caplog.records == []


async def test_a_look_that_fails_is_an_error_of_the_server_and_does_not_stop_it() -> None:
    looks = iter([None, WELL])

    def look() -> Health:
        found = next(looks)
        if found is None:
            raise RuntimeError
        return found

    async with served(look) as client:
        statuses = [(await client.get("/healthz")).status for _ in range(2)]

    assert statuses == [500, 200]


async def test_an_address_that_is_taken_is_told() -> None:
    async with served() as client:
        with pytest.raises(ConfigurationError, match=f"{client.address} cannot be listened on"):
            async with serve_health(client.address, lambda: WELL):
                pass


async def test_while_the_poller_drains_it_is_alive_and_not_ready() -> None:
    backend = MemoryBackend()
    backend.create_queue("jobs")
    await backend.publish("queue", "jobs", [Outgoing("one")])
    begun, finish = asyncio.Event(), asyncio.Event()
    app = App("test")

    @app.on(Queue[str]("jobs"))
    async def work(_: str) -> None:
        begun.set()
        await finish.wait()

    poller = Poller(app, backend, Settings(wait=1))
    async with served(lambda: health_of(poller.state)) as client:
        before = await client.get("/readyz")
        run = asyncio.ensure_future(poller.run())
        await begun.wait()
        serving = await client.get("/readyz")
        poller.stop()
        draining, alive = await client.get("/readyz"), await client.json("/healthz")
        finish.set()
        await run
        after = await client.get("/healthz")

    assert [one.status for one in (before, serving, draining, after)] == [503, 200, 503, 200]
    assert (alive["alive"], alive["ready"], alive["queues"]["jobs"]["in_flight"]) == (True, False, 1)


async def test_after_the_block_nobody_listens() -> None:
    async with served() as client:
        await client.get("/healthz")
    async with ClientSession() as session:
        with pytest.raises(ClientConnectorError):
            await Client(session, client.address).get("/healthz")


async def test_a_client_that_stays_connected_is_cut_off_at_the_end() -> None:
    async with serve_health(ANY_PORT, lambda: WELL) as address:
        reader, writer = await asyncio.open_connection(address.host, address.port)

    assert await reader.read() == b""
    writer.close()


async def test_without_aiohttp_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)

    with pytest.raises(MissingExtraError, match=r"eventkit-aws\[poller\]"):
        async with serve_health(ANY_PORT, lambda: WELL):
            pass
