"""The demo on a terminal: steps with their durations, and deliveries as they are settled."""

from collections.abc import Generator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.text import Text

from eventkit import Done, ObjectEvent, Reject
from eventkit_local.watch import Seen
from examples.blog.app import UPLOADS

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
        """Print a line for somebody who waits."""
        self._print(Text(f"    {line}", "dim"))

    @contextmanager
    def step(self, text: str) -> Generator[None]:
        """Print the step with its duration when it is done, and show that it is under way until then."""
        began = monotonic()
        with self._console.status(text):
            yield
        self._print(Text.assemble(("✓ ", "green"), f"{text} ", (f"{monotonic() - began:.1f} s", "dim")))

    def delivery(self, seen: Seen) -> None:
        """Print a delivery: outcome, milliseconds, file, handler and path; a rejected one's reason beneath."""
        if seen.handler is None or not isinstance(seen.event, ObjectEvent):
            return
        outcome = "done" if isinstance(seen.outcome, Done) else _failure(seen)
        mark, style = STYLES[outcome]
        name = seen.event.key.removeprefix(UPLOADS)
        facts = f"{seen.seconds * 1000:6.0f} ms  {name:<22} {seen.handler}  "
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
