"""Mail addresses out of strangers' hands: exactly one mailbox, in the one form in which it is compared and sent.

The standard library's parser says what an address is, and idna what a domain is. Python's own codec for domains follows
the rules of 2003, by which mail for straße.de would go to strasse.de, somebody else's.
"""

import re
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import formataddr, getaddresses
from typing import Final

from eventkit.errors import MissingExtraError

try:
    import idna
except ModuleNotFoundError as error:
    raise MissingExtraError("idna", "email") from error

__all__ = ["CONTROL", "address_of", "mailbox_of"]

CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What no header may hold: control characters, Unicode's line separators, and halves of characters."""

MAX_LOCAL: Final = 64
"""Octets before the `@` (RFC 5321, 4.5.3.1.1)."""

MAX_ADDRESS: Final = 254
"""Octets of an address: a path has at most 256 (RFC 5321, 4.5.3.1.3), its angle brackets included."""

UNPARSABLE: Final = (MessageError, ValueError, LookupError, AttributeError)
"""What the standard library's parser raises for what is no address; the last two are faults of its own."""


def address_of(text: str) -> str:
    """The address with its domain in ASCII and lower case; what stands before the `@` is left as it is.

    Refused are quoted local parts, comments and addresses of machines (`a@[192.0.2.1]`), because nobody gives one who
    wants mail, and local parts beyond ASCII, because Amazon SES has no SMTPUTF8. Raises `ValueError` with a reason
    that does not repeat the address.
    """
    if CONTROL.search(text):
        raise ValueError("it has a line break or another control character")
    local, _, given = text.rpartition("@")
    domain = _domain_of(given)
    address = f"{local}@{domain}"
    if len(local.encode()) > MAX_LOCAL or len(address.encode()) > MAX_ADDRESS:
        raise ValueError(f"it is longer than {MAX_LOCAL} octets before the @, or {MAX_ADDRESS} in all")
    try:
        parsed = Address(addr_spec=address)
    except UNPARSABLE:
        raise ValueError("it is not of the form name@domain, in ASCII before the @") from None
    if (parsed.username, parsed.domain) != (local, domain):
        raise ValueError("it is more than a plain name@domain")
    return address


def mailbox_of(text: str) -> str:
    """An address, with or without a name before it, as a header holds it: in ASCII (RFC 2047).

    Raises `ValueError` with a reason.
    """
    if CONTROL.search(text):
        raise ValueError("it has a line break or another control character")
    found = getaddresses([text])
    if len(found) != 1:
        raise ValueError("it is not exactly one address")
    ((name, address),) = found
    return formataddr((name, address_of(address)))


def _domain_of(text: str) -> str:
    try:
        domain = idna.encode(text, uts46=True).decode()
    except UnicodeError:
        raise ValueError("its domain is not one") from None
    last = domain.rpartition(".")[2]
    if last in {"", domain} or last.isdecimal():
        raise ValueError("its domain is not one on the internet")
    return domain
