"""What the edge does with a request: it answers from the store, waits for another's answer, asks, or lets through."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus

from eventkit_local.edge.access import Figures
from eventkit_local.edge.answers import Answer, Result, as_error, from_entry, passed_through, said
from eventkit_local.edge.distribution import READ_METHODS, Distribution, Exchange
from eventkit_local.edge.flights import Clock, Failed, Flights, Kept, Landing, Limits, Passing
from eventkit_local.edge.freshness import Use, may_stand_in, use_of
from eventkit_local.edge.invalidation import path_matches
from eventkit_local.edge.messages import Request, headers_of
from eventkit_local.edge.origin import Fetch
from eventkit_local.edge.store import Entry, Store

__all__ = ["Cache"]

_ROUNDS = 2  # how often a request waits for another's answer before it asks by itself


class Cache:
    """Answers requests.

    Args:
        distribution: What it is configured with.
        fetch: The way to the origins.
        limits: How much it may keep.
        clock: Decides about every age.
    """

    def __init__(self, distribution: Distribution, fetch: Fetch, limits: Limits, clock: Clock) -> None:
        self._distribution = distribution
        self._clock = clock
        self._figures = Figures()
        self._store = Store(limits.memory)
        self._flights = Flights(fetch, self._store, limits.response, clock, self._figures)

    @property
    def figures(self) -> Figures:
        """What has been done so far; the object is always the same."""
        self._figures.stored_responses = len(self._store)
        self._figures.stored_bytes = self._store.weight
        self._figures.evicted_responses = self._store.evicted
        return self._figures

    async def answer(self, request: Request) -> Answer:
        """Answer a request; what goes wrong at the origin is an answer too."""
        exchange = self._distribution.exchange(request)
        answer = await self._with_error_page(exchange, await self._answer(exchange))
        return replace(answer, head=answer.head.with_headers(exchange.behaviour.response_headers))

    async def _answer(self, exchange: Exchange) -> Answer:
        if (refusal := _refusal(exchange)) is not None:
            return refusal
        if _goes_through(exchange):
            return await self._pass(exchange)
        return await self._look_up(exchange)

    async def _with_error_page(self, exchange: Exchange, answer: Answer) -> Answer:
        """The answer, or where it is an error that has a page, this; a page that cannot be had changes nothing."""
        shown = exchange.behaviour.error_pages.get(answer.head.status)
        if shown is None or exchange.request.method not in READ_METHODS:
            return answer
        wanted = replace(exchange.request, target=shown.path, headers=headers_of({}), body=None)
        try:
            page = await self._answer(self._distribution.exchange(wanted))
        except asyncio.CancelledError:
            answer.close()
            raise
        rest = answer if page.head.status == HTTPStatus.OK else page
        rest.close()
        return answer if rest is page else as_error(page, shown.status)

    async def purge(self, paths: Sequence[str]) -> None:
        """Drop what is stored under the URLs that some of these invalidation paths are about."""
        dropped = self._flights.invalidate(lambda url: any(path_matches(path, url) for path in paths))
        self._figures.invalidated_responses += dropped

    async def close(self) -> None:
        """End what is under way."""
        await self._flights.close()

    async def _look_up(self, exchange: Exchange) -> Answer:
        for _ in range(_ROUNDS):
            entry = self._store.find(exchange.key, exchange.plain)
            if entry is not None and (answer := self._from_store(exchange, entry)) is not None:
                return answer
            if self._flights.is_uncacheable(exchange.key) or (entry is None and exchange.request.method == "HEAD"):
                return await self._pass(exchange)
            if entry is not None and entry.policy.lifetime <= 0:  # to be validated for each
                return await self._ask(exchange, entry, shared=False)
            flight = self._flights.shared(exchange)
            if flight is None:
                return await self._ask(exchange, entry, shared=True)
            if (answer := self._from_another(exchange, await flight.landed())) is not None:
                return answer
        return await self._ask(exchange, self._store.find(exchange.key, exchange.plain), shared=False)

    def _from_store(self, exchange: Exchange, entry: Entry) -> Answer | None:
        """Use an entry without asking the origin first; None if that is not allowed."""
        now = self._clock()
        age = entry.age(now)
        use = use_of(entry.policy, age)
        if use is Use.FRESH or (now < entry.held_until and may_stand_in(entry.policy, age)):
            return self._answered(exchange, entry, Result.HIT)
        if use is Use.NOT_BEFORE_VALIDATION:
            return None
        if self._flights.shared(exchange) is None:
            self._flights.ask(exchange, entry, shared=True).is_abandoned = True
        return self._answered(exchange, entry, Result.HIT)

    def _from_another(self, exchange: Exchange, landing: Landing) -> Answer | None:
        """Use what another has asked for; None if it is not for this request."""
        match landing:
            case Kept(entry) if entry.suits(exchange.plain):
                return self._from_store(exchange, entry)
            case Failed(error):
                return said(exchange.request, error.status, str(error))
            case _:
                return None

    async def _ask(self, exchange: Exchange, stale: Entry | None, *, shared: bool) -> Answer:
        landing = await self._flights.ask(exchange, stale, shared=shared).landed_for_who_asked()
        if isinstance(landing, Passing) and "Range" in exchange.request.headers:
            landing.reader.close()  # it has the whole, and the origin can send the part
            return await self._pass(exchange)
        return await self._settled(exchange, landing)

    async def _pass(self, exchange: Exchange) -> Answer:
        return await self._settled(exchange, await self._flights.carry(exchange).landed_for_who_asked())

    async def _settled(self, exchange: Exchange, landing: Landing) -> Answer:
        match landing:
            case Kept(entry, result):
                return self._answered(exchange, entry, result) or await self._pass(exchange)
            case Passing(head, reader):
                return passed_through(exchange.request, head, reader)
            case Failed(error):
                return said(exchange.request, error.status, str(error))

    def _answered(self, exchange: Exchange, entry: Entry, result: Result) -> Answer | None:
        """Answer with an entry, unless its body has meanwhile grown too large to be read from its beginning."""
        return from_entry(exchange.request, entry, result, self._clock()) if entry.body.is_kept else None


def _refusal(exchange: Exchange) -> Answer | None:
    """Refuse what no origin is asked for; that a read has no body is a rule of CloudFront."""
    request, behaviour = exchange.request, exchange.behaviour
    if not request.target.startswith("/"):
        return said(request, HTTPStatus.BAD_REQUEST, "the target of a request must be a path")
    if request.method not in behaviour.methods:
        reason = f"the behaviour for {behaviour.path_pattern} does not let {request.method} through: see its `methods`"
        return said(request, HTTPStatus.FORBIDDEN, reason)
    if request.method in READ_METHODS and request.body is not None:
        return said(request, HTTPStatus.FORBIDDEN, f"{request.method} has no body")
    return None


def _goes_through(exchange: Exchange) -> bool:
    """Whether the store has no part in it; the preconditions of a change are for the origin to judge."""
    request = exchange.request
    conditions = {"If-Match", "If-Unmodified-Since"}
    is_disabled = exchange.behaviour.ttl.maximum <= 0
    return request.method not in READ_METHODS or is_disabled or any(name in request.headers for name in conditions)
