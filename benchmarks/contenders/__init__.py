"""The contenders: each does a scenario's work in its own way, and hands what it found to the same function."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.payloads import Event

__all__ = ["Contender", "Context", "Invoke", "Take", "opened"]

Take = Callable[..., None]
"""The end of the work: gets the order, the old and the new item, or the bucket and the key."""


class Context:
    """The part of Lambda's context object that the contenders use."""

    aws_request_id = "4b1f3c5e-0000-4000-8000-000000000000"
    function_name = "benchmark"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds before the invocation is cut off."""
        return 30_000


class Invoke(Protocol):
    """A Lambda function, as its runtime calls it."""

    def __call__(self, event: Event, context: Any, /) -> object:  # noqa: ANN401 - Lambda passes what it likes
        """Handle one invocation."""
        ...


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do the work; `build` makes the function from what the work ends in."""

    name: str
    build: Callable[[Take], Invoke]
    isolates: bool = False
    """Whether one failing record is reported alone, in a partial batch response."""


@contextmanager
def opened(contender: Contender, take: Take) -> Generator[Invoke]:
    """The contender's function, closed at the end where it can be."""
    invoke = contender.build(take)
    try:
        yield invoke
    finally:
        close: Callable[[], None] | None = getattr(invoke, "close", None)
        if close is not None:
            close()
