"""What an on-failure destination gets of records that are given up: Lambda's invocation record. Pure, but for `keep`.

The format is the one in which Lambda's event source mappings and asynchronous invocations report ("Retain discarded
records for a DynamoDB event source", "… for a Kinesis Data Streams event source", "Capturing records of Lambda
asynchronous invocations"), so that one consumer reads what Lambda sends and what eventkit sends. Ours differ in this:

- Of a stream's records they hold the `payload`, which Lambda gives to S3 alone, wherever there is room for it: the
  metadata are worth nothing once the stream is trimmed. Without it a document is exactly Lambda's.
- A `Reject` has the condition `Rejected`. Why is in the message attribute `eventkit.reject`, as in dead-letter queues;
  in an object, which has no attributes, it is a member of that name.
- `functionArn` is `eventkit:` and the app's name, and `requestId` is the document's own, because there need not be a
  function. Which shard a change of a table came from is not told to a function, so there `shardId` is `unknown`.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from eventkit._json import is_object
from eventkit.backends import Raw
from eventkit.backends._park import NOTE, reason_of
from eventkit.backends._sending import queue_message
from eventkit.buckets import Bucket
from eventkit.errors import ConfigurationError
from eventkit.names import name_in
from eventkit.outcomes import Reject
from eventkit.outgoing import Outgoing
from eventkit.publish import Publisher
from eventkit.streams import sequence_of, time_of
from eventkit.streams.slices import Condition
from eventkit.values import Value, replace

__all__ = ["REJECTED", "GivenUp", "Stored", "document_of", "keep", "message_of", "object_of", "put_object"]

Document = dict[str, object]

REJECTED = "Rejected"
"""The condition of what a handler rejected, or nobody could decode."""

ROOM = 262_144
"""Bytes of a message with its attributes: what SNS takes, and each queue that is set up to take no more."""

BATCHES = {"aws:dynamodb": "DDBStreamBatchInfo", "aws:kinesis": "KinesisBatchInfo"}
"""What a batch of each kind of stream is called."""

UNKNOWN = "unknown"


class GivenUp(Value):
    """Records that are given up, and what there is to say of that.

    Attributes:
        records: The records, in order and of one shard; one where they are of no stream.
        why: The condition that they met, or how they were rejected.
        app: The app's name.
        at: When, in seconds since 1970.
        id: A UUID, unique for each document.
        invocations: How often they were handled, about.
        shard: The shard's name; None where a record of Kinesis says it, or nobody knows.
        error: What Lambda calls the function's error, such as `Unhandled`; None where the failure was reported.
    """

    records: Sequence[Raw]
    why: Condition | Reject
    app: str
    at: float
    id: str
    invocations: int = 1
    shard: str | None = None
    error: str | None = None

    @property
    def stream(self) -> str | None:
        """The member that describes the batch; None where the records are of no stream."""
        first = self.records[0]
        return BATCHES.get(str(first.get("eventSource"))) if is_object(first) else None

    @property
    def note(self) -> Mapping[str, object] | None:
        """Why they were rejected; None where they were not."""
        return reason_of(self.why) if isinstance(self.why, Reject) else None

    @property
    def place(self) -> str:
        """The shard's name, as far as it is known."""
        first = self.records[0]
        named, separator, _ = str(first.get("eventID")).partition(":")  # Kinesis alone writes a shard in there
        return self.shard or (named if separator else UNKNOWN)


class Stored(Value):
    """An object to be put into a bucket."""

    key: str
    body: bytes


def document_of(failure: GivenUp) -> Document:
    """What Lambda itself says of a failure: of records of a stream, where they are."""
    condition = REJECTED if isinstance(failure.why, Reject) else failure.why.value
    context = {
        "requestId": failure.id,
        "functionArn": f"eventkit:{failure.app}",
        "condition": condition,
        "approximateInvokeCount": max(1, failure.invocations),
    }
    answer: Document = {"statusCode": 200, "executedVersion": "$LATEST", "functionError": failure.error}
    return {
        "requestContext": context,
        **({} if failure.why is Condition.AGE else {"responseContext": answer}),  # there was no last attempt
        "version": "1.0",
        "timestamp": _timestamp(failure.at, "milliseconds"),
        **_about(failure),
    }


def message_of(failure: GivenUp) -> Outgoing:
    """The message for a queue or a topic."""
    document = document_of(failure)
    attributes = {} if failure.note is None else {NOTE: json.dumps(failure.note)}
    bare = Outgoing(json.dumps(document), attributes=attributes)
    if failure.stream is None:
        return bare
    whole = replace(bare, text=json.dumps({**document, "payload": _payload(failure)}))
    return whole if queue_message(whole).size <= ROOM else bare


def object_of(failure: GivenUp) -> Stored:
    """The object for a bucket, by the name that Lambda would give it."""
    document = document_of(failure)
    if failure.stream is not None:
        document["payload"] = _payload(failure)
    if failure.note is not None:
        document[NOTE] = failure.note
    return Stored(_key(failure), json.dumps(document).encode())


async def keep(failure: GivenUp, destination: tuple[str, str], to: Publisher) -> None:
    """Send the document to a destination as `Names.on_failure` has it: a kind, and a name, URL or ARN.

    When it returns, the service has accepted it. Raises `EventkitError` where it has not.
    """
    kind, address = destination
    if kind == Bucket.kind:
        stored = object_of(failure)
        await put_object(to, name_in(address), stored.key, stored.body)
    else:
        await to.publish(kind, address, [message_of(failure)])


async def put_object(to: object, bucket: str, key: str, body: bytes) -> None:
    """Put a JSON document into a bucket, by a backend whose method of this name does.

    Backends need not have one. Raises `ConfigurationError` for one that has not, and `BackendError`.
    """
    put = cast("Callable[[str, str, bytes], Awaitable[None]] | None", getattr(to, "put_object", None))
    if put is None:
        raise ConfigurationError(f"{type(to).__name__} has no buckets: let EVENTKIT_ON_FAILURE be sqs: or sns:")
    await put(bucket, key, body)


def _about(failure: GivenUp) -> Document:
    kind = failure.stream
    if kind is None:
        return {"requestPayload": _event(failure)}
    first, last = failure.records[0], failure.records[-1]
    precision = "milliseconds" if kind == BATCHES["aws:kinesis"] else "seconds"
    batch = {
        "shardId": failure.place,
        "startSequenceNumber": sequence_of(first),
        "endSequenceNumber": sequence_of(last),
        "approximateArrivalOfFirstRecord": _timestamp(time_of(first), precision),
        "approximateArrivalOfLastRecord": _timestamp(time_of(last), precision),
        "batchSize": len(failure.records),
        "streamArn": first.get("eventSourceARN"),
    }
    return {kind: batch}


def _event(failure: GivenUp) -> Raw:
    """An event of these records, which can be invoked again. EventBridge sends its events singly."""
    first = failure.records[0]
    return first if is_object(first) and "detail-type" in first else {"Records": [*failure.records]}


def _payload(failure: GivenUp) -> str:
    return json.dumps(_event(failure))


def _key(failure: GivenUp) -> str:
    moment = datetime.fromtimestamp(failure.at, UTC)
    place = f"async/{failure.app}" if failure.stream is None else f"{failure.app}/{failure.place}"
    return f"aws/lambda/{place}/{moment:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{failure.id}"


def _timestamp(seconds: float | None, precision: str) -> str | None:
    try:
        moment = None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):  # a record may say anything
        return None
    return None if moment is None else moment.isoformat(timespec=precision).replace("+00:00", "Z")
