"""Loops by hand with boto3, on ten threads: receive ten, handle them, delete them."""

import json
import sys
from threading import Thread
from typing import Any

import boto3
from botocore.config import Config

THREADS = 10


def main(endpoint: str, queue: str) -> None:
    """Consume the queue until the process is killed."""
    config = Config(max_pool_connections=THREADS)
    session: Any = boto3.Session()
    sqs = session.client("sqs", endpoint_url=endpoint, region_name="us-east-1", config=config)
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]

    def consume() -> None:
        paid = 0
        while True:
            received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=20)
            messages = received.get("Messages", [])
            if not messages:
                continue
            for message in messages:
                paid += json.loads(message["Body"])["paid"]
            handles = [message["ReceiptHandle"] for message in messages]
            sqs.delete_message_batch(
                QueueUrl=url,
                Entries=[{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(handles)],
            )

    for _ in range(THREADS):
        Thread(target=consume).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
