"""An app in a test: events in, outcomes out, and what was published."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import MappingProxyType
from typing import Self, TypeVar

from eventkit.app import App
from eventkit.backends._sending import require_groups
from eventkit.concurrency import Handle, handle_batch
from eventkit.decode import Ordering, ordering_of, records_of
from eventkit.delivery import Deadline
from eventkit.dispatch import Dispatcher, Wiring, open_dispatcher
from eventkit.errors import ConfigurationError
from eventkit.execution import Environment
from eventkit.inject import Overrides
from eventkit.names import Names
from eventkit.outcomes import Outcome, Reject, Retry
from eventkit.publish import Outgoing
from eventkit.values import Value

__all__ = ["RANDOM", "Published", "TestApp"]

T = TypeVar("T")
Raw = Mapping[str, object]

RANDOM = 1.0
"""What chance always draws: a delay that is left to the route's `Backoff` is the longest that it allows."""


class Published(Value):
    """A message that the app published. `kind` is `queue` or `topic`, `address` what that is called."""

    kind: str
    address: str
    text: str
    group: str | None = None
    deduplication_id: str | None = None
    attributes: Mapping[str, str] = MappingProxyType[str, str]({})


class TestApp:
    """An app in this process, its lifespan around it: nothing leaves, and nothing is left to chance.

    ::

        async with TestApp(app, overrides={mailer: lambda: outbox}) as t:
            assert await t.send(sqs_record({"id": 1}, "jobs")) == (Done(),)

    A first form: it says what became of records, and does not deliver them again; `sqs_record(…, attempt=2)` is the
    second time. Plain handlers are called at once, so their `timeout` does not cut them off. A rejected message
    counts as kept by a dead-letter queue, and chance always draws `RANDOM`.
    """

    __test__ = False  # pytest takes classes of this name for tests

    def __init__(self, app: App, *, names: Names | None = None, overrides: Overrides | None = None) -> None:
        """`names` says what resources are called, by default what the app calls them.

        `overrides` maps the functions of dependencies to what is called instead.
        """
        self._app = app
        self._names = names or Names(app.name)
        self._overrides = overrides
        self._stack = AsyncExitStack()
        self._dispatcher: Dispatcher | None = None
        self._published: list[Published] = []

    @property
    def published(self) -> tuple[Published, ...]:
        """What was published so far, in order."""
        return tuple(self._published)

    async def __aenter__(self) -> Self:
        environment = Environment(_AtOnce(), lambda: RANDOM)
        opening = open_dispatcher(self._app, environment, Wiring(self._names, self), self._overrides)
        self._dispatcher = await self._stack.enter_async_context(opening)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._dispatcher = None
        await self._stack.aclose()

    async def send(self, event: Raw) -> tuple[Outcome, ...]:
        """Hand over an event as AWS delivers it, or one record, and return the outcome of each record.

        Records keep their order as in every runtime: those behind one that is to be retried are not tried, and come
        out as `Retry(after=0)`. Raises `DecodeError` for what is no event that eventkit knows.
        """
        if self._dispatcher is None:
            raise ConfigurationError("the app does not run: write async with TestApp(app) as t")
        records = [event] if {"eventSource", "EventSource"} & event.keys() else records_of(event)
        ordering = ordering_of(records)
        handle = self._dispatcher.handle if ordering is not Ordering.SHARD else _stopping(self._dispatcher.handle)
        outcomes = await handle_batch(records, ordering, handle, 1, None)
        return tuple(_rejected(outcome) or outcome for outcome in outcomes)

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        """Keep what the app publishes; a FIFO destination wants a group, as AWS's do."""
        require_groups(kind, address, messages)
        self._published += [
            Published(kind, address, one.text, one.group, one.deduplication_id, one.attributes) for one in messages
        ]


class _AtOnce:
    async def call(self, function: Callable[[], T], timeout: float | None) -> T:  # noqa: ARG002, ASYNC109 - `Blocking` says so
        return function()


def _stopping(handle: Handle) -> Handle:
    """On a stream a rejected record is in the way of those behind it: there is no dead-letter queue to take it."""

    async def handled(record: Raw, deadline: Deadline | None) -> Outcome:
        outcome = await handle(record, deadline)
        return Retry(error=outcome) if isinstance(outcome, Reject) else outcome

    return handled


def _rejected(outcome: Outcome) -> Reject | None:
    """The reject that is behind an outcome, where there is one."""
    return outcome.error if isinstance(outcome, Retry) and isinstance(outcome.error, Reject) else None
