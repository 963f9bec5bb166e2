"""What log records say of the delivery and of the span that they were written in."""

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest
from opentelemetry.sdk.trace import TracerProvider

from eventkit import App, Delivery, Queue
from eventkit.backends.memory import MemoryBackend
from eventkit.publish import Outgoing
from eventkit.testing import sqs_record
from eventkit_cli.logs import json_line
from eventkit_poller import Poller, Settings
from eventkit_telemetry.logs import Correlation, logging_middleware
from eventkit_telemetry.tracing import tracing_middleware
from tests.adapters.poller.harness import LoopClock, running, until
from tests.core.at_once import AtOnce

jobs = Queue[str]("jobs")


class Lines(logging.Handler):
    """Keeps log records as the command line writes them."""

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(Correlation())
        self.written: list[Mapping[str, object]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(json.loads(json_line(record)))

    def facts(self, event: str) -> Mapping[str, object]:
        """The facts of the one record of that name."""
        (found,) = [line for line in self.written if line["event"] == event]
        return {name: found[name] for name in found if name not in {"time", "level", "logger", "event"}}


@pytest.fixture
def log() -> logging.Logger:
    return logging.Logger("test")  # noqa: LOG001 - in no tree, so that it has no other handler


@pytest.fixture
def lines(log: logging.Logger) -> Iterator[Lines]:
    lines = Lines()
    log.addHandler(lines)
    logging.getLogger("eventkit").addHandler(lines)
    yield lines
    logging.getLogger("eventkit").removeHandler(lines)


async def test_a_record_that_is_written_in_a_delivery_names_it(log: logging.Logger, lines: Lines) -> None:
    app = App("test", middleware=[logging_middleware])

    @app.on(jobs, name="work")
    async def work(_: str) -> None:
        log.info("paid")

    record = sqs_record("one", "jobs", attempt=2)
    async with AtOnce(app) as t:
        await t.send(record)
        log.info("idle")

    assert lines.facts("paid") == {"handler": "work", "id": record["messageId"], "attempt": 2}
    assert lines.facts("idle") == {}


async def test_deliveries_that_run_at_once_are_told_apart(log: logging.Logger, lines: Lines) -> None:
    memory = MemoryBackend(clock=LoopClock())
    memory.create_queue("jobs")
    app = App("test")
    both = asyncio.Barrier(2)
    seen: dict[str, str] = {}

    @app.on(jobs)
    async def work(text: str, delivery: Delivery) -> None:
        seen[text] = delivery.id
        await both.wait()
        log.info(text)

    await memory.publish("queue", "jobs", [Outgoing("one"), Outgoing("two")])
    async with running(Poller(app, memory, Settings(wait=1), middleware=[logging_middleware])):
        await until(lambda: len(lines.written) >= 2)

    assert [lines.facts(text)["id"] for text in ("one", "two")] == [seen["one"], seen["two"]]


async def test_a_record_that_is_written_in_a_span_names_it(log: logging.Logger, lines: Lines) -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("work") as span:
        log.info("paid")
    log.info("idle")

    context = span.get_span_context()
    assert lines.facts("paid") == {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
    assert lines.facts("idle") == {}


async def test_with_tracing_a_delivery_has_both(log: logging.Logger, lines: Lines) -> None:
    app = App("test", middleware=[tracing_middleware(TracerProvider()), logging_middleware])

    @app.on(jobs)
    async def work(_: str) -> None:
        log.info("paid")

    async with AtOnce(app) as t:
        await t.send(sqs_record("one", "jobs"))

    assert lines.facts("paid").keys() == {"handler", "id", "attempt", "trace_id", "span_id"}


async def test_what_a_record_says_itself_is_left_as_it_is(log: logging.Logger, lines: Lines) -> None:
    app = App("test", middleware=[logging_middleware])

    @app.on(jobs)
    async def work(_: str) -> None:
        log.info("paid", extra={"id": 7})

    async with AtOnce(app) as t:
        await t.send(sqs_record("one", "jobs"))

    assert lines.facts("paid")["id"] == 7


async def test_the_names_are_those_of_eventkits_own_log(lines: Lines) -> None:
    app = App("test", middleware=[logging_middleware])

    @app.on(jobs, name="work")
    async def work(_: str) -> None:
        raise ValueError

    record = sqs_record("one", "jobs")
    async with AtOnce(app) as t:
        await t.send(record)

    facts = lines.facts("delivery.retry")
    assert {name: facts[name] for name in ("handler", "id", "attempt")} == {
        "handler": "work",
        "id": record["messageId"],
        "attempt": 1,
    }


def test_without_opentelemetry_records_pass_as_they_are() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "import logging\n"
        "from eventkit_telemetry.logs import Correlation\n"
        "print(Correlation().filter(logging.makeLogRecord({'msg': 'paid'})))"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "True"
