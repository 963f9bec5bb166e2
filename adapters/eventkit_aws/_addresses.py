"""From names, URLs and ARNs to what the API wants: each is asked for once, and then remembered."""

import json
from collections.abc import Awaitable, Callable

from eventkit.errors import BackendError
from eventkit.events._base import parse_arn
from eventkit.names import name_in
from eventkit_aws._calls import EventsClient, SnsClient, SqsClient, call

__all__ = ["Buses", "Queues", "Topics"]


class Memo:
    """Remembers what was found for each key. Two callers at once may both ask, and get the same."""

    def __init__(self, find: Callable[[str], Awaitable[str]]) -> None:
        self._find = find
        self._found: dict[str, str] = {}

    async def __call__(self, key: str) -> str:
        """What was found for the key. What `find` raises passes, and is not remembered."""
        if key not in self._found:
            self._found[key] = await self._find(key)
        return self._found[key]


class Queues:
    """Where queues are. The names of the methods say what they return; each raises `BackendError`."""

    def __init__(self, client: SqsClient) -> None:
        self._client = client
        self.url = Memo(self._find_url)
        self.arn = Memo(self._find_arn)
        self.dead_letter = Memo(self._find_dead_letter)
        self.visibility = Memo(self._find_visibility)

    async def _find_url(self, address: str) -> str:
        if address.startswith(("https://", "http://")):
            return address
        arn = parse_arn(address)
        request = {"QueueName": name_in(address)}
        if arn is not None and arn.account:
            request["QueueOwnerAWSAccountId"] = arn.account
        found = await call(self._client.get_queue_url, f"GetQueueUrl of {address!r}", **request)
        return str(found["QueueUrl"])

    async def _find_arn(self, address: str) -> str:
        arn = await self._attribute(address, "QueueArn")
        if parse_arn(address) and arn != address:
            raise BackendError(f"queue {address!r} is not where this client looks: it found {arn!r}; set AWS_REGION")
        return arn

    async def _find_visibility(self, address: str) -> str:
        """The queue's visibility timeout in seconds, as a text."""
        return await self._attribute(address, "VisibilityTimeout")

    async def _find_dead_letter(self, address: str) -> str:
        """The ARN of the queue's dead-letter queue."""
        policy = await self._attribute(address, "RedrivePolicy")
        if not policy:
            raise BackendError(
                f"queue {address!r} has no dead-letter queue, so a rejected message has nowhere to go: "
                "set a RedrivePolicy on the queue"
            )
        return str(json.loads(policy)["deadLetterTargetArn"])

    async def _attribute(self, address: str, name: str) -> str:
        request = {"QueueUrl": await self.url(address), "AttributeNames": [name]}
        found = await call(self._client.get_queue_attributes, f"GetQueueAttributes of {address!r}", **request)
        return str(found.get("Attributes", {}).get(name, ""))


class Topics:
    """Where topics are. Raises `BackendError`."""

    def __init__(self, client: SnsClient) -> None:
        self._client = client
        self.arn = Memo(self._find_arn)

    async def _find_arn(self, address: str) -> str:
        if parse_arn(address):
            return address
        page: dict[str, object] = {}
        while True:
            listed = await call(self._client.list_topics, f"ListTopics for {address!r}", **page)
            for topic in listed.get("Topics", ()):
                if name_in(topic["TopicArn"]) == address:
                    return str(topic["TopicArn"])
            if not listed.get("NextToken"):
                raise BackendError(f"there is no topic {address!r} in this account and Region; a full ARN names others")
            page = {"NextToken": listed["NextToken"]}


class Buses:
    """Where event buses are. Raises `BackendError`."""

    def __init__(self, client: EventsClient) -> None:
        self._client = client
        self.arn = Memo(self._find_arn)

    async def _find_arn(self, address: str) -> str:
        """The bus's ARN; it is asked for because PutEvents need not say that there is no such bus."""
        if parse_arn(address):
            return address
        found = await call(self._client.describe_event_bus, f"DescribeEventBus {address!r}", Name=address)
        return str(found["Arn"])
