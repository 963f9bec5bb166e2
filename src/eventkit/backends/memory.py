"""Queues, topics, event buses and buckets in this process, with AWS's rules: for tests, and for trying things out.

::

    backend = MemoryBackend()
    backend.create_queue("jobs-dead")
    backend.create_queue("jobs", dead_letter="jobs-dead", max_receives=3)
    backend.subscribe("posts", "jobs")

The same by URL: `memory://?queue=jobs:jobs-dead` declares both queues.
"""

import time
from asyncio import Event, sleep, timeout
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from json import dumps
from typing import Protocol
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from eventkit.backends import SETTLED, Unsettled
from eventkit.backends._bus import BusEntry, bus_entry, delivered
from eventkit.backends._memory_queue import MemoryQueue, QueueSettings
from eventkit.backends._park import parked
from eventkit.backends._sending import QueueMessage, deduplication_id, is_fifo, queue_message, require_sendable
from eventkit.backends._sns import notification, sns_attributes
from eventkit.errors import BackendError, ConfigurationError
from eventkit.names import name_in
from eventkit.outcomes import Reject
from eventkit.outgoing import Outgoing

__all__ = ["Clock", "MemoryBackend", "MonotonicClock", "open_backend"]

Raw = Mapping[str, object]

MAX_RECORDS = 10
"""Messages that one receive can return ("ReceiveMessage" in the SQS API reference)."""

REGION = "local"
ACCOUNT = "000000000000"


class Clock(Protocol):
    """What the backend's time comes from. `eventkit.testing.VirtualClock` is one that a test moves."""

    @property
    def epoch(self) -> float:
        """Unix time at which `now` was 0, in seconds; only timestamps are made of it."""
        ...

    def now(self) -> float:
        """Seconds, never going back."""
        ...

    async def wait(self, event: Event, seconds: float) -> None:
        """Return when the event is set, or after so many seconds; a return too early does no harm."""
        ...


class MonotonicClock:
    """The time of this machine."""

    def __init__(self) -> None:
        self.epoch: float = time.time() - time.monotonic()

    def now(self) -> float:
        return time.monotonic()

    async def wait(self, event: Event, seconds: float) -> None:
        with suppress(TimeoutError):
            async with timeout(seconds):
                await event.wait()


@dataclass(slots=True)
class _Topic:
    arn: str
    subscriptions: list[tuple[MemoryQueue, bool]] = field(default_factory=list[tuple[MemoryQueue, bool]])


@dataclass(frozen=True, slots=True)
class _Rule:
    """Brings events with one of these detail types to a queue; every event where there are none."""

    detail_types: tuple[str, ...]
    queue: MemoryQueue

    def takes(self, entry: BusEntry) -> bool:
        return not self.detail_types or entry.detail_type in self.detail_types


def _new_id() -> str:
    return str(uuid4())


class MemoryBackend:
    """A backend whose queues, topics and buses live in this object.

    They are declared first; nothing is made on the way.
    """

    def __init__(self, *, clock: Clock | None = None, new_id: Callable[[], str] = _new_id) -> None:
        """`clock` is the time of this machine unless given; `new_id` makes message ids."""
        self._clock = clock or MonotonicClock()
        self._new_id = new_id
        self._queues: dict[str, MemoryQueue] = {}
        self._topics: dict[str, _Topic] = {}
        self._buses: dict[str, list[_Rule]] = {}
        self._buckets: dict[str, dict[str, bytes]] = {}

    def create_queue(
        self,
        name: str,
        *,
        visibility: float = 30.0,
        delay: float = 0.0,
        dead_letter: str | None = None,
        max_receives: int = 5,
    ) -> str:
        """Declare a queue and return its ARN; a name that ends in `.fifo` makes it a FIFO queue.

        `visibility` and `delay` are in seconds. A message that was received `max_receives` times goes to the queue
        `dead_letter` instead of being received again. Raises `ConfigurationError` when the name is taken, or the
        dead-letter queue is not declared or of the other kind.
        """
        if name in self._queues:
            raise ConfigurationError(f"queue {name!r} is declared already")
        target = None if dead_letter is None else self._queues.get(name_in(dead_letter))
        if dead_letter is not None and (target is None or target.fifo is not is_fifo(name)):
            raise ConfigurationError(
                f"queue {name!r}: declare its dead-letter queue {dead_letter!r} first; FIFO goes with FIFO"
            )
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        settings = QueueSettings(arn, visibility, delay, max_receives, target, self._clock.epoch)
        self._queues[name] = MemoryQueue(settings)
        return arn

    def create_topic(self, name: str) -> str:
        """Declare a topic, if that was not done before, and return its ARN."""
        topic = _Topic(f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}")
        return self._topics.setdefault(name, topic).arn

    def subscribe(self, topic: str, queue: str, *, raw: bool = False) -> None:
        """Let the queue get what is published to the topic: in SNS's envelope, or with `raw` as it is.

        The topic is declared by this, too. Raises `BackendError` when the queue is not declared.
        """
        self.create_topic(name_in(topic))
        self._topics[name_in(topic)].subscriptions.append((self._queue(queue), raw))

    def create_bus(self, name: str) -> str:
        """Declare an event bus, if that was not done before, and return its ARN."""
        self._buses.setdefault(name, [])
        return f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}"

    def add_rule(self, bus: str, queue: str, *detail_types: str) -> None:
        """Let the queue get the events of the bus that have one of these detail types; all where none is given.

        The bus is declared by this, too. Raises `BackendError` when the queue is not declared.
        """
        self.create_bus(name_in(bus))
        self._buses[name_in(bus)].append(_Rule(detail_types, self._queue(queue)))

    def create_bucket(self, name: str) -> str:
        """Declare a bucket, if that was not done before, and return its ARN."""
        self._buckets.setdefault(name, {})
        return f"arn:aws:s3:::{name}"

    def objects(self, bucket: str) -> Mapping[str, bytes]:
        """The objects in the bucket, by their keys. Raises `BackendError`."""
        return self._bucket(bucket)

    def depth(self, queue: str) -> int:
        """How many messages are in the queue, those in flight included. Raises `BackendError`."""
        return len(self._queue(queue))

    async def visibility(self, queue: str) -> float:
        return self._queue(queue).settings.visibility

    async def receive(self, queue: str, limit: int, wait: float, visibility: float | None = None) -> Sequence[Raw]:
        found = self._queue(queue)
        if not 1 <= limit <= MAX_RECORDS:
            raise BackendError(f"receive from {queue!r}: the limit must be from 1 to {MAX_RECORDS}, not {limit}")
        await sleep(0)  # a caller that receives in a loop must let others run
        until = self._clock.now() + wait
        with found.watched() as changed:
            while True:
                changed.clear()
                now = self._clock.now()
                records = found.take(now, limit, visibility)
                if records or now >= until:
                    return records
                await self._clock.wait(changed, min(until, found.next_visible(now)) - now)

    async def delete(self, queue: str, records: Sequence[Raw]) -> Unsettled:
        found, now = self._queue(queue), self._clock.now()
        return _unsettled([record for record in records if not found.delete(now, record)])

    async def extend(self, queue: str, delays: Sequence[tuple[Raw, float]]) -> Unsettled:
        found, now = self._queue(queue), self._clock.now()
        return _unsettled([record for record, seconds in delays if not found.extend(now, record, seconds)])

    async def park(self, queue: str, record: Raw, reject: Reject) -> None:
        found = self._queue(queue)
        target = found.settings.dead_letter
        if target is None:
            raise BackendError(
                f"queue {queue!r} has no dead-letter queue, so a rejected message has nowhere to go: "
                "declare it with create_queue(…, dead_letter=…)"
            )
        target.send(self._clock.now(), self._new_id(), parked(record, reject, fifo=target.fifo))

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        require_sendable(kind, address, messages)
        match kind:
            case "queue":
                queue = self._queue(address)
                for message in messages:
                    queue.send(self._clock.now(), self._new_id(), queue_message(message))
            case "topic":
                topic = self._topic(address)
                for message in messages:
                    self._fan_out(topic, message)
            case _:
                rules = self._rules(address)
                for message in messages:
                    self._apply(rules, bus_entry(message))

    async def put_object(self, bucket: str, key: str, body: bytes) -> None:
        """Put an object into a bucket. Raises `BackendError`."""
        self._bucket(bucket)[key] = body

    def _apply(self, rules: Sequence[_Rule], entry: BusEntry) -> None:
        body = dumps(delivered(entry, event_id=self._new_id(), sent=self._sent(), region=REGION, account=ACCOUNT))
        for rule in rules:
            if rule.takes(entry):
                rule.queue.send(self._clock.now(), self._new_id(), QueueMessage(body, trace=entry.trace))

    def _sent(self) -> datetime:
        return datetime.fromtimestamp(self._clock.epoch + self._clock.now(), UTC)

    def _fan_out(self, topic: _Topic, message: Outgoing) -> None:
        now, sent = self._clock.now(), self._sent()
        plain = queue_message(message)
        attributes = sns_attributes(plain.attributes)
        body = notification(message.text, topic.arn, message_id=self._new_id(), sent=sent, attributes=attributes)
        wrapped = QueueMessage(dumps(body), {}, message.group, deduplication_id(plain))
        for queue, raw in topic.subscriptions:
            queue.send(now, self._new_id(), plain if raw else wrapped)

    def _queue(self, address: str) -> MemoryQueue:
        found = self._queues.get(name_in(address))
        if found is None:
            raise BackendError(f"there is no queue {address!r} in this process: declare it with create_queue")
        return found

    def _topic(self, address: str) -> _Topic:
        found = self._topics.get(name_in(address))
        if found is None:
            raise BackendError(f"there is no topic {address!r} in this process: declare it with create_topic")
        return found

    def _rules(self, address: str) -> Sequence[_Rule]:
        found = self._buses.get(name_in(address))
        if found is None:
            raise BackendError(f"there is no event bus {address!r} in this process: declare it with create_bus")
        return found

    def _bucket(self, address: str) -> dict[str, bytes]:
        found = self._buckets.get(name_in(address))
        if found is None:
            raise BackendError(f"there is no bucket {address!r} in this process: declare it with create_bucket")
        return found


def _unsettled(lost: Sequence[Raw]) -> Unsettled:
    return Unsettled(lost=lost) if lost else SETTLED


@asynccontextmanager
async def open_backend(url: str = "memory://") -> AsyncGenerator[MemoryBackend]:
    """A backend of its own for each call. `memory://?queue=jobs:jobs-dead&queue=mail` declares queues.

    Tables and streams, which are `eventkit.streams.memory`'s to declare, may stand in the URL, too. Raises
    `ConfigurationError` for any other option.
    """
    parts = urlsplit(url)
    options = parse_qs(parts.query, keep_blank_values=True)
    queues = options.pop("queue", [])
    options.pop("table", None)
    options.pop("stream", None)
    if options or parts.netloc or parts.path:
        raise ConfigurationError(f"{url!r}: write memory://, with ?queue=NAME or ?queue=NAME:DEAD_LETTER_QUEUE")
    backend = MemoryBackend()
    pairs = [(name, dead_letter) for name, _, dead_letter in (queue.partition(":") for queue in queues)]
    for dead_letter in dict.fromkeys(dead_letter for _, dead_letter in pairs if dead_letter):
        backend.create_queue(dead_letter)
    for name, dead_letter in pairs:
        backend.create_queue(name, dead_letter=dead_letter or None)
    yield backend
