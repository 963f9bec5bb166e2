"""Spans of OpenTelemetry: one for each delivery and for each publication, linked through message attributes.

::

    Poller(app, traced(backend), middleware=[tracing_middleware()])

Names and attributes are those of OpenTelemetry's semantic conventions for messaging, version 1.45, which are still in
development; what they have no name for begins with `eventkit.`. Only the API is used: until a program sets up an SDK,
nothing is recorded. No span holds a payload, the text of an exception, or the reason of a reject.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar, cast

from eventkit.backends._sending import MAX_SIZES, size_of
from eventkit.delivery import Delivery
from eventkit.errors import DecodeError, MissingExtraError
from eventkit.middleware import CallNext, Middleware
from eventkit.names import name_in
from eventkit.outcomes import Deferred, Outcome, Reject, Retry
from eventkit.outgoing import MAX_ATTRIBUTES, Outgoing
from eventkit.publish import Publisher
from eventkit.values import replace
from eventkit_telemetry._outcomes import outcome_name

try:
    from opentelemetry.context import Context, get_current
    from opentelemetry.trace import (
        Link,
        Span,
        SpanKind,
        StatusCode,
        Tracer,
        TracerProvider,
        get_current_span,
        get_tracer,
    )
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ModuleNotFoundError as _error:
    raise MissingExtraError("opentelemetry", "tracing") from _error

__all__ = ["traced", "tracing_middleware"]

P = TypeVar("P", bound=Publisher)
Attributes = Mapping[str, str | int]

W3C = TraceContextTextMapPropagator()
"""Not the propagator of the process, which by default sends the program's baggage along with every message."""

FIELDS = ("traceparent", "tracestate")

SERVICES: Mapping[str, str] = {"queue": "sqs", "topic": "sns", "bus": "events"}
"""What is published to, and the service that it belongs to."""


def tracing_middleware(tracer_provider: TracerProvider | None = None, *, parent: bool = False) -> Middleware:
    """Middleware that makes a CONSUMER span of each delivery, named `process <queue>`.

    The span links to the one that sent the message, because messages come in batches and come again. With `parent`
    it becomes that span's child instead: one trace from end to end, whose sampling the sender decides. The provider
    is the global one unless given.
    """
    tracer = _tracer(tracer_provider)

    async def trace_delivery(delivery: Delivery, call_next: CallNext) -> Outcome:
        context, links = _origin(delivery, parent=parent)
        with _span(tracer, SpanKind.CONSUMER, _processing(delivery), context, links) as span:
            outcome = await call_next(delivery)
            _concluded(span, outcome)
            return outcome

    return trace_delivery


def traced(publisher: P, tracer_provider: TracerProvider | None = None) -> P:
    """The same publisher or backend, except that it makes a PRODUCER span of each call of `publish`.

    The span is called `send <destination>`, and its context travels in the message attributes `traceparent` and
    `tracestate`: as far as there is room for them, and unless the message has a `traceparent` of its own.
    """
    return cast("P", _Traced(publisher, _tracer(tracer_provider)))


class _Traced:
    def __init__(self, publisher: Publisher, tracer: Tracer) -> None:
        self._publisher = publisher
        self._tracer = tracer

    def __getattr__(self, name: str) -> object:
        """Whatever else a backend does, it does itself."""
        return getattr(self._publisher, name)

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        with _span(self._tracer, SpanKind.PRODUCER, _sending(kind, address, len(messages))):
            carrier: dict[str, str] = {}
            W3C.inject(carrier)
            await self._publisher.publish(kind, address, [_marked(one, carrier, kind) for one in messages])


def _tracer(provider: TracerProvider | None) -> Tracer:
    return get_tracer("eventkit", tracer_provider=provider)


@contextmanager
def _span(
    tracer: Tracer,
    kind: SpanKind,
    attributes: Attributes,
    context: Context | None = None,
    links: Sequence[Link] = (),
) -> Generator[Span]:
    """A span around the block, named as the conventions say; what the block raises is noted by its type alone."""
    name = f"{attributes['messaging.operation.name']} {attributes.get('messaging.destination.name', '')}".rstrip()
    with tracer.start_as_current_span(
        name, context, kind, attributes, links, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except BaseException as error:
            _failed(span, error)
            raise


def _processing(delivery: Delivery) -> Attributes:
    """What is known of a delivery before its handler runs."""
    outermost = delivery.source.outermost
    attributes: Attributes = {
        **_operation("process", outermost.service, outermost.resource_name or ""),
        "messaging.message.id": delivery.id,
        "eventkit.handler": delivery.handler,
        "eventkit.attempt": delivery.attempt,
        "eventkit.xray_trace_header": delivery.trace or "",
    }
    return {name: value for name, value in attributes.items() if value != ""}


def _sending(kind: str, address: str, messages: int) -> Attributes:
    attributes = _operation("send", SERVICES.get(kind, kind), name_in(address))
    return {**attributes, "messaging.batch.message_count": messages} if messages > 1 else attributes


def _operation(name: str, service: str, destination: str) -> Attributes:
    return {
        # The conventions write `aws_sqs` and `aws.sns`; for other services they have no name yet.
        "messaging.system": "aws_sqs" if service == "sqs" else f"aws.{service}",
        "messaging.operation.name": name,
        "messaging.operation.type": name,
        "messaging.destination.name": destination,
    }


def _origin(delivery: Delivery, *, parent: bool) -> tuple[Context, Sequence[Link]]:
    """The context in which a delivery's span begins, and the links to spans of other traces."""
    here = get_current()
    sent = W3C.extract(_carrier(delivery), here)
    if parent:
        return sent, ()
    sender = get_current_span(sent).get_span_context()
    return here, [Link(sender)] if sent is not here and sender.is_valid else ()


def _carrier(delivery: Delivery) -> dict[str, str]:
    """The fields of the sender's context; none where the attributes cannot be read, which is not for us to judge."""
    try:
        attributes = delivery.attributes
    except DecodeError:
        return {}
    return {name: value for name in FIELDS if isinstance(value := attributes.get(name), str)}


def _marked(message: Outgoing, carrier: Mapping[str, str], kind: str) -> Outgoing:
    """The message with as much of the sender's context as it has room for, `traceparent` first."""
    if FIELDS[0] in message.attributes:
        return message
    room = max(0, MAX_ATTRIBUTES - len(message.attributes))
    marked = replace(message, attributes={**message.attributes, **dict(islice(carrier.items(), room))})
    return marked if size_of(kind, marked) <= MAX_SIZES.get(kind, 0) else message


def _concluded(span: Span, outcome: Outcome) -> None:
    span.set_attribute("eventkit.outcome", outcome_name(outcome))
    match outcome:
        case Retry(error=Deferred()):
            pass
        case Retry(error=BaseException() as error):
            _failed(span, error)
        case Reject():
            _failed(span, outcome.error or outcome)
        case _:
            pass


def _failed(span: Span, error: BaseException) -> None:
    span.set_attribute("error.type", type(error).__qualname__)
    span.set_status(StatusCode.ERROR)
