"""The port of the poller: where records come from, and what is done with them.

A backend serves queues by name, URL or ARN. Records have the shape in which Lambda delivers them, whatever the
backend, so everything after it is the same. Backends are found by the scheme of their URL, through the entry-point
group `eventkit.backends`; the built-in ones load the same way. The conformance suite in `eventkit.testing` proves
that one keeps what is promised here.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, cast

from eventkit.errors import ConfigurationError
from eventkit.outcomes import Reject
from eventkit.publish import Publisher
from eventkit.values import Value

__all__ = ["GROUP", "SETTLED", "Backend", "Raw", "Settler", "Unsettled", "open_backend"]

GROUP = "eventkit.backends"

Raw = Mapping[str, object]
"""A record, as parsed JSON in Lambda's shape."""


class Unsettled(Value):
    """The records of a call for which it failed, as they were passed.

    Attributes:
        again: Those for which it may be tried again.
        lost: Those that are the caller's no more: the receipt handle has expired, or the message is gone. They are
            left as they are; a service need not notice each of them.
    """

    again: Sequence[Raw] = ()
    lost: Sequence[Raw] = ()


SETTLED: Unsettled = Unsettled()
"""No record: the call succeeded for all."""


class Settler(Protocol):
    """What becomes of a queue's records that were not handled; the Lambda adapter needs no more than this."""

    async def extend(self, queue: str, delays: Sequence[tuple[Raw, float]]) -> Unsettled:
        """Keep each record invisible for so many seconds from now; 0 makes it visible at once.

        Returns the records for which that failed. Raises `BackendError` when the service cannot be reached.
        """
        ...

    async def park(self, queue: str, record: Raw, reject: Reject) -> None:
        """Copy the record to the queue's dead-letter queue: body and attributes as they are, the reject attached.

        The record itself stays until it is deleted. Raises `BackendError` when there is no dead-letter queue, or the
        copy was not accepted: a record is never dropped silently.
        """
        ...


class Backend(Settler, Publisher, Protocol):
    """A service with queues."""

    async def visibility(self, queue: str) -> float:
        """The queue's visibility timeout: seconds for which a received record is invisible to others.

        Raises `BackendError`.
        """
        ...

    async def receive(self, queue: str, limit: int, wait: float, visibility: float | None = None) -> Sequence[Raw]:
        """At most `limit` records (1 to 10), invisible to others for `visibility` seconds; None is the queue's timeout.

        Returns as soon as there are any, and with none after `wait` seconds (0 to 20). Raises `BackendError`.
        A caller that stops waiting must not cancel this call: records on their way would stay invisible.
        """
        ...

    async def delete(self, queue: str, records: Sequence[Raw]) -> Unsettled:
        """Delete records that were settled.

        Returns the records for which that failed. Raises `BackendError` when the service cannot be reached.
        """
        ...


Opener = Callable[[str], AbstractAsyncContextManager[Backend]]
"""What an entry point of the group names: takes the URL, gives the backend."""


def open_backend(url: str) -> AbstractAsyncContextManager[Backend]:
    """The backend for a URL, by its scheme: `sqs://` is AWS, `memory://` this process.

    Raises `ConfigurationError` when no installed backend has the scheme.
    """
    from importlib.metadata import entry_points  # 10 ms of a cold start, and most invocations need no backend

    scheme = url.partition(":")[0]
    found = {point.name: point for point in entry_points(group=GROUP)}
    if scheme not in found:
        known = ", ".join(f"{name}://" for name in sorted(found)) or "none"
        raise ConfigurationError(f"there is no backend for {scheme!r}; the installed ones are {known}")
    return cast("Opener", found[scheme].load())(url)
