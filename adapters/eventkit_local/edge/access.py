"""What is known about each request, and what comes of counting them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from eventkit_local.edge.answers import Result

__all__ = ["Access", "Figures", "Observe", "log_access"]

log: logging.Logger = logging.getLogger("eventkit.edge")


@dataclass(frozen=True, slots=True)
class Access:
    """One line of the access log. Queries, cookies and other header fields are left out: they can hold secrets.

    Attributes:
        method: The request's method.
        path: Its path, without the query.
        status: The status of the response.
        result: What became of it.
        size: Bytes of content that were sent.
        seconds: From the request to the last byte.
        is_whole: Whether all of it was sent; otherwise the viewer has gone, or the origin has broken off.
    """

    method: str
    path: str
    status: int
    result: Result
    size: int
    seconds: float
    is_whole: bool


Observe = Callable[[Access], None]
"""Takes each line of the access log as soon as the response has been sent."""


def log_access(access: Access) -> None:
    """Log a line at level INFO as `edge.request`, with its facts in `extra`."""
    log.info(
        "edge.request",
        extra={
            "method": access.method,
            "path": access.path,
            "status": access.status,
            "result": str(access.result),
            "size": access.size,
            "seconds": round(access.seconds, 6),
            "is_whole": access.is_whole,
        },
    )


@dataclass(slots=True)
class Figures:
    """What an edge has done since it was opened.

    Attributes:
        requests: By viewers.
        hits: Answered from the store, without waiting for an origin on their own account.
        refresh_hits: Answered from the store after the origin had confirmed it.
        misses: Answered with what the origin sent.
        errors: Answered with a status from 400, wherever it came from.
        origin_requests: Sent to origins; those that validate count too.
        viewer_bytes: Content that was sent to viewers.
        origin_bytes: Content that came from origins.
        stored_responses: Kept at present.
        stored_bytes: What they are counted for.
        evicted_responses: Dropped to make room.
        invalidated_responses: Dropped because somebody said so.
    """

    requests: int = 0
    hits: int = 0
    refresh_hits: int = 0
    misses: int = 0
    errors: int = 0
    origin_requests: int = 0
    viewer_bytes: int = 0
    origin_bytes: int = 0
    stored_responses: int = 0
    stored_bytes: int = 0
    evicted_responses: int = 0
    invalidated_responses: int = 0

    @property
    def hit_ratio(self) -> float:
        """The share of requests that were hits; 0 before the first."""
        return self.hits / self.requests if self.requests else 0.0

    def count(self, access: Access) -> None:
        """Count one request."""
        self.requests += 1
        self.viewer_bytes += access.size
        match access.result:
            case Result.HIT:
                self.hits += 1
            case Result.REFRESH_HIT:
                self.refresh_hits += 1
            case Result.MISS:
                self.misses += 1
            case Result.ERROR:
                self.errors += 1
