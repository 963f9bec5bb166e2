"""The poller in a test: `TestApp(app, runtime="poller")` finds it here."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count
from typing import NoReturn

from eventkit.backends import Raw
from eventkit.batch import HELD
from eventkit.errors import ConfigurationError
from eventkit.names import name_in
from eventkit.testing.clock import START
from eventkit.testing.runtimes import Stage
from eventkit_poller.observing import Observation, Settled
from eventkit_poller.poller import Poller
from eventkit_poller.settings import MAX_BATCH, Settings, Timing
from eventkit_poller.streams.work import StreamAccess

__all__ = ["PollerRuntime", "open_poller"]

TURNS = 100
"""Rounds of the event loop within which most lifespans begin; one that waits for something takes longer."""

STARTING = 0.01
"""Virtual seconds between two looks at whether the others have."""


class PollerRuntime:
    """A poller that polls a test's queues, and reads its streams."""

    direct: bool = False

    def __init__(self, stage: Stage) -> None:
        """Make the poller, with so many slots that no queue waits for another one's."""
        self.dropped: list[Raw] = []
        self._stage = stage
        self._polling: asyncio.Task[object] | None = None
        slots = MAX_BATCH * (3 + len(stage.queues))
        self.poller: Poller = Poller(
            stage.app,
            stage.backend,
            Settings(concurrency=slots, linger=0),
            names=stage.names,
            store=stage.store,
            streams=StreamAccess(stage.streams, worker="test"),
            observe=self._observe,
            timing=Timing(stage.clock, stage.random, lambda: stage.threads, lambda: START + stage.clock()),
        )

    async def start(self) -> None:
        """Poll; returns when the lifespan has begun. Raises what it raises."""
        self._polling = asyncio.create_task(self.poller.run())
        for turn in count():
            if self.poller.state.serving or self._polling.done():  # which has no event
                break
            await asyncio.sleep(0 if turn < TURNS else STARTING)
        self.check()

    async def stop(self) -> None:
        """Stop in good order."""
        if self._polling is not None:
            self.poller.stop()
            await self._polling

    def consume(self, queue: str) -> None:
        known = sorted(name_in(one.address) for one in self.poller.plan.queues)
        if name_in(queue) not in known:
            raise ConfigurationError(f"the poller does not read the queue {queue!r}; it reads {', '.join(known)}")

    def invoke(self, event: Raw) -> NoReturn:  # noqa: ARG002 - `Runtime` says so
        raise ConfigurationError(
            "the poller reads queues and streams: let the event come by a queue, t.via('sqs'), or take runtime='lambda'"
        )

    def sleep(self, seconds: float) -> None:
        self._stage.threads.sleep(seconds)

    def check(self) -> None:
        if self._polling is not None and self._polling.done():
            self._polling.result()

    def _observe(self, one: Observation) -> None:
        if isinstance(one, Settled) and one.outcome is not HELD:
            self._stage.settled(one.record, one.outcome)


@asynccontextmanager
async def open_poller(stage: Stage) -> AsyncGenerator[PollerRuntime]:
    """Run the app in a poller."""
    runtime = PollerRuntime(stage)
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.stop()
