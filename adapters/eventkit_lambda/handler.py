"""The function that Lambda calls.

asyncio is imported only when it is needed, since it costs 40 ms of a cold start.
"""

import logging
import os
import random
import signal
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from eventkit import App, Names
from eventkit._json import is_object
from eventkit.backends import Raw
from eventkit.batch import handle_batch_inline
from eventkit.decode import Ordering, ordering_of, records_of
from eventkit.delivery import Deadline
from eventkit.dispatch import Wiring, open_dispatcher
from eventkit.errors import EventkitError
from eventkit.events._base import text_or_none
from eventkit.execution import Environment
from eventkit.outcomes import DONE, Interrupted, Outcome, Reject, Retry
from eventkit_lambda._alarm import Alarm
from eventkit_lambda._queues import LazyBackend, Queues
from eventkit_lambda._response import Response, all_done, respond

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

__all__ = ["LambdaContext", "LambdaHandler"]

T = TypeVar("T")
log = logging.getLogger("eventkit")

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
        self, app: App, *, names: Names | None = None, backend: Queues | str = AWS, margin: float = MARGIN
    ) -> None:
        """Open the app.

        `names` come from the environment unless given. `backend` delays retries, keeps rejected messages and sends
        what handlers publish: an object, or the URL of one that is opened when first needed. `margin` is in
        seconds. Raises what the lifespan raises, so that Lambda reports an initialisation error.
        """
        self._margin = margin
        self._stack = AsyncExitStack()
        self._alarm = Alarm()
        self._loop: AbstractEventLoop | None = None
        self._queues = LazyBackend(backend, self._stack) if isinstance(backend, str) else backend
        wiring = Wiring(names or Names.from_environ(app.name, os.environ), self._queues)
        environment = Environment(self._alarm, monotonic, random.random)
        opening = open_dispatcher(app, environment, wiring)
        self._dispatcher = self._run(self._stack.enter_async_context(opening))
        if self._alarm.works:
            signal.signal(signal.SIGTERM, self._terminate)

    def __call__(self, event: object, context: LambdaContext | None = None) -> Response | None:
        """Handle one invocation, and say what Lambda is to deliver again.

        Raises `DecodeError` for an event of a kind that eventkit does not know, and `InvocationFailed` where Lambda
        takes no partial response; either makes Lambda retry the invocation or keep it for its on-failure
        destination.
        """
        records = records_of(event)
        ordering = ordering_of(records)
        seconds = None if context is None else context.get_remaining_time_in_millis() / 1000 - self._margin
        outcomes = self._outcomes(records, ordering, seconds)
        if not all_done(outcomes):
            outcomes = self._run(self._settled(records, outcomes))
        return respond(records, outcomes)

    def close(self) -> None:
        """End the app's lifespan and close what was opened."""
        self._run(self._stack.aclose())
        if self._loop is not None:
            self._loop.close()

    def _outcomes(self, records: Sequence[Raw], ordering: Ordering, seconds: float | None) -> list[Outcome]:
        if seconds is None:
            return self._handled(records, ordering, None)
        inline = self._dispatcher.inline
        self._alarm.arm(seconds if inline else seconds + self._margin / 2)  # the loop cancels first, if it can
        try:
            return self._handled(records, ordering, Deadline(monotonic() + seconds, monotonic))
        except Interrupted as cut:  # not in a handler, so nobody knows how far it came
            return [Retry(error=cut)] * len(records)
        finally:
            self._alarm.disarm()

    def _handled(self, records: Sequence[Raw], ordering: Ordering, deadline: Deadline | None) -> list[Outcome]:
        ordered = ordering is not Ordering.NONE
        if self._dispatcher.inline:
            handle = self._handle_inline if ordered else self._dispatcher.handle_inline
            return handle_batch_inline(records, ordering, handle, deadline)
        from eventkit.concurrency import handle_batch

        handle_on_loop = self._handle if ordered else self._dispatcher.handle
        return self._run(handle_batch(records, ordering, handle_on_loop, self._dispatcher.concurrency, deadline))

    def _handle_inline(self, record: Raw, deadline: Deadline | None) -> Outcome:
        """Where records keep an order, a rejected one must be out of the way before the next is handled."""
        return self._run(self._parked(record, self._dispatcher.handle_inline(record, deadline)))

    async def _handle(self, record: Raw, deadline: Deadline | None) -> Outcome:
        return await self._parked(record, await self._dispatcher.handle(record, deadline))

    async def _parked(self, record: Raw, outcome: Outcome) -> Outcome:
        """A rejected message is done once the dead-letter queue has it, and otherwise to be retried."""
        queue = _queue_of(record)
        if queue is None or not isinstance(outcome, Reject):
            return outcome
        try:
            await self._queues.park(queue, record, outcome)
        except EventkitError as error:
            log.error(  # noqa: TRY400 - a trace could repeat a payload
                "reject.not_kept", extra={"id": record.get("messageId"), "error": str(error)}
            )
            return Retry(error=outcome)
        return DONE

    async def _settled(self, records: Sequence[Raw], outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The outcomes once rejected messages are kept, and retried ones come back when they should."""
        settled = [await self._parked(record, outcome) for record, outcome in zip(records, outcomes, strict=True)]
        delays: dict[str, list[tuple[Raw, float]]] = {}
        for record, outcome in zip(records, settled, strict=True):
            queue = _queue_of(record)
            if isinstance(outcome, Retry) and outcome.after is not None and queue is not None:
                delays.setdefault(queue, []).append((record, outcome.after))
        for queue, entries in delays.items():
            try:
                await self._queues.extend(queue, entries)
            except EventkitError as error:
                log.warning("retry.not_delayed", extra={"queue": queue, "error": str(error)})
        return settled

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine: as a plain call if it never waits, else on the event loop that is kept for good."""
        if self._loop is None:
            import asyncio

            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(work)

    def _terminate(self, _signal: int, _frame: object) -> None:
        self.close()
        raise SystemExit(0)


def _queue_of(record: Raw) -> str | None:
    """The queue that the record came from, or None where it came from none."""
    if not is_object(record) or record.get("eventSource") != "aws:sqs":
        return None
    return text_or_none(record.get("eventSourceARN"))
