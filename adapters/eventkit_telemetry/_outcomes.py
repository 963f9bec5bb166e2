"""What outcomes are called wherever one looks on."""

from eventkit.outcomes import Outcome, Reject, Retry

__all__ = ["outcome_name"]


def outcome_name(outcome: Outcome) -> str:
    """`done`, `retry` or `reject`."""
    match outcome:
        case Retry():
            return "retry"
        case Reject():
            return "reject"
        case _:
            return "done"
