"""The function that Lambda calls."""

import logging
import os
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Protocol

from eventkit import App, Names
from eventkit._json import is_object
from eventkit.backends import Raw
from eventkit.batch import handle_batch_inline, later
from eventkit.decode import Ordering, ordering_of, record_id, records_of
from eventkit.delivery import Deadline
from eventkit.dispatch import Dispatcher, Wiring, open_dispatcher, opening_waits
from eventkit.errors import EventkitError
from eventkit.events._base import text_or_none
from eventkit.execution import Environment
from eventkit.outcomes import DONE, Interrupted, Outcome, Reject, Retry
from eventkit.stores import STORE, IdempotencyStore, open_store
from eventkit_lambda._host import Host
from eventkit_lambda._loop import KeptLoop, run_at_once
from eventkit_lambda._queues import LazyBackend, Queues
from eventkit_lambda._response import Response, all_done, respond

__all__ = ["LambdaContext", "LambdaHandler"]

log: logging.Logger = logging.getLogger("eventkit")

MARGIN = 0.5
"""Seconds before Lambda's timeout at which handlers are cut off, so that the response still gets out."""

AWS = "sqs+boto3://"
"""The backend that Lambda's own runtime can serve: boto3 is there, aioboto3 is not."""


class LambdaContext(Protocol):
    """The part of Lambda's context object that is used ("Using the Lambda context object to retrieve information")."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds before Lambda ends the invocation."""
        ...


class LambdaHandler:
    """An app as a Lambda function: put `handler = LambdaHandler(app)` into a module and name it in the settings.

    The app's lifespan begins when the object is made, at cold start, and ends on SIGTERM. For SQS and for streams,
    switch on `ReportBatchItemFailures` in the event source mapping: each failed record is reported by itself.
    """

    def __init__(
        self,
        app: App,
        *,
        names: Names | None = None,
        backend: Queues | str = AWS,
        store: IdempotencyStore | str | None = None,
        margin: float = MARGIN,
        host: Host | None = None,
    ) -> None:
        """Open the app.

        `names` come from the environment unless given. `backend` delays retries, keeps rejected messages and sends
        what handlers publish: an object, or the URL of one that is opened when first needed. `store` remembers what
        was done, which idempotent routes need: an object or a URL such as `dynamodb+boto3://TABLE`, by default what
        the environment says in `EVENTKIT_STORE`. `margin` is in seconds. `host` is what the function runs on, in
        tests that have a clock of their own. Raises what the lifespan raises, so that Lambda reports an
        initialisation error.
        """
        self._margin = margin
        self._stack = AsyncExitStack()
        self._host = host or Host()
        self._alarm = self._host.alarm()
        self._loop = KeptLoop(self._host.loop)
        self._busy = self._terminated = self._closed = False
        self._queues = LazyBackend(backend, self._stack) if isinstance(backend, str) else backend
        self._names = names or Names.from_environ(app.name, os.environ)
        chosen = (os.environ.get(STORE) or None) if store is None else store
        waits = isinstance(chosen, str) or opening_waits(app, Wiring(self._names, self._queues))
        opening = self._opened(app, chosen)
        try:
            self._dispatcher = self._loop.run(opening) if waits else run_at_once(opening)
        except BaseException:
            self._loop.close()
            raise
        if self._alarm.works:
            signal.signal(signal.SIGTERM, self._terminate)

    def __call__(self, event: object, context: LambdaContext | None = None) -> Response:
        """Handle one invocation, and say what Lambda is to deliver again.

        Raises `DecodeError` for an event of a kind that eventkit does not know, and `InvocationFailed` where Lambda
        takes no partial response; either makes Lambda retry the invocation or keep it for its on-failure
        destination.
        """
        records = records_of(event)
        ordering = ordering_of(records)
        end = None if context is None else self._host.clock() + context.get_remaining_time_in_millis() / 1000
        self._busy = True
        try:
            outcomes = self._outcomes(records, ordering, end)
            if not all_done(outcomes):
                self._settle(records, outcomes, end)
        finally:
            self._busy = False
            if self._terminated:
                self.close()
        return respond(records, outcomes)

    def close(self) -> None:
        """End the app's lifespan and close what was opened."""
        if self._closed:
            return
        self._closed = True
        closing = self._stack.aclose()
        try:
            self._loop.run(closing) if self._loop.exists else run_at_once(closing)
        finally:
            self._loop.close()

    async def _opened(self, app: App, store: IdempotencyStore | str | None) -> Dispatcher:
        if isinstance(store, str):
            store = await self._stack.enter_async_context(open_store(store))
        wiring = Wiring(self._names, self._queues, store)
        environment = Environment(self._alarm, self._host.random)
        return await self._stack.enter_async_context(open_dispatcher(app, environment, wiring))

    def _outcomes(self, records: Sequence[Raw], ordering: Ordering, end: float | None) -> list[Outcome]:
        if end is None:
            return self._handled(records, ordering, None)
        deadline = Deadline(end - self._margin, self._host.clock)
        grace = 0 if self._dispatcher.inline else self._margin / 2  # the loop cancels first, if it can
        try:
            self._alarm.arm(end - self._margin + grace - self._host.clock())
            try:
                return self._handled(records, ordering, deadline)
            finally:
                self._alarm.disarm()
        except Interrupted as cut:  # not in a handler, so nobody knows how far it came
            return [Retry(error=cut)] * len(records)

    def _handled(self, records: Sequence[Raw], ordering: Ordering, deadline: Deadline | None) -> list[Outcome]:
        ordered, lane_of = ordering is not Ordering.NONE, self._dispatcher.lane_by(ordering)
        if self._dispatcher.inline:
            handle = self._handle_inline if ordered else self._dispatcher.handle_inline
            return handle_batch_inline(records, lane_of, handle, deadline)
        from eventkit.concurrency import handle_batch

        handle_on_loop = self._handle if ordered else self._dispatcher.handle
        return self._loop.run(handle_batch(records, lane_of, handle_on_loop, self._dispatcher.concurrency, deadline))

    def _handle_inline(self, record: Raw, deadline: Deadline | None) -> Outcome:
        """Where records keep an order, a rejected one must be out of the way before the next is handled."""
        outcome = self._dispatcher.handle_inline(record, deadline)
        return self._loop.run(self._parked(record, outcome)) if isinstance(outcome, Reject) else outcome

    async def _handle(self, record: Raw, deadline: Deadline | None) -> Outcome:
        outcome = await self._dispatcher.handle(record, deadline)
        return await self._parked(record, outcome) if isinstance(outcome, Reject) else outcome

    def _settle(self, records: Sequence[Raw], outcomes: list[Outcome], end: float | None) -> None:
        """Have rejected messages kept, and retried ones come back when they should, as far as there is time."""
        if self._names.on_failure is None and not any(map(_queue_of, records)):
            return
        if end is None:
            self._loop.run(self._settled(records, outcomes))
            return
        try:
            self._alarm.arm(end - self._margin / 4 - self._host.clock())
            try:
                self._loop.run(self._settled(records, outcomes))
            finally:
                self._alarm.disarm()
        except Interrupted:
            log.warning("batch.not_settled", extra={"records": len(records)})

    async def _settled(self, records: Sequence[Raw], outcomes: list[Outcome]) -> None:
        delays: dict[str, list[tuple[Raw, float]]] = {}
        for position, record in enumerate(records):
            queue, outcome = _queue_of(record), outcomes[position]
            if isinstance(outcome, Reject) and (queue is not None or self._names.on_failure is not None):
                outcomes[position] = outcome = await self._parked(record, outcome)
            if queue is not None and isinstance(outcome, Retry) and outcome.after is not None:
                delays.setdefault(queue, []).append((record, outcome.after))
        for queue, entries in delays.items():
            await self._delay(queue, entries)

    async def _delay(self, queue: str, entries: Sequence[tuple[Raw, float]]) -> None:
        """A message that cannot be delayed comes back after the queue's visibility timeout."""
        try:
            left = await self._queues.extend(queue, entries)
        except EventkitError as error:
            log.warning("retry.not_delayed", extra={"queue": queue, "records": len(entries), "error": str(error)})
        else:
            if failed := len(left.again) + len(left.lost):
                log.warning("retry.not_delayed", extra={"queue": queue, "records": failed})

    async def _parked(self, record: Raw, reject: Reject) -> Outcome:
        """A rejected record is done once the dead-letter queue, or the on-failure destination, has it.

        Otherwise it is to be retried.
        """
        queue, destination = _queue_of(record), self._names.on_failure
        if queue is None and destination is None:
            return Retry(error=reject)
        try:
            if queue is not None:
                await self._queues.park(queue, record, reject)
            elif destination is not None:
                from eventkit.failures import GivenUp, keep  # most invocations reject nothing

                failure = GivenUp([record], reject, self._names.app, self._host.wall(), self._host.new_id())
                await keep(failure, destination, self._queues)
        except EventkitError as error:
            log.error(  # noqa: TRY400 - a trace could repeat a payload
                "reject.not_kept", extra={"id": record_id(record), "error": str(error)}
            )
            return later(record, reject, self._host.random)
        return DONE

    def _terminate(self, _signal: int, _frame: object) -> None:
        """Close at once between invocations; during one, when it is over, so that its response still gets out."""
        self._terminated = True
        if not self._busy:
            self.close()
            raise SystemExit(0)


def _queue_of(record: Raw) -> str | None:
    """The queue that the record came from, or None where it came from none."""
    if not is_object(record) or record.get("eventSource") != "aws:sqs":
        return None
    return text_or_none(record.get("eventSourceARN"))
