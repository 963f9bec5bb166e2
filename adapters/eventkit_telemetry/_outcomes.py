"""What outcomes are called wherever one looks on."""

from eventkit.outcomes import Deferred, Outcome, Reject, Retry

__all__ = ["outcome_name"]


def outcome_name(outcome: Outcome) -> str:
    """`done`, `retry`, `deferred` or `reject`."""
    match outcome:
        case Retry(error=Deferred()):
            return "deferred"
        case Retry():
            return "retry"
        case Reject():
            return "reject"
        case _:
            return "done"
