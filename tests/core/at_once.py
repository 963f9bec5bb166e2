"""An app on the test's own event loop: records in, outcomes out, and nothing comes again.

For tests of what lies around a handler; `eventkit.testing.TestApp` is an app with its queues and its time.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Self, TypeVar

from eventkit import App, Names, Outcome
from eventkit.concurrency import handle_batch
from eventkit.decode import ordering_of, records_of
from eventkit.dispatch import Dispatcher, Wiring, open_dispatcher
from eventkit.execution import Environment
from eventkit.outgoing import Outgoing

T = TypeVar("T")
Raw = Mapping[str, object]


class AtOnce:
    def __init__(self, app: App) -> None:
        self._app = app
        self._stack = AsyncExitStack()
        self._dispatcher: Dispatcher | None = None
        self.published: list[Outgoing] = []

    async def __aenter__(self) -> Self:
        environment = Environment(Inline(), lambda: 1.0)
        opening = open_dispatcher(self._app, environment, Wiring(Names(self._app.name), self))
        self._dispatcher = await self._stack.enter_async_context(opening)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def send(self, event: Raw) -> list[Outcome]:
        """Hand over an event as AWS delivers it, or one record."""
        assert self._dispatcher is not None
        records = [event] if {"eventSource", "EventSource"} & event.keys() else records_of(event)
        lane_of = self._dispatcher.lane_by(ordering_of(records))
        return await handle_batch(records, lane_of, self._dispatcher.handle, 1, None)

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:  # noqa: ARG002 - it leads nowhere
        self.published += messages


class Inline:
    async def call(self, function: Callable[[], T], timeout: float | None) -> T:  # noqa: ARG002, ASYNC109 - `Blocking` says so
        return function()
