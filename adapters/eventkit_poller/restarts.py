"""What to do when a worker process has ended: start another after a while, or give up."""

from collections.abc import Callable
from dataclasses import dataclass

from eventkit.outcomes import Backoff

__all__ = ["ATTEMPTS", "QUICK", "GiveUp", "Life", "Restart", "after_death"]

ATTEMPTS = 5
"""How many workers in a row may end before they have polled at all, until nothing speaks for one more."""

QUICK = 60.0
"""Seconds; a worker that lived longer did not die of how it was started."""

WRONG = 2
"""The exit code for wrong usage, configuration or declaration, which no repetition mends."""

BACKOFF = Backoff(base=1, cap=60)


@dataclass(frozen=True, slots=True)
class Life:
    """How a worker process lived.

    Attributes:
        code: Its exit code; a negative one is the signal that ended it.
        seconds: How long it lived.
        polled: Whether it ever came to receive.
    """

    code: int
    seconds: float
    polled: bool


@dataclass(frozen=True, slots=True)
class Restart:
    """Start another worker `after` seconds. `failures` is how many in a row died quickly, this one included."""

    after: float
    failures: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Start no other, and end with this exit code."""

    code: int


def after_death(life: Life, failures: int, random: Callable[[], float]) -> Restart | GiveUp:
    """Decide what follows a worker that nobody has stopped, after so many others in a row that died quickly.

    The delay grows from one quick death to the next, by `Backoff`; `random` draws evenly from 0 to 1.
    """
    if life.code == WRONG:
        return GiveUp(WRONG)
    failures = failures + 1 if life.seconds < QUICK else 1
    if failures >= ATTEMPTS and not life.polled:
        return GiveUp(max(life.code, 1))
    return Restart(BACKOFF.delay(failures, random), failures)
