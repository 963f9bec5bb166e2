"""Event loops whose time passes at once: they go to the next timer whenever there is nothing else to do."""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from math import inf, ulp
from typing import TYPE_CHECKING, Protocol, TypeVar, TypeVarTuple, Unpack

__all__ = ["TimelessLoop", "VirtualLoop"]

STUCK = 60.0
"""Real seconds after which a loop that only another thread could wake is taken for a deadlock."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

if TYPE_CHECKING:
    Events = list[tuple[selectors.SelectorKey, int]]


class PassTime(Protocol):
    """Lets time pass."""

    def __call__(self, seconds: float) -> bool:
        """Pass at most so many seconds, infinity where there is no timer; False where only a thread can go on."""
        ...


class _Selector(selectors.DefaultSelector):
    def __init__(self, pass_time: PassTime, busy: Callable[[], bool]) -> None:
        super().__init__()
        self._pass_time = pass_time
        self._busy = busy

    def select(self, timeout: float | None = None) -> "Events":
        if timeout is not None and timeout <= 0:
            return super().select(0)
        if not self._busy():
            events = super().select(0)
            if events or self._pass_time(inf if timeout is None else timeout):
                return events
        events = super().select(STUCK)
        if not events:
            raise RuntimeError("nothing can happen any more: whatever runs waits for something that nobody does")
        return events


class TimelessLoop(asyncio.SelectorEventLoop):
    """A loop on somebody else's clock, which stands still while functions run in executors (`asyncio.to_thread`)."""

    def __init__(self, clock: Callable[[], float], pass_time: PassTime, busy: Callable[[], bool]) -> None:
        """`clock` gives seconds; `busy` says whether other threads work for the loop."""
        self._clock = clock
        self._in_executors = 0
        super().__init__(_Selector(pass_time, lambda: self._in_executors > 0 or busy()))

    def time(self) -> float:
        return self._clock()

    @property
    def _clock_resolution(self) -> float:
        """By how much a timer may run early: were it a nanosecond, who waits for the rest of it would wait for ever."""
        return ulp(self._clock())

    @_clock_resolution.setter
    def _clock_resolution(self, seconds: float) -> None:
        """Set by asyncio, to what its own clock has."""

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> "asyncio.Future[T]":
        future = super().run_in_executor(executor, func, *args)
        self._in_executors += 1
        future.add_done_callback(self._returned)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - asyncio's
        """Wait for the threads; a `timeout` would pass at once, since they end in real time."""
        await super().shutdown_default_executor()

    def _returned(self, _: "asyncio.Future[T]") -> None:
        self._in_executors -= 1


class VirtualLoop(TimelessLoop):
    """A loop with a clock of its own, which begins at 0."""

    def __init__(self, busy: Callable[[], bool] = lambda: False) -> None:
        """`busy` says whether threads work for the loop: time stands still until they answer."""
        self._now = 0.0
        self._end: float | None = None
        super().__init__(lambda: self._now, self._pass_time, busy)

    def block(self, seconds: float) -> None:
        """Let time pass as it does while a handler keeps the loop for itself."""
        self._now += seconds

    def run_for(self, seconds: float) -> None:
        """Run until nothing can happen before so many seconds have passed, and they have."""
        self._end = self._now + seconds
        try:
            self.run_forever()
        finally:
            self._end = None

    def _pass_time(self, seconds: float) -> bool:
        if self._end is None:
            self._now += 0 if seconds == inf else seconds
            return seconds < inf
        if self._now + seconds > self._end:
            self._now = max(self._now, self._end)
            self.stop()
        else:
            self._now += seconds
        return True
