"""What an edge is configured with: origins by path, what tells requests apart, and how long answers live.

The vocabulary and the rules are CloudFront's: "Cache behavior settings", "Understand cache policies" and "Understand
origin request policies" in its Developer Guide.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from multidict import CIMultiDict, CIMultiDictProxy

from eventkit.errors import ConfigurationError
from eventkit_local.edge.freshness import Ttl
from eventkit_local.edge.messages import Request, end_to_end

__all__ = [
    "ALL",
    "ALL_METHODS",
    "ALL_VIEWER",
    "CACHING_DISABLED",
    "READ_METHODS",
    "Behaviour",
    "Distribution",
    "ErrorPage",
    "Exchange",
    "Key",
    "Selection",
]

READ_METHODS: frozenset[str] = frozenset({"GET", "HEAD"})
ALL_METHODS: frozenset[str] = READ_METHODS | {"OPTIONS", "PUT", "PATCH", "POST", "DELETE"}

ALL: tuple[str, ...] = ("*",)
"""Selects every header, every cookie or every query string."""

_CONDITIONS = frozenset({"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range"})
_DESCRIBING = frozenset({"content-type", "content-length", "content-encoding", "content-language"})
# Of the origin's own connection, or set anew.
_NEVER = _CONDITIONS | {"host", "expect", "cookie", "x-forwarded-for"}


def _has(names: Collection[str], name: str) -> bool:
    return "*" in names or name in names


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Parts of a viewer's request, by name; `ALL` selects all of a kind.

    Attributes:
        headers: Names of header fields, in any case.
        cookies: Names of cookies, which are case-sensitive.
        queries: Names of query strings, which are case-sensitive.
    """

    headers: Collection[str] = ()
    cookies: Collection[str] = ()
    queries: Collection[str] = ()

    def header_names(self) -> frozenset[str]:
        """The names of header fields in lower case."""
        return frozenset(name.lower() for name in self.headers)

    def of_cookies(self, header: str | None) -> str:
        """The selected part of a Cookie field."""
        pairs = (pair.strip() for pair in (header or "").split(";"))
        return "; ".join(pair for pair in pairs if pair and _has(self.cookies, pair.partition("=")[0]))

    def of_target(self, target: str) -> str:
        """The target with the selected query strings only, in their order."""
        path, _, query = target.partition("?")
        pairs = [pair for pair in query.split("&") if pair and _has(self.queries, pair.partition("=")[0])]
        return f"{path}?{'&'.join(pairs)}" if pairs else path

    def with_others(self, other: "Selection") -> "Selection":
        """What either selects."""
        return Selection(
            headers=self.header_names() | other.header_names(),
            cookies=frozenset(self.cookies) | frozenset(other.cookies),
            queries=frozenset(self.queries) | frozenset(other.queries),
        )


ALL_VIEWER: Selection = Selection(headers=ALL, cookies=ALL, queries=ALL)
"""All that a viewer sends, as the managed origin request policy of this name; the host is the origin's all the same."""

CACHING_DISABLED: Ttl = Ttl(minimum=0, default=0, maximum=0)
"""As the managed cache policy of this name: every request goes to the origin."""

_NOTHING = Selection()


@dataclass(frozen=True, slots=True)
class Key:
    """What requests must have in common to be answered by the same stored response.

    Attributes:
        url: Path and the query strings that count; what invalidation paths are compared with.
        parts: The behaviour, as several can come to the same URL by rewriting; the headers and cookies that count.
    """

    url: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """What is shown in the place of an error, and with which status: a custom error response of CloudFront."""

    path: str
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How requests for some paths are answered: a cache behavior of CloudFront.

    Attributes:
        origin: Where answers come from: `http://host:port`, and a path that goes before each request's.
        path_pattern: Which paths: `*` is any characters, `?` any one, and case counts.
        key: What of a request, beside its path, tells stored responses apart. It also goes to the origin. By default
            nothing does, as in CloudFront's CachingOptimized: not even query strings. Headers are named one by one.
        forward: What goes to the origin without telling stored responses apart. What is in neither does not reach the
            origin, save what describes a body, and Authorization with a method that writes.
        ttl: How long answers live.
        methods: Which methods are let through; others are answered 403.
        rewrite: A regular expression and what becomes of the part of a path that it finds, before anything is looked
            up: as much as most CloudFront Functions for viewer requests do.
        response_headers: What every answer carries, whatever the origin says: a response headers policy.
        error_pages: What is shown for errors, by their status. CloudFront has them for a whole distribution; here an
            API keeps its own errors.

    Raises:
        ConfigurationError: The origin is no address, or the key has all headers.
    """

    origin: str
    path_pattern: str = "*"
    key: Selection = _NOTHING
    forward: Selection = _NOTHING
    ttl: Ttl = Ttl()  # noqa: RUF009 - it is immutable
    methods: Collection[str] = READ_METHODS
    rewrite: tuple[str, str] | None = None
    response_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    error_pages: Mapping[int, ErrorPage] = field(default_factory=dict[int, ErrorPage])

    def __post_init__(self) -> None:
        if not re.fullmatch(r"https?://[^/?#\s]+(/[^?#\s]*)?", self.origin):
            raise ConfigurationError(
                f"the origin {self.origin!r} of the behaviour for {self.path_pattern!r} must read http://host:port"
            )
        if "*" in self.key.headers:
            raise ConfigurationError(
                f"the key of the behaviour for {self.path_pattern!r} needs the names of the headers: all of them can "
                "only be forwarded"
            )

    def covers(self, path: str) -> bool:
        """Whether the behaviour is for this path; a pattern means the same with and without a leading slash."""
        return _compiled(self.path_pattern.removeprefix("/")).fullmatch(path.removeprefix("/")) is not None

    def rewritten(self, request: Request) -> Request:
        """The request with the path that it stands for."""
        if self.rewrite is None:
            return request
        path, mark, query = request.target.partition("?")
        return replace(request, target=f"{re.sub(*self.rewrite, path)}{mark}{query}")

    @property
    def takes_cookies(self) -> bool:
        """Whether any cookie goes to the origin.

        Where none does, none comes back either, as in CloudFront: what is kept for everybody would hand one viewer's to
        the next.
        """
        return bool(self.key.cookies or self.forward.cookies)

    def key_of(self, request: Request) -> Key:
        """What tells the request apart from others."""
        names = sorted(self.key.header_names())
        headers = [f"{name}: {request.value(name)}" for name in names if name in request.headers]
        cookies = self.key.of_cookies(request.value("Cookie"))
        return Key(self.key.of_target(request.target), (self.path_pattern, *headers, cookies))

    def forwarded(self, request: Request) -> Request:
        """The request as it goes to the origin, without the viewer's conditions and ranges."""
        selected = self.key.with_others(self.forward)
        names = selected.header_names() | (frozenset[str]() if request.body is None else _DESCRIBING)
        if request.method not in READ_METHODS:
            names |= {"authorization"}
        headers = CIMultiDict(
            (name, value)
            for name, value in end_to_end(request.headers).items()
            if _has(names, name.lower()) and name.lower() not in _NEVER
        )
        if cookies := selected.of_cookies(request.value("Cookie")):
            headers["Cookie"] = cookies
        headers["X-Forwarded-For"] = ", ".join(filter(None, (request.value("X-Forwarded-For"), request.viewer)))
        target = selected.of_target(request.target)
        return replace(request, target=target, headers=CIMultiDictProxy(headers))


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(character) or re.escape(character) for character in pattern), re.DOTALL)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A viewer's request, and what the distribution makes of it.

    Attributes:
        request: As the viewer sent it.
        behaviour: What it falls under.
        key: What tells it apart.
        plain: As it goes to the origin, without conditions and ranges.
    """

    request: Request
    behaviour: Behaviour
    key: Key
    plain: Request

    @property
    def verbatim(self) -> Request:
        """As it goes to the origin with the viewer's conditions and ranges."""
        headers = CIMultiDict(self.plain.headers)
        headers.extend((name, value) for name, value in self.request.headers.items() if name.lower() in _CONDITIONS)
        return replace(self.plain, headers=CIMultiDictProxy(headers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Origins by path, and what holds for all of them.

    Attributes:
        behaviours: The first that covers a path counts; the last one must be for `*`.
        id: What `create_invalidation` calls it.
        default_root_object: What a request for `/` gets, such as `index.html`; nothing leaves it to the origin.

    Raises:
        ConfigurationError: There is no behaviour for `*` at the end.
    """

    behaviours: Sequence[Behaviour]
    id: str = "LOCALEDGE"
    default_root_object: str = ""

    def __post_init__(self) -> None:
        patterns = [behaviour.path_pattern for behaviour in self.behaviours]
        if patterns[-1:] != ["*"]:
            raise ConfigurationError(
                f"a distribution needs a last behaviour for the path pattern '*', and this one has {patterns}"
            )

    def exchange(self, request: Request) -> Exchange:
        """Find what a request falls under."""
        if request.path == "/" and self.default_root_object:
            request = replace(request, target=f"/{self.default_root_object}{request.target[1:]}")
        behaviour = _first(self.behaviours, request.path)
        request = behaviour.rewritten(request)
        return Exchange(request, behaviour, behaviour.key_of(request), behaviour.forwarded(request))


def _first(behaviours: Iterable[Behaviour], path: str) -> Behaviour:
    return next(behaviour for behaviour in behaviours if behaviour.covers(path))
