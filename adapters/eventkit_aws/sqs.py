"""Queues of Amazon SQS, topics of Amazon SNS and event buses of Amazon EventBridge.

`SqsBackend` takes clients, which may be shared: `SqsBackend(sqs, sns, events)`. `open_backend` makes its own with
aioboto3; `blocking_backend` uses boto3, for Lambda, where aioboto3 is not installed.

The role needs `sqs:GetQueueUrl`, `GetQueueAttributes`, `ReceiveMessage`, `DeleteMessage` and `ChangeMessageVisibility`
on the queues that are read, `sqs:GetQueueUrl` and `SendMessage` on dead-letter queues and those that are published to,
`sns:Publish` on topics, `sns:ListTopics` where a topic is given by its name, `events:PutEvents` on event buses,
`events:DescribeEventBus` where a bus is given by its name, and `s3:PutObject` on a bucket that is the on-failure
destination.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any, cast

from eventkit.backends import SETTLED, Raw, Unsettled
from eventkit.backends._park import parked
from eventkit.backends._sending import MAX_SIZES, QueueMessage, is_fifo, queue_message, require_sendable, size_of
from eventkit.errors import BackendError, ConfigurationError
from eventkit.outcomes import Reject
from eventkit.outgoing import Outgoing
from eventkit_aws._addresses import Buses, Queues, Topics
from eventkit_aws._calls import (
    BlockingClient,
    Call,
    EventsClient,
    SnsClient,
    SqsClient,
    blocking,
    call,
    code_of,
    is_passing,
    on_demand,
    opened_on_demand,
    translated,
)
from eventkit_aws._records import (
    batches,
    event_entry,
    not_put,
    record_of,
    seconds_of_visibility,
    sqs_entry,
    topic_entry,
)
from eventkit_aws._sessions import Options, imported, split_claims
from eventkit_aws.s3 import S3Client, S3ObjectStore

__all__ = [
    "BlockingClient",
    "EventsClient",
    "SnsClient",
    "SqsBackend",
    "SqsClient",
    "blocking",
    "blocking_backend",
    "open_backend",
    "open_blocking_backend",
]

MAX_WAIT = 20
"""Seconds of the longest poll ("ReceiveMessage" in the SQS API reference)."""

MAX_ENTRIES = 10
"""Entries of one batch request."""

GONE = frozenset({"ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"})
"""Codes by which SQS refuses a receipt handle that has expired or whose message is gone."""

SENDING_ATTEMPTS = 4
PAUSE = 0.2
"""Seconds before the first repetition of entries that SQS or SNS did not accept; doubled for each further one."""

Entry = dict[str, object]
Sleep = Callable[[float], Awaitable[object]]


async def _sleep(seconds: float) -> None:
    from asyncio import sleep  # 40 ms of a cold start, for something rare

    await sleep(seconds)


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch operation on one target: what it is called, and how it is called with a list of entries."""

    name: str
    target: str
    verb: Callable[[list[Entry]], Awaitable[Mapping[str, Any]]]

    def __str__(self) -> str:
        return f"{self.name} on {self.target!r}"


class SqsBackend:
    """A backend over clients of SQS, SNS and EventBridge; `eventkit.backends.Backend` says what its methods promise."""

    def __init__(
        self,
        sqs: SqsClient,
        sns: SnsClient,
        events: EventsClient,
        *,
        s3: S3Client | None = None,
        sleep: Sleep = _sleep,
    ) -> None:
        """The clients are the caller's to close; each long poll holds one of their connections.

        That of S3 is only needed where the on-failure destination is a bucket.
        """
        self._sqs = sqs
        self._sns = sns
        self._sleep = sleep
        self._queues = Queues(sqs)
        self._topics = Topics(sns)
        self._events = events
        self._buses = Buses(events)
        self._s3 = s3

    async def visibility(self, queue: str) -> float:
        return float(await self._queues.visibility(queue))

    async def receive(self, queue: str, limit: int, wait: float, visibility: float | None = None) -> Sequence[Raw]:
        url, arn = await self._queues.url(queue), await self._queues.arn(queue)
        timeout = {} if visibility is None else {"VisibilityTimeout": seconds_of_visibility(visibility)}
        response = await call(
            self._sqs.receive_message,
            f"ReceiveMessage on {queue!r}",
            QueueUrl=url,
            MaxNumberOfMessages=limit,
            WaitTimeSeconds=min(MAX_WAIT, ceil(wait)),
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
            **timeout,
        )
        return [record_of(message, arn) for message in response.get("Messages") or ()]

    async def delete(self, queue: str, records: Sequence[Raw]) -> Unsettled:
        batch = await self._on_queue("DeleteMessageBatch", self._sqs.delete_message_batch, queue)
        return await _settle(batch, [(record, {"ReceiptHandle": record["receiptHandle"]}) for record in records])

    async def extend(self, queue: str, delays: Sequence[tuple[Raw, float]]) -> Unsettled:
        batch = await self._on_queue("ChangeMessageVisibilityBatch", self._sqs.change_message_visibility_batch, queue)
        entries: list[tuple[Raw, Entry]] = [
            (record, {"ReceiptHandle": record["receiptHandle"], "VisibilityTimeout": seconds_of_visibility(delay)})
            for record, delay in delays
        ]
        return await _settle(batch, entries)

    async def park(self, queue: str, record: Raw, reject: Reject) -> None:
        dead_letter = await self._queues.dead_letter(queue)
        await self._send(dead_letter, [parked(record, reject, fifo=is_fifo(dead_letter))])

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        require_sendable(kind, address, messages)
        match kind:
            case "queue":
                await self._send(address, [queue_message(message) for message in messages])
            case "topic":
                await self._publish(address, messages)
            case _:
                await self._put(address, messages)

    async def put_object(self, bucket: str, key: str, body: bytes) -> None:
        """Put a JSON document into a bucket. Raises `ConfigurationError` without a client of S3, and `BackendError`."""
        if self._s3 is None:
            raise ConfigurationError(f"nothing can be put into bucket {bucket!r}: pass SqsBackend a client of S3")
        await S3ObjectStore(self._s3).put(bucket, key, body, content_type="application/json", metadata={})

    async def _send(self, queue: str, messages: Sequence[QueueMessage]) -> None:
        batch = await self._on_queue("SendMessageBatch", self._sqs.send_message_batch, queue)
        ordered = is_fifo(queue)
        limit = MAX_SIZES["queue"]
        for part in batches(messages, limit, lambda one: one.size, lambda one: one.group if ordered else None):
            await self._accepted(batch, [sqs_entry(message) for message in part])

    async def _publish(self, topic: str, messages: Sequence[Outgoing]) -> None:
        arn, what = await self._topics.arn(topic), f"PublishBatch on {topic!r}"

        async def publish(entries: list[Entry]) -> Mapping[str, Any]:
            request = {"TopicArn": arn, "PublishBatchRequestEntries": _numbered(entries)}
            return await call(self._sns.publish_batch, what, **request)

        batch = _Batch("PublishBatch", topic, publish)
        ordered = is_fifo(topic)
        parts = batches(
            messages,
            MAX_SIZES["topic"],
            partial(size_of, "topic"),
            lambda one: one.group if ordered else None,
        )
        for part in parts:
            await self._accepted(batch, [topic_entry(message) for message in part])

    async def _put(self, bus: str, messages: Sequence[Outgoing]) -> None:
        arn, what = await self._buses.arn(bus), f"PutEvents on {bus!r}"

        async def put(entries: list[Entry]) -> Mapping[str, Any]:
            return {"Failed": not_put(await call(self._events.put_events, what, Entries=entries))}

        batch = _Batch("PutEvents", bus, put)
        for part in batches(messages, MAX_SIZES["bus"], partial(size_of, "bus"), lambda _: None):
            await self._accepted(batch, [event_entry(message, arn) for message in part])

    async def _accepted(self, batch: _Batch, entries: list[Entry]) -> None:
        """Send the entries, and again those that failed by no fault of theirs. Raises `BackendError`."""
        failures: list[Mapping[str, Any]] = []
        for attempt in range(SENDING_ATTEMPTS):
            if attempt:
                await self._sleep(PAUSE * 2 ** (attempt - 1))
            try:
                failures = (await batch.verb(entries)).get("Failed") or []
            except BackendError as error:
                if attempt == SENDING_ATTEMPTS - 1 or not is_passing(error):
                    raise
                continue
            if not failures:
                return
            if not all(map(_is_passing, failures)):
                break
            entries = [entries[int(failure["Id"])] for failure in failures]
        codes = ", ".join(sorted({str(failure.get("Code")) for failure in failures}))
        raise BackendError(f"{batch} failed for {len(failures)} of the messages: {codes}")

    async def _on_queue(self, name: str, verb: Call, queue: str) -> _Batch:
        url, what = await self._queues.url(queue), f"{name} on {queue!r}"
        return _Batch(name, queue, lambda entries: call(verb, what, QueueUrl=url, Entries=_numbered(entries)))


async def _settle(batch: _Batch, settlements: Sequence[tuple[Raw, Entry]]) -> Unsettled:
    """Carry out a batch operation on records; returns those for which it failed."""
    parts = [settlements[start : start + MAX_ENTRIES] for start in range(0, len(settlements), MAX_ENTRIES)]
    return _together([await _settle_part(batch, part) for part in parts])


async def _settle_part(batch: _Batch, part: Sequence[tuple[Raw, Entry]]) -> Unsettled:
    try:
        response = await batch.verb([entry for _, entry in part])
    except BackendError as error:
        if code_of(error) not in GONE:
            raise
        if len(part) > 1:  # one bad handle refuses them all, and which is not told
            return _together([await _settle_part(batch, [one]) for one in part])
        return Unsettled(lost=(part[0][0],))
    failures = response.get("Failed")
    return _unsettled(part, failures) if failures else SETTLED


def _unsettled(part: Sequence[tuple[Raw, Entry]], failures: Sequence[Mapping[str, Any]]) -> Unsettled:
    again: list[Raw] = []
    lost: list[Raw] = []
    for failure in failures:
        (again if _is_passing(failure) else lost).append(part[int(failure["Id"])][0])
    return Unsettled(tuple(again), tuple(lost))


def _together(parts: Sequence[Unsettled]) -> Unsettled:
    if all(part is SETTLED for part in parts):
        return SETTLED
    again = tuple(record for part in parts for record in part.again)
    return Unsettled(again, tuple(record for part in parts for record in part.lost))


def _numbered(entries: list[Entry]) -> list[Entry]:
    return [{"Id": str(position), **entry} for position, entry in enumerate(entries)]


def _is_passing(failure: Mapping[str, Any]) -> bool:
    """Whether an entry may succeed when it is sent again; SQS blames the sender for throttling, too."""
    return not failure.get("SenderFault") or "throttl" in str(failure.get("Code")).lower()


@asynccontextmanager
async def open_backend(url: str = "sqs://") -> AsyncGenerator[SqsBackend]:
    """A backend with its own clients of aioboto3; the URL may hold `region`, `endpoint` and `connections`.

    With `claim_bucket` and its like large payloads go through S3 (`eventkit_aws.claims`). Raises `MissingExtraError`,
    `ConfigurationError` for any other option, and `BackendError`.
    """
    url, claims = split_claims(url)
    options = Options.from_url(url)
    client = partial(imported("aioboto3").Session().client, **options.client())
    async with AsyncExitStack() as stack:
        with translated("opening SQS and SNS"):
            sqs, sns = [await stack.enter_async_context(client(service)) for service in ("sqs", "sns")]
        events, s3 = [
            opened_on_demand(partial(_entered, stack, partial(client, service))) for service in ("events", "s3")
        ]
        yield _with_claims(SqsBackend(sqs, sns, events, s3=cast("S3Client", s3)), claims, cast("S3Client", s3))


async def _entered(stack: AsyncExitStack, client: Callable[[], Any]) -> object:
    return await stack.enter_async_context(client())


@asynccontextmanager
async def open_blocking_backend(url: str = "sqs+boto3://") -> AsyncGenerator[SqsBackend]:
    """The same over boto3, whose calls block: for Lambda, which has it, and where nothing else runs meanwhile.

    boto3 is imported, and a client made, when it is first used.
    """
    yield blocking_backend(url)


def blocking_backend(url: str = "sqs+boto3://") -> SqsBackend:
    """See `open_blocking_backend`; such a backend need not be closed. Raises `ConfigurationError`."""
    url, claims = split_claims(url)
    options = Options.from_url(url)

    def client(service: str) -> BlockingClient:
        return on_demand(lambda: imported("boto3").client(service, **options.client()))

    s3 = cast("S3Client", client("s3"))
    return _with_claims(SqsBackend(client("sqs"), client("sns"), client("events"), s3=s3), claims, s3)


def _with_claims(backend: SqsBackend, options: Mapping[str, str], s3: S3Client) -> SqsBackend:
    if not options:
        return backend
    from eventkit_aws.claims import Claims, claim_checked

    return claim_checked(backend, Claims.from_options(options, S3ObjectStore(s3)))
