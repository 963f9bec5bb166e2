"""Records in flight: what the poller knows of each, from its receive to its acknowledgement."""

import asyncio
from dataclasses import dataclass
from math import inf

from eventkit.backends import Raw

__all__ = ["Flight"]


@dataclass(slots=True, eq=False)
class Flight:
    """A record from its receive until its acknowledgement is accepted, or it is lost. Times are of the clock.

    Attributes:
        record: The record.
        received: When it was received.
        visibility: For how many seconds the receive, and each extension, keeps it invisible to others.
        until: When it becomes visible to others, unless it is extended.
        due: When it is to be extended.
        handling: The task that handles it now.
        extension: The call that extends it and is on its way.
        deleting: Whether a call that deletes it is on its way.
        lost: Whether it has become visible to others, or is gone: it is not this process's any more.
    """

    record: Raw
    received: float
    visibility: float
    until: float
    due: float = inf
    handling: "asyncio.Task[None] | None" = None
    extension: "asyncio.Task[None] | None" = None
    deleting: bool = False
    lost: bool = False
