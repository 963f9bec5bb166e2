"""Spans, as an exporter gets them."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pytest
from opentelemetry.baggage import set_baggage
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind, StatusCode, TraceState
from pydantic import BaseModel

from eventkit import App, BackendError, Bucket, Queue, Reject, Retry, Sender, Stream, Table, To, Topic
from eventkit.backends.memory import MemoryBackend
from eventkit.delivery import Delivery
from eventkit.middleware import CallNext
from eventkit.outcomes import Deferred, Outcome
from eventkit.publish import Outgoing
from eventkit.testing import (
    kinesis_record,
    s3_event,
    s3_record,
    sns_envelope,
    sqs_event,
    sqs_record,
    stream_record,
)
from eventkit_lambda import LambdaHandler
from eventkit_poller import Poller, Settings
from eventkit_telemetry.tracing import traced, tracing_middleware
from tests.adapters.poller.harness import LoopClock, running, until
from tests.core.at_once import AtOnce

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = {"traceparent": f"00-{TRACE}-{SPAN}-01"}


class Row(BaseModel):
    id: str


CHANGE = stream_record("INSERT", "orders", keys={"id": "a"}, new={"id": "a"})

jobs = Queue[str]("jobs")
results = Queue[str]("results")


class Exported:
    """A provider of spans, and the spans that it has exported."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()

    def span(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.spans if span.name == name]
        return found


@pytest.fixture
def exported() -> Exported:
    return Exported()


@pytest.fixture
def memory() -> MemoryBackend:
    backend = MemoryBackend(clock=LoopClock())
    backend.create_queue("jobs")
    backend.create_queue("results")
    return backend


def app_of(exported: Exported, error: BaseException | None = None, *, parent: bool = False) -> App:
    app = App("test", middleware=[tracing_middleware(exported.provider, parent=parent)])

    @app.on(jobs, name="work")
    async def work(_: str) -> None:
        if error is not None:
            raise error

    return app


def identity(context: SpanContext | None) -> tuple[str, str]:
    assert context is not None
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def links_of(span: ReadableSpan) -> list[tuple[str, str]]:
    return [identity(link.context) for link in span.links]


async def published(memory: MemoryBackend, queue: str = "jobs") -> list[dict[str, str]]:
    """The message attributes of what is in a queue."""
    records = await memory.receive(queue, 10, 0)
    return [{name: one["stringValue"] for name, one in record["messageAttributes"].items()} for record in records]  # type: ignore[attr-defined]  # a record is JSON


async def test_a_delivery_is_a_span_named_by_the_conventions(exported: Exported) -> None:
    async with AtOnce(app_of(exported)) as t:
        await t.send(sqs_record("payload", "jobs", attempt=3))

    (span,) = exported.spans
    assert (span.name, span.kind, span.status.status_code) == ("process jobs", SpanKind.CONSUMER, StatusCode.UNSET)
    assert dict(span.attributes or {}) == {
        "messaging.system": "aws_sqs",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "jobs",
        "messaging.message.id": sqs_record("payload", "jobs")["messageId"],
        "eventkit.handler": "work",
        "eventkit.attempt": 3,
        "eventkit.outcome": "done",
    }


@pytest.mark.parametrize(
    ("error", "outcome", "kind"),
    [
        (ValueError("a secret"), "retry", "ValueError"),
        (Reject("a secret"), "reject", "Reject"),
        (Reject("a secret", error=KeyError("a secret")), "reject", "KeyError"),
    ],
)
async def test_a_failed_delivery_is_an_error_with_its_type_and_no_text(
    exported: Exported, error: Exception, outcome: str, kind: str
) -> None:
    async with AtOnce(app_of(exported, error)) as t:
        await t.send(sqs_record("payload", "jobs"))

    (span,) = exported.spans
    attributes = span.attributes or {}
    assert (attributes["eventkit.outcome"], attributes["error.type"]) == (outcome, kind)
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    assert "secret" not in span.to_json()
    assert "payload" not in span.to_json()


@pytest.mark.parametrize(("cause", "outcome"), [(None, "retry"), (Deferred(), "deferred")])
async def test_a_retry_that_was_asked_for_is_no_error(exported: Exported, cause: Deferred | None, outcome: str) -> None:
    async with AtOnce(app_of(exported, Retry(after=5, error=cause))) as t:
        await t.send(sqs_record("one", "jobs"))

    (span,) = exported.spans
    assert (span.attributes or {})["eventkit.outcome"] == outcome
    assert "error.type" not in (span.attributes or {})
    assert span.status.status_code is StatusCode.UNSET


async def test_a_delivery_that_is_cut_off_is_an_error_without_an_outcome(exported: Exported) -> None:
    with pytest.raises(KeyboardInterrupt):
        async with AtOnce(app_of(exported, KeyboardInterrupt())) as t:
            await t.send(sqs_record("one", "jobs"))

    (span,) = exported.spans
    assert (span.attributes or {})["error.type"] == "KeyboardInterrupt"
    assert "eventkit.outcome" not in (span.attributes or {})


async def test_a_delivery_links_to_its_sender(exported: Exported) -> None:
    async with AtOnce(app_of(exported)) as t:
        await t.send(sqs_record("one", "jobs", attributes={**PARENT, "tracestate": "vendor=7"}))

    (span,) = exported.spans
    assert links_of(span) == [(TRACE, SPAN)]
    assert span.links[0].context.trace_state == TraceState([("vendor", "7")])
    assert span.parent is None


async def test_a_delivery_is_the_senders_child_where_that_is_asked_for(exported: Exported) -> None:
    async with AtOnce(app_of(exported, parent=True)) as t:
        await t.send(sqs_record("one", "jobs", attributes=PARENT))

    (span,) = exported.spans
    assert identity(span.parent) == (TRACE, SPAN)
    assert links_of(span) == []


@pytest.mark.parametrize("parent", [False, True])
async def test_without_a_sender_a_delivery_belongs_to_the_span_around_it(exported: Exported, *, parent: bool) -> None:
    async with AtOnce(app_of(exported, parent=parent)) as t:
        with exported.provider.get_tracer("test").start_as_current_span("invocation") as invocation:
            await t.send(sqs_record("one", "jobs"))

    span = exported.span("process jobs")
    assert identity(span.parent) == identity(invocation.get_span_context())
    assert links_of(span) == []


@pytest.mark.parametrize("traceparent", ["", "no trace", f"00-{'0' * 32}-{SPAN}-01", b"\xff", "0" * 10_000])
async def test_what_is_no_context_is_no_link_and_no_reject(exported: Exported, traceparent: str | bytes) -> None:
    async with AtOnce(app_of(exported)) as t:
        await t.send(sqs_record("one", "jobs", attributes={"traceparent": traceparent}))

    (span,) = exported.spans
    assert links_of(span) == []
    assert (span.attributes or {})["eventkit.outcome"] == "done"


async def test_attributes_that_cannot_be_read_do_not_change_the_outcome(exported: Exported) -> None:
    broken = {"size": {"dataType": "Number", "stringValue": "many"}}

    async with AtOnce(app_of(exported)) as t:
        await t.send({**sqs_record("one", "jobs"), "messageAttributes": broken})

    (span,) = exported.spans
    assert (span.attributes or {})["eventkit.outcome"] == "done"


async def test_a_published_message_carries_its_context_through_a_topic_to_a_queue(exported: Exported) -> None:
    news = Topic[str]("news")
    app = App("test", middleware=[tracing_middleware(exported.provider)])
    app.on(news, name="read")(_ignore)

    async with AtOnce(app) as t:
        await t.send(sqs_record(sns_envelope("one", "news", attributes=PARENT), "test-news"))

    span = exported.span("process test-news")
    assert links_of(span) == [(TRACE, SPAN)]


def _ignore(_: object) -> None:
    """Handle nothing."""


async def test_what_came_from_no_queue_is_named_by_its_resource(exported: Exported) -> None:
    app = App("test", middleware=[tracing_middleware(exported.provider)])
    app.on(Bucket("photos").created(), name="photo")(_ignore)

    async with AtOnce(app) as t:
        await t.send(s3_event(s3_record("ObjectCreated:Put", "photos", "cat.jpg")))

    (span,) = exported.spans
    assert span.name == "process photos"
    assert (span.attributes or {})["messaging.system"] == "aws.s3"


@pytest.mark.parametrize(
    ("source", "record", "system", "name"),
    [
        (Table[Row]("orders").inserted(), CHANGE, "aws.dynamodb", "orders"),
        (Stream[Row]("clicks"), kinesis_record({"id": "a"}, "clicks"), "aws.kinesis", "clicks"),
    ],
    ids=["table", "stream"],
)
async def test_what_came_by_a_stream_is_named_by_its_table_or_stream(
    exported: Exported,
    source: Any,  # noqa: ANN401 - of a table or a stream
    record: dict[str, object],
    system: str,
    name: str,
) -> None:
    app = App("test", middleware=[tracing_middleware(exported.provider)])
    app.on(source, name="work")(_ignore)

    async with AtOnce(app) as t:
        await t.send(record)

    (span,) = exported.spans
    assert dict(span.attributes or {}) == {
        "messaging.system": system,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": name,
        "messaging.message.id": record["eventID"],
        "eventkit.handler": "work",
        "eventkit.attempt": 1,
        "eventkit.outcome": "done",
    }


async def test_the_x_ray_header_is_kept(exported: Exported) -> None:
    record: dict[str, object] = {**sqs_record("one", "jobs"), "attributes": {"AWSTraceHeader": "Root=1-2-3"}}

    async with AtOnce(app_of(exported)) as t:
        await t.send(record)

    (span,) = exported.spans
    assert (span.attributes or {})["eventkit.xray_trace_header"] == "Root=1-2-3"


async def test_a_publication_is_a_span_whose_context_the_messages_carry(
    exported: Exported, memory: MemoryBackend
) -> None:
    messages = [Outgoing("one", attributes={"type": "a"}), Outgoing("two")]

    await traced(memory, exported.provider).publish("queue", "https://sqs.local/0/jobs", messages)

    (span,) = exported.spans
    first, second = await published(memory)
    assert tuple(first["traceparent"].split("-")[1:3]) == identity(span.get_span_context())
    assert first == {"type": "a", "traceparent": second["traceparent"]}
    assert (span.name, span.kind) == ("send jobs", SpanKind.PRODUCER)
    assert dict(span.attributes or {}) == {
        "messaging.system": "aws_sqs",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "jobs",
        "messaging.batch.message_count": 2,
    }


async def test_publishing_to_a_topic_names_sns(exported: Exported, memory: MemoryBackend) -> None:
    topic = memory.create_topic("news")

    await traced(memory, exported.provider).publish("topic", topic, [Outgoing("one")])

    span = exported.span("send news")
    assert (span.attributes or {})["messaging.system"] == "aws.sns"
    assert "messaging.batch.message_count" not in (span.attributes or {})


async def test_the_span_that_sends_goes_before_the_trace_that_is_passed_on(
    exported: Exported, memory: MemoryBackend
) -> None:
    passed_on = {"eventkit.hops": "1", **PARENT}

    await traced(memory, exported.provider).publish("queue", "jobs", [Outgoing("one", carried=passed_on)])

    (attributes,) = await published(memory, "jobs")
    sent = identity(exported.span("send jobs").context)
    assert tuple(str(attributes["traceparent"]).split("-")[1:3]) == sent
    assert attributes["eventkit.hops"] == "1"


async def test_publishing_to_an_event_bus_names_eventbridge(exported: Exported, memory: MemoryBackend) -> None:
    memory.add_rule("orders", "jobs")
    attributes = {"source": "shop", "detail-type": "Placed"}

    await traced(memory, exported.provider).publish("bus", "orders", [Outgoing("{}", attributes=attributes)])

    assert (exported.span("send orders").attributes or {})["messaging.system"] == "aws.events"


@pytest.mark.parametrize(("taken", "carried"), [(8, 2), (9, 1), (10, 0)])
async def test_no_message_gets_more_than_ten_attributes(
    exported: Exported, memory: MemoryBackend, taken: int, carried: int
) -> None:
    own = {f"own{number}": "x" for number in range(taken)}
    state = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=7"}

    async with AtOnce(_forwarding(exported, memory, own)) as t:
        await t.send(sqs_record("one", "jobs", attributes=state))

    (attributes,) = await published(memory, "results")
    assert list(attributes)[taken:] == ["traceparent", "tracestate"][:carried]
    assert len(attributes) <= 10


def _forwarding(exported: Exported, memory: MemoryBackend, attributes: dict[str, str]) -> App:
    """An app whose handler publishes a message with attributes, in the sender's trace."""
    app = App("test", middleware=[tracing_middleware(exported.provider, parent=True)])
    publisher = traced(memory, exported.provider)

    @app.on(jobs)
    async def forward(text: str) -> None:
        await publisher.publish("queue", "results", [Outgoing(text, attributes=attributes)])

    return app


@pytest.mark.parametrize(("kind", "limit"), [("queue", 1_048_576), ("topic", 262_144)])
@pytest.mark.parametrize("room", [0, 1_000])
async def test_no_message_becomes_too_big(exported: Exported, kind: str, limit: int, room: int) -> None:
    sent: list[Outgoing] = []

    class Recorder:
        async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
            del kind, address
            sent.extend(messages)

    await traced(Recorder(), exported.provider).publish(kind, "jobs", [Outgoing("x" * (limit - room))])

    assert [bool(message.attributes) for message in sent] == [room > 0]


async def test_a_context_that_the_sender_chose_is_left_as_it_is(exported: Exported, memory: MemoryBackend) -> None:
    await traced(memory, exported.provider).publish("queue", "jobs", [Outgoing("one", attributes=PARENT)])

    assert await published(memory) == [PARENT]


async def test_baggage_does_not_leave_the_program(exported: Exported, memory: MemoryBackend) -> None:
    token = attach(set_baggage("user", "a secret"))

    await traced(memory, exported.provider).publish("queue", "jobs", [Outgoing("one")])
    detach(token)

    (attributes,) = await published(memory)
    assert list(attributes) == ["traceparent"]


async def test_where_no_sdk_is_set_up_messages_go_out_as_they_are(memory: MemoryBackend) -> None:
    await traced(memory).publish("queue", "jobs", [Outgoing("one")])

    assert await published(memory) == [{}]


async def test_a_publication_that_fails_is_an_error_and_still_raised(exported: Exported, memory: MemoryBackend) -> None:
    with pytest.raises(BackendError):
        await traced(memory, exported.provider).publish("queue", "unknown", [Outgoing("one")])

    span = exported.span("send unknown")
    assert (span.attributes or {})["error.type"] == "BackendError"
    assert (span.status.status_code, span.status.description, list(span.events)) == (StatusCode.ERROR, None, [])


async def test_everything_else_is_the_backends_own(exported: Exported, memory: MemoryBackend) -> None:
    backend = traced(memory, exported.provider)
    await memory.publish("queue", "jobs", [Outgoing("one")])

    records = await backend.receive("jobs", 10, 0)
    await backend.delete("jobs", records)

    assert (len(records), memory.depth("jobs"), list(exported.spans)) == (1, 0, [])


async def test_two_handlers_are_linked_through_the_queue_between_them(
    exported: Exported, memory: MemoryBackend
) -> None:
    app = App("test")
    handled: list[str] = []

    @app.on(jobs, to=results)
    async def plan(text: str) -> str:
        return f"{text} planned"

    @app.on(results)
    async def store(text: str) -> None:
        handled.append(text)

    middleware = [tracing_middleware(exported.provider)]
    poller = Poller(app, traced(memory, exported.provider), Settings(wait=1), middleware=middleware)
    await memory.publish("queue", "jobs", [Outgoing("one")])
    async with running(poller):
        await until(lambda: bool(handled))

    first, sent, second = exported.span("process jobs"), exported.span("send results"), exported.span("process results")
    assert handled == ["one planned"]
    assert identity(sent.parent) == identity(first.get_span_context())
    assert links_of(second) == [identity(sent.get_span_context())]
    assert second.parent is None


async def test_every_attribute_is_documented(exported: Exported, memory: MemoryBackend) -> None:
    text = (Path(__file__).parents[3] / "docs" / "observability.md").read_text("utf-8")
    record: dict[str, object] = {**sqs_record("one", "jobs"), "attributes": {"AWSTraceHeader": "Root=1-2-3"}}

    async with AtOnce(app_of(exported, ValueError())) as t:
        await t.send(record)
    await traced(memory, exported.provider).publish("queue", "jobs", [Outgoing("one"), Outgoing("two")])

    names = {name for span in exported.spans for name in span.attributes or {}}
    documented = set(re.findall(r"`((?:messaging|eventkit|error)\.[a-z_.]+)`", text.partition("## Spans")[2]))
    assert documented == names


async def test_a_sender_of_a_handler_is_traced_too(exported: Exported, memory: MemoryBackend) -> None:
    app = App("test")

    @app.on(jobs)
    async def forward(text: str, sender: Annotated[Sender[str], To(results)]) -> None:
        await sender.send(text)

    backend = traced(memory, exported.provider)
    poller = Poller(app, backend, Settings(wait=1), middleware=[tracing_middleware(exported.provider, parent=True)])
    await backend.publish("queue", "jobs", [Outgoing("one")])
    async with running(poller):
        await until(lambda: memory.depth("results") == 1)

    traces = {identity(span.get_span_context())[0] for span in exported.spans}
    assert [span.name for span in exported.spans] == ["send jobs", "send results", "process jobs"]
    assert len(traces) == 1


async def test_an_outcome_that_another_middleware_makes_is_the_one_that_is_recorded(exported: Exported) -> None:
    async def refuse(_: Delivery, __: CallNext) -> Outcome:
        return Reject("not now")

    app = App("test", middleware=[tracing_middleware(exported.provider), refuse])
    app.on(jobs)(_ignore)

    async with AtOnce(app) as t:
        await t.send(sqs_record("one", "jobs"))

    assert (exported.span("process jobs").attributes or {})["eventkit.outcome"] == "reject"


def test_it_works_in_lambda_as_an_apps_own_middleware(exported: Exported) -> None:
    memory = MemoryBackend()
    memory.create_queue("results")
    app = App("test", middleware=[tracing_middleware(exported.provider)])

    @app.on(jobs, to=results)
    def plan(text: str) -> str:
        return text

    handler = LambdaHandler(app, backend=traced(memory, exported.provider))
    response = handler(sqs_event(sqs_record("one", "jobs", attributes=PARENT)))
    handler.close()

    first, sent = exported.span("process jobs"), exported.span("send results")
    assert response == {"batchItemFailures": []}
    assert links_of(first) == [(TRACE, SPAN)]
    assert identity(sent.parent) == identity(first.get_span_context())


def test_without_opentelemetry_the_error_says_what_to_install() -> None:
    code = "import sys; sys.modules['opentelemetry'] = None; import eventkit_telemetry.tracing"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "MissingExtraError" in result.stderr
    assert "'eventkit-aws[tracing]'" in result.stderr


def test_importing_it_loads_neither_the_sdk_nor_the_poller() -> None:
    code = (
        "import sys, eventkit_telemetry.tracing, eventkit_telemetry.logs;"
        "print(sorted({'opentelemetry.sdk', 'eventkit_poller', 'aiohttp', 'boto3'} & set(sys.modules)))"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"
