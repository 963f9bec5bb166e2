"""A whole program: a poller with health and metrics on one port, over real sockets and in real time."""

import asyncio

from aiohttp import ClientSession
from prometheus_client import CollectorRegistry

from eventkit import App, Queue
from eventkit.backends.memory import MemoryBackend
from eventkit.publish import Outgoing
from eventkit_poller import Poller, Settings
from eventkit_poller.health import Address, Page, health_of, serve_health
from eventkit_telemetry.metrics import PollerMetrics, page


async def test_the_page_shows_what_the_poller_does_at_the_moment() -> None:
    backend = MemoryBackend()
    backend.create_queue("jobs")
    await backend.publish("queue", "jobs", [Outgoing("one")])
    begun, finish = asyncio.Event(), asyncio.Event()
    app = App("test")

    @app.on(Queue[str]("jobs"), name="work")
    async def work(_: str) -> None:
        begun.set()
        await finish.wait()

    registry = CollectorRegistry()
    metrics = PollerMetrics(registry)
    poller = Poller(app, backend, Settings(wait=1), observe=metrics.observe, middleware=[metrics.middleware])

    def scrape() -> Page:
        metrics.refresh(poller.state)
        return page(registry)

    async def read(session: ClientSession, address: Address) -> str:
        async with session.get(f"http://{address}/metrics") as response:
            return await response.text()

    async with serve_health(Address("127.0.0.1", 0), lambda: health_of(poller.state), scrape) as address:
        run = asyncio.ensure_future(poller.run())
        async with ClientSession() as session:
            await begun.wait()
            during = await read(session, address)
            finish.set()
            poller.stop()
            await run
            after = await read(session, address)

    assert 'eventkit_records_in_flight{queue="jobs"} 1.0\n' in during
    assert 'eventkit_records_in_flight{queue="jobs"} 0.0\n' in after
    assert 'eventkit_deliveries_total{handler="work",outcome="done"} 1.0\n' in after
