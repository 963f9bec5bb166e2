"""What the work on all queues and shards shares."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from eventkit.backends import Backend, Raw
from eventkit.batch import later
from eventkit.outcomes import Outcome
from eventkit_poller.observing import Observe
from eventkit_poller.settings import Settings, Timing
from eventkit_poller.tasks import Tasks

__all__ = ["Context"]

log: logging.Logger = logging.getLogger("eventkit.poller")


@dataclass(frozen=True, slots=True)
class Context:
    """What the work on all queues and shards shares.

    Attributes:
        backend: Where the records come from.
        settings: How the poller works.
        timing: Time and chance.
        observe: Called with what happens; it does not raise.
        handle: Makes a record's outcome.
        handling: The tasks that handle records.
        sending: The tasks that extend and acknowledge them.
    """

    backend: Backend
    settings: Settings
    timing: Timing
    observe: Observe
    handle: Callable[[Raw], Awaitable[Outcome]]
    handling: Tasks
    sending: Tasks

    async def outcome(self, place: str, record: Raw) -> Outcome:
        """A record's outcome, whatever its handler raises; `place` is the queue or the stream that it came from."""
        try:
            return await self.handle(record)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - a handler may raise even KeyboardInterrupt, and harms only itself
            log.error("delivery.broken", extra={"queue": place, "error": type(error).__qualname__})  # noqa: TRY400 - a trace may hold a payload
            return later(record, error, self.timing.random)
