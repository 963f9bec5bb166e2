"""Requests to origins: each is a flight with a task of its own, so a viewer who goes away harms nobody."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from eventkit_local.edge.access import Figures
from eventkit_local.edge.answers import Result
from eventkit_local.edge.distribution import READ_METHODS, Exchange, Key
from eventkit_local.edge.freshness import (
    SERVER_ERRORS,
    Policy,
    may_stand_in,
    policy_of,
    storable,
    without_private_fields,
)
from eventkit_local.edge.invalidation import changed_paths
from eventkit_local.edge.messages import Head, Request
from eventkit_local.edge.origin import Fetch, OriginError, Response
from eventkit_local.edge.store import Entry, Marks, Store, Varying, varying_of
from eventkit_local.edge.transfer import AbandonedError, Reader, Transfer
from eventkit_local.edge.validation import conditional, confirms, freshened

__all__ = ["Clock", "Failed", "Flight", "Flights", "Kept", "Landing", "Limits", "Passing"]

Clock = Callable[[], float]
"""Seconds since the epoch."""

_PASSED_THROUGH = -1  # bytes to keep of a body that is not stored
_UNCACHEABLE_SECONDS = 60
_SAFE_METHODS = READ_METHODS | {"OPTIONS", "TRACE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many bytes are kept.

    Attributes:
        memory: By all stored responses together; those not asked for the longest go first.
        response: By one; a larger one passes through.
    """

    memory: int = 64 * 1024 * 1024
    response: int = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """There is a stored response, new or confirmed, or one that stands in for what the origin failed to send."""

    entry: Entry
    result: Result


@dataclass(frozen=True, slots=True)
class Passing:
    """The response is for who asked for it, if that one is still there to read it."""

    head: Head
    reader: Reader


@dataclass(frozen=True, slots=True)
class Failed:
    """The origin cannot be reached, and nothing may stand in."""

    error: OriginError


Landing = Kept | Passing | Failed


@dataclass(slots=True, eq=False)
class Flight:
    """A request to an origin, from asking to the head of the answer.

    Attributes:
        place: What is asked for: a key, and what tells its variants apart.
        is_doomed: It was invalidated meanwhile, so the answer may be out of date and is not stored.
        is_abandoned: Who asked has gone, or does not wait; others may.
    """

    place: tuple[Key, Varying]
    is_doomed: bool = False
    is_abandoned: bool = False
    _landing: asyncio.Future[Landing] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def has_landed(self) -> bool:
        """Whether those who wait have been told."""
        return self._landing.done()

    def land(self, landing: Landing) -> None:
        """Tell those who wait."""
        self._landing.set_result(landing)
        if self.is_abandoned:
            self._close()

    async def landed(self) -> Landing:
        """Wait for what another has asked for."""
        return await asyncio.shield(self._landing)

    async def landed_for_who_asked(self) -> Landing:
        """Wait for what one has asked for oneself; who is cancelled leaves it to the others."""
        try:
            return await self.landed()
        except asyncio.CancelledError:
            self.is_abandoned = True
            self._close()
            raise

    def _close(self) -> None:
        if self._landing.done() and isinstance(landing := self._landing.result(), Passing):
            landing.reader.close()


class Flights:
    """Asks the origins, and stores what they answer.

    Args:
        fetch: The way to the origins.
        store: Takes what may be stored.
        limit: Bytes that a response may have to be stored.
        clock: Decides about every age.
        figures: Count what is asked.
    """

    def __init__(self, fetch: Fetch, store: Store, limit: int, clock: Clock, figures: Figures) -> None:
        self._fetch = fetch
        self._store = store
        self._limit = limit
        self._clock = clock
        self._figures = figures
        self._uncacheable = Marks(_UNCACHEABLE_SECONDS)
        self._shared: dict[tuple[Key, Varying], Flight] = {}
        self._aloft: dict[asyncio.Task[None], Flight] = {}

    def shared(self, exchange: Exchange) -> Flight | None:
        """Find the flight whose answer may do for a request too."""
        return self._shared.get(self._place(exchange))

    def ask(self, exchange: Exchange, stale: Entry | None, *, shared: bool) -> Flight:
        """Ask for what can be stored: the whole, or whether a stored response still holds."""
        flight = Flight(self._place(exchange))
        if shared:
            self._shared[flight.place] = flight
        self._launch(flight, self._fetch_whole(flight, exchange, stale))
        return flight

    def carry(self, exchange: Exchange) -> Flight:
        """Ask just what the viewer has asked, and store nothing."""
        flight = Flight(self._place(exchange))
        self._launch(flight, self._fetch_verbatim(flight, exchange))
        return flight

    def is_uncacheable(self, key: Key) -> bool:
        """Whether an answer could not be stored lately; then it would be in vain to wait for another's."""
        return self._uncacheable.has(key, self._clock())

    def invalidate(self, matches: Callable[[str], bool]) -> int:
        """Drop what is stored for these URLs, and do not store what is under way: it may be older than the change.

        Gives the number of responses that were dropped.
        """
        for flight in self._aloft.values():
            if matches(flight.place[0].url):
                flight.is_doomed = True
                self._unshare(flight)
        return self._store.discard_where(lambda key: matches(key.url))

    async def close(self) -> None:
        """End what is under way."""
        tasks = list(self._aloft)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _place(self, exchange: Exchange) -> tuple[Key, Varying]:
        return exchange.key, self._store.variant(exchange.key, exchange.plain)

    def _unshare(self, flight: Flight) -> None:
        if self._shared.get(flight.place) is flight:
            del self._shared[flight.place]

    def _land(self, flight: Flight, landing: Landing) -> None:
        self._unshare(flight)
        flight.land(landing)

    def _launch(self, flight: Flight, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._fly(flight, work))
        self._aloft[task] = flight
        task.add_done_callback(self._aloft.pop)

    async def _fly(self, flight: Flight, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        finally:
            if not flight.has_landed:  # or who waits would wait for ever
                self._land(flight, Failed(OriginError(HTTPStatus.BAD_GATEWAY, "the edge gave up asking the origin")))

    async def _fetch_whole(self, flight: Flight, exchange: Exchange, stale: Entry | None) -> None:
        plain = replace(exchange.plain, method="GET", body=None)
        asked = self._clock()
        try:
            async with self._sent(exchange, conditional(plain, stale.head) if stale else plain) as response:
                if stale is not None and response.head.status == HTTPStatus.NOT_MODIFIED:
                    await self._confirm(flight, exchange, stale, response.head, asked)
                elif response.head.status in SERVER_ERRORS and (substitute := self._substitute(exchange, stale)):
                    self._land(flight, substitute)
                else:
                    await self._take(flight, exchange, stale, response, asked)
        except OriginError as error:
            self._land(flight, self._substitute(exchange, stale) or Failed(error))

    async def _fetch_verbatim(self, flight: Flight, exchange: Exchange) -> None:
        try:
            async with self._sent(exchange, exchange.verbatim) as response:
                self._learn(exchange, response.head)
                await self._let_through(flight, response)
        except OriginError as error:
            self._land(flight, Failed(error))

    @asynccontextmanager
    async def _sent(self, exchange: Exchange, request: Request) -> AsyncGenerator[Response]:
        self._figures.origin_requests += 1
        behaviour = exchange.behaviour
        async with self._fetch(behaviour.origin, request) as response:
            yield response if behaviour.takes_cookies else replace(response, head=response.head.without("Set-Cookie"))

    async def _confirm(self, flight: Flight, exchange: Exchange, stale: Entry, answer: Head, asked: float) -> None:
        """Take a 304; one about something else, or that forbids to store, makes the stored response worthless."""
        head, now = freshened(stale.head, answer), self._clock()
        policy = self._policy(exchange, head, now)
        if policy is None or not confirms(answer, stale.head):
            self._store.discard(stale)
            await self._fetch_whole(flight, exchange, None)
            return
        entry = replace(
            stale,
            head=head,
            policy=policy,
            requested=asked,
            received=now,
            varying=varying_of(head.value("Vary"), exchange.plain),
            held_until=0,
        )
        self._store.update(entry)
        self._land(flight, Kept(entry, Result.REFRESH_HIT))

    def _substitute(self, exchange: Exchange, stale: Entry | None) -> Kept | None:
        """Let a stale response stand in for what the origin failed to send, and leave the origin alone for a while."""
        now = self._clock()
        if stale is None or not may_stand_in(stale.policy, stale.age(now)):
            return None
        held = replace(stale, held_until=now + exchange.behaviour.ttl.error)
        self._store.update(held)
        return Kept(held, Result.HIT)

    async def _take(
        self, flight: Flight, exchange: Exchange, stale: Entry | None, response: Response, asked: float
    ) -> None:
        if not flight.is_doomed and (entry := self._stored(exchange, response.head, asked)) is not None:
            self._land(flight, Kept(entry, Result.MISS))
            await self._pump(response, entry.body, entry)
            return
        if stale is not None and response.head.status not in SERVER_ERRORS:
            self._store.discard(stale)
        if not flight.is_doomed:
            self._uncacheable.add(exchange.key, self._clock())
        await self._let_through(flight, response)

    def _stored(self, exchange: Exchange, head: Head, asked: float) -> Entry | None:
        """Store a response whose body is to come, if that is allowed."""
        now = self._clock()
        policy = self._policy(exchange, head, now)
        if policy is None:
            return None
        varying = varying_of(head.value("Vary"), exchange.plain)
        body = Transfer(self._limit)
        entry = Entry(exchange.key, without_private_fields(head), body, policy, asked, now, varying)
        self._store.put(entry, exchange.plain)
        return entry

    def _policy(self, exchange: Exchange, head: Head, now: float) -> Policy | None:
        ttl = exchange.behaviour.ttl
        policy = policy_of(head, ttl, now)
        fits = (head.length or 0) <= self._limit
        return policy if fits and storable(head, policy, ttl, exchange.plain.headers) else None

    def _learn(self, exchange: Exchange, head: Head) -> None:
        """Note what a response that is let through says about stored ones."""
        if exchange.request.method not in _SAFE_METHODS:
            paths = changed_paths(exchange.request, exchange.behaviour.origin, head)
            self.invalidate(lambda url: url.partition("?")[0] in paths)
        elif exchange.request.method == "GET" and self._policy(exchange, head, self._clock()) is not None:
            self._uncacheable.remove(exchange.key)

    async def _let_through(self, flight: Flight, response: Response) -> None:
        body = Transfer(_PASSED_THROUGH)
        self._land(flight, Passing(response.head, body.read()))
        await self._pump(response, body, None)

    async def _pump(self, response: Response, body: Transfer, entry: Entry | None) -> None:
        """Write what comes; an entry whose body breaks off, or turns out to be too large, is not kept."""
        try:
            async for piece in response.body:
                self._figures.origin_bytes += len(piece)
                if entry is not None and body.size + len(piece) > self._limit:
                    self._store.discard(entry)
                    self._uncacheable.add(entry.key, self._clock())
                await body.write(piece)
            body.complete()
        except (OriginError, AbandonedError):
            pass  # `fail` tells the readers, if there are any
        finally:
            self._finish(body, entry)

    def _finish(self, body: Transfer, entry: Entry | None) -> None:
        body.fail()
        if entry is None or entry not in self._store:
            return
        if body.is_complete:
            self._store.weigh(entry)
        else:
            self._store.discard(entry)
