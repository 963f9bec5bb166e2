"""Outcomes and deliveries, for people and for machines."""

from typing import Any

from eventkit.batch import HELD
from eventkit.events import ObjectEvent, TestEvent
from eventkit.outcomes import Outcome, Reject, Retry
from eventkit_cli.failures import place_of
from eventkit_cli.screen import Part
from eventkit_local.watch import Seen

__all__ = ["delivery_as_json", "delivery_parts", "outcome_as_json", "outcome_part"]


def outcome_part(outcome: Outcome, *, handled: bool = True) -> Part:
    """An outcome in words, with its colour. `handled` False says that no handler was called."""
    match outcome:
        case Retry() if outcome is HELD:
            return "not tried, comes again", "dim"
        case Retry(after, error):
            return f"retry{_after(after)}{_because(error)}", "yellow"
        case Reject(reason):
            return f"rejected: {reason}", "red"
        case _:
            return ("done", "green") if handled else ("ignored", "dim")


def _after(seconds: float | None) -> str:
    return "" if seconds is None else f" in {seconds:.1f} s"


def _because(error: BaseException | None) -> str:
    """The error's kind and place; its text may repeat a payload, and is left out."""
    if error is None:
        return ""
    place = place_of(error)
    return f", {type(error).__name__}" + (f" at {place}" if place else "")


def delivery_parts(seen: Seen) -> list[Part]:
    """A delivery as one line: handler, outcome, duration, attempt, path, and for an object its key."""
    about = f" {seen.event.key}" if isinstance(seen.event, ObjectEvent) else ""
    took = f"{_duration(seen.seconds)}, " if seen.seconds else ""
    handler = (seen.handler, "bold") if seen.handler is not None else ("no handler", "dim")
    outcome: Part = outcome_part(seen.outcome, handled=seen.handler is not None)
    if isinstance(seen.event, TestEvent):
        outcome = ("S3's test event", "dim")
    path = " → ".join(seen.path) or "not decoded"
    return [handler, "  ", outcome, f"  ({took}attempt {seen.attempt})", (f"  {path}{about}", "dim")]


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def outcome_as_json(outcome: Outcome) -> dict[str, Any]:
    """An outcome for a machine."""
    match outcome:
        case Retry(after, error):
            kind = None if error is None else type(error).__name__
            place = None if error is None else place_of(error)
            return {"outcome": "retry", "after": after, "error": kind, "place": place}
        case Reject(reason):
            return {"outcome": "reject", "reason": reason, "handler": outcome.handler}
        case _:
            return {"outcome": "done"}


def delivery_as_json(seen: Seen) -> dict[str, Any]:
    """A delivery for a machine."""
    return {
        "handler": seen.handler,
        "event": None if seen.event is None else type(seen.event).__name__,
        "path": list(seen.path),
        "seconds": round(seen.seconds, 6),
        "attempt": seen.attempt,
        **outcome_as_json(seen.outcome),
    }
