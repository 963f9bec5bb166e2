"""What the tests of the Lambda entrypoint share: apps that do what their messages say, and what stands for AWS."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from time import monotonic

from pydantic import BaseModel

from eventkit import (
    App,
    BackendError,
    Bucket,
    Inserted,
    Names,
    ObjectCreated,
    Queue,
    Reject,
    Retry,
    Stream,
    Table,
    Topic,
)
from eventkit.backends import Raw, Unsettled
from eventkit.publish import Outgoing
from eventkit.testing import (
    eventbridge_s3,
    kinesis_event,
    kinesis_record,
    s3_event,
    s3_record,
    sns_event,
    sns_record,
    sqs_event,
    sqs_record,
    stream_record,
)
from eventkit_lambda import LambdaHandler
from eventkit_lambda._queues import Queues
from eventkit_lambda._response import Response

Json = dict[str, object]

FLAVOURS = ("plain", "async", "mixed")
"""How an app's handlers are written: plain functions run without a loop, mixed ones are plain functions on it."""

DONE: Response = {"batchItemFailures": []}

OUTAGE = BackendError("the service cannot be reached")


class Todo(BaseModel):
    what: str


class Context:
    """Lambda's context object with so many seconds left."""

    def __init__(self, seconds: float) -> None:
        self._end = monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._end - monotonic()) * 1000))


class Service:
    """Stands for SQS: notes what is asked of it, and fails as it is told."""

    def __init__(self, *, park: Exception | None = None, extend: Exception | None = None, refused: int = 0) -> None:
        """`refused` is how many of the records that are extended are given back."""
        self.parked: list[tuple[str, str, str]] = []
        """Queue, message id and reason."""
        self.delays: list[tuple[str, list[tuple[str, float]]]] = []
        """For each call the queue, and message ids with their delays in seconds."""
        self.sent: list[tuple[str, str, list[str]]] = []
        self._park, self._extend, self._refused = park, extend, refused

    async def extend(self, queue: str, delays: Sequence[tuple[Raw, float]]) -> Unsettled:
        self.delays.append((queue, [(str(record["messageId"]), seconds) for record, seconds in delays]))
        if self._extend is not None:
            raise self._extend
        return Unsettled(again=[record for record, _ in delays][: self._refused])

    async def park(self, queue: str, record: Raw, reject: Reject) -> None:
        if self._park is not None:
            raise self._park
        self.parked.append((queue, str(record["messageId"]), reject.reason))

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        self.sent.append((kind, address, [message.text for message in messages]))


class Functions:
    """Makes functions of apps; `stack` closes them."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __call__(
        self, app: App, backend: Queues | str | None = None, *, margin: float = 0.2, names: Names | None = None
    ) -> LambdaHandler:
        handler = LambdaHandler(app, names=names, backend=Service() if backend is None else backend, margin=margin)
        self._stack.callback(handler.close)
        return handler


Do = Callable[[str], object]

BEHAVIOURS = ("done", "retry", "retry 7", "reject", "raise", "exit")


def behave(text: str) -> None:
    """Do what the text says, one of `BEHAVIOURS`; what follows a colon tells equal ones apart."""
    match text.partition(":")[0].split():
        case ["retry"]:
            raise Retry
        case ["retry", after]:
            raise Retry(after=float(after))
        case ["reject"]:
            raise Reject("no good")
        case ["raise"]:
            raise ValueError("CANARY")
        case ["exit"]:
            raise SystemExit(1)
        case _:
            pass


def app_of(do: Do, flavour: str = "plain", *, concurrency: int | None = None) -> App:
    """An app that hands the text of whatever comes to `do`."""
    app = App("app")
    timeout = 60 if flavour == "mixed" else None
    photos, todos, clicks = Bucket("photos"), Table[Todo]("todos"), Stream[str]("clicks")
    for source in (Queue[str]("jobs"), Queue[str]("jobs.fifo"), Topic[str]("news"), clicks):
        if flavour == "async":

            async def on_text(text: str) -> None:
                do(text)

            app.on(source, name=str(source), concurrency=concurrency)(on_text)
        else:

            def on_text_plainly(text: str) -> None:
                do(text)

            app.on(source, name=str(source), timeout=timeout, concurrency=concurrency)(on_text_plainly)

    @app.on(photos.created(), timeout=timeout)
    def on_photo(photo: ObjectCreated) -> None:
        do(photo.key)

    @app.on(todos.inserted(), timeout=timeout)
    def on_todo(change: Inserted[Todo]) -> None:
        do(change.new.what)

    return app


def message(text: str, number: int = 1, *, queue: str = "jobs", group: str | None = None) -> Json:
    """A message whose id is `m` and the number."""
    return sqs_record(text, queue, number=number, group=group) | {"messageId": f"m{number}"}


def messages(*texts: str) -> Json:
    """A batch of a standard queue, with the ids `m1`, `m2` and so on."""
    return sqs_event(*(message(text, number) for number, text in enumerate(texts, 1)))


def fifo(*texts: str) -> Json:
    """A batch of a FIFO queue; each text begins with its group: `a/done`."""
    split = [text.partition("/") for text in texts]
    return sqs_event(
        *(message(text, number, queue="jobs.fifo", group=group) for number, (group, _, text) in enumerate(split, 1))
    )


def stream(*texts: str) -> Json:
    """A batch of a stream, with the sequence numbers `s1`, `s2` and so on."""
    records: list[Json] = []
    for number, text in enumerate(texts, 1):
        record = stream_record("INSERT", "todos", keys={"what": text}, new={"what": text}, number=number)
        change = record["dynamodb"]
        assert isinstance(change, dict)
        change["SequenceNumber"] = f"s{number}"
        records.append(record)
    return sqs_event(*records)


def data_stream(*texts: str) -> Json:
    """A batch of a Kinesis stream, with the sequence numbers `s1`, `s2` and so on; a key follows the text's colon."""
    records: list[Json] = []
    for number, text in enumerate(texts, 1):
        record = kinesis_record(text, "clicks", number=number, key=text.partition(":")[2])
        data = record["kinesis"]
        assert isinstance(data, dict)
        data["sequenceNumber"] = f"s{number}"
        records.append(record)
    return kinesis_event(*records)


def notification(text: str) -> Json:
    return sns_event(sns_record(text, "news"))


def photo(key: str) -> Json:
    return s3_event(s3_record("ObjectCreated:Put", "photos", key))


def photo_by_eventbridge(key: str) -> Json:
    return eventbridge_s3("Object Created", "photos", key)


def failed(*identifiers: str) -> Response:
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}
