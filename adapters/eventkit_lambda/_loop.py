"""The event loop of a function: made when first needed, and kept.

asyncio is imported with it: that costs 40 ms of a cold start, and an app of plain functions never needs it.
"""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from eventkit.errors import InjectionError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Runner

__all__ = ["KeptLoop", "run_at_once"]

T = TypeVar("T")


class KeptLoop:
    """One event loop for all invocations, so that clients and connections outlive each of them."""

    def __init__(self, make: "Callable[[], AbstractEventLoop] | None" = None) -> None:
        """`make` makes it; asyncio's own unless given."""
        self._make = make
        self._runner: Runner | None = None

    @property
    def exists(self) -> bool:
        """Whether it was needed so far."""
        return self._runner is not None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine. When it is cut off, what is left of it is cancelled as soon as the loop runs again."""
        if self._runner is None:
            import asyncio

            self._runner = asyncio.Runner(loop_factory=self._make or asyncio.new_event_loop)
        loop = self._runner.get_loop()
        task = loop.create_task(work)
        try:
            return loop.run_until_complete(task)
        except BaseException:
            task.cancel()
            raise

    def close(self) -> None:
        """Cancel what is still running and close the loop, for good."""
        if self._runner is not None:
            self._runner.close()


def run_at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits, without a loop. Raises `InjectionError` when it does."""
    try:
        work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    work.close()
    raise InjectionError("a plain function returned something to await: declare the dependency with async def")
