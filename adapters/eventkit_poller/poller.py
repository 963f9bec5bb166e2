"""The poller: its parts put together, and how they stop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from enum import Enum
from functools import partial
from typing import Any, NoReturn

from eventkit.app import App
from eventkit.backends import Backend, Raw
from eventkit.dispatch import Dispatcher, Wiring, open_dispatcher
from eventkit.errors import ConfigurationError
from eventkit.execution import Environment
from eventkit.middleware import Middleware
from eventkit.names import Names
from eventkit.outcomes import Outcome
from eventkit.stores import IdempotencyStore
from eventkit_poller.context import Context
from eventkit_poller.observing import Observation, Observe, QueueState, State
from eventkit_poller.plan import Plan, PolledQueue, ReadStream, plan_of
from eventkit_poller.receiver import Receiver
from eventkit_poller.settings import Settings, Timing
from eventkit_poller.slots import Account, Slots, asking
from eventkit_poller.streams.handling import StreamHandling
from eventkit_poller.streams.work import StreamAccess, StreamWork
from eventkit_poller.tasks import Tasks
from eventkit_poller.threads import Calling
from eventkit_poller.work import Summary, Work

__all__ = ["Poller"]

log: logging.Logger = logging.getLogger("eventkit.poller")


class _Phase(Enum):
    """What a poller does."""

    STARTING = "runs the lifespan's beginning"
    SERVING = "receives and handles; when it stops, drains and flushes"
    CLOSING = "runs the lifespan's end"


@dataclass(frozen=True, slots=True)
class _Line:
    """One queue's parts."""

    work: Work
    receiver: Receiver


class Poller:
    """One app, fed from a backend's queues and from streams, until it is stopped.

    Plain handlers run on threads, with the context variables of their delivery. What is raised by the backend and is
    no `BackendError` is a fault in a program: the poller stops in good order and raises it.
    """

    def __init__(  # noqa: PLR0913 - each is a choice of its own, made by its name
        self,
        app: App,
        backend: Backend,
        settings: Settings | None = None,
        *,
        names: Names | None = None,
        store: IdempotencyStore | None = None,
        streams: StreamAccess | None = None,
        middleware: Sequence[Middleware] = (),
        observe: Observe | None = None,
        timing: Timing | None = None,
    ) -> None:
        """`names` says what the app's resources are called, by default what the app calls them.

        `store` remembers what was done: an app with idempotent routes needs one. `streams` is how the changes of
        tables, and the records of streams, are read: an app that takes some needs it. `middleware` lies around every
        delivery, outside of the app's own. `observe` is called with each `Observation`, on the event loop; it must be
        quick. Raises `ConfigurationError` when there is nothing to poll, nothing that reads streams, or fewer slots
        than queues.
        """
        self._app = app
        self._backend = backend
        self._settings = settings or Settings()
        self._names = names or Names(app.name)
        self._store = store
        self._streams = streams
        self._middleware = tuple(middleware)
        self._observe = _ignore if observe is None else _guarded(observe)
        self._timing = timing or Timing()
        self.plan: Plan = _checked(plan_of(app, self._names), self._settings, app, streams)
        """What is polled."""
        self._lines: Mapping[str, _Line] = {}
        self._shares: Sequence[StreamWork] = ()
        self._receiving, self._handling, self._sending, self._reading = (Tasks(self._broken) for _ in range(4))
        self._phase = _Phase.STARTING
        self._stopping = asyncio.Event()
        self._session: asyncio.Task[None] | None = None
        self._error: BaseException | None = None

    @property
    def summary(self) -> Summary:
        """What became of the records so far."""
        queues = sum((line.work.summary for line in self._lines.values()), Summary())
        return sum((share.summary for share in self._shares), queues)

    @property
    def settings(self) -> Settings:
        """How it works."""
        return self._settings

    def is_handling(self, task: "asyncio.Task[Any]") -> bool:
        """Whether the task handles records."""
        return task in self._handling

    @property
    def state(self) -> State:
        """How it is doing."""
        queues = {
            address: QueueState(line.work.in_flight, line.work.oldest, line.receiver.failures)
            for address, line in self._lines.items()
        }
        queues |= {share.name: share.state for share in self._shares}
        return State(self._phase is _Phase.SERVING and not self._stopping.is_set(), queues)

    async def run(self) -> Summary:
        """Run the app's lifespan, and poll inside it until `stop`; a poller runs once.

        Being cancelled is being stopped: the cancellation passes on when everything is in order. Raises what the
        lifespan raises.
        """
        if self._session is not None:
            raise ConfigurationError("a poller runs once: make another")
        cancelled: asyncio.CancelledError | None = None
        self._session = asyncio.get_running_loop().create_task(self._run())
        while not self._session.done():
            try:
                await asyncio.wait((self._session,))
            except asyncio.CancelledError as error:
                cancelled = error
                self.stop()
        if not self._session.cancelled():
            self._session.result()
        if cancelled is not None:
            raise cancelled
        return self.summary

    def stop(self) -> None:
        """Stop in good order: nothing more is received, running handlers end, acknowledgements are sent.

        It takes at most `settings.stopping` seconds. Receives that are open are awaited, because AWS may have
        made records invisible for them already. Handlers that are not done after `drain` seconds are cancelled; a
        plain function on its thread goes on. What was not handled is made visible as soon as no receive is open that
        would take it again.

        Called again, it cancels the handlers at once, or a lifespan that does not end. Call it on the event loop.
        """
        again = self._stopping.is_set()
        self._stopping.set()
        if self._phase is _Phase.SERVING:
            if again:
                self._handling.cancel()
        elif self._session is not None and (again or self._phase is _Phase.STARTING):
            self._session.cancel()

    def _broken(self, error: BaseException) -> None:
        self._error = self._error or error
        log.error("poller.broken", extra={"error": type(error).__qualname__})
        if not self._stopping.is_set():
            self.stop()

    async def _run(self) -> None:
        threads = self._timing.threads()
        environment = Environment(threads, self._timing.random, self._middleware)
        wiring = Wiring(self._names, self._backend, self._store)
        try:
            async with open_dispatcher(self._app, environment, wiring) as dispatcher:
                self._phase = _Phase.SERVING
                await self._serve(dispatcher, _handle(dispatcher, threads))
                self._phase = _Phase.CLOSING
        finally:
            threads.close()
        if self._error is not None:
            raise self._error

    async def _serve(self, dispatcher: Dispatcher, handle: Callable[[Raw], Awaitable[Outcome]]) -> None:
        tasks = {"handling": self._handling, "sending": self._sending}
        context = Context(self._backend, self._settings, self._timing, self._observe, handle, **tasks)
        slots = Slots(self._settings.concurrency, self._timing.clock)
        self._lines = {queue.address: self._line(queue, context, slots) for queue in self.plan.queues}
        self._shares = [self._share(stream, context, dispatcher) for stream in self.plan.streams]
        streams = [stream.name for stream in self.plan.streams]
        facts = {"app": self._app.name, "queues": [queue.address for queue in self.plan.queues], "streams": streams}
        log.info("poller.started", extra=facts)
        try:
            for line in self._lines.values():
                line.receiver.start(self._receiving)
            for share in self._shares:
                share.start(self._reading)
            await self._stopping.wait()
        finally:
            log.info("poller.stopping", extra=facts)
            await self._shut_down()
            log.info("poller.stopped", extra={**facts, **asdict(self.summary)})

    def _line(self, queue: PolledQueue, context: Context, slots: Slots) -> _Line:
        share = self._settings.share(resource.name for resource in queue.resources)
        account = Account(share, queue.concurrency or self._settings.concurrency)
        work = Work(queue.address, context, partial(slots.give, 1, account))
        ask = partial(asking, self._settings, alone=len(self.plan.queues) == 1)
        return _Line(work, Receiver(work, context, slots, account, ask))

    def _share(self, stream: ReadStream, context: Context, dispatcher: Dispatcher) -> StreamWork:
        access = self._streams or _no_access(self._app, self.plan)
        handling = StreamHandling(stream, dispatcher, self._names, self._backend, self._timing.now)
        return StreamWork(stream, access, context, handling, self._names.app)

    async def _shut_down(self) -> None:
        settings, clock = self._settings, self._timing.clock
        end = clock() + settings.stopping
        for line in self._lines.values():
            line.receiver.stop()
            line.work.stop()
        for share in self._shares:
            share.stop()
        if not await self._handling.ended(settings.drain):
            self._handling.cancel()
            if not await self._handling.ended(settings.flush / 2):
                log.error("handlers.stuck", extra={"app": self._app.name})
        if not await self._receiving.ended(end - settings.flush / 2 - clock()):
            log.error("receive.abandoned", extra={"app": self._app.name})
            self._receiving.cancel()
        if not await self._reading.ended(end - settings.flush / 2 - clock()):
            log.error("shards.abandoned", extra={"app": self._app.name})
            self._reading.cancel()
        for line in self._lines.values():
            line.work.release()
        if not await self._sending.ended(min(settings.flush, end - clock())):
            self._sending.cancel()
            await self._sending.ended(0)
        for line in self._lines.values():
            line.work.close()


def _handle(dispatcher: Dispatcher, threads: Calling) -> Callable[[Raw], Awaitable[Outcome]]:
    """How a record is handled: where no handler needs the event loop, all of it on a thread."""
    if not dispatcher.inline:
        return dispatcher.handle
    return lambda record: threads.call(partial(dispatcher.handle_inline, record), None)


def _no_access(app: App, plan: Plan) -> NoReturn:
    what = ", ".join(str(stream.resource) for stream in plan.streams)
    raise ConfigurationError(f"nothing reads {what} for the app {app.name!r}: give the poller streams=StreamAccess(…)")


def _checked(plan: Plan, settings: Settings, app: App, access: StreamAccess | None) -> Plan:
    if not plan.queues and not plan.streams:
        raise ConfigurationError(f"there is nothing to poll for the app {app.name!r}: it has no routes")
    if plan.streams and access is None:
        _no_access(app, plan)
    if settings.concurrency < len(plan.queues):
        raise ConfigurationError(
            f"concurrency={settings.concurrency}: it must be at least {len(plan.queues)}, one for each queue, because "
            "a queue that waits for records keeps one slot"
        )
    known = sorted({resource.name for queue in plan.queues for resource in queue.resources})
    for name in (*settings.weights, *settings.priorities):
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it polls for {', '.join(known)}"
            raise ConfigurationError(f"a weight or priority is given to {name!r}, which is not polled; {hint}")
    return plan


def _ignore(_: Observation) -> None:
    """Observe nothing."""


def _guarded(observe: Observe) -> Observe:
    """The observer, which cannot change what happens."""

    def observed(seen: Observation) -> None:
        try:
            observe(seen)
        except Exception as error:  # noqa: BLE001 - who looks on must not do harm
            log.error("observer.failed", extra={"error": type(error).__qualname__})  # noqa: TRY400 - a trace may hold a payload

    return observed
