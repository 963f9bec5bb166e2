"""What is tried again of a batch of a shard, what is given up, and when. Pure.

A batch is handled in its order, up to the first record that must be retried: the lowest failed one. What is before it
is settled and never tried again. What happens to the rest is what Lambda's event source mapping does ("Understanding
how Lambda handles errors with DynamoDB / Kinesis event source mappings", "bisect batch on function error"):

- A failure behind others that succeeded is progress: the rest is tried anew, from the failed record on.
- A failure of the first record is a failed attempt. With `bisect`, and more than one record, the rest is divided in
  two, which costs no attempt; the first half is tried, and the second one when that is settled.
- What cannot be divided is tried again until its attempts are used up; then it is given up, and what is behind it
  goes on.
- Records that are older than `max_age` are given up before an attempt, and those behind them go on.

AWS does not say whether attempts count anew after progress; here they do, so a batch with several failures that would
pass is not given up for their number.
"""

from collections.abc import Sequence
from enum import StrEnum

from eventkit.stream_options import StreamOptions
from eventkit.values import Value

__all__ = ["Condition", "Slice", "after_failure", "expired"]


class Condition(StrEnum):
    """Why records were given up, as Lambda's on-failure destination words it."""

    RETRIES = "RetryAttemptsExhausted"
    AGE = "RecordAgeExceeded"


class Slice(Value):
    """Records of a batch that are tried together, by their positions; `failures` counts attempts that failed."""

    start: int
    stop: int
    failures: int = 0

    def __len__(self) -> int:
        return self.stop - self.start


def after_failure(tried: Slice, lowest: int, options: StreamOptions) -> Sequence[Slice] | Condition:
    """What is tried next after a slice in which the record at `lowest` failed first; or why it is given up."""
    if lowest > tried.start:
        return (Slice(lowest, tried.stop),)
    if options.bisect and len(tried) > 1:
        middle = tried.start + (len(tried) + 1) // 2
        return Slice(tried.start, middle, tried.failures), Slice(middle, tried.stop)
    if tried.failures + 1 >= options.attempts:
        return Condition.RETRIES
    return (Slice(tried.start, tried.stop, tried.failures + 1),)


def expired(tried: Slice, times: Sequence[float | None], now: float, options: StreamOptions) -> int:
    """How many records at the slice's beginning are too old to be tried: written more than `max_age` before `now`.

    `times` are the batch's, by position, in seconds since 1970 like `now`; a record without one is never too old.
    """
    if options.max_age is None:
        return 0
    count = 0
    for time in times[tried.start : tried.stop]:
        if time is None or now - time <= options.max_age:
            break
        count += 1
    return count
