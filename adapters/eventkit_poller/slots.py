"""The capacity of a process: a slot for each record that was received and is not settled.

- Slots are taken **before** a receive, and the receive asks for no more records than there are slots for; those that
  it did not fill are given back. So no record is ever held, its visibility running out, that no handler can take.
- Slots go to the queue of the highest priority that wants some; among equals to the one that has used the least, for
  its weight. What counts is slots times seconds, so a queue of slow handlers gets no more of the process than another.
- Where several queues are polled, a receive that **waits** holds one slot, and one that holds more does not wait. So
  a queue without messages costs the others one slot and no time. After each answer that brought records the receiver
  asks again for a batch, without waiting; an empty answer takes it back to waiting. A process that polls one queue
  waits with all its slots, because there is nobody to take them from.
- Under load slots become free one by one; asking for one record each time would cost ten requests where one
  suffices. So whose turn it is waits until half a batch is free, but never longer than 20 ms.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from eventkit_poller.settings import Settings, Share

__all__ = ["Account", "Ask", "Slots", "asking"]

GATHER = 0.02
"""Seconds for which a receiver waits for half a batch of slots: little beside a handler that makes it wait."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a receive asks for: at most `most` records, waiting `wait` seconds for the first."""

    most: int
    wait: float


def asking(settings: Settings, *, alone: bool, eager: bool) -> Ask:
    """What the next receive of a queue asks for.

    `alone` says that no other queue is polled, `eager` that the queue's last answer brought records.
    """
    if alone:
        return Ask(settings.batch, settings.wait)
    return Ask(settings.batch, 0) if eager else Ask(1, settings.wait)


@dataclass(slots=True, eq=False)
class Account:
    """What a queue may use, and has used: `held` slots now, `used` slot-seconds for its weight until `since`."""

    share: Share
    most: int
    """How many slots the queue may hold."""
    held: int = 0
    used: float = 0.0
    since: float = 0.0

    def settle(self, now: float) -> None:
        """Charge what was held until now."""
        self.used += self.held * (now - self.since) / self.share.weight
        self.since = now

    @property
    def room(self) -> int:
        """How many more slots the queue may take."""
        return self.most - self.held


@dataclass(slots=True, eq=False)
class _Request:
    account: Account
    most: int
    granted: "asyncio.Future[int]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Slots:
    """So many slots, which queues take and give back."""

    def __init__(self, size: int, clock: Callable[[], float]) -> None:
        """`size` is at least 1; `clock` gives seconds."""
        self.free: int = size
        self._clock = clock
        self._requests: list[_Request] = []
        self._floor = 0.0
        self._gathering: asyncio.TimerHandle | None = None
        self._granting = False

    async def take(self, most: int, account: Account) -> int:
        """Between 1 and `most` slots, as soon as it is one's turn and there are some. Cancelling it takes none."""
        account.settle(self._clock())
        account.used = max(account.used, self._floor)  # who wanted nothing for a while has saved nothing up
        request = _Request(account, min(most, account.most))
        self._requests.append(request)
        self._grant()
        try:
            return await request.granted
        except asyncio.CancelledError:
            if request in self._requests:
                self._requests.remove(request)
            else:
                self.give(request.granted.result(), account)
            raise

    def give(self, count: int, account: Account) -> None:
        """Give slots back."""
        account.settle(self._clock())
        account.held -= count
        self.free += count
        if self._requests and not self._granting:  # once for all that become free in this round of the loop
            self._granting = True
            asyncio.get_running_loop().call_soon(self._grant)

    def _grant(self, *, patient: bool = True) -> None:
        """Serve requests in turn while there are slots; `patient` waits for enough of them, for a moment."""
        self._granting = False
        while self.free and (request := self._next()) is not None:
            free = min(self.free, request.account.room)
            if patient and free * 2 < request.most:
                self._gather()
                return
            self._serve(request, min(request.most, free))
            patient = True
        self._end_gathering()

    def _next(self) -> _Request | None:
        now = self._clock()
        able = [one for one in self._requests if one.account.room > 0 and not one.granted.cancelled()]
        for request in able:
            request.account.settle(now)
        return min(able, key=lambda one: (-one.account.share.priority, one.account.used), default=None)

    def _serve(self, request: _Request, count: int) -> None:
        self._end_gathering()
        self._requests.remove(request)
        self._floor = max(self._floor, request.account.used)
        request.account.held += count
        self.free -= count
        request.granted.set_result(count)

    def _gather(self) -> None:
        if self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(GATHER, self._gathered)

    def _gathered(self) -> None:
        self._gathering = None
        self._grant(patient=False)

    def _end_gathering(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
