"""How far a run is, for a person who waits: on a terminal a line that changes, else a line now and then."""

import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console

__all__ = ["Progress", "open_progress"]

PAUSE = 10.0
"""Seconds between two lines where there is no terminal."""


class Progress:
    """Takes lines about how far a run is, as many as come."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("starting")
        self._next = 0.0

    def __call__(self, text: str) -> None:
        """Show the line, or leave it out."""
        if self._console.is_terminal:
            self._status.update(text)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + PAUSE
            self._console.print(f"── {text}", highlight=False)

    @contextmanager
    def shown(self) -> Generator[None]:
        """Show lines for the length of the block."""
        if not self._console.is_terminal:
            yield
            return
        with self._status:
            yield


@contextmanager
def open_progress() -> Generator[Progress]:
    """A progress on standard error for the length of the block."""
    progress = Progress(Console(stderr=True))
    with progress.shown():
        yield progress
