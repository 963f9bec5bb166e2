"""Tasks that end by themselves."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["Tasks"]


class Tasks:
    """Running tasks, forgotten as they end; the exception of one that fails is reported."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run the coroutine."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def __contains__(self, task: object) -> bool:
        """Whether the task is one of those that run."""
        return task in self._running

    def cancel(self) -> None:
        """Cancel those that run."""
        for task in tuple(self._running):
            task.cancel()

    async def ended(self, within: float) -> bool:
        """Wait at most so many seconds until none runs, those included that start meanwhile; say whether none does."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        while self._running:
            _, pending = await asyncio.wait(tuple(self._running), timeout=max(0.0, end - loop.time()))
            if pending:
                return False
        return True

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failed(error)
