"""What a poller tells those who look on: values, one for each thing that happened.

An observer is called on the event loop, must be quick, and changes nothing; what it raises is logged.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from eventkit.backends import Raw
from eventkit.outcomes import Outcome
from eventkit.streams.slices import Condition

__all__ = [
    "Extended",
    "Failed",
    "GivenUp",
    "Leased",
    "Lost",
    "Observation",
    "Observe",
    "QueueState",
    "Read",
    "Received",
    "Settled",
    "State",
    "Trimmed",
    "Verb",
]

Verb = Literal["receive", "extend", "delete", "park", "read", "checkpoint"]
"""A call of the backend; `extend` also makes records visible again, `park` brings records to their destination."""


@dataclass(frozen=True, slots=True)
class Received:
    """A receive ended after `seconds`, with so many records; 0 for a long poll of an empty queue."""

    queue: str
    records: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Settled:
    """A record whose outcome is certain. `seconds` is how long it was handled, 0 where it was not tried.

    `queue` is the queue, or the table or stream, that it came from. A stream's record that is to be retried is settled
    again after each attempt.
    """

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


@dataclass(frozen=True, slots=True)
class Read:
    """A page of a shard was read in `seconds`.

    `behind` is by how many seconds it was behind the newest record, None where the service does not tell.
    """

    stream: str
    shard: str
    records: int
    seconds: float
    behind: float | None


@dataclass(frozen=True, slots=True)
class Trimmed:
    """Records of a shard were gone before they were read: those after a checkpoint, up to the record `first`.

    `first` and `time`, its seconds since 1970, are None where nothing is left of the shard.
    """

    stream: str
    shard: str
    after: str
    first: str | None
    time: float | None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """So many records of a shard were passed although they were not handled."""

    stream: str
    shard: str
    records: int
    why: Condition


@dataclass(frozen=True, slots=True)
class Leased:
    """Something happened to the lease of a shard; `event` is what the log calls it, for instance `lease.taken`."""

    stream: str
    shard: str
    event: str


Observation = Received | Settled | Extended | Lost | Failed | Read | Trimmed | GivenUp | Leased
Observe = Callable[[Observation], None]


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue, or what this process reads of a stream, at a moment.

    Attributes:
        in_flight: Records that were received and are not settled.
        oldest: Seconds since the receive of the oldest of them; 0 where there is none.
        failures: Receives that failed since the last one that did not; for a stream it is reads of a shard, or looks at
            the leases.
        lag: Of a stream: seconds by which the oldest record that is not settled is behind the present; 0 where all are.
        shards: Of a stream: how many shards this process reads.
    """

    in_flight: int
    oldest: float
    failures: int
    lag: float | None = None
    shards: int | None = None


@dataclass(frozen=True, slots=True)
class State:
    """A poller at a moment.

    Attributes:
        serving: Whether it receives: it has started, and is not stopping.
        queues: Its queues by address, its streams by the name of the table or the stream.
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
