"""Middleware: one signature, `(delivery, call_next)`, around every delivery.

`call_next` never raises an `Exception`: what the handler raised has become an outcome by then, and a `Retry` keeps
it as `error`. A middleware that raises is treated as a handler that does.
"""

from collections.abc import Awaitable, Callable, Sequence

from eventkit.delivery import Delivery
from eventkit.outcomes import Outcome

__all__ = ["CallNext", "Middleware", "wrap"]

CallNext = Callable[[Delivery], Awaitable[Outcome]]
Middleware = Callable[[Delivery, CallNext], Awaitable[Outcome]]


def wrap(middleware: Sequence[Middleware], innermost: CallNext) -> CallNext:
    """The call with the middleware around it, the first one outermost."""
    call = innermost
    for layer in reversed(middleware):
        call = _layer(layer, call)
    return call


def _layer(layer: Middleware, call_next: CallNext) -> CallNext:
    async def call(delivery: Delivery) -> Outcome:
        return await layer(delivery, call_next)

    return call
