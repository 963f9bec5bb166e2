"""What Lambda is told about a batch ("Implementing partial batch responses" of SQS and of streams). Pure.

Lambda takes a response that it does not understand for success or for the failure of all, depending on how it is
wrong, so it is only ever built here, from outcomes.
"""

from collections.abc import Sequence

from eventkit._json import is_object
from eventkit.backends import Raw
from eventkit.decode import STREAMS, record_id
from eventkit.errors import EventkitError
from eventkit.outcomes import DONE, Outcome, Reject, Retry

__all__ = ["InvocationFailed", "Response", "respond"]

Response = dict[str, list[dict[str, str]]]

PARTIAL = frozenset({"aws:sqs", *STREAMS})
"""Sources of whose batches a part may fail; the others have one record, and the invocation succeeds or fails."""


class InvocationFailed(EventkitError):  # noqa: N818 - says what happened; nothing is wrong with the caller
    """The whole invocation is to be retried by Lambda, or to go to its on-failure destination."""


def respond(records: Sequence[Raw], outcomes: Sequence[Outcome]) -> Response:
    """The response for records and their outcomes. Raises `InvocationFailed` where the whole must fail."""
    if all_done(outcomes):
        return {"batchItemFailures": []}
    failures = [pair for pair in zip(records, outcomes, strict=True) if pair[1] != DONE]
    source = next((record.get("eventSource") for record in records if is_object(record)), None)
    if source in STREAMS:
        failures = failures[:1]  # the checkpoint is the lowest sequence number returned: all from there come again
    identifiers = [record_id(record) for record, _ in failures]
    if source not in PARTIAL or None in identifiers:
        raise _failed(failures[0][1], len(failures), len(records))
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers if identifier]}


def all_done(outcomes: Sequence[Outcome]) -> bool:
    """Whether there is nothing to retry and nothing rejected."""
    return outcomes.count(DONE) == len(outcomes)


def _failed(first: Outcome, failures: int, records: int) -> InvocationFailed:
    match first:
        case (Reject() as reject) | Retry(_, Reject() as reject):
            what, cause = f"rejected: {reject.reason}", reject.error
        case Retry(_, error) if error is not None:
            what, cause = f"to be retried after {type(error).__qualname__}", error
        case _:
            what, cause = "to be retried", None
    failed = InvocationFailed(f"{failures} of {records} records failed; the first is {what}")
    failed.__cause__ = cause
    return failed
