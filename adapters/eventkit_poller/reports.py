"""What a worker process tells its supervisor: lines of JSON, one each second and one at the end."""

import json
from dataclasses import asdict, dataclass

from eventkit_poller.health import Health
from eventkit_poller.work import Summary

__all__ = ["INTERVAL", "STOP", "Report"]

INTERVAL = 1.0
"""Seconds from one report to the next."""

STOP = b"stop\n"
"""What the supervisor says to a worker; said again, handlers are to be cancelled."""


@dataclass(frozen=True, slots=True)
class Report:
    """A worker at a moment.

    Attributes:
        app: The app's name.
        serving: Whether it receives: it has started, and is not stopping.
        health: What its probes would be told.
        summary: What became of the records so far.
        in_flight: Records that are not settled.
    """

    app: str
    serving: bool
    health: Health
    summary: Summary
    in_flight: int = 0

    def to_line(self) -> bytes:
        """The report as one line."""
        return json.dumps(asdict(self), default=str).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Report":
        """Read what `to_line` wrote."""
        told = json.loads(line)
        return cls(
            told["app"], told["serving"], Health(**told["health"]), Summary(**told["summary"]), told["in_flight"]
        )
