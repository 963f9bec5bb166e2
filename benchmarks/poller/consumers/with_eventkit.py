"""eventkit's poller, with a handler as users write it: of a model, or of text if that is the fourth argument.

The third argument is the event loop, `asyncio` or `uvloop`; `eventkit run` takes uvloop where it is installed.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from itertools import count
from urllib.parse import quote

from pydantic import BaseModel

from eventkit import App, Queue
from eventkit_aws.sqs import open_backend
from eventkit_poller import Poller, Settings, run_poller

CONCURRENCY = 10


class Order(BaseModel):
    """The body of a message."""

    id: int
    customer: str
    total: float
    items: list[str]
    paid: bool


def of_model(queue: str) -> App:
    """An app whose handler gets a model."""
    app, paid = App("shop"), count()

    @app.on(Queue[Order](queue))
    async def on_order(order: Order) -> None:
        if order.paid:
            next(paid)

    return app


def of_text(queue: str) -> App:
    """An app whose handler gets the body as it is."""
    app, paid = App("shop"), count()

    @app.on(Queue[str](queue))
    async def on_text(body: str) -> None:
        if json.loads(body)["paid"]:
            next(paid)

    return app


async def consume(endpoint: str, app: App) -> None:
    """Consume the app's queue until the process is ended."""
    async with open_backend(f"sqs://?region=us-east-1&endpoint={quote(endpoint, safe='')}") as backend:
        await run_poller(Poller(app, backend, Settings(concurrency=CONCURRENCY)))


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the event loop of that name."""
    if name == "asyncio":
        return None
    import uvloop

    return uvloop.new_event_loop


def main(endpoint: str, queue: str, loop: str = "asyncio", payload: str = "model") -> None:
    """Run the poller."""
    app = of_text(queue) if payload == "text" else of_model(queue)
    with asyncio.Runner(loop_factory=loop_factory(loop)) as runner:
        runner.run(consume(endpoint, app))


if __name__ == "__main__":
    main(*sys.argv[1:])
