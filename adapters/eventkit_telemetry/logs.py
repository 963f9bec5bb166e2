"""Log records that say which delivery, and which span, they were written in.

::

    app = App("shop", middleware=[tracing_middleware(), logging_middleware])
    log_handler.addFilter(Correlation())
"""

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import MappingProxyType

from eventkit.delivery import Delivery
from eventkit.middleware import CallNext
from eventkit.outcomes import Outcome

__all__ = ["Correlation", "logging_middleware"]

_NOWHERE: Mapping[str, object] = MappingProxyType({})
_delivery: ContextVar[Mapping[str, object]] = ContextVar("eventkit_delivery", default=_NOWHERE)


async def logging_middleware(delivery: Delivery, call_next: CallNext) -> Outcome:
    """Middleware that lets `Correlation` know the delivery; plain functions on threads take it with them."""
    token = _delivery.set({"handler": delivery.handler, "id": delivery.id, "attempt": delivery.attempt})
    try:
        return await call_next(delivery)
    finally:
        _delivery.reset(token)


class Correlation(logging.Filter):
    """A filter for a log handler: lets every record pass, and adds facts to it as `extra` does.

    Records that are written in a delivery get `handler`, `id` and `attempt`, called as in the log of eventkit
    itself; records that are written in a span of OpenTelemetry get `trace_id` and `span_id`, in W3C's notation.
    What a record has already is left as it is. Where records go through a queue, the filter belongs to the
    `QueueHandler`: it has to see them where they are written.
    """

    def __init__(self) -> None:
        super().__init__()
        self._span = _span_facts()

    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in {**_delivery.get(), **self._span()}.items():
            vars(record).setdefault(name, value)
        return True


def _span_facts() -> Callable[[], Mapping[str, object]]:
    """What tells the current span; where OpenTelemetry is not installed, there is none."""
    try:
        from opentelemetry.trace import format_span_id, format_trace_id, get_current_span
    except ModuleNotFoundError:
        return lambda: _NOWHERE

    def facts() -> Mapping[str, object]:
        span = get_current_span().get_span_context()
        if not span.is_valid:
            return _NOWHERE
        return {"trace_id": format_trace_id(span.trace_id), "span_id": format_span_id(span.span_id)}

    return facts
