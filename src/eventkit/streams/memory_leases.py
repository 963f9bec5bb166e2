"""Leases that live in one process: for tests, and where one process is all there is."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from eventkit.errors import ConfigurationError
from eventkit.streams.leases import Lease

__all__ = ["MemoryLeases", "open_leases"]

Key = tuple[str, str, str]


class MemoryLeases:
    """A store whose leases live in this object. Its verbs do not wait, so nothing comes between compare and set.

    Workers that share the object share the leases. A simulation lets calls fail, or come late, with a subclass:
    what it does before `super()` loses the request, what it does after that loses the answer.
    """

    def __init__(self) -> None:
        self._leases: dict[Key, Lease] = {}

    async def leases(self, group: str, stream: str) -> Sequence[Lease]:
        return [lease for lease in self._leases.values() if (lease.group, lease.stream) == (group, stream)]

    async def read(self, lease: Lease) -> Lease | None:
        return self._leases.get(_key(lease))

    async def create(self, lease: Lease) -> bool:
        if _key(lease) in self._leases:
            return False
        self._leases[_key(lease)] = lease
        return True

    async def swap(self, old: Lease, new: Lease) -> bool:
        if not self._holds(old):
            return False
        self._leases[_key(old)] = new
        return True

    async def delete(self, lease: Lease) -> bool:
        if not self._holds(lease):
            return False
        del self._leases[_key(lease)]
        return True

    def _holds(self, lease: Lease) -> bool:
        """Whether the shard's lease has this owner and this counter."""
        found = self._leases.get(_key(lease))
        return found is not None and (found.owner, found.counter) == (lease.owner, lease.counter)


def _key(lease: Lease) -> Key:
    return lease.group, lease.stream, lease.shard


@asynccontextmanager
async def open_leases(url: str = "memory://") -> AsyncGenerator[MemoryLeases]:
    """A store of its own for each call. Raises `ConfigurationError` for a URL that says more than `memory://`."""
    parts = urlsplit(url)
    if parts.netloc or parts.path or parts.query:
        raise ConfigurationError(f"{url!r}: write memory://, which takes no options")
    yield MemoryLeases()
