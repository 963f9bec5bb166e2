"""eventkit's poller on a stream, with a handler as users write it.

The options are the records of a batch, and where the leases are: `dynamodb` or `memory`.
"""

import asyncio
import sys
from itertools import count
from urllib.parse import quote

from pydantic import BaseModel

from eventkit import App, Inserted, Stream, StreamOptions, Table
from eventkit.backends import open_backend
from eventkit.streams.leases import open_leases
from eventkit_aws.streams import open_streams
from eventkit_poller import Poller, Settings, StreamAccess, run_poller


class Order(BaseModel):
    """What a record holds."""

    id: int
    customer: str
    total: float
    items: list[str]
    paid: bool


def of_stream(name: str, every: int, options: StreamOptions) -> App:
    """An app that consumes a stream of Kinesis, and prints a line after each so many records."""
    app, numbers = App(name), count(1)

    @app.on(Stream[Order](name, stream=options))
    async def on_order(order: Order) -> None:
        if order.paid and next(numbers) % every == 0:
            print(flush=True)

    return app


def of_table(name: str, every: int, options: StreamOptions) -> App:
    """The same for a table of DynamoDB."""
    app, numbers = App(name), count(1)

    @app.on(Table[Order](name, stream=options).inserted())
    async def on_order(change: Inserted[Order]) -> None:
        if change.new.paid and next(numbers) % every == 0:
            print(flush=True)

    return app


async def consume(app: App, endpoint: str, leases: str) -> None:
    """Run the poller."""
    place = f"region=us-east-1&endpoint={quote(endpoint, safe='')}"
    store = f"dynamodb://leases?{place}" if leases == "dynamodb" else "memory://"
    async with (
        open_streams(f"sqs://?{place}") as streams,
        open_leases(store) as found,
        open_backend("memory://") as backend,
    ):
        await run_poller(Poller(app, backend, Settings(), streams=StreamAccess(streams, found)))


def main(endpoint: str, name: str, kind: str, every: str, batch: str, leases: str) -> None:
    """Make the app, and consume."""
    make = of_stream if kind == "stream" else of_table
    asyncio.run(consume(make(name, int(every), StreamOptions(batch=int(batch))), endpoint, leases))


if __name__ == "__main__":
    main(*sys.argv[1:])
