"""What can be chosen about a poller."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from eventkit.errors import ConfigurationError

__all__ = ["MAX_BATCH", "Settings", "Timing"]

MAX_BATCH = 10
"""Records that Amazon SQS takes or gives in one call ("Amazon SQS message quotas")."""

MAX_WAIT = 20
"""Seconds for which a receive may wait ("Amazon SQS short and long polling")."""


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
    """

    concurrency: int = 10
    wait: float = 20.0
    batch: int = MAX_BATCH
    linger: float = 0.05
    drain: float = 30.0
    flush: float = 5.0

    def __post_init__(self) -> None:
        for name, least, most in (
            ("concurrency", 1, None),
            ("wait", 1, MAX_WAIT),
            ("batch", 1, MAX_BATCH),
            ("linger", 0, None),
            ("drain", 0, None),
            ("flush", 0, None),
        ):
            value = getattr(self, name)
            if not least <= value or (most is not None and value > most):
                bounds = f"at least {least}" if most is None else f"from {least} to {most}"
                raise ConfigurationError(f"{name}={value!r}: it must be {bounds}")


@dataclass(frozen=True, slots=True)
class Timing:
    """Time and chance: `clock` gives seconds that never jump, `random` draws evenly from 0 to 1."""

    clock: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random
