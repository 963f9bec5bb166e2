"""A clock that a test moves, for `MemoryBackend` and whatever else takes one."""

import re
from asyncio import Event, sleep
from datetime import timedelta

from eventkit.errors import ConfigurationError

__all__ = ["START", "VirtualClock", "seconds_in"]

START = 1_767_225_600.0
"""Where its time starts: 2026-01-01T00:00:00Z."""

TURNS = 50
"""How often the event loop goes round before a clock that jumps takes it that nobody has anything to do."""


class VirtualClock:
    """A clock that stands still until `advance`; with `autojump` it moves on by itself once everybody waits for it.

    Waiting takes no real time in either case.
    """

    def __init__(self, *, autojump: bool = False) -> None:
        self.epoch = START
        self._autojump = autojump
        self._now = 0.0
        self._alarms: list[tuple[float, Event]] = []

    def now(self) -> float:
        """Seconds since the clock was made."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move on by so many seconds and wake whom that concerns; they run when the caller next awaits."""
        self._now += seconds
        for due, event in self._alarms:
            if due <= self._now:
                event.set()

    async def wait(self, event: Event, seconds: float) -> None:
        """Return when the event is set or the clock has moved on by so many seconds, setting the event then."""
        alarm = (self._now + seconds, event)
        self._alarms.append(alarm)
        try:
            while self._autojump and not event.is_set():
                await self._jump_past(event)
            await event.wait()
        finally:
            self._alarms.remove(alarm)

    async def _jump_past(self, event: Event) -> None:
        for _ in range(TURNS):
            await sleep(0)
            if event.is_set():
                return
        self.advance(max(0.0, min(due for due, _ in self._alarms) - self._now))


UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")


def seconds_in(duration: float | str | timedelta) -> float:
    """The seconds in a duration: a number of them, a `timedelta`, or a text such as `"2h"`, `"1h30m"`, `"0.5s"`.

    Raises `ConfigurationError` for any other text.
    """
    match duration:
        case timedelta():
            return duration.total_seconds()
        case str():
            found = _DURATION.fullmatch(duration)
            if not duration or found is None:
                raise ConfigurationError(f"{duration!r} is no duration: write for instance '90s', '2h' or '1d12h'")
            return sum(float(part or 0) * unit for part, unit in zip(found.groups(), UNITS.values(), strict=True))
        case _:
            return float(duration)
