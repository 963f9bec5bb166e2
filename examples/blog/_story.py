"""The demo on a terminal: steps with their durations, facts, and deliveries as they are settled."""

from collections.abc import Generator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.text import Text

from eventkit import Done, Reject
from eventkit_local.watch import Seen
from examples.blog._arrivals import subject_of
from examples.blog._visitor import Reading

__all__ = ["Story"]

STYLES = {"done": ("✓", "green"), "rejected": ("✗", "red"), "retried": ("↻", "yellow")}


class Story:
    """Tells what happens. Colours, and a line that moves while one waits, are for terminals only."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str, style: str = "") -> None:
        """Print a line."""
        self._print(Text(text, style))

    def progress(self, line: str) -> None:
        """Print a line for somebody who waits, or a fact."""
        self._print(Text(f"    {line}", "dim"))

    @contextmanager
    def step(self, text: str) -> Generator[list[str]]:
        """Print the step with its duration when it is done; until then show that it is under way.

        It takes sentences about what did not happen, and prints them, too.
        """
        began, faults = monotonic(), list[str]()
        with self._console.status(text):
            yield faults
        mark = ("✗ ", "red") if faults else ("✓ ", "green")
        self._print(Text.assemble(mark, f"{text} ", (f"{monotonic() - began:.1f} s", "dim")))
        for fault in faults:
            self._print(Text(f"    {fault}", "red"))

    def reading(self, path: str, *readings: Reading) -> None:
        """Print what the edge said of a path, one time after another."""
        said = ", then ".join(f"{one.cache or one.status} {one.seconds * 1000:.1f} ms" for one in readings)
        self.progress(f"{said:<34} {path}")

    def delivery(self, seen: Seen) -> None:
        """Print a delivery: outcome, milliseconds, handler, subject and path; a rejected one's reason beneath."""
        if seen.handler is None:
            return
        outcome = "done" if isinstance(seen.outcome, Done) else _failure(seen)
        mark, style = STYLES[outcome]
        facts = f"{seen.seconds * 1000:6.0f} ms  {seen.handler:<15} {subject_of(seen)}  "
        self._print(Text.assemble((f"    {mark} {outcome:<8}", style), facts, (" ← ".join(seen.path), "dim")))
        if isinstance(seen.outcome, Reject):
            self._print(Text(f"                         {seen.outcome.reason}", "red"))

    def _print(self, text: Text) -> None:
        if self._console.is_terminal:
            self._console.print(text, no_wrap=True, overflow="ellipsis")
        else:
            self._console.print(text, soft_wrap=True)


def _failure(seen: Seen) -> str:
    return "rejected" if isinstance(seen.outcome, Reject) else "retried"
