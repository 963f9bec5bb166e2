"""What must hold when a poller has stopped, and at the end of a run."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from eventkit_poller import Summary
from tests.simulation.ledger import Ledger
from tests.simulation.scenario import Job, Life
from tests.simulation.tenures import BLINK, Tenure

__all__ = ["Stopped", "check_end", "check_stop"]

WINDOW = 20.0
"""Seconds over which receives are averaged."""

MOST = 20
"""Receives in such a time while none succeeds: one each second."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """A poller that has stopped: `took` seconds after it was told so, with tasks left, and what it raised."""

    life: Life
    took: float
    summary: Summary
    left: "Sequence[asyncio.Task[object]]"
    error: BaseException | None


def check_stop(ledger: Ledger, stopped: Stopped) -> None:
    """A stop is in time, leaves nothing behind, and adds up."""
    life, who = stopped.life, stopped.life.name
    ledger.note(who, f"has stopped after {stopped.took:.3f} s: {stopped.summary}")
    most = max(life.settings.wait, life.settings.drain) + life.settings.flush
    if stopped.took > most + BLINK:
        ledger.wrong(who, f"took {stopped.took:.3f} seconds to stop, of {most}")
    if stopped.left:
        ledger.wrong(who, f"left tasks behind: {[_name(task) for task in stopped.left]}")
    if stopped.error is not None:
        ledger.wrong(who, f"raised {stopped.error!r}")
    _check_summary(ledger, who, stopped.summary)
    _check_acknowledged(ledger, who, stopped.summary)
    _check_invisible(ledger, who, stopped.summary)


def _name(task: "asyncio.Task[object]") -> str:
    return str(getattr(task.get_coro(), "__qualname__", task))


def _check_summary(ledger: Ledger, who: str, summary: Summary) -> None:
    counts = ledger.counts[who]
    returned = summary.retried + summary.released
    told = {
        "received": summary.received,
        "done": summary.done,
        "rejected": summary.rejected,
        "returned": returned,
        "lost": summary.lost,
    }
    if any(counts[name] != number for name, number in told.items()):
        ledger.wrong(who, f"counts {summary}, and it was {dict(counts)}")
    if summary.received != summary.done + summary.rejected + returned + summary.lost:
        ledger.wrong(who, f"received more than it accounts for: {summary}")


def _check_acknowledged(ledger: Ledger, who: str, summary: Summary) -> None:
    """What the service has not accepted is admitted, but for records that are visible anyway."""
    left = [str(tenure) for tenure in ledger.of(who) if tenure.outcome is not None and not _is_over(ledger, tenure)]
    if len(left) > summary.unacknowledged:
        ledger.wrong(who, f"never acknowledged {left}, and admits {summary.unacknowledged}")


def _is_over(ledger: Ledger, tenure: Tenure) -> bool:
    """Whether the service has accepted what the record was settled as, or the record is visible anyway."""
    return tenure.accepted or (tenure.due is not None and min(tenure.until, tenure.gone) <= ledger.now)


def _check_invisible(ledger: Ledger, who: str, summary: Summary) -> None:
    """What is still kept from others was meant to, or its acknowledgement has failed."""
    slack = ledger.scenario.faults.longest + BLINK
    left: list[str] = []
    for tenure in ledger.of(who):
        until = ledger.service.queues[tenure.job.queue].invisible_until(tenure.record)
        is_known = tenure.until > ledger.now  # an extension may have had its effect without an answer
        if is_known and until > ledger.now + slack and not _is_meant(ledger, tenure, until - slack):
            left.append(str(tenure))
    if len(left) > summary.unacknowledged + summary.lost:
        ledger.wrong(who, f"left {left} invisible, and admits {summary.unacknowledged} without acknowledgement")


def _is_meant(ledger: Ledger, tenure: Tenure, until: float) -> bool:
    """Whether somebody wants the message to be invisible until then; a stale receipt handle may have worked."""
    deliveries = [other for other in ledger.tenures.values() if other.job is tenure.job]
    is_due = any(other.due is not None and until <= other.due for other in deliveries)
    return is_due or any(other is not tenure and other.until > ledger.now for other in deliveries)


def check_end(ledger: Ledger) -> None:
    """Every message is done, or in the dead-letter queue; in a calm run once. An outage is no reason to call often."""
    for job in ledger.scenario.jobs:
        _check_job(ledger, job)
    for (who, queue), line in ledger.lines.items():
        for begin, end in ledger.scenario.faults.outages:
            _check_rate(ledger, f"{who} on {queue}", [at for at in line.receives if begin <= at < end])


def _check_job(ledger: Ledger, job: Job) -> None:
    effects, is_dead = ledger.effects[job.number], job.body in ledger.service.dead(job.queue)
    if not effects and not is_dead:
        ledger.wrong("end", f"message {job.number} is lost")
    if ledger.scenario.calm and effects > 1:
        ledger.wrong("end", f"message {job.number} was done {effects} times, for no reason")


def _check_rate(ledger: Ledger, where: str, receives: Sequence[float]) -> None:
    for position, at in enumerate(receives):
        within = sum(1 for later in receives[position + 1 :] if later <= at + WINDOW)
        if within > MOST:
            ledger.wrong("end", f"{where}: {within} receives in {WINDOW} seconds of an outage")
            return
