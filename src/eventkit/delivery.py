"""One attempt to hand one event to one handler, with its facts."""

from collections.abc import Callable, Mapping

from eventkit.events import AttributeValue, AwsEvent, Message

__all__ = ["Deadline", "Delivery"]


class Deadline:
    """A moment by which work must be done."""

    __slots__ = ("_at", "_clock")

    def __init__(self, at: float, clock: Callable[[], float]) -> None:
        """`at` is in seconds on `clock`, which is one like `time.monotonic`."""
        self._at = at
        self._clock = clock

    def remaining(self) -> float:
        """Seconds that are left, never less than 0."""
        return max(0.0, self._at - self._clock())


class Delivery:
    """One attempt to hand one event to one handler. A handler that has a parameter of this type gets it."""

    __slots__ = ("_deadline", "_event", "_handler", "_source")

    def __init__(self, source: AwsEvent, event: object, handler: str, deadline: Deadline | None = None) -> None:
        """`source` is the AWS event, `event` the value that the handler gets, `handler` the route's name."""
        self._source = source
        self._event = event
        self._handler = handler
        self._deadline = deadline

    @property
    def event(self) -> object:
        """What the handler gets: the AWS event, or the message as the user's model."""
        return self._event

    @property
    def source(self) -> AwsEvent:
        """The AWS event that the handler's value was read from."""
        return self._source

    @property
    def handler(self) -> str:
        """The route's name."""
        return self._handler

    @property
    def id(self) -> str:
        """What identifies the record: the message id, or the stream record's event id."""
        return self._source.outermost.id

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1: SQS's approximate receive count; 1 where the service does not count."""
        outermost = self._source.outermost
        return outermost.attempt if isinstance(outermost, Message) else 1

    @property
    def path(self) -> tuple[str, ...]:
        """The way the event came, outermost first: `("sqs:media", "sns:photos", "s3:photos")`."""
        return self._source.path

    @property
    def attributes(self) -> Mapping[str, AttributeValue]:
        """The message attributes of the nearest envelope."""
        return self._source.attributes

    @property
    def group(self) -> str | None:
        """The message group of the SQS message."""
        outermost = self._source.outermost
        return outermost.group if isinstance(outermost, Message) else None

    @property
    def trace(self) -> str | None:
        """The X-Ray trace header of the SQS message."""
        outermost = self._source.outermost
        return outermost.trace if isinstance(outermost, Message) else None

    @property
    def deadline(self) -> Deadline | None:
        """When the attempt is cut off; None where nothing cuts it off."""
        return self._deadline

    def __repr__(self) -> str:
        return f"Delivery(id={self.id!r}, handler={self.handler!r}, attempt={self.attempt}, path={self.path!r})"
