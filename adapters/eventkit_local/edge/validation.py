"""Validators: what a viewer has already, what the origin is asked, and what its 304 changes. Pure.

The rules are those of RFC 9110, section 13, and RFC 9111, sections 3.2 and 4.3.
"""

from dataclasses import replace

from multidict import CIMultiDict, CIMultiDictProxy
from werkzeug.http import parse_date, parse_etags, unquote_etag

from eventkit_local.edge.distribution import READ_METHODS
from eventkit_local.edge.messages import Head, Request

__all__ = ["conditional", "confirms", "freshened", "is_unchanged_for", "not_modified"]

# A 304 describes the stored content and cannot change it.
_OF_THE_CONTENT = frozenset({"content-length", "content-encoding", "content-range", "content-type"})
# What RFC 9110, section 15.4.5, wants in a 304, and what the edge itself adds.
_IN_A_304 = ("Cache-Control", "Content-Location", "Date", "ETag", "Expires", "Last-Modified", "Vary", "Age", "Via")


def is_unchanged_for(request: Request, head: Head) -> bool:
    """Whether the viewer, who reads, has this 200 already; If-None-Match counts before If-Modified-Since."""
    if request.method not in READ_METHODS:
        return False
    if (tags := request.value("If-None-Match")) is not None:
        known = parse_etags(tags)
        tag = unquote_etag(head.value("ETag"))[0]
        return known.star_tag or (tag is not None and known.contains_weak(tag))
    since, modified = parse_date(request.value("If-Modified-Since")), parse_date(head.value("Last-Modified"))
    return since is not None and modified is not None and modified <= since


def not_modified(head: Head) -> Head:
    """The 304 in the place of a 200."""
    kept = CIMultiDict((name, value) for name in _IN_A_304 for value in head.headers.getall(name, ()))
    kept.extend((name, value) for name, value in head.headers.items() if name.lower().startswith(("x-", "access-")))
    return Head(304, CIMultiDictProxy(kept))


def conditional(plain: Request, stored: Head) -> Request:
    """Ask the origin whether the stored response still holds; the same request where it has no validator."""
    headers = CIMultiDict(plain.headers)
    for condition, validator in (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")):
        if (value := stored.value(validator)) is not None:
            headers[condition] = value
    return replace(plain, headers=CIMultiDictProxy(headers))


def confirms(answer: Head, stored: Head) -> bool:
    """Whether a 304 is about the stored response: it names its entity tag or none."""
    named, own = answer.value("ETag"), stored.value("ETag")
    return named is None or unquote_etag(named)[0] == unquote_etag(own)[0]


def freshened(stored: Head, answer: Head) -> Head:
    """The stored head with what the 304 says instead."""
    fields = CIMultiDict(stored.headers)
    fields.popall("Age", None)  # it was the age then
    news = [(name, value) for name, value in answer.headers.items() if name.lower() not in _OF_THE_CONTENT]
    for name, _ in news:
        fields.popall(name, None)
    fields.extend(news)
    return Head(stored.status, CIMultiDictProxy(fields))
