"""Plain functions on threads, in real time."""

import asyncio
import logging
import threading

from opentelemetry.sdk.trace import TracerProvider

from eventkit import App, Queue
from eventkit.backends.memory import MemoryBackend
from eventkit.publish import Outgoing
from eventkit_poller import Observation, Poller, Settings, Settled
from eventkit_telemetry.logs import Correlation, logging_middleware
from eventkit_telemetry.tracing import tracing_middleware


async def test_a_function_on_its_thread_knows_its_delivery_and_its_span() -> None:
    backend = MemoryBackend()
    backend.create_queue("jobs")
    await backend.publish("queue", "jobs", [Outgoing("one")])
    record = logging.makeLogRecord({"msg": "paid"})
    threads: list[threading.Thread] = []
    app = App("test")

    @app.on(Queue[str]("jobs"), name="work")
    def work(_: str) -> None:
        Correlation().filter(record)
        threads.append(threading.current_thread())

    def observe(observation: Observation) -> None:
        if isinstance(observation, Settled):
            poller.stop()

    middleware = [tracing_middleware(TracerProvider()), logging_middleware]
    poller = Poller(app, backend, Settings(wait=1), middleware=middleware, observe=observe)
    await asyncio.wait_for(poller.run(), 60)

    assert threads[0] is not threading.main_thread()
    assert vars(record)["handler"] == "work"
    assert {"id", "attempt", "trace_id", "span_id"} <= vars(record).keys()
