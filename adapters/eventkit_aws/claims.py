"""Large payloads through Amazon S3 by claim check: a bucket holds the payload, and the message says where.

::

    backend = claim_checked(backend, Claims(store, "payloads"))

The same by the backend's URL: `sqs://?claim_bucket=payloads`, with `claim_prefix`, `claim_threshold`, `claim_limit`,
`claim_readable` (further buckets, with commas) and `claim_cleanup=1` where needed.

The format is that of Amazon's extended clients for SQS and SNS, whose messages are understood and who understand
these. What is fetched is bounded, and comes from configured buckets alone: a message is not trusted to name another.

An object is stored before its message is sent, so a message that was not accepted leaves one behind; let a lifecycle
rule of the bucket expire them.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast
from uuid import uuid4

from pydantic_core import from_json, to_json

from eventkit._json import is_object
from eventkit.backends import Backend, Raw, Unsettled
from eventkit.backends._sending import deduplication_id, is_fifo, queue_message, size_of
from eventkit.errors import BackendError, ConfigurationError
from eventkit.outcomes import Reject
from eventkit.outgoing import Outgoing
from eventkit.values import replace

__all__ = ["Claims", "PayloadStore", "Resolved", "claim_checked"]

B = TypeVar("B", bound=Backend)
log: logging.Logger = logging.getLogger("eventkit")

THRESHOLD = 262_144
"""Bytes; the default of Amazon's extended clients, and what SNS takes at most."""

LIMIT = 16_777_216
"""Bytes of a payload that are fetched at most, unless said otherwise: 16 MiB."""

SIZE = "ExtendedPayloadSize"
"""The attribute that marks a message as a pointer, and holds the payload's size in bytes."""

SIZES = (SIZE, "SQSLargePayloadSize")
"""That of the clients' first versions is read, too."""

POINTER = "software.amazon.payloadoffloading.PayloadS3Pointer"
POINTERS = frozenset({POINTER, "com.amazon.sqs.javamessaging.MessageS3Pointer"})
"""What a pointer calls itself: now, and in the clients' first versions."""

CLAIM = "eventkit.claim"
"""The member of a record that remembers what it was before its payload was fetched."""


_OPTIONS = ("bucket", "prefix", "threshold", "limit", "readable", "cleanup")


class PayloadStore(Protocol):
    """Objects in buckets; `eventkit_aws.s3.S3ObjectStore` is one. Each method raises `BackendError`."""

    async def get(self, bucket: str, key: str, *, limit: int) -> tuple[bytes, Mapping[str, str]] | None:
        """At most `limit` bytes of the object, with its metadata; None where there is none."""
        ...

    async def put(self, bucket: str, key: str, data: bytes, *, content_type: str, metadata: Mapping[str, str]) -> None:
        """Store the object."""
        ...

    async def delete(self, bucket: str, key: str) -> None:
        """Delete the object, if there is one."""
        ...


@dataclass(frozen=True, slots=True)
class Resolved:
    """Records with their payloads, and those whose payload could not be fetched now and may be later."""

    records: Sequence[Raw]
    failed: Sequence[Raw] = ()


@dataclass(slots=True)
class _Claim:
    """Where a record's payload was fetched, and the record as it was. `kept` says that somebody else points there."""

    record: Raw
    bucket: str
    key: str
    kept: bool = False


def _new_key() -> str:
    return str(uuid4())


@dataclass(frozen=True, slots=True)
class Claims:
    """What is stored in S3, what is fetched from there, and what is deleted.

    Attributes:
        store: Where payloads are stored.
        bucket: The bucket that they are stored in.
        prefix: What their keys begin with; objects with other keys are neither fetched nor deleted.
        threshold: Bytes of a message and its attributes above which its payload is stored.
        limit: Bytes of a payload that are fetched; a larger one stays where it is.
        readable: Further buckets that payloads are fetched from.
        cleanup: Whether a payload is deleted once its message was acknowledged: right where one queue alone gets it.
            What came from a topic, and what went to a dead-letter queue, is kept.
        new_key: Makes keys.
    """

    store: PayloadStore
    bucket: str
    prefix: str = ""
    threshold: int = THRESHOLD
    limit: int = LIMIT
    readable: frozenset[str] = frozenset()
    cleanup: bool = False
    new_key: Callable[[], str] = field(default=_new_key)

    @classmethod
    def from_options(cls, options: Mapping[str, str], store: PayloadStore) -> "Claims":
        """What a URL's options that begin with `claim_` say. Raises `ConfigurationError`."""
        given = dict(options)
        taken = {name: given.pop(f"claim_{name}", "") for name in _OPTIONS}
        threshold, limit = taken["threshold"] or str(THRESHOLD), taken["limit"] or str(LIMIT)
        if given or not taken["bucket"] or not threshold.isdecimal() or not limit.isdecimal():
            known = ", ".join(f"claim_{name}" for name in _OPTIONS)
            raise ConfigurationError(f"claims want claim_bucket and take {known}; sizes are in bytes")
        return cls(
            store,
            taken["bucket"],
            taken["prefix"],
            int(threshold),
            int(limit),
            frozenset(filter(None, taken["readable"].split(","))),
            taken["cleanup"] in {"1", "true"},
        )

    async def stored(self, kind: str, address: str, messages: Sequence[Outgoing]) -> Sequence[Outgoing]:
        """The messages as they are sent: with a pointer where the payload is large, which by then is stored.

        Raises `BackendError`.
        """
        if kind == "bus":  # what rules look at must be in the event itself
            return messages
        return [
            await self._stored(one, fifo=is_fifo(address)) if size_of(kind, one) > self.threshold else one
            for one in messages
        ]

    async def _stored(self, message: Outgoing, *, fifo: bool) -> Outgoing:
        key, data = self.prefix + self.new_key(), message.text.encode()
        await self.store.put(self.bucket, key, data, content_type="text/plain; charset=utf-8", metadata={})
        pointer = to_json([POINTER, {"s3BucketName": self.bucket, "s3Key": key}]).decode()
        # Deduplication by content would look at the pointer, which is another one each time.
        unrepeated = deduplication_id(queue_message(message)) if fifo else message.deduplication_id
        attributes = {**message.attributes, SIZE: len(data)}
        return replace(message, text=pointer, attributes=attributes, deduplication_id=unrepeated)

    async def resolved(self, records: Sequence[Raw]) -> Resolved:
        """The records with their payloads.

        A pointer to what may not be fetched, is too large or is not there stays a pointer, so that the message is
        rejected and kept. Where S3 cannot be reached, the record has failed, and on a FIFO queue those of its group
        behind it.
        """
        found: list[Raw] = []
        failed: list[Raw] = []
        blocked: set[object] = set()
        for record in records:
            group = _group(record)
            try:
                if group is not None and group in blocked:
                    failed.append(record)
                else:
                    found.append(await self._resolved(record))
            except BackendError as error:
                log.warning("claim.not_fetched", extra={"id": record.get("messageId"), "error": str(error)})
                failed.append(record)
                blocked.add(group)
        return Resolved(found, failed)

    async def _resolved(self, record: Raw) -> Raw:
        for holder in _holders(record):
            pointer = _pointer(holder)
            if pointer is not None:
                text = await self._fetched(*pointer)
                claim = _Claim(record, *pointer, kept=holder.published)
                return record if text is None else {**holder.filled(text), CLAIM: claim}
        return record

    async def _fetched(self, bucket: str, key: str) -> str | None:
        if bucket not in {self.bucket, *self.readable} or not key.startswith(self.prefix):
            log.warning("claim.refused", extra={"bucket": bucket})
            return None
        found = await self.store.get(bucket, key, limit=self.limit + 1)
        if found is None:
            log.warning("claim.missing", extra={"bucket": bucket})
            return None
        return self._text(bucket, found[0])

    def _text(self, bucket: str, data: bytes) -> str | None:
        if len(data) > self.limit:
            log.warning("claim.too_large", extra={"bucket": bucket, "limit": self.limit})
            return None
        try:
            return data.decode()
        except UnicodeDecodeError:
            log.warning("claim.no_text", extra={"bucket": bucket})
            return None

    async def cleaned(self, records: Sequence[Raw]) -> None:
        """Delete the payloads of records that are settled, as far as nobody else points to them.

        A payload that could not be deleted is left to the bucket's lifecycle rule.
        """
        for claim in [record.get(CLAIM) for record in records] if self.cleanup else ():
            if isinstance(claim, _Claim) and not claim.kept:
                try:
                    await self.store.delete(claim.bucket, claim.key)
                except BackendError as error:
                    log.warning("claim.not_deleted", extra={"bucket": claim.bucket, "error": str(error)})


@dataclass(frozen=True, slots=True)
class _Holder:
    """What may hold a pointer: a record's message, or the notification in it; `published` says that it is a topic's."""

    text: object
    attributes: object
    filled: Callable[[str], Raw]
    published: bool


def _holders(record: Raw) -> Sequence[_Holder]:
    """A message, then the notification inside; nothing of either is copied before there is a pointer."""
    body, notification = record.get("body"), record.get("Sns")
    if is_object(notification):
        return (_notified(notification, lambda filled: {**record, "Sns": filled}),)
    if not isinstance(body, str) or "S3Pointer" not in body:
        return ()
    attributes = record.get("messageAttributes")
    own = _Holder(body, attributes, lambda text: _with_body(record, text), published=False)
    wrapped = _object(body)
    if wrapped is None:
        return (own,)
    return (_notified(wrapped, lambda filled: {**record, "body": to_json(filled).decode()}),)


def _notified(notification: Mapping[str, Any], around: Callable[[Mapping[str, Any]], Raw]) -> _Holder:
    attributes = notification.get("MessageAttributes")

    def filled(text: str) -> Raw:
        return around({**notification, "Message": text, "MessageAttributes": _without_sizes(attributes)})

    return _Holder(notification.get("Message"), attributes, filled, published=True)


def _with_body(record: Raw, text: str) -> Raw:
    return {**record, "body": text, "messageAttributes": _without_sizes(record.get("messageAttributes"))}


def _without_sizes(attributes: object) -> Mapping[str, object]:
    named = attributes if is_object(attributes) else {}
    return {name: value for name, value in named.items() if name not in SIZES}


def _pointer(holder: _Holder) -> tuple[str, str] | None:
    """The bucket and the key that a message points to; None where it is no pointer."""
    if not is_object(holder.attributes) or not any(name in holder.attributes for name in SIZES):
        return None
    match _parsed(holder.text):
        case [str() as kind, {"s3BucketName": str() as bucket, "s3Key": str() as key}] if kind in POINTERS:
            return bucket, key
        case _:
            return None


def _parsed(text: object) -> object:
    try:
        return from_json(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _object(text: str) -> Mapping[str, Any] | None:
    parsed = _parsed(text) if '"TopicArn"' in text else None
    return parsed if is_object(parsed) else None


def _group(record: Raw) -> object:
    """The record's message group on a FIFO queue."""
    system = record.get("attributes")
    ordered = str(record.get("eventSourceARN")).endswith(".fifo")
    return system.get("MessageGroupId") if ordered and is_object(system) else None


def claim_checked(backend: B, claims: Claims) -> B:
    """The same backend, except that large payloads take the way through S3, in both directions.

    A record that S3 could not give now is left out of what is received; it comes again after its visibility timeout.
    """
    return cast("B", _ClaimChecked(backend, claims))


class _ClaimChecked:
    def __init__(self, backend: Backend, claims: Claims) -> None:
        self._backend = backend
        self._claims = claims

    def __getattr__(self, name: str) -> object:
        """Whatever else a backend does, it does itself."""
        return getattr(self._backend, name)

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        await self._backend.publish(kind, address, await self._claims.stored(kind, address, messages))

    async def receive(self, queue: str, limit: int, wait: float, visibility: float | None = None) -> Sequence[Raw]:
        received = await self._backend.receive(queue, limit, wait, visibility)
        return (await self._claims.resolved(received)).records

    async def park(self, queue: str, record: Raw, reject: Reject) -> None:
        """The copy points to the payload, too, which therefore is kept."""
        claim = record.get(CLAIM)
        if not isinstance(claim, _Claim):
            await self._backend.park(queue, record, reject)
            return
        await self._backend.park(queue, claim.record, reject)
        claim.kept = True

    async def delete(self, queue: str, records: Sequence[Raw]) -> Unsettled:
        left = await self._backend.delete(queue, records)
        unsettled = [*left.again, *left.lost]
        await self._claims.cleaned([record for record in records if not any(record is one for one in unsettled)])
        return left
