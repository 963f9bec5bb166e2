"""The poller as a process, for `eventkit run`."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from eventkit.app import App
from eventkit.backends import open_backend
from eventkit.names import Names
from eventkit_cli.screen import Screen
from eventkit_poller import Poller, Settings, Summary, run_poller

__all__ = ["Run", "run", "summary_text"]


@dataclass(frozen=True, slots=True)
class Run:
    """What is run: the app, its names, the backend's URL and the poller's settings."""

    app: App
    names: Names
    backend: str
    settings: Settings


def run(what: Run, screen: Screen) -> None:
    """Poll until SIGTERM or SIGINT, and write a summary."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        summary = runner.run(_poll(what))
    screen.line(f"{what.app.name} has stopped. {summary_text(summary)}")


async def _poll(what: Run) -> Summary:
    async with open_backend(what.backend) as backend:
        return await run_poller(Poller(what.app, backend, what.settings, names=what.names))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where it is installed: it has none for Windows."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop


def summary_text(summary: Summary) -> str:
    """What became of the records, in words."""
    if not summary.received:
        return "It received no records."
    counts = {
        "done": summary.done,
        "left to come again": summary.retried,
        "rejected": summary.rejected,
        "given back": summary.released,
    }
    parts = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    lost = f"; {summary.unacknowledged} of them could not be acknowledged" if summary.unacknowledged else ""
    return f"It received {summary.received} record{'s' * (summary.received != 1)}: {parts}{lost}."
