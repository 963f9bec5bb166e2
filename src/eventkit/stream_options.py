"""How a stream is consumed: the settings of Lambda's event source mapping, which mean the same in a poller.

The names of AWS's own parameters stand beside each ("CreateEventSourceMapping", AWS Lambda API reference).
"""

from enum import StrEnum
from math import inf

from eventkit.errors import RouteError
from eventkit.values import Value

__all__ = ["Start", "StreamOptions"]


class Start(StrEnum):
    """Where a stream that nobody has read for the app is begun (`StartingPosition`)."""

    TRIM_HORIZON = "TRIM_HORIZON"
    """At the oldest record that there is."""
    LATEST = "LATEST"
    """With what is written from now on."""


BOUNDS = (
    ("batch", 1, 10_000),
    ("window", 0, 300),
    ("retries", 0, 10_000),
    ("max_age", 60, 604_800),
    ("parallel", 1, 10),
)
"""The least and the most of each setting, as AWS has them."""


class StreamOptions(Value):
    """How a table's changes, or a stream's records, are handed over. Raises `RouteError` for what cannot be.

    Attributes:
        start: Where to begin (`StartingPosition`).
        batch: Records of a shard that belong together, from 1 to 10,000 (`BatchSize`).
        window: Seconds, 0 to 300, to wait for a batch to fill (`MaximumBatchingWindowInSeconds`).
        retries: Attempts after the first one, 0 to 10,000; None is as long as the records live
            (`MaximumRetryAttempts`). They count anew for each record that a batch has come to.
        max_age: Seconds, 60 to 604,800, after which a record is not tried any more; None is as long as it lives
            (`MaximumRecordAgeInSeconds`).
        bisect: Whether a batch that fails is divided, so that what is given up in the end is the record that fails,
            and not those behind it (`BisectBatchOnFunctionError`, which AWS sets to false).
        parallel: How many keys of a shard may be handled at once, from 1 to 10 (`ParallelizationFactor`).
    """

    start: Start = Start.TRIM_HORIZON
    batch: int = 100
    window: float = 0.0
    retries: int | None = None
    max_age: float | None = None
    bisect: bool = True
    parallel: int = 1

    def __post_init__(self) -> None:
        for name, least, most in BOUNDS:
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise RouteError(f"StreamOptions({name}={value!r}): it must be from {least} to {most}")

    @property
    def attempts(self) -> float:
        """Attempts at most; infinity where nothing bounds them."""
        return inf if self.retries is None else self.retries + 1
