"""What is known of each delivery, and of each poller's calls to a queue. Times are of the loop, in seconds."""

from dataclasses import dataclass, field
from math import inf
from typing import Literal

from eventkit.backends import Raw
from eventkit.outcomes import Outcome, Retry
from tests.simulation.scenario import Job

__all__ = ["BLINK", "Line", "Result", "Tenure"]

BLINK = 1e-6
"""Seconds by which sums of floating-point numbers may be off."""

Result = Literal["failed", "done", "rejected"]


@dataclass(slots=True)
class Tenure:
    """A delivery of a message to a poller.

    Attributes:
        poller: Whose it is.
        job: The message.
        record: The record.
        until: Until when the poller may believe that it has it, by what the service has answered.
        visibility: For how long the receive, and each extension, keeps it.
        extended: When the last extension began.
        limit: Until when the poller may keep it at all.
        failures: Extensions that failed since the last that did not.
        held: Whether it takes a slot: it was received, and is neither settled nor lost.
        running: Whether a handler has it.
        lost: When the poller said that it has lost it.
        result: What became of its handler.
        parked: Whether a copy was made in the dead-letter queue.
        outcome: What the poller settled it as.
        settled: When.
        returned: Whether the service knows by now when it is visible again.
        deleting: How many calls that delete it are on their way.
        accepted: Whether the service said that it is deleted, or that it will be visible again.
        refused: Whether the service said that it is the poller's no more.
        gone: When it said so, where that was not for a delete on its way.
    """

    poller: str
    job: Job
    record: Raw
    until: float = -inf
    visibility: float = 0.0
    extended: float = -inf
    limit: float = inf
    failures: int = 0
    held: bool = False
    running: bool = False
    lost: float = inf
    result: Result = "failed"
    parked: bool = False
    outcome: Outcome | None = None
    settled: float = inf
    returned: bool = False
    deleting: int = 0
    accepted: bool = False
    refused: bool = False
    gone: float = inf

    def __str__(self) -> str:
        return str(self.record["receiptHandle"])

    @property
    def due(self) -> float | None:
        """When it is to be visible again, where the poller has said so."""
        return self.settled + (self.outcome.after or 0.0) if isinstance(self.outcome, Retry) else None

    def is_returned_by(self, begun: float, seconds: float) -> bool:
        """Whether a call that began then and keeps the record for so long does so to make it visible when it is due."""
        return self.due is not None and abs(begun + seconds - max(begun, self.due)) < BLINK


@dataclass(slots=True)
class Line:
    """A poller's calls to one queue."""

    receives: list[float] = field(default_factory=list[float])
    """When they began."""
    ended: float = 0.0
    """When the last of them did."""
    asked: int = 0
    """For how many records those ask that are open."""
    failing: float = inf
    """Since when acknowledgements fail."""
    failed: list[Tenure] = field(default_factory=list[Tenure])
    """For which records they did."""
    probes: int = 0
    """How many deletes are open that began later."""
