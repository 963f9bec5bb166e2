"""What a poller tells those who look on: values, one for each thing that happened.

An observer is called on the event loop, must be quick, and changes nothing; what it raises is logged.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from eventkit.backends import Raw
from eventkit.outcomes import Outcome

__all__ = ["Extended", "Failed", "Lost", "Observation", "Observe", "QueueState", "Received", "Settled", "State", "Verb"]

Verb = Literal["receive", "extend", "delete", "park"]
"""A call of the backend; `extend` also makes records visible again."""


@dataclass(frozen=True, slots=True)
class Received:
    """A receive ended after `seconds`, with so many records; 0 for a long poll of an empty queue."""

    queue: str
    records: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Settled:
    """A record whose outcome is certain. `seconds` is how long it was handled, 0 where it was not tried."""

    queue: str
    record: Raw
    outcome: Outcome
    seconds: float


@dataclass(frozen=True, slots=True)
class Extended:
    """A heartbeat: so many records stay invisible to others for longer."""

    queue: str
    records: int


@dataclass(frozen=True, slots=True)
class Lost:
    """A record that is no longer this process's: its visibility ran out, or the service knows its handle no more.

    Its handler is cancelled, it is neither deleted nor delayed, and whoever receives it next handles it.
    """

    queue: str
    record: Raw


@dataclass(frozen=True, slots=True)
class Failed:
    """A call that failed for so many records; 0 for a receive. It is made again while that makes sense."""

    queue: str
    verb: Verb
    records: int


Observation = Received | Settled | Extended | Lost | Failed
Observe = Callable[[Observation], None]


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue at a moment.

    Attributes:
        in_flight: Records that were received and are not settled.
        oldest: Seconds since the receive of the oldest of them; 0 where there is none.
        failures: Receives that failed since the last one that did not.
    """

    in_flight: int
    oldest: float
    failures: int


@dataclass(frozen=True, slots=True)
class State:
    """A poller at a moment.

    Attributes:
        serving: Whether it receives: it has started, and is not stopping.
        queues: Its queues, by address.
    """

    serving: bool
    queues: Mapping[str, QueueState]

    @property
    def is_ready(self) -> bool:
        """Whether it receives from all its queues."""
        return self.serving and not any(queue.failures for queue in self.queues.values())

    @property
    def in_flight(self) -> int:
        """Records that were received and are not settled, of all queues."""
        return sum(queue.in_flight for queue in self.queues.values())
