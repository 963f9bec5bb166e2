"""A poller in this process, for `eventkit run` and for each of its workers."""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from eventkit.app import App
from eventkit.backends import open_backend
from eventkit.names import Names
from eventkit.stores import open_store
from eventkit_aws.ecs import scale_in_protection
from eventkit_cli.ending import run_to_end
from eventkit_cli.screen import Screen
from eventkit_cli.settings import RunSettings
from eventkit_cli.telemetry import Telemetry, telemetry
from eventkit_poller import Poller, Settings, Summary, run_poller
from eventkit_poller.health import Address, Health, Page, serve_health

__all__ = ["Run", "open_poller", "run", "served", "summary_text"]

log: logging.Logger = logging.getLogger("eventkit")


@dataclass(frozen=True, slots=True)
class Run:
    """What is run: the app, its names, and how."""

    app: App
    names: Names
    settings: RunSettings
    poller: Settings


def run(what: Run, screen: Screen) -> NoReturn:
    """Poll until SIGTERM or SIGINT, write a summary, and end the process."""

    async def poll() -> None:
        watch = telemetry(metrics=what.settings.address is not None)
        async with open_poller(what, watch) as poller:
            look = partial(watch.health_of, poller)
            async with (
                served(what.settings.address, look, watch.metrics_of(poller)),
                scale_in_protection(lambda: poller.state.in_flight),
            ):
                summary = await run_poller(poller)
        screen.line(f"{what.app.name} has stopped. {summary_text(summary)}")

    run_to_end(poll, what.poller.flush)


@asynccontextmanager
async def open_poller(what: Run, watch: Telemetry) -> AsyncGenerator[Poller]:
    """The poller of an app, with its backend and its store open."""
    url = what.settings.store
    async with open_backend(what.settings.backend) as backend, open_store(url) if url else nullcontext() as store:
        yield Poller(
            what.app,
            watch.traced(backend),
            what.poller,
            names=what.names,
            store=store,
            middleware=watch.middleware,
            observe=watch.observe,
        )


@asynccontextmanager
async def served(
    address: Address | None, look: Callable[[], Health], metrics: Callable[[], Page] | None
) -> AsyncGenerator[None]:
    """Answer probes for the length of the block, where an address is given."""
    if address is None:
        yield
        return
    async with serve_health(address, look, metrics) as bound:
        log.info("health.served", extra={"address": str(bound)})
        yield


def summary_text(summary: Summary) -> str:
    """What became of the records, in words."""
    if not summary.received:
        return "It received no records."
    counts = {
        "done": summary.done,
        "left to come again": summary.retried,
        "rejected": summary.rejected,
        "given back": summary.released,
        "lost to others": summary.lost,
    }
    parts = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    failed = f"; {summary.unacknowledged} of them could not be acknowledged" if summary.unacknowledged else ""
    return f"It received {summary.received} record{'s' * (summary.received != 1)}: {parts}{failed}."
