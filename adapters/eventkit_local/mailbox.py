"""A mailbox on this machine: it takes mail by SMTP, delivers none of it, and shows what came on a page.

::

    async with open_mailbox() as mailbox:
        ...  # mail goes to mailbox.smtp; people look at mailbox.url, programs at mailbox.url + "/mails.json"

The emulator relays there what apps send through SES; see `local_aws`. Anybody on this machine may read it.
"""

import asyncio
import socket
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from typing import cast

from eventkit.errors import ConfigurationError, MissingExtraError
from eventkit_local._mail import Mail, parsed
from eventkit_local._mailbox_page import showing
from eventkit_local._ports import HOST, listening, reserved

try:
    from aiosmtpd.smtp import SMTP, Envelope, Session
except ModuleNotFoundError as _error:
    raise MissingExtraError(_error.name or "aiosmtpd", "local") from _error

__all__ = ["Mail", "Mailbox", "open_mailbox"]

MAX_MAILS = 200
MAX_BYTES = 32 * 1024 * 1024
"""What is kept of all mails; the oldest go first."""

MAX_SIZE = 8 * 1024 * 1024
"""Bytes that one mail may have."""

IDLE = 60.0
"""Seconds after which a sender that says nothing is left."""

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


class Mailbox:
    """What has come.

    Attributes:
        smtp: Where it takes mail, as `host:port`.
        url: Where people see it, without a slash at the end; `/mails.json` is for programs.
    """

    def __init__(self, smtp: str, clock: Clock = _now) -> None:
        self.smtp: str = smtp
        self.url: str = ""
        self._clock = clock
        self._ids = count(1)
        self._mails: deque[Mail] = deque(maxlen=MAX_MAILS)
        self._arrived = asyncio.Event()

    @property
    def mails(self) -> Sequence[Mail]:
        """The mails that are kept, newest first."""
        return tuple(reversed(self._mails))

    def sent_to(self, address: str) -> Sequence[Mail]:
        """Those of them that went to this address, newest first."""
        return [mail for mail in self.mails if address in mail.recipients]

    async def wait_for(self, address: str, number: int = 1) -> Sequence[Mail]:
        """Return the mails to this address as soon as there are so many; the caller says how long that may take."""
        while len(found := self.sent_to(address)) < number:
            self._arrived.clear()
            await self._arrived.wait()
        return found

    def take(self, sender: str, recipients: Sequence[str], content: bytes) -> None:
        """Keep a mail, as SMTP brings it: envelope and message."""
        self._mails.append(parsed(str(next(self._ids)), self._clock(), sender, recipients, content))
        while sum(mail.size for mail in self._mails) > MAX_BYTES:
            self._mails.popleft()
        self._arrived.set()


@asynccontextmanager
async def open_mailbox(smtp: socket.socket | None = None, clock: Clock = _now) -> AsyncGenerator[Mailbox]:
    """Take mail on the loopback interface for the length of the block.

    `smtp` is a socket as `reserved` gives it, where others know its port already; by default any free port is taken.

    Raises:
        ConfigurationError: The socket has been used before.
    """
    found = reserved() if smtp is None else smtp
    if found.fileno() < 0:
        raise ConfigurationError("the mailbox of this local AWS has been open before, and opens once")
    mailbox = Mailbox(listening(found), clock)
    async with _taking(mailbox, found), showing(lambda: mailbox.mails) as url:
        mailbox.url = url
        yield mailbox


@asynccontextmanager
async def _taking(mailbox: Mailbox, listener: socket.socket) -> AsyncGenerator[None]:
    loop, connections = asyncio.get_running_loop(), set[_Connection]()
    server = await loop.create_server(lambda: _Connection(mailbox, connections), sock=listener)
    try:
        yield
    finally:
        server.close()
        for connection in list(connections):
            connection.abort()


class _Connection(SMTP):
    """A connection of a sender."""

    def __init__(self, mailbox: Mailbox, connections: "set[_Connection]") -> None:
        loop = asyncio.get_running_loop()
        super().__init__(
            _Sink(mailbox), data_size_limit=MAX_SIZE, enable_SMTPUTF8=True, hostname=HOST, timeout=IDLE, loop=loop
        )
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connections.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        super().connection_lost(error)

    def abort(self) -> None:
        if self.transport is not None:
            cast("asyncio.Transport", self.transport).abort()


class _Sink:
    """What aiosmtpd asks about each mail."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        content = envelope.original_content or b""
        self._mailbox.take(envelope.mail_from or "", [str(one) for one in envelope.rcpt_tos], content)
        return "250 OK"
