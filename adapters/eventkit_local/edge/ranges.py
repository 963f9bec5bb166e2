"""Ranges of bytes (RFC 9110, section 14), taken out of a full response. Pure."""

from dataclasses import dataclass
from datetime import timedelta

from werkzeug.http import parse_date, parse_range_header

from eventkit_local.edge.messages import Head, Request

__all__ = ["Unsatisfiable", "asked_range", "partial", "unsatisfiable"]

_STRONG_AFTER = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """The range lies outside of the content."""


def asked_range(request: Request, head: Head, length: int) -> range | Unsatisfiable | None:
    """Find which bytes of a 200 with `length` bytes are to be sent; None is all of them.

    Several ranges at once get the whole, as a server may do, and so does what is no range of bytes, what comes with
    another method than GET, and what comes with an If-Range that does not hold.
    """
    asked = parse_range_header(request.value("Range"))
    if request.method != "GET" or asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    if not _holds(request.value("If-Range"), head):
        return None
    first, end = asked.ranges[0]
    start = max(0, length + first) if first < 0 else first
    stop = length if end is None else min(end, length)
    return range(start, stop) if start < stop else Unsatisfiable()


def _holds(condition: str | None, head: Head) -> bool:
    """If-Range: the strong entity tag, or exactly the date of a change that is a second old at least."""
    if condition is None:
        return True
    if '"' in condition:
        return not condition.startswith("W/") and condition.strip() == head.value("ETag")
    date, changed, sent = (parse_date(text) for text in (condition, head.value("Last-Modified"), head.value("Date")))
    return date is not None and date == changed and sent is not None and sent - date >= _STRONG_AFTER


def partial(head: Head, part: range, length: int) -> Head:
    """The head of the 206 with these bytes."""
    fields = head.with_fields(
        Content_Range=f"bytes {part.start}-{part.stop - 1}/{length}", Content_Length=str(len(part))
    )
    return Head(206, fields.headers)


def unsatisfiable(head: Head, length: int) -> Head:
    """The head of the 416 in the place of a 200 with `length` bytes."""
    fields = head.without("Content-Type", "Content-Encoding", "ETag", "Last-Modified", "Cache-Control", "Expires")
    return Head(416, fields.with_fields(Content_Range=f"bytes */{length}", Content_Length="0").headers)
