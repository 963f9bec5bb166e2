"""Deliveries that run once: the key is claimed, the handler runs, and that it is done is written down.

asyncio is imported where it is used, as everywhere in the core.
"""

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from eventkit.app import Route
from eventkit.delivery import Deadline, Delivery
from eventkit.errors import BackendError
from eventkit.idempotency import Idempotent, Identify, Identity, by_key, by_record
from eventkit.middleware import CallNext
from eventkit.outcomes import DONE, MAX_VISIBILITY, Deferred, Done, Outcome, Reject, Retry
from eventkit.stores import Claiming, Finished, IdempotencyStore, InProgress
from eventkit.values import Value

if TYPE_CHECKING:
    from asyncio import Timeout

__all__ = ["Chance", "Guard", "LeaseLost", "guards_of"]

log: logging.Logger = logging.getLogger("eventkit")

AFTER_DEADLINE = 5.0
"""Seconds by which a lease outlives the deadline at which the handler is cut off."""

JITTER = 2.0
"""Seconds over which deferred deliveries spread."""

PAUSES = (0.1, 0.4)
"""Seconds between attempts to write down what was done."""

PARTS: Idempotent[object] = Idempotent(key=id)
"""The times for the parts of a record; what identifies those is not a key function's business."""


class LeaseLost(Exception):  # noqa: N818 - says what happened
    """The lease on the key ran out before the handler was done, and another attempt may have it by now."""


class Hold(Value):
    """An attempt's claim on a key: its token, and for how many seconds it holds."""

    identity: Identity
    owner: str
    lease: float


def _new_token() -> str:
    """128 random bits."""
    return os.urandom(16).hex()


class Chance(Value):
    """What an attempt draws: `random` evenly from 0 to 1, `token` what no other attempt ever has."""

    random: Callable[[], float]
    token: Callable[[], str] = _new_token


class Guard:
    """A middleware that lets one delivery of a key run at a time, and none any more once one of them is done.

    Where a deadline cuts the handler off, the lease reaches beyond it; elsewhere the lease is renewed while the
    handler runs, which is cancelled when that fails.
    """

    def __init__(self, store: IdempotencyStore, route: Route, identify: Identify, chance: Chance) -> None:
        self._store = store
        self._identify = identify
        self._chance = chance
        self._times = route.options.idempotent or PARTS
        self._plain = not route.signature.is_async
        self._handler = route.name

    async def __call__(self, delivery: Delivery, call_next: CallNext) -> Outcome:
        """The delivery's outcome; `BackendError` where the store does not answer, so that nothing runs unguarded."""
        identity = self._identify(delivery)
        hold = Hold(identity, self._chance.token(), self._lease(delivery.deadline))
        claiming = Claiming(hold.owner, identity.fingerprint, hold.lease)
        found = await self._store.claim(identity.key, claiming)
        if isinstance(found, InProgress | Finished):
            return self._repeated(found, delivery, identity)
        try:
            outcome = await self._held(hold, delivery, call_next)
        except GeneratorExit:  # nobody waits any more, and nothing can be awaited
            raise
        except BaseException as error:
            await self._give_up(hold, error)
            raise
        if isinstance(outcome, Done):
            return await self._completed(hold)
        await self._give_up(hold, outcome.error if isinstance(outcome, Retry) else None)
        return outcome

    def _lease(self, deadline: Deadline | None) -> float:
        return self._times.in_progress if deadline is None else deadline.remaining() + AFTER_DEADLINE

    def _repeated(self, found: InProgress | Finished, delivery: Delivery, identity: Identity) -> Outcome:
        if found.fingerprint != identity.fingerprint:
            return Reject("the same idempotency key came with another payload before")
        if isinstance(found, Finished):
            log.info("delivery.duplicate", extra={"handler": self._handler, "id": delivery.id})
            return DONE
        after = found.remaining + JITTER * self._chance.random()
        return Retry(min(after, MAX_VISIBILITY), error=Deferred())

    async def _held(self, hold: Hold, delivery: Delivery, call_next: CallNext) -> Outcome:
        if delivery.deadline is not None:
            return await call_next(delivery)
        from asyncio import create_task, timeout

        limit = timeout(None)
        try:
            async with limit:
                renewing = create_task(self._renew(hold, limit))
                try:
                    return await call_next(delivery)
                finally:
                    renewing.cancel()
        except TimeoutError:
            if not limit.expired():
                raise
            return self._lost(hold)

    async def _renew(self, hold: Hold, limit: "Timeout") -> None:
        """Renew the lease each third of it. When it is lost, or nobody knows whether it is, end the limit."""
        from asyncio import get_running_loop, sleep

        clock = get_running_loop().time
        end = clock() + hold.lease
        while clock() < end:
            await sleep(hold.lease / 3)
            began = clock()
            held = await self._renewed(hold, end)
            if held is False:
                break
            end = began + hold.lease if held else end
        limit.reschedule(clock())

    async def _renewed(self, hold: Hold, end: float) -> bool | None:
        """Whether the lease was renewed; None where the store has not answered by its end."""
        from asyncio import timeout_at

        try:
            async with timeout_at(end):
                return await self._store.renew(hold.identity.key, hold.owner, hold.lease)
        except Exception as error:  # noqa: BLE001 - whatever the store raises, the lease is not renewed
            log.warning("lease.not_renewed", extra={"handler": self._handler, "error": type(error).__name__})
            return None

    def _lost(self, hold: Hold) -> Retry:
        log.warning("lease.lost", extra={"handler": self._handler, "key": hold.identity.key})
        return Retry(error=LeaseLost())

    async def _completed(self, hold: Hold) -> Outcome:
        """Write down that it is done. Where that cannot be, it is done all the same: a retry would surely repeat it."""
        from asyncio import sleep

        for pause in (*PAUSES, None):
            try:
                kept = await self._store.complete(hold.identity.key, hold.owner, self._times.ttl)
                return DONE if kept else self._lost(hold)
            except BackendError as error:
                if pause is None:
                    log.error("delivery.not_remembered", extra={"handler": self._handler, "error": str(error)})  # noqa: TRY400 - the cause may hold a payload
                else:
                    await sleep(pause)
        return DONE

    async def _give_up(self, hold: Hold, error: BaseException | None) -> None:
        """Free the key, unless the handler may still be at work: a plain function's thread cannot be cut off."""
        from asyncio import CancelledError

        if isinstance(error, LeaseLost) or (self._plain and isinstance(error, TimeoutError | CancelledError)):
            return
        try:
            await self._store.release(hold.identity.key, hold.owner)
        except BackendError as failure:  # the lease runs out
            log.warning("lease.not_released", extra={"handler": self._handler, "error": str(failure)})


def guards_of(app: str, route: Route, store: IdempotencyStore, chance: Chance) -> tuple[Guard | None, Guard]:
    """The guards of a route's deliveries: of those that are all of their record, and of those that are one of several.

    An idempotent route has its key in both; parts of a record are known by that where there is no key.
    """
    idempotent = route.options.idempotent
    if idempotent is not None:
        guard = Guard(store, route, by_key(app, route.name, idempotent), chance)
        return guard, guard
    return None, Guard(store, route, by_record(app, route.name), chance)
