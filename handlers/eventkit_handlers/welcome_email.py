"""Welcome whoever was inserted into a table of subscribers, by one mail with text and HTML.

::

    def email_of(subscriber: Subscriber) -> str:
        return subscriber.email

    welcome = welcome_email(mailer, template, sender="MyBlog <blog@example.org>", address=email_of)
    app.on(subscribers.inserted(), idempotent=once_per_address(email_of))(welcome)

`mailer` is anything with the one verb of `Mailer`. With `once_per_address` and a store a person gets one mail, however
often the event comes and by whatever path; see there for what no store can do.

Whoever fills in the form chooses both the address and the name, and may send strangers a text of their own in your
name. So put no more of it into the mail than a short name, and bound its length in your model.
"""

import logging
import re
from collections.abc import Callable, Coroutine, Mapping
from hashlib import sha256
from typing import Any, Final, TypeVar

from eventkit.errors import ConfigurationError
from eventkit.events import Inserted
from eventkit.idempotency import Idempotent
from eventkit.outcomes import Reject
from eventkit_handlers._addresses import address_of, mailbox_of
from eventkit_handlers._mail import Mail, Mailer
from eventkit_handlers._templates import MailTemplate

__all__ = ["Mail", "MailTemplate", "Mailer", "address_key", "address_of", "once_per_address", "welcome_email"]

log: logging.Logger = logging.getLogger(__name__)

S = TypeVar("S")

YEAR: Final = 365 * 86_400.0
"""Seconds."""

ONE_CLICK: Final = re.compile(r"https://[!#-;=?-~]+")
"""An address for `List-Unsubscribe`: HTTPS (RFC 8058, 3.1), and none of what would end it there."""


def welcome_email(
    mailer: Mailer,
    template: MailTemplate,
    *,
    sender: str,
    address: Callable[[S], str],
    values: Callable[[S], Mapping[str, object]] = lambda _: {},
    unsubscribe: Callable[[S], str] | None = None,
) -> Callable[[Inserted[S]], Coroutine[Any, Any, None]]:
    """A handler that sends one mail to each subscriber who is inserted.

    `sender` is an address with or without a name; it is the same for all, and replies go there. `address` gives the
    subscriber's address and `values` what the template wants. `unsubscribe` gives a link by which a POST unsubscribes
    this one (RFC 8058); mail programs offer it beside the subject, and the template has it as `unsubscribe`.

    The mail says that a machine wrote it (RFC 3834), so that nobody's machine answers. Its Message-ID is made of sender
    and address, the same for a repetition, so that mail servers and people can tell one.

    The handler raises `Reject` for an address, a subject or a link that is not one or carries line breaks, for a
    template that cannot be filled in, and what the mailer rejects; other errors of the mailer pass, and are retried.

    Raises `ConfigurationError` for a sender that is not one address.
    """
    mailbox = _sender(sender)

    def composed(subscriber: S) -> Mail:
        to = _recipient(address(subscriber))
        link = None if unsubscribe is None else _one_click(unsubscribe(subscriber))
        given = values(subscriber) if link is None else {**values(subscriber), "unsubscribe": link}
        filled = template.render(given)
        headers = _headers(_message_id(mailbox, to), link)
        return Mail(to, mailbox, filled.subject, filled.text, filled.html, headers)

    async def welcome(change: Inserted[S]) -> None:
        mail = composed(change.new)
        await mailer.send(mail)
        log.info("mail.sent", extra={"message_id": mail.headers["Message-ID"]})

    return welcome


def once_per_address(address: Callable[[S], str], ttl: float = YEAR) -> Idempotent[Inserted[S]]:
    """One mail for each address, by `address_key`; it is remembered for `ttl` seconds, by default a year.

    A store lets one attempt at a time have the key, and none any more once the mail was handed over. What remains is a
    process that dies, or an answer that is lost, between the mailer's yes and the store's record: then the mail is
    sent again, with the same Message-ID. Amazon SES takes no key by which it would know the repetition itself. A mail
    that is retried or rejected frees the key. Another item with the same address is the same work, and done.
    """

    def key(change: Inserted[S]) -> str:
        return address_key(address(change.new))

    return Idempotent(key=key, ttl=ttl, payload=key)


def address_key(text: str) -> str:
    """What is equal for two spellings of one person's address; what is no address is its own key, for the handler.

    Domains have no case, and none that hands out addresses lets ada@ and Ada@ be two people, though RFC 5321 (2.4)
    would permit it: it is better that one of those goes without a welcome than that everybody can be sent many.
    Tags (`ada+blog@`) and dots are kept, because elsewhere they do name other people.
    """
    try:
        return address_of(text).casefold()
    except ValueError:
        return text


def _sender(text: str) -> str:
    try:
        return mailbox_of(text)
    except ValueError as error:
        raise ConfigurationError(
            f"sender={text!r}: {error}; write blog@example.org or Blog <blog@example.org>"
        ) from error


def _recipient(text: str) -> str:
    try:
        return address_of(text)
    except ValueError as error:
        raise Reject(f"the subscriber's address is refused: {error}", error=error) from error


def _one_click(link: str) -> str:
    if not ONE_CLICK.fullmatch(link):
        raise Reject("the link to unsubscribe is not an https:// address in ASCII")
    return link


def _message_id(sender: str, to: str) -> str:
    digest = sha256(f"welcome\n{sender}\n{address_key(to)}".encode()).hexdigest()[:32]
    domain = sender.rpartition("@")[2].rstrip(">")
    return f"<{digest}@{domain}>"


def _headers(message_id: str, link: str | None) -> Mapping[str, str]:
    own = {"Message-ID": message_id, "Auto-Submitted": "auto-generated"}
    if link is None:
        return own
    return {**own, "List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
