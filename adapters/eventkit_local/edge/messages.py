"""Requests and heads of responses, as values that no transport owns."""

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field

from multidict import CIMultiDict, CIMultiDictProxy

__all__ = ["Head", "Headers", "Request", "end_to_end", "headers_of"]

Headers = CIMultiDictProxy[str]
"""Header fields in their order; a name may stand more than once and is compared without case."""

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def headers_of(fields: "Mapping[str, str] | CIMultiDict[str]") -> Headers:
    """Take fields over, so that later changes of the original do not show."""
    return CIMultiDictProxy(CIMultiDict(fields))


def _combined(headers: Headers, name: str) -> str | None:
    values = headers.getall(name, None)
    return None if values is None else ", ".join(values)


@dataclass(frozen=True, slots=True)
class Request:
    """A request, by a viewer or to an origin.

    Attributes:
        method: In upper case.
        target: Path and query, as they were sent.
        headers: Its header fields.
        body: Its content in pieces, or None where it has none.
        viewer: The address that it came from, or nothing.
    """

    method: str
    target: str
    headers: Headers = field(default_factory=lambda: headers_of({}))
    body: AsyncIterable[bytes] | None = None
    viewer: str = ""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def value(self, name: str) -> str | None:
        """The field's value, with the values of several lines joined as RFC 9110 section 5.3 says; None if absent."""
        return _combined(self.headers, name)


@dataclass(frozen=True, slots=True)
class Head:
    """Status and header fields of a response."""

    status: int
    headers: Headers = field(default_factory=lambda: headers_of({}))

    def value(self, name: str) -> str | None:
        """As `Request.value`."""
        return _combined(self.headers, name)

    @property
    def length(self) -> int | None:
        """Bytes of the content by Content-Length; None where that is absent or no number."""
        declared = self.headers.get("Content-Length", "")
        return int(declared) if declared.isascii() and declared.isdecimal() else None

    def with_fields(self, **fields: str) -> "Head":
        """Set fields; an underscore in a name stands for a hyphen."""
        return self.with_headers({name.replace("_", "-"): value for name, value in fields.items()})

    def with_headers(self, headers: Mapping[str, str]) -> "Head":
        """Set fields by their names."""
        changed = CIMultiDict(self.headers)
        changed.update(headers)
        return Head(self.status, CIMultiDictProxy(changed))

    def without(self, *names: str) -> "Head":
        """Drop fields."""
        kept = CIMultiDict(self.headers)
        for name in names:
            kept.popall(name, None)
        return Head(self.status, CIMultiDictProxy(kept))


def end_to_end(headers: Headers) -> CIMultiDict[str]:
    """Drop what concerns one connection only, also by the names that Connection lists (RFC 9110, section 7.6.1)."""
    listed = {name.strip().lower() for name in (_combined(headers, "Connection") or "").split(",")}
    dropped = _HOP_BY_HOP | listed
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)
