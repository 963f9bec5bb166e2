"""A mail to one person, and who sends it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from eventkit.outcomes import Reject
from eventkit_handlers._addresses import CONTROL, address_of, mailbox_of

__all__ = ["Mail", "Mailer"]

HEADERS: Final = frozenset({"Auto-Submitted", "List-Unsubscribe", "List-Unsubscribe-Post", "Message-ID"})
"""What a mail may say beside its fields. No other name is taken, so none can add a recipient, or a Reply-To."""

MAX_HEADER: Final = 870
"""Characters of a header's value ("MessageHeader" in the Amazon SES API v2 reference)."""

MAX_SUBJECT: Final = 998
"""Characters of a line (RFC 5322, 2.1.1)."""

PRINTABLE: Final = re.compile("[ -~]+")

NO_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""What no body may hold: control characters other than tabs and line breaks, and halves of characters."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to one person, which nobody can have made say more than its fields.

    `to` is an address alone, `sender` one with or without a name; both are in their one form (ASCII, the domain in
    lower case). `text` and `html` say the same. `headers` has names out of `HEADERS` and printable ASCII.

    Raises `Reject` for what is not so, with a reason that repeats nothing of it.
    """

    to: str = field(repr=False)
    sender: str
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False, default_factory=dict[str, str])

    def __post_init__(self) -> None:
        try:
            forms = (address_of(self.to), mailbox_of(self.sender))
        except ValueError as error:
            raise Reject(f"an address of the mail is refused: {error}", error=error) from error
        if forms != (self.to, self.sender):
            raise Reject("an address of the mail is not in its one form")
        if CONTROL.search(self.subject) or len(self.subject) > MAX_SUBJECT:
            raise Reject(f"the subject has a control character, or more than {MAX_SUBJECT} characters")
        if NO_TEXT.search(self.text) or NO_TEXT.search(self.html):
            raise Reject("the mail has a control character other than tabs and line breaks")
        for name, value in self.headers.items():
            _check_header(name, value)


class Mailer(Protocol):
    """What sends mail. It raises `eventkit.Reject` for a mail that will never be accepted; other errors are retried."""

    async def send(self, mail: Mail) -> None:
        """Hand the mail over, so that it is not lost any more."""
        ...


def _check_header(name: str, value: str) -> None:
    if name not in HEADERS:
        raise Reject(f"a mail has no headers other than {', '.join(sorted(HEADERS))}")
    if not PRINTABLE.fullmatch(value) or len(value) > MAX_HEADER:
        raise Reject(f"the header {name} takes 1 to {MAX_HEADER} printable ASCII characters")
