"""taskiq-aio-sqs, receiving ten at a time; its messages are tasks, whose argument is the order."""
# The checkers run where the peers are not installed.
# mypy: ignore-errors
# pyright: basic, reportMissingImports=false

import asyncio
import sys
from itertools import count
from typing import Any

from taskiq.api import run_receiver_task
from taskiq_aio_sqs import SQSBroker


async def consume(endpoint: str, queue: str) -> None:
    """Consume the queue until the process is killed."""
    broker = SQSBroker(
        queue, endpoint_url=endpoint, region_name="us-east-1", wait_time_seconds=20, max_number_of_messages=10
    )
    paid = count()

    @broker.task(task_name="on_order")
    async def on_order(order: dict[str, Any]) -> None:
        if order["paid"]:
            next(paid)

    await run_receiver_task(broker, run_startup=True)


def main(endpoint: str, queue: str) -> None:
    """Run the worker's receiver."""
    asyncio.run(consume(endpoint, queue))


if __name__ == "__main__":
    main(*sys.argv[1:])
