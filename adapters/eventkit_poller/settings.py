"""What can be chosen about a poller."""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import inf

from eventkit.errors import ConfigurationError
from eventkit.outcomes import MAX_VISIBILITY
from eventkit_poller.threads import Calling, Threads

__all__ = ["LONGEST", "MAX_BATCH", "Settings", "Share", "Timing"]

MAX_BATCH = 10
"""Records that Amazon SQS takes or gives in one call ("Amazon SQS message quotas")."""

MAX_WAIT = 20
"""Seconds for which a receive may wait ("Amazon SQS short and long polling")."""

LONGEST = MAX_VISIBILITY - 5
"""Seconds after its receive at which a record becomes visible at the latest.

Amazon SQS refuses more than 12 hours in all ("Amazon SQS visibility timeout"); it counts from a moment before its
answer reached us, and in whole seconds.
"""


BOUNDS = (
    ("concurrency", 1, inf),
    ("wait", 1, MAX_WAIT),
    ("batch", 1, MAX_BATCH),
    ("linger", 0, inf),
    ("drain", 0, inf),
    ("flush", 0, inf),
    ("visibility", 1, LONGEST),
    ("hold", 1, LONGEST),
    ("stall", 0.1, inf),
    ("poll", 0.05, inf),
    ("failover", 1, inf),
    ("sync", 1, inf),
    ("handover", 0, inf),
)
"""The least and the most of each setting."""


@dataclass(frozen=True, slots=True)
class Share:
    """A queue's share of the process: before those of lower priority, and `weight` times what others of its own get."""

    weight: float = 1.0
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """How a poller works. Raises `ConfigurationError` for what cannot be.

    Attributes:
        concurrency: Records that the process handles at once, over all its queues; at least one for each queue.
        wait: Seconds for which a receive waits for a record, from 1 to 20.
        batch: Records that one receive asks for, from 1 to 10.
        linger: Seconds for which an acknowledgement may wait for others to share its call.
        drain: Seconds that running handlers get when the poller stops.
        flush: Seconds for the last acknowledgements after that. Half of them are for handlers that were cancelled.
        visibility: Seconds, 1 to 43195, for which a received record is invisible to others, unless it is extended; by
            default the queue's visibility timeout.
        hold: Seconds, 1 to 43195, for which a record is extended at most; then its handler is cancelled.
        stall: Seconds for which a handler may keep the event loop from everything else; then it is interrupted. It
            should be less than two thirds of the visibility timeout, or other records are lost meanwhile.
        poll: Seconds between reads of a shard that has nothing new; Lambda reads four times a second.
        failover: Seconds after which a shard is another process's, where the one that reads it is not heard of.
        sync: Seconds between two looks for new shards; the end of a shard is always a reason to look.
        handover: Seconds that handlers get when a shard is handed over to another process.
        weights: Shares of queues in the process, by the name of a resource that they carry; 1 by default.
        priorities: Priorities of queues, likewise, 0 by default: a queue waits while one of a higher has messages.
    """

    concurrency: int = 10
    wait: float = 20.0
    batch: int = MAX_BATCH
    linger: float = 0.05
    drain: float = 30.0
    flush: float = 5.0
    visibility: float | None = None
    hold: float = 3600.0
    stall: float = 15.0
    poll: float = 0.25
    failover: float = 10.0
    sync: float = 60.0
    handover: float = 30.0
    weights: Mapping[str, float] = field(default_factory=dict[str, float])
    priorities: Mapping[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        for name, least, most in BOUNDS:
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                bounds = f"at least {least}" if most == inf else f"from {least} to {most}"
                raise ConfigurationError(f"{name}={value!r}: it must be {bounds}")
        for name, weight in self.weights.items():
            if not 0 < weight < inf:
                raise ConfigurationError(f"the weight of {name!r} is {weight!r}: it must be above 0")

    @property
    def stopping(self) -> float:
        """Seconds that a stop takes at most."""
        return max(self.wait, self.drain) + self.flush

    def share(self, names: Iterable[str]) -> Share:
        """The share of a queue that carries the resources of these names: the largest of theirs."""
        known = tuple(names)
        return Share(
            max((self.weights[name] for name in known if name in self.weights), default=1.0),
            max((self.priorities[name] for name in known if name in self.priorities), default=0),
        )


@dataclass(frozen=True, slots=True)
class Timing:
    """Time and chance: `clock` gives seconds that never jump, `random` draws evenly from 0 to 1.

    `now` is the time of day in seconds since 1970, by which nothing but the ages of a stream's records is told.

    `threads` makes what plain functions run on; a test whose time is not real has its own.
    """

    clock: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random
    threads: Callable[[], Calling] = Threads
    now: Callable[[], float] = time.time
