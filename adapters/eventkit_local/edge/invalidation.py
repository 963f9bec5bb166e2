"""Invalidation: CloudFront's paths and quotas, and what a write makes out of date.

The rules of paths and quotas are those of "What you need to know when invalidating files" and of "Concurrent
invalidation request maximum" in the CloudFront Developer Guide; the codes are those of the API reference.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

from eventkit.errors import BackendError
from eventkit_local.edge.messages import Head, Request

__all__ = [
    "Invalidation",
    "InvalidationError",
    "Invalidations",
    "Purge",
    "changed_paths",
    "path_matches",
    "require_path",
]

_MAXIMUM_LENGTH = 4_000
_MAXIMUM_PATHS = 3_000
_MAXIMUM_WILDCARDS = 15
_FAILURES = 400


class InvalidationError(BackendError):
    """CloudFront would refuse this.

    Attributes:
        code: Its name for the reason, such as `InvalidArgument`.
        status: The status of its response.
    """

    def __init__(self, code: str, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.code: str = code
        self.status: HTTPStatus = status


def require_path(path: str) -> str:
    """Check a path: it begins with a slash, and only its last character may be a `*`.

    Raises:
        InvalidationError: It is none; the text says what is wrong with it.
    """
    wrong = None
    if not path.startswith("/"):
        wrong = "must begin with a slash"
    elif "*" in path[:-1]:
        wrong = "has a * before its end: it may only be the last character"
    elif len(path) > _MAXIMUM_LENGTH:
        wrong = f"has more than {_MAXIMUM_LENGTH} characters"
    elif not path.isascii() or not path.isprintable() or " " in path:
        wrong = "has characters that must be URL-encoded"
    if wrong:
        raise InvalidationError("InvalidArgument", f"the invalidation path {path[:100]!r} {wrong}")
    return path


def path_matches(path: str, url: str) -> bool:
    """Whether an invalidation path is about a URL: its path, and its query strings where those count. Case counts."""
    return url.startswith(path[:-1]) if path.endswith("*") else url == path


@dataclass(frozen=True, slots=True)
class Invalidation:
    """An invalidation, which is complete as soon as it is made.

    Attributes:
        id: Its name.
        created: When it was made.
        paths: What it was about.
        caller_reference: The caller's name for it.
    """

    id: str
    created: datetime
    paths: tuple[str, ...]
    caller_reference: str


Purge = Callable[[Sequence[str]], Awaitable[None]]
"""Drops what is stored under the URLs that some of these paths are about."""


class Invalidations:
    """The invalidations of a distribution.

    Args:
        purge: Does it.
        clock: Seconds since the epoch.
    """

    def __init__(self, purge: Purge, clock: Callable[[], float]) -> None:
        self._purge = purge
        self._clock = clock
        self._made: dict[str, Invalidation] = {}

    async def create(self, paths: Sequence[str], caller_reference: str) -> Invalidation:
        """Invalidate paths at once; the same reference with the same paths is the same invalidation, made once.

        Raises:
            InvalidationError: A path is wrong, there are too many, or the reference was used for others.
        """
        asked = tuple(require_path(path) for path in paths)
        _require_quotas(asked)
        for earlier in self._made.values():
            if earlier.caller_reference == caller_reference:
                return _require_same(earlier, asked)
        created = datetime.fromtimestamp(self._clock(), UTC)
        made = Invalidation(f"I{uuid4().hex[:13].upper()}", created, asked, caller_reference)
        await self._purge(asked)
        self._made[made.id] = made
        return made

    def get(self, name: str) -> Invalidation:
        """Find an invalidation by its id.

        Raises:
            InvalidationError: There is none.
        """
        try:
            return self._made[name]
        except KeyError:
            message = f"there is no invalidation {name!r}"
            raise InvalidationError("NoSuchInvalidation", message, HTTPStatus.NOT_FOUND) from None

    def newest_first(self) -> list[Invalidation]:
        """All that were made."""
        return list(reversed(self._made.values()))


def _require_quotas(paths: Sequence[str]) -> None:
    wildcards = sum(path.endswith("*") for path in paths)
    exact = len(paths) - wildcards
    if not paths:
        raise InvalidationError("InvalidArgument", "an invalidation needs at least one path")
    if exact > _MAXIMUM_PATHS:
        message = f"{exact} paths are too many: a distribution may have {_MAXIMUM_PATHS} in progress"
        raise InvalidationError("BatchTooLarge", message, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if wildcards > _MAXIMUM_WILDCARDS:
        message = f"{wildcards} paths with a * are too many: a distribution may have {_MAXIMUM_WILDCARDS} in progress"
        raise InvalidationError("TooManyInvalidationsInProgress", message)


def _require_same(earlier: Invalidation, paths: tuple[str, ...]) -> Invalidation:
    if earlier.paths != paths:
        raise InvalidationError(
            "InvalidationBatchAlreadyExists",
            f"the caller reference {earlier.caller_reference!r} was used for other paths: choose a new one",
            HTTPStatus.CONFLICT,
        )
    return earlier


def changed_paths(request: Request, origin: str, head: Head) -> frozenset[str]:
    """The paths that a write has made out of date (RFC 9111, section 4.4); none if it failed.

    They are its own, and those that the response names in Location and Content-Location, if they are here.
    """
    if head.status >= _FAILURES:
        return frozenset()
    hosts = {"", request.headers.get("Host", ""), urlsplit(origin).netloc}
    named = (head.value(name) for name in ("Location", "Content-Location"))
    links = [urlsplit(urljoin(request.path, link)) for link in named if link]
    return frozenset({request.path, *(link.path for link in links if link.netloc in hosts)})
