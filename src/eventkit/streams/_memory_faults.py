"""What goes wrong on demand in a service in memory."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass

from eventkit.errors import BackendError

__all__ = ["Fault", "Faults"]


@dataclass(slots=True)
class Fault:
    """An error for so many of the calls that it concerns.

    `calls` are names of the port's methods, all where there are none; `after` is when the call has had its effect.
    """

    error: BackendError
    calls: Sequence[str]
    shard: str | None
    times: int
    after: bool

    def concerns(self, call: str, shard: str | None, *, after: bool) -> bool:
        """Whether it is the turn of this call."""
        return self.after is after and (not self.calls or call in self.calls) and self.shard in {None, shard}


class Faults:
    """Those that are still to come, the oldest first."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []

    def plan(self, fault: Fault) -> None:
        """Add one."""
        self._planned.append(fault)

    @contextmanager
    def around(self, call: str, shard: str | None = None) -> Generator[None]:
        """Raise what is planned before and after the body, which is the call's effect."""
        self._raise(call, shard, after=False)
        yield
        self._raise(call, shard, after=True)

    def _raise(self, call: str, shard: str | None, *, after: bool) -> None:
        for fault in self._planned:
            if fault.concerns(call, shard, after=after):
                fault.times -= 1
                if fault.times == 0:
                    self._planned.remove(fault)
                raise copy(fault.error)
