"""The port by which processes share the shards of a stream: one lease for each shard, which holds its checkpoint.

A lease belongs to the process that is its `owner`, for as long as that changes its `counter` often enough: who looks
on judges by a clock of its own how long ago it saw the counter change, so no clock of another host is trusted. Every
change is a compare-and-set on owner and counter, so of any number of processes one succeeds, and one that was frozen
while another took its place can change nothing.

Stores are found by the scheme of their URL, through the entry-point group `eventkit.leases`; the built-in ones load
the same way. The conformance suite in `eventkit.testing.leases` proves that one keeps what is promised here.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, cast

from eventkit.errors import ConfigurationError
from eventkit.streams.positions import SHARD_END, TRIM_HORIZON, Checkpoint
from eventkit.values import Value

__all__ = ["GROUP", "LEASES", "Lease", "LeaseStore", "open_leases"]

GROUP = "eventkit.leases"

LEASES = "EVENTKIT_LEASES"
"""The environment variable that holds a store's URL."""


class Lease(Value):
    """Who reads a shard, and how far it has come.

    Attributes:
        group: Whose leases these are: processes of one group share a stream, and groups know nothing of each other.
        stream: The stream's ARN.
        shard: The shard's name.
        parents: The shards that it continues.
        checkpoint: Everything before it is settled.
        owner: The process that reads the shard; None where nobody does.
        counter: Grows with every change.
        claimant: The process that asks the owner to hand the shard over; None where none does.
        time: When the last record before the checkpoint was written, in seconds since 1970; None where none was read.
        behind: Seconds by which the reader was behind the newest record when it wrote this; None where it is not known.
    """

    group: str
    stream: str
    shard: str
    parents: tuple[str, ...] = ()
    checkpoint: Checkpoint = TRIM_HORIZON
    owner: str | None = None
    counter: int = 0
    claimant: str | None = None
    time: float | None = None
    behind: float | None = None

    @property
    def finished(self) -> bool:
        """Whether everything in the shard is settled, and nothing more can come."""
        return self.checkpoint == SHARD_END


class LeaseStore(Protocol):
    """Keeps leases, strongly consistent. Every method raises `BackendError`, and then may have done its work or not."""

    async def leases(self, group: str, stream: str) -> Sequence[Lease]:
        """All leases of a group on a stream, in no order."""
        ...

    async def read(self, lease: Lease) -> Lease | None:
        """The lease of the same group, stream and shard as it is now; None where there is none."""
        ...

    async def create(self, lease: Lease) -> bool:
        """Add the lease. False: there is one for the shard already, which stays as it is."""
        ...

    async def swap(self, old: Lease, new: Lease) -> bool:
        """Put `new` in the place of a lease that has the owner and the counter of `old`; its counter must be another.

        False: the lease has another owner or counter, or is gone.
        """
        ...

    async def delete(self, lease: Lease) -> bool:
        """Remove the lease where it has this owner and counter. False as for `swap`."""
        ...


Opener = Callable[[str], AbstractAsyncContextManager[LeaseStore]]
"""What an entry point of the group names: takes the URL, gives the store."""


def open_leases(url: str) -> AbstractAsyncContextManager[LeaseStore]:
    """The store for a URL, by its scheme: `dynamodb://TABLE`, or `memory://` for one process.

    Raises `ConfigurationError` when no installed store has the scheme.
    """
    from importlib.metadata import entry_points  # as in `eventkit.backends`

    scheme = url.partition(":")[0]
    found = {point.name: point for point in entry_points(group=GROUP)}
    if scheme not in found:
        known = ", ".join(f"{name}://" for name in sorted(found)) or "none"
        raise ConfigurationError(f"there is no store of leases for {scheme!r}; the installed ones are {known}")
    return cast("Opener", found[scheme].load())(url)
