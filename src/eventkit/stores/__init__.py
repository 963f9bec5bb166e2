"""The port by which idempotent handlers remember what was done: one record per key, and four verbs.

Each verb is a single compare-and-set, so that of any number of callers one succeeds. A record is *in progress*, owned
by one attempt whose lease runs, or *finished*::

    (none) ──claim──▶ in progress ──complete──▶ finished ──(ttl is over)──▶ (none)
       ▲                │   │  ▲
       └────release─────┘   └──┴── renew, by its owner; claim, by anybody once the lease is over

A lease that is over does not end the ownership; only another's claim does. So an owner that comes late finishes all
the same where nobody has taken its place, and changes nothing where somebody has: an owner's token is never used
twice. A store judges leases by its own clock where it has one, and must not judge one to be over early.

Stores are found by the scheme of their URL, through the entry-point group `eventkit.stores`; the built-in ones load
the same way. The conformance suite in `eventkit.testing.stores` proves that one keeps what is promised here.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, cast

from eventkit.errors import ConfigurationError
from eventkit.values import Value

__all__ = ["GROUP", "STORE", "Claimed", "Claiming", "Finished", "IdempotencyStore", "InProgress", "open_store"]

GROUP = "eventkit.stores"

STORE = "EVENTKIT_STORE"
"""The environment variable that holds a store's URL."""


class Claiming(Value):
    """What a claim wants written down: the attempt's token, a digest of the payload, and seconds until it lapses."""

    owner: str
    fingerprint: str
    lease: float


class Claimed(Value):
    """The key is the caller's."""


class InProgress(Value):
    """Another attempt has the key, for so many seconds more unless it renews its lease."""

    fingerprint: str
    remaining: float


class Finished(Value):
    """What the key stands for has been done."""

    fingerprint: str


class IdempotencyStore(Protocol):
    """Remembers, for each key, whether its work is in progress or finished. Every method raises `BackendError`."""

    async def claim(self, key: str, claiming: Claiming) -> Claimed | InProgress | Finished:
        """Take the key, if there is no record of it, or one whose lease or time to live is over.

        Otherwise the record says why not. A claim that is repeated with its token, because the first answer was
        lost, succeeds again.
        """
        ...

    async def renew(self, key: str, owner: str, lease: float) -> bool:
        """Let the owner's lease end `lease` seconds from now. False: the key is in progress no more, or another's."""
        ...

    async def complete(self, key: str, owner: str, ttl: float) -> bool:
        """Finish the owner's record and keep it for `ttl` seconds. False as for `renew`.

        Repeated with its token on the record that it finished, it is True again while that is kept.
        """
        ...

    async def release(self, key: str, owner: str) -> bool:
        """Forget the owner's record, so that the next attempt need not wait. False as for `renew`."""
        ...


Opener = Callable[[str], AbstractAsyncContextManager[IdempotencyStore]]
"""What an entry point of the group names: takes the URL, gives the store."""


def open_store(url: str) -> AbstractAsyncContextManager[IdempotencyStore]:
    """The store for a URL, by its scheme: `dynamodb://TABLE`, `redis://HOST:PORT/DB`, or `memory://` for one process.

    Raises `ConfigurationError` when no installed store has the scheme.
    """
    from importlib.metadata import entry_points  # 10 ms of a cold start, and most apps need no store

    scheme = url.partition(":")[0]
    found = {point.name: point for point in entry_points(group=GROUP)}
    if scheme not in found:
        known = ", ".join(f"{name}://" for name in sorted(found)) or "none"
        raise ConfigurationError(f"there is no idempotency store for {scheme!r}; the installed ones are {known}")
    return cast("Opener", found[scheme].load())(url)
