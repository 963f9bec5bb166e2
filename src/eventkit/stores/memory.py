"""What was done, remembered by this process alone: for tests, and where one process is all there is."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from eventkit.errors import ConfigurationError
from eventkit.stores import Claimed, Claiming, Finished, InProgress
from eventkit.values import Value, replace

__all__ = ["MemoryStore", "open_store"]

LINGER = 86_400.0
"""Seconds for which a record stays after its lease, for an owner that comes late."""

FEW = 1024
"""Records that are kept without looking for those that are over."""


class _Record(Value):
    owner: str
    fingerprint: str
    finished: bool
    until: float


class MemoryStore:
    """A store whose records live in this object. Its verbs do not wait, so nothing comes between compare and set."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds that never go back."""
        self._clock = clock
        self._records: dict[str, _Record] = {}
        self._crowded = FEW

    @property
    def size(self) -> int:
        """How many records are kept, some of which may be over."""
        return len(self._records)

    def clear(self) -> None:
        """Forget everything."""
        self._records.clear()

    async def claim(self, key: str, claiming: Claiming) -> Claimed | InProgress | Finished:
        now = self._clock()
        found = self._records.get(key)
        if found is not None and found.until > now and (found.finished or found.owner != claiming.owner):
            if found.finished:
                return Finished(found.fingerprint)
            return InProgress(found.fingerprint, found.until - now)
        self._records[key] = _Record(claiming.owner, claiming.fingerprint, finished=False, until=now + claiming.lease)
        self._tidy(now)
        return Claimed()

    async def renew(self, key: str, owner: str, lease: float) -> bool:
        found = self._owned(key, owner)
        if found is None or found.finished:
            return False
        self._records[key] = replace(found, until=self._clock() + lease)
        return True

    async def complete(self, key: str, owner: str, ttl: float) -> bool:
        found = self._owned(key, owner)
        if found is None:
            return False
        if not found.finished:
            self._records[key] = replace(found, finished=True, until=self._clock() + ttl)
        return True

    async def release(self, key: str, owner: str) -> bool:
        found = self._owned(key, owner)
        if found is None or found.finished:
            return False
        del self._records[key]
        return True

    def _owned(self, key: str, owner: str) -> _Record | None:
        found = self._records.get(key)
        return found if found is not None and found.owner == owner else None

    def _tidy(self, now: float) -> None:
        """Drop what is over, whenever the records have doubled since the last time."""
        if len(self._records) <= self._crowded:
            return
        self._records = {key: one for key, one in self._records.items() if now < one.until + self._lingers(one)}
        self._crowded = max(FEW, 2 * len(self._records))

    @staticmethod
    def _lingers(record: _Record) -> float:
        return 0.0 if record.finished else LINGER


@asynccontextmanager
async def open_store(url: str = "memory://") -> AsyncGenerator[MemoryStore]:
    """A store of its own for each call. Raises `ConfigurationError` for a URL that says more than `memory://`."""
    parts = urlsplit(url)
    if parts.netloc or parts.path or parts.query:
        raise ConfigurationError(f"{url!r}: write memory://, which takes no options")
    yield MemoryStore()
