"""A loop by hand with aioboto3: receive ten, handle them, delete them; typed, if that is the third argument."""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import aioboto3


async def consume(endpoint: str, queue: str, is_paid: Callable[[str], bool]) -> None:
    """Consume the queue until the process is killed."""
    paid = 0
    session: Any = aioboto3.Session()
    async with session.client("sqs", endpoint_url=endpoint, region_name="us-east-1") as sqs:
        url = (await sqs.get_queue_url(QueueName=queue))["QueueUrl"]
        while True:
            received = await sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=20)
            messages = received.get("Messages", [])
            if not messages:
                continue
            for message in messages:
                paid += is_paid(message["Body"])
            handles = [message["ReceiptHandle"] for message in messages]
            await sqs.delete_message_batch(
                QueueUrl=url,
                Entries=[{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(handles)],
            )


def plain() -> Callable[[str], bool]:
    """What reads a body with `json` alone."""

    def is_paid(body: str) -> bool:
        return bool(json.loads(body)["paid"])

    return is_paid


def typed() -> Callable[[str], bool]:
    """What reads a body into a model."""
    from pydantic import BaseModel

    class Order(BaseModel):
        id: int
        customer: str
        total: float
        items: list[str]
        paid: bool

    def is_paid(body: str) -> bool:
        return Order.model_validate_json(body).paid

    return is_paid


def main(endpoint: str, queue: str, reader: str = "plain") -> None:
    """Run the loop."""
    asyncio.run(consume(endpoint, queue, typed() if reader == "typed" else plain()))


if __name__ == "__main__":
    main(*sys.argv[1:])
