"""What became of a delivery: done, to be retried, or rejected; and how long a retry waits."""

from collections.abc import Callable, Iterable

from eventkit.errors import ConfigurationError
from eventkit.values import Value

__all__ = ["Backoff", "Done", "Outcome", "Reject", "Retry", "combine"]

MAX_VISIBILITY = 43_200
"""Seconds that Amazon SQS can keep a message invisible (12 hours)."""


class Done(Value):
    """The event was handled, or nobody wanted it."""


class Retry(Exception):  # noqa: N818 - a word of the vocabulary, not an error
    """The same message again, after `after` seconds. Raise it in a handler, or return it from a middleware.

    `after` None leaves the delay to the route's `Backoff`. `error` is the exception that caused the retry, if
    there was one; `backoff` is what the delay was taken from, for a runtime that counts the attempts itself. Values
    compare by what they say.
    """

    __match_args__ = ("after", "error")

    def __init__(
        self, after: float | None = None, *, error: BaseException | None = None, backoff: "Backoff | None" = None
    ) -> None:
        if after is not None and not 0 <= after <= MAX_VISIBILITY:
            raise ConfigurationError(f"Retry(after={after!r}): the delay must be from 0 to {MAX_VISIBILITY} seconds")
        super().__init__(after)
        self.after = after
        self.error = error
        self.backoff = backoff

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Retry) and other.after == self.after

    def __hash__(self) -> int:
        return hash((Retry, self.after))

    def __repr__(self) -> str:
        return f"Retry(after={self.after!r})"


class Reject(Exception):  # noqa: N818 - a word of the vocabulary, not an error
    """The message can never be handled: it goes to the dead-letter queue now, with `reason` attached.

    `reason` is read by people and stored beside the message: never put a payload or a secret into it.
    `error` is the exception behind it, `handler` the route that it happened in, if there was one. Values compare by
    what they say.
    """

    __match_args__ = ("reason",)

    def __init__(self, reason: str, *, error: BaseException | None = None, handler: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error = error
        self.handler = handler

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reject) and other.reason == self.reason

    def __hash__(self) -> int:
        return hash((Reject, self.reason))

    def __repr__(self) -> str:
        return f"Reject({self.reason!r})"


class Interrupted(BaseException):
    """Raised into the work of a whole batch by a runtime whose time is up. It passes through handlers."""


class Deferred(Exception):  # noqa: N818 - why there is a retry; nothing is wrong
    """Another attempt has the same work in hand; this one waits until that is over. It is the `error` of a `Retry`."""


Outcome = Done | Retry | Reject
"""What became of a delivery or of a record."""

DONE = Done()


def combine(outcomes: Iterable[Outcome]) -> Outcome:
    """One outcome for a record whose parts, or whose routes, had several.

    A retry outranks a reject, because the rejected part is met again with the retried one; the longest delay
    wins, because no part may come back earlier than it asked for.
    """
    worst: Outcome = DONE
    for outcome in outcomes:
        match worst, outcome:
            case (_, Done()):
                pass
            case (Retry(after=known), Retry(after=after)):
                worst = outcome if (after or 0) > (known or 0) else worst
            case (Reject(), Retry()) | (Done(), _):
                worst = outcome
            case _:
                pass
    return worst


class Backoff(Value):
    """How long failed deliveries wait: exponential, with full jitter.

    The delay before attempt n + 1 is drawn evenly from 0 to `base` · `factor` ** (n - 1) seconds, at most `cap`.
    Full jitter is the scheme that AWS's architecture blog recommends ("Exponential Backoff And Jitter").
    """

    base: float = 1.0
    cap: float = 900.0
    factor: float = 2.0

    def __post_init__(self) -> None:
        if not (0 < self.base <= self.cap <= MAX_VISIBILITY and self.factor >= 1):
            raise ConfigurationError(
                f"{self!r}: it must hold that 0 < base <= cap <= {MAX_VISIBILITY} seconds and factor >= 1"
            )

    def ceiling(self, attempt: int) -> float:
        """The longest delay in seconds after the given attempt (counted from 1)."""
        steps = min(max(attempt, 1) - 1, 64)
        try:
            return min(self.cap, self.base * self.factor**steps)
        except OverflowError:
            return self.cap

    def delay(self, attempt: int, random: Callable[[], float]) -> float:
        """The delay in seconds after the given attempt; `random` draws evenly from 0 to 1."""
        return self.ceiling(attempt) * random()
