"""Invalidate in a CDN what an event changed; events that come close together share a call.

::

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncGenerator[State]:
        async with open_invalidations(invalidator) as invalidations:
            yield State(cdn_invalidation(invalidations, paths_of))

    @app.on(posts.modified())
    async def invalidate(change: Modified[Post], delivery: Delivery, cdn: Annotated[Cdn, Depends(cdn)]) -> None:
        await cdn(change, delivery)

`invalidator` is anything with the one verb of `Invalidator`. A handler returns when the CDN has accepted its paths, so
an event is acknowledged after that, and comes again where it was not.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any, Final, Protocol, TypeVar

from eventkit.delivery import Delivery
from eventkit.idempotency import Identify, by_record
from eventkit.outcomes import Reject
from eventkit_handlers._paths import MAX_PATHS, calls_of, invalidation_path

__all__ = ["Invalidations", "Invalidator", "cdn_invalidation", "invalidation_path", "open_invalidations"]

log: logging.Logger = logging.getLogger(__name__)

E = TypeVar("E")

IDENTIFY: Final[Identify] = by_record("", "")
"""Tells a repetition from another event with the same paths, whose invalidation must not pass for done."""


class Invalidator(Protocol):
    """A CDN. It raises `eventkit.Reject` for paths that it will never take; other errors are retried."""

    async def invalidate(self, paths: Sequence[str], reference: str) -> None:
        """Have at most 1,000 paths invalidated, of which at most 15 end in `*`; return when that is accepted.

        What comes with a reference that came with the same paths before is a repetition, and may be left out.
        """
        ...


class _Request:
    """The paths of one event, and whether they were accepted."""

    def __init__(self, event: str, paths: frozenset[str]) -> None:
        self.event = event
        self.paths = paths
        self.accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(self, error: BaseException | None) -> None:
        if self.accepted.done():  # whoever waited for it was cancelled
            return
        if error is None:
            self.accepted.set_result(None)
        else:
            self.accepted.set_exception(error)


class _Batch:
    """Requests that will be sent together."""

    def __init__(self) -> None:
        self.requests: list[_Request] = []
        self.full = asyncio.Event()

    def take(self, request: _Request) -> None:
        self.requests.append(request)
        if sum(len(one.paths) for one in self.requests) >= MAX_PATHS:
            self.full.set()


class Invalidations:
    """Sends paths to an invalidator, one call at a time; what is asked for meanwhile goes with the next.

    So a request that is alone is sent at once, as in Lambda, where records are handled one after another. `linger`
    seconds are waited before a call for others that may come; 1,000 paths do not wait. Open it with
    `open_invalidations`.
    """

    def __init__(self, invalidator: Invalidator, linger: float = 0.0) -> None:
        self._invalidator = invalidator
        self._linger = linger
        self._open: _Batch | None = None
        self._sending = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def invalidate(self, event: str, paths: frozenset[str]) -> None:
        """Return when the paths have been accepted. `event` is what identifies the event that they are of.

        Raises what the invalidator raised; where it rejects a call for several events, each of those has one of its
        own, so that none fails for the paths of another.
        """
        request = _Request(event, paths)
        batch = self._open
        if batch is None or batch.full.is_set():
            batch = self._open = _Batch()
            task = asyncio.create_task(self._flush(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        batch.take(request)
        await request.accepted

    async def close(self) -> None:
        """Give up what nobody waits for any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _flush(self, batch: _Batch) -> None:
        try:
            await self._wait(batch)
            async with self._sending:
                if self._open is batch:
                    self._open = None
                await self._send(batch.requests)
        except asyncio.CancelledError:
            for request in batch.requests:
                request.accepted.cancel()
            raise

    async def _wait(self, batch: _Batch) -> None:
        try:
            async with asyncio.timeout(self._linger):
                await batch.full.wait()
        except TimeoutError:
            return

    async def _send(self, requests: Sequence[_Request]) -> None:
        error = await self._failure(requests)
        if isinstance(error, Reject) and len(requests) > 1:
            for request in requests:
                await self._send([request])
            return
        for request in requests:
            request.settle(error)

    async def _failure(self, requests: Sequence[_Request]) -> Exception | None:
        """Send the paths of these events; gives what went wrong."""
        events = sorted({request.event for request in requests})
        paths = [path for request in requests for path in request.paths]
        try:
            for call in calls_of(paths):
                await self._invalidator.invalidate(call, _reference(events, call))
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must get it
            return error
        log.info("cdn.invalidated", extra={"events": len(events), "paths": len(set(paths))})
        return None


@asynccontextmanager
async def open_invalidations(invalidator: Invalidator, linger: float = 0.0) -> AsyncGenerator[Invalidations]:
    """Invalidations for the length of an app's lifespan; the parameters are those of `Invalidations`."""
    invalidations = Invalidations(invalidator, linger)
    try:
        yield invalidations
    finally:
        await invalidations.close()


def cdn_invalidation(
    invalidations: Invalidations, paths: Callable[[E], Iterable[str]]
) -> Callable[[E, Delivery], Coroutine[Any, Any, None]]:
    """A handler that has the paths of each event invalidated, and returns when that was accepted.

    `paths` gives what the event changed, as links have it: `["/", f"/posts/{slug}"]`; see `invalidation_path`. Nothing
    is a good answer, too. The handler raises `Reject` for a path that is none, and what the invalidator raises.
    """

    async def invalidate(event: E, delivery: Delivery) -> None:
        wanted = frozenset(map(invalidation_path, paths(event)))
        if wanted:
            identity = IDENTIFY(delivery)
            await invalidations.invalidate(f"{identity.key}{identity.fingerprint}", wanted)

    return invalidate


def _reference(events: Sequence[str], paths: Sequence[str]) -> str:
    """The same for the same events and paths, so that a repetition after a lost answer is none to the CDN."""
    return sha256("\n".join([*events, "", *paths]).encode()).hexdigest()
