"""Several worker processes that are one service: started, watched, replaced and stopped together. POSIX alone.

Each worker is a fresh interpreter that calls `run_worker`. One that dies is replaced after a delay, one whose event
loop stands still is killed and replaced; what they were handling comes again when its visibility ends.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from eventkit_poller.children import Child, Start, start_child
from eventkit_poller.health import Health
from eventkit_poller.reports import Report
from eventkit_poller.restarts import GiveUp, Life, Restart, after_death
from eventkit_poller.settings import Timing
from eventkit_poller.stopping import stopped_by_signals
from eventkit_poller.tasks import Tasks
from eventkit_poller.work import Summary

__all__ = ["Ended", "Start", "Supervisor"]

log: logging.Logger = logging.getLogger("eventkit.poller")


@dataclass(frozen=True, slots=True)
class Ended:
    """How it all ended.

    Attributes:
        code: The exit code: 0, or the first that a worker ended with in vain or after a stop.
        app: The app's name, if a worker came to say it.
        summary: What became of the records of all workers, as far as they came to report it.
    """

    code: int
    app: str | None
    summary: Summary


class Supervisor:
    """Keeps so many workers running until it is stopped."""

    def __init__(
        self,
        start: Start,
        workers: int,
        *,
        timing: Timing | None = None,
        gone: Callable[[int], None] | None = None,
    ) -> None:
        """`gone` is called with the process id of each worker that has ended."""
        self._start = start
        self._numbers = range(1, workers + 1)
        self._timing = timing or Timing()
        self._gone = gone or _ignore
        self._children: dict[int, Child] = {}
        self._stopping = asyncio.Event()
        self._proven = asyncio.Event()
        self._turn = asyncio.Event()
        self._reloads = False
        self._code = 0
        self._app: str | None = None
        self._summary = Summary()
        self._error: BaseException | None = None

    @property
    def health(self) -> Health:
        """The health of all workers: alive and ready where each of them is.

        One that starts is not ready. One that hangs is replaced, so the rest need not be started anew for it.
        """
        each = {str(number): _health(self._children.get(number)) for number in self._numbers}
        facts = {name: {"alive": one.alive, "ready": one.ready, **one.facts} for name, one in each.items()}
        return Health(
            all(one.alive for one in each.values()), all(one.ready for one in each.values()), {"workers": facts}
        )

    @property
    def in_flight(self) -> int:
        """Records that no worker has settled, as they reported last."""
        return sum(child.report.in_flight for child in self._children.values() if child.report is not None)

    async def run(self, changes: Sequence[AsyncIterable[object]] | None = None) -> Ended:
        """Keep the workers running until SIGTERM, SIGINT or `stop`, or until there is no use in it.

        Whatever any of `changes` yields stops the workers in good order, and starts others. Where they are given, a
        worker that ends by itself is replaced at the next change, since its app's module is at fault.
        """
        self._reloads = changes is not None
        keeping, watching = Tasks(self._broken), Tasks(self._broken)
        with stopped_by_signals(self.stop):
            try:
                keepers = [keeping.start(self._keep(number)) for number in self._numbers]
                for each in changes or ():
                    watching.start(self._watch(each))
                await asyncio.wait(keepers)
            finally:
                watching.cancel()
                keeping.cancel()
                for child in self._children.values():
                    child.kill()
        if self._error is not None:
            raise self._error
        return Ended(self._code, self._app, self._summary)

    def stop(self) -> None:
        """Stop all workers in good order; the second time cancel their handlers, the third time kill them."""
        self._stopping.set()
        for child in self._children.values():
            child.stop()
        self._proven.set()
        self._wake()

    async def _keep(self, number: int) -> None:
        """Keep one worker running."""
        if number > 1:  # what is wrong with the app is said once, by the first worker
            await self._proven.wait()
        failures = 0
        while not self._stopping.is_set():
            turn = self._turn
            child = await self._begin(number, failures)
            life = await self._live(number, child)
            if self._stopping.is_set():
                self._code = self._code or _last_code(life.code, child)
            else:
                failures = await self._mourn(child, life, failures, turn)

    async def _begin(self, number: int, failures: int) -> Child:
        child = await start_child(self._start, number, self._hear)
        if failures:
            log.warning("worker.restarted", extra={**child.facts, "failures": failures})
        else:
            log.info("worker.started", extra=child.facts)
        self._children[number] = child
        if self._stopping.is_set():
            child.stop()
        return child

    def _hear(self, report: Report) -> None:
        self._app = report.app
        self._proven.set()

    async def _live(self, number: int, child: Child) -> Life:
        """A worker's life, from its start to its end."""
        began = self._timing.clock()
        try:
            code = await child.ended()
        finally:
            del self._children[number]
            self._gone(child.pid)
        life = Life(code, self._timing.clock() - began, child.polled)
        facts = {**child.facts, "code": code, "seconds": round(life.seconds, 3)}
        if child.is_stopping and code == 0:
            log.info("worker.exited", extra=facts)
        else:
            log.warning("worker.exited", extra=facts)
        if child.report is not None:
            self._summary += child.report.summary
        return life

    async def _mourn(self, child: Child, life: Life, failures: int, turn: asyncio.Event) -> int:
        """Wait for as long as there shall be no other; return how many have died quickly, or give up."""
        if self._reloads:  # the turn may have come while it lived, and ended it
            await turn.wait()
            return 0
        match after_death(life, failures, self._timing.random):
            case Restart(after, in_a_row):
                with suppress(TimeoutError):
                    async with asyncio.timeout(after):
                        await turn.wait()
                return in_a_row
            case GiveUp(code):
                log.error("worker.given_up", extra={**child.facts, "code": life.code})
                self._code = self._code or code
                self.stop()
                return failures

    async def _watch(self, changes: AsyncIterable[object]) -> None:
        async for _ in changes:
            log.info("workers.reloading")
            for child in self._children.values():
                if not child.is_stopping:
                    child.stop()
            self._wake()

    def _wake(self) -> None:
        """End every wait between two workers."""
        self._turn.set()
        self._turn = asyncio.Event()

    def _broken(self, error: BaseException) -> None:
        self._error = self._error or error
        if not self._stopping.is_set():
            self.stop()


def _health(child: Child | None) -> Health:
    if child is None or child.report is None:
        return Health(alive=True, ready=False)
    told = child.report.health
    return Health(told.alive and not child.is_hung, told.ready, {"pid": child.pid, **told.facts})


def _last_code(code: int, child: Child) -> int:
    """What a worker's end after a stop means for the whole."""
    if code == -signal.SIGTERM and child.report is None:
        return 0
    return code if code >= 0 else 1


def _ignore(_: int) -> None:
    """Do nothing about it."""
