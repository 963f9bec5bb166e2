"""How long a stored response may be used: RFC 9111 as a shared cache, RFC 5861, and CloudFront's TTLs.

Pure: every time is a parameter. Seconds are seconds, and points in time count them since the epoch. Directives and the
arithmetic of RFC 9111, section 4.2, are those of the library ccdirectives; what is added here is what it leaves to a
cache: heuristics, bounds by configuration, and which stale responses may be used.
"""

import math
from dataclasses import dataclass
from enum import Enum, auto

from ccdirectives import CacheControl, current_age, freshness_lifetime, may_store, parse
from werkzeug.http import parse_date

from eventkit_local.edge.messages import Head, Headers

__all__ = [
    "ERRORS",
    "SERVER_ERRORS",
    "Policy",
    "Ttl",
    "Use",
    "age_of",
    "may_stand_in",
    "policy_of",
    "storable",
    "use_of",
    "without_private_fields",
]

SERVER_ERRORS: frozenset[int] = frozenset({500, 502, 503, 504})
"""The statuses with which an origin fails, by RFC 5861, section 4."""
ERRORS: frozenset[int] = SERVER_ERRORS | {404, 405, 414, 501}
"""The statuses that CloudFront keeps for its error caching minimum TTL whatever the origin says about their age."""

# RFC 9110, section 15.1; 206 is not stored here at all.
_HEURISTICALLY_CACHEABLE = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
_NEVER_STORED = frozenset({206, 304})
_FRACTION = 0.1  # of the time since the last change: what RFC 9111, section 4.2.2, calls typical
_HEURISTIC_MAXIMUM = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ttl:
    """The bounds on the lifetime of answers, in seconds; the defaults are CloudFront's.

    Attributes:
        minimum: What any answer is kept for. Above 0 it overrides `no-cache`, `no-store` and `private`, as in
            CloudFront.
        default: For answers that do not say; None estimates it from Last-Modified, as RFC 9111 permits.
        maximum: The most, whatever the origin says; 0 disables caching.
        error: The least for the statuses in `ERRORS`, and how long the origin is left alone after it has failed and a
            stale response stood in.
    """

    minimum: float = 0
    default: float | None = 86_400
    maximum: float = 31_536_000
    error: float = 10


@dataclass(frozen=True, slots=True)
class Policy:
    """For how long a stored response may be used.

    Attributes:
        lifetime: Up to this age it is fresh.
        while_revalidating: So long after that, while it is being validated in the background.
        if_error: So long after its lifetime, when the origin fails.
    """

    lifetime: float
    while_revalidating: float = 0
    if_error: float = 0


class Use(Enum):
    """What may be done with a stored response without asking the origin first."""

    FRESH = auto()
    WHILE_REVALIDATING = auto()
    NOT_BEFORE_VALIDATION = auto()


def policy_of(head: Head, ttl: Ttl, received: float) -> Policy:
    """Read off a response how long it may be used.

    What forbids stale use is in RFC 9111, section 4.2.4. `s-maxage` forbids it too, unless the same response names a
    window of RFC 5861: then the origin has said what it wants. Without such a window, a response that nothing forbids
    is used for as long as the origin fails, as CloudFront does.
    """
    control = _control(head)
    forbidden = control.no_cache or control.must_revalidate or control.proxy_revalidate or head.status in ERRORS
    if forbidden:
        return Policy(_lifetime(control, head, ttl, received))
    unless_said = 0.0 if control.has("s-maxage") else math.inf
    return Policy(
        _lifetime(control, head, ttl, received),
        while_revalidating=control.stale_while_revalidate or 0,
        if_error=unless_said if control.stale_if_error is None else control.stale_if_error,
    )


def _lifetime(control: CacheControl, head: Head, ttl: Ttl, received: float) -> float:
    if control.no_cache:
        return ttl.minimum
    said = _said(control, head, received)
    if head.status in ERRORS:
        return max(ttl.error, said or 0)
    lifetime = _unsaid(head, ttl, received) if said is None else said
    return max(ttl.minimum, min(lifetime, ttl.maximum))


def _said(control: CacheControl, head: Head, received: float) -> float | None:
    """What the origin says (RFC 9111, section 4.2.1); an Expires that is no date has passed."""
    date = _date(head, "Date", received)
    expires = _date(head, "Expires", date) if "Expires" in head.headers else None
    return freshness_lifetime(control, shared=True, expires=expires, date=date)


def _unsaid(head: Head, ttl: Ttl, received: float) -> float:
    if head.status not in _HEURISTICALLY_CACHEABLE and not _control(head).public:
        return 0
    if ttl.default is not None:
        return ttl.default
    date = _date(head, "Date", received)
    unchanged = date - _date(head, "Last-Modified", date)
    return min(max(unchanged, 0) * _FRACTION, _HEURISTIC_MAXIMUM)


def storable(head: Head, policy: Policy, ttl: Ttl, asked: Headers) -> bool:
    """Whether the response to a GET may be stored by a shared cache (RFC 9111, section 3), and is of any use there.

    `asked` are the header fields that went to the origin: with Authorization, the response must say that others may
    have it (section 3.5).
    """
    if head.status < 200 or head.status in _NEVER_STORED or "*" in (head.value("Vary") or ""):  # noqa: PLR2004 - the interim responses
        return False
    control = _control(head)
    permitted = may_store(control, shared=True, authorized="Authorization" in asked, understood_status=True)
    if ttl.maximum <= 0 or not (permitted or ttl.minimum > 0):
        return False
    return policy.lifetime > 0 or (_may_be_kept(control, head) and _is_of_use(policy, head))


def _may_be_kept(control: CacheControl, head: Head) -> bool:
    said = "Expires" in head.headers or control.public or control.has("max-age") or control.has("s-maxage")
    return said or head.status in _HEURISTICALLY_CACHEABLE


def _is_of_use(policy: Policy, head: Head) -> bool:
    windows = policy.while_revalidating > 0 or 0 < policy.if_error < math.inf
    return windows or "ETag" in head.headers or "Last-Modified" in head.headers


def without_private_fields(head: Head) -> Head:
    """Drop the fields that a qualified `private` reserves for one user (RFC 9111, section 5.2.2.7)."""
    return head.without(*_control(head).private_fields)


def age_of(head: Head, *, requested: float, received: float, now: float) -> int:
    """The age of a response that was asked for and received then (RFC 9111, section 4.2.3), in whole seconds."""
    said = (head.value("Age") or "0").partition(",")[0].strip()
    return current_age(
        date_value=_date(head, "Date", received),
        request_time=math.floor(requested),
        response_time=math.floor(received),
        now=math.floor(now),
        age_value=int(said) if said.isascii() and said.isdecimal() else 0,
    )


def use_of(policy: Policy, age: float) -> Use:
    """Judge a stored response of some age."""
    if age < policy.lifetime:
        return Use.FRESH
    if age - policy.lifetime < policy.while_revalidating:
        return Use.WHILE_REVALIDATING
    return Use.NOT_BEFORE_VALIDATION


def may_stand_in(policy: Policy, age: float) -> bool:
    """Whether a response of some age may be used because the origin fails (RFC 5861, section 4)."""
    return age - policy.lifetime < policy.if_error or use_of(policy, age) is not Use.NOT_BEFORE_VALIDATION


def _control(head: Head) -> CacheControl:
    return parse(head.headers.getall("Cache-Control", ()))


def _date(head: Head, name: str, otherwise: float) -> float:
    date = parse_date(head.value(name))
    return math.floor(otherwise) if date is None else date.timestamp()
