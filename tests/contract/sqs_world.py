"""The world of an SQS backend: queues, topics and event buses made with boto3 in an emulator."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from typing import Any, cast

import boto3

from eventkit.backends import Backend


class Cloud:
    """An emulator at an endpoint, as one who provisions sees it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        sdk = cast("Any", boto3)
        self.sqs = sdk.client("sqs", endpoint_url=endpoint)
        self.sns = sdk.client("sns", endpoint_url=endpoint)
        self.events = sdk.client("events", endpoint_url=endpoint)
        self.numbers = count(1)


@contextmanager
def open_cloud(endpoint: str) -> Generator[Cloud]:
    cloud = Cloud(endpoint)
    yield cloud
    cloud.sqs.close()
    cloud.sns.close()
    cloud.events.close()


class SqsWorld:
    """The names are new in each world, so the worlds of one cloud do not meet."""

    def __init__(self, backend: Backend, cloud: Cloud) -> None:
        self.backend = backend
        self._cloud = cloud

    async def create_queue(
        self, *, fifo: bool = False, visibility: int = 30, dead_letter: str | None = None, max_receives: int = 2
    ) -> str:
        attributes = {"VisibilityTimeout": str(visibility)}
        if fifo:
            attributes |= {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
        if dead_letter is not None:
            redrive = {"deadLetterTargetArn": self._arn(dead_letter), "maxReceiveCount": str(max_receives)}
            attributes["RedrivePolicy"] = json.dumps(redrive)
        name = f"queue-{next(self._cloud.numbers)}{'.fifo' if fifo else ''}"
        self._cloud.sqs.create_queue(QueueName=name, Attributes=attributes)
        return name

    async def create_topic(self, queue: str, *, raw: bool = False, fifo: bool = False) -> str:
        name = f"topic-{next(self._cloud.numbers)}{'.fifo' if fifo else ''}"
        attributes = {"FifoTopic": "true", "ContentBasedDeduplication": "true"} if fifo else {}
        arn = self._cloud.sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]
        delivery = {"RawMessageDelivery": "true"} if raw else {}
        self._cloud.sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=self._arn(queue), Attributes=delivery)
        return name

    async def create_bus(self, queue: str, *detail_types: str) -> str:
        name = f"bus-{next(self._cloud.numbers)}"
        pattern: dict[str, object] = (
            {"detail-type": list(detail_types)} if detail_types else {"source": [{"prefix": ""}]}
        )
        self._cloud.events.create_event_bus(Name=name)
        self._cloud.events.put_rule(Name=name, EventBusName=name, EventPattern=json.dumps(pattern))
        self._cloud.events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "1", "Arn": self._arn(queue)}])
        return name

    def _arn(self, queue: str) -> str:
        url = self._cloud.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        found = self._cloud.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(found["Attributes"]["QueueArn"])
