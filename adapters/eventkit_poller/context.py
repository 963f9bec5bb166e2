"""What the work on all queues shares."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from eventkit.backends import Backend, Raw
from eventkit.outcomes import Outcome
from eventkit_poller.observing import Observe
from eventkit_poller.settings import Settings, Timing
from eventkit_poller.tasks import Tasks

__all__ = ["Context"]


@dataclass(frozen=True, slots=True)
class Context:
    """What the work on all queues shares.

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
