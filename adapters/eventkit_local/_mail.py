"""A mail as it came, and what of it people want to see."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage
from typing import Any

__all__ = ["Mail", "parsed"]

Fields = dict[str, Any]

POLICY = policy.default

BROKEN = (AttributeError, LookupError, MessageError, TypeError, ValueError)
"""What the standard library's parser raises for broken mails, and for what is encoded in no way that it knows."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail.

    Attributes:
        id: Its number in the mailbox, as text.
        received_at: When it came, in UTC.
        sender: From whom, by the envelope.
        recipients: To whom, by the envelope.
        subject: Decoded; empty where it has none.
        text: Its plain text; empty where it has none.
        html: Its HTML; empty where it has none.
        headers: All header fields, decoded, in their order.
        size: Bytes of the whole message.
    """

    id: str
    received_at: datetime
    sender: str
    recipients: tuple[str, ...]
    subject: str = ""
    text: str = field(default="", repr=False)
    html: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    size: int = 0

    def as_json(self) -> Fields:
        """The mail for programs."""
        return {
            "id": self.id,
            "received_at": self.received_at.isoformat(),
            "sender": self.sender,
            "recipients": list(self.recipients),
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "headers": [list(pair) for pair in self.headers],
            "size": self.size,
        }


def parsed(name: str, received_at: datetime, sender: str, recipients: Sequence[str], content: bytes) -> Mail:
    """The mail of a message; what is wrong in the message is left as it is, or left out."""
    message = message_from_bytes(content, policy=POLICY)
    headers = tuple((header, _decoded(header, str(value))) for header, value in message.raw_items())
    return Mail(
        name,
        received_at,
        _clean(sender),
        tuple(map(_clean, recipients)),
        next((value for header, value in headers if header.lower() == "subject"), ""),
        _body(message, "plain"),
        _body(message, "html"),
        headers,
        len(content),
    )


def _decoded(header: str, value: str) -> str:
    try:
        return _clean(str(POLICY.header_fetch_parse(header, value)))
    except BROKEN:
        return _clean(value)


def _body(message: EmailMessage, kind: str) -> str:
    try:
        part: Any = message.get_body(preferencelist=(kind,))
        return "" if part is None else _clean(part.get_content())
    except BROKEN:
        return ""


def _clean(text: str) -> str:
    """The text without what no text is in UTF-8: Python's stand-ins for bytes that it could not decode."""
    return text.encode(errors="replace").decode()
