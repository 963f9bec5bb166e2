"""One queue in memory, with SQS's rules. Nothing waits here: each call says what time it is, in seconds.

Where the rules come from: "Amazon SQS visibility timeout", "Using dead-letter queues in Amazon SQS", "FIFO queue
delivery logic" and "Exactly-once processing in Amazon SQS" in the developer guide.
"""

from asyncio import Event
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import md5
from math import inf

from eventkit.backends._sending import Attributes, QueueMessage, deduplication_id, is_fifo

__all__ = ["MemoryQueue", "QueueSettings"]

Raw = Mapping[str, object]

DEDUPLICATION = 300.0
"""Seconds during which a FIFO queue accepts a repeated message without delivering it again."""


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """A queue's attributes; times in seconds. `dead_letter` gets what was received `max_receives` times."""

    arn: str
    visibility: float = 30.0
    delay: float = 0.0
    max_receives: int = 5
    dead_letter: "MemoryQueue | None" = None
    epoch: float = 0.0
    """Unix time at which the clock stood at 0, for timestamps alone."""


@dataclass(slots=True)
class _Stored:
    id: str
    body: str
    system: dict[str, str]
    attributes: Attributes
    visible_at: float
    receives: int = 0
    handle: str = ""

    @property
    def group(self) -> str:
        return self.system.get("MessageGroupId", "")


class MemoryQueue:
    """A queue: standard, or FIFO where its name ends in `.fifo`; that one deduplicates by content, too."""

    def __init__(self, settings: QueueSettings) -> None:
        self.settings = settings
        self.fifo = is_fifo(settings.arn)
        self._messages: dict[str, _Stored] = {}  # by id, in order of arrival
        self._recent: dict[str, float] = {}  # when a deduplication id was last accepted
        self._sequence = 0
        self._watchers: list[Event] = []

    def __len__(self) -> int:
        """Messages that are in the queue, those in flight included."""
        return len(self._messages)

    @contextmanager
    def watched(self) -> Generator[Event]:
        """An event that is set whenever messages may have become visible by something else than time."""
        event = Event()
        self._watchers.append(event)
        try:
            yield event
        finally:
            self._watchers.remove(event)

    def send(self, now: float, message_id: str, message: QueueMessage) -> None:
        """Accept a message; a repetition on a FIFO queue is accepted and forgotten."""
        if self.fifo and self._is_repeated(now, message):
            return
        system = self._system(now, message)
        visible_at = now + self.settings.delay
        self._messages[message_id] = _Stored(message_id, message.body, system, message.attributes, visible_at)
        self._notify()

    def take(self, now: float, limit: int, visibility: float | None = None) -> list[Raw]:
        """Receive what is visible, for `visibility` seconds, by default the queue's.

        What was received too often goes to the dead-letter queue instead.

        On a FIFO queue an invisible message holds back those of its group that came after it.
        """
        taken: list[_Stored] = []
        spent: list[_Stored] = []
        blocked: set[str] = set()
        for message in self._messages.values():
            if len(taken) == limit:
                break
            if self.fifo and message.group in blocked:
                continue
            if message.visible_at > now:
                blocked.add(message.group)
            elif self.settings.dead_letter is not None and message.receives >= self.settings.max_receives:
                spent.append(message)
            else:
                taken.append(message)
        for message in spent:
            self._redrive(now, message)
        seconds = self.settings.visibility if visibility is None else visibility
        return [self._received(now, message, now + seconds) for message in taken]

    def delete(self, now: float, record: Raw) -> bool:
        """Delete the message, unless the record's receipt handle has expired; says whether it did."""
        message = self._held(now, record)
        if message is None:
            return False
        del self._messages[message.id]
        self._notify()
        return True

    def extend(self, now: float, record: Raw, seconds: float) -> bool:
        """Keep the message invisible for so long from now, unless its visibility timeout is over; says whether."""
        message = self._held(now, record)
        if message is None or message.visible_at <= now:
            return False
        message.visible_at = now + seconds
        self._notify()
        return True

    def next_visible(self, now: float) -> float:
        """When the next invisible message becomes visible; infinity where there is none."""
        return min((one.visible_at for one in self._messages.values() if one.visible_at > now), default=inf)

    def visible(self, now: float) -> int:
        """How many messages a receive could get."""
        blocked = {one.group for one in self._messages.values() if self.fifo and one.visible_at > now}
        return sum(one.visible_at <= now and one.group not in blocked for one in self._messages.values())

    def records(self) -> list[Raw]:
        """The messages that are in the queue, in order of arrival, without receiving them."""
        return [self._record(message) for message in self._messages.values()]

    def _held(self, now: float, record: Raw) -> _Stored | None:
        """The message of a record whose handle is the newest, and on a FIFO queue is still in its time."""
        message = self._messages.get(str(record.get("messageId")))
        if message is None or not message.handle or record.get("receiptHandle") != message.handle:
            return None
        return None if self.fifo and message.visible_at <= now else message

    def _received(self, now: float, message: _Stored, visible_at: float) -> Raw:
        message.receives += 1
        message.visible_at = visible_at
        message.handle = f"{message.id}#{message.receives}"
        message.system.setdefault("ApproximateFirstReceiveTimestamp", self._milliseconds(now))
        return self._record(message)

    def _record(self, message: _Stored) -> Raw:
        return {
            "messageId": message.id,
            "receiptHandle": message.handle,
            "body": message.body,
            "attributes": {"ApproximateReceiveCount": str(message.receives), **message.system},
            "messageAttributes": message.attributes,
            "md5OfBody": md5(message.body.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest(),
            "eventSource": "aws:sqs",
            "eventSourceARN": self.settings.arn,
            "awsRegion": self.settings.arn.split(":")[3],
        }

    def _redrive(self, now: float, message: _Stored) -> None:
        target = self.settings.dead_letter
        if target is not None:
            system = {**message.system, "DeadLetterQueueSourceArn": self.settings.arn}
            del self._messages[message.id]
            target._messages[message.id] = replace(message, system=system, visible_at=now, handle="")  # noqa: SLF001
            target._notify()  # noqa: SLF001 - the same class

    def _system(self, now: float, message: QueueMessage) -> dict[str, str]:
        system = {"SentTimestamp": self._milliseconds(now), "SenderId": "AIDAEXAMPLE"}
        if message.trace:
            system["AWSTraceHeader"] = message.trace
        if message.group:
            system["MessageGroupId"] = message.group
        if self.fifo:
            self._sequence += 1
            system["SequenceNumber"] = f"{self._sequence:020d}"
            system["MessageDeduplicationId"] = deduplication_id(message)
        return system

    def _is_repeated(self, now: float, message: QueueMessage) -> bool:
        self._recent = {known: at for known, at in self._recent.items() if at > now - DEDUPLICATION}
        key = deduplication_id(message)
        repeated = key in self._recent
        self._recent.setdefault(key, now)
        return repeated

    def _milliseconds(self, now: float) -> str:
        return str(int((self.settings.epoch + now) * 1000))

    def _notify(self) -> None:
        for event in self._watchers:
            event.set()
