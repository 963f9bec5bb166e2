"""What a rejected record becomes in its dead-letter queue, the same for every backend. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from eventkit.backends._sending import MAX_BYTES, Attributes, QueueMessage, text_attribute
from eventkit.events import Message
from eventkit.outcomes import Reject
from eventkit.outgoing import MAX_ATTRIBUTES

__all__ = ["NOTE", "parked", "reason_of"]

NOTE = "eventkit.reject"
"""The message attribute that says why: a String with the JSON members reason, handler, attempt, queue and trace.

`trace` is the message's X-Ray trace header, or its attribute `traceparent` (W3C); it is there where one of them is.
"""

MAX_REASON = 1_000
"""Characters of the reason that are kept; it is for people to read."""


def parked(record: Mapping[str, object], reject: Reject, *, fifo: bool) -> QueueMessage:
    """The copy for the dead-letter queue: body, attributes, group and trace as they are, and the note.

    The note is left out where the message has no room for it. `fifo` says that the queues are FIFO: the message's id
    becomes the deduplication id, so that a message that is parked twice within five minutes is kept once. Raises
    `DecodeError` when the record is no SQS message.
    """
    message = Message(record)
    found: Any = record.get("messageAttributes") or {}
    attributes: Attributes = {name: value for name, value in found.items() if name != NOTE}
    copy = QueueMessage(message.text, attributes, message.group, message.id if fifo else None, message.trace)
    noted = QueueMessage(
        copy.body, {**attributes, NOTE: _note(message, reject)}, copy.group, copy.deduplication_id, copy.trace
    )
    return noted if len(noted.attributes) <= MAX_ATTRIBUTES and noted.size <= MAX_BYTES else copy


def reason_of(reject: Reject) -> dict[str, object]:
    """Why a record was rejected, as a note says it."""
    return {"reason": reject.reason[:MAX_REASON], "handler": reject.handler}


def _note(message: Message, reject: Reject) -> Mapping[str, object]:
    facts = {**reason_of(reject), "attempt": message.attempt, "queue": message.source_arn}
    trace = message.trace or message.attributes.get("traceparent")
    if trace:
        facts["trace"] = str(trace)
    return text_attribute(json.dumps(facts))  # in ASCII, since SQS refuses some characters
