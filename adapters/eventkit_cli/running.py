"""A poller in this process, for `eventkit run` and for each of its workers."""

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from eventkit.app import App
from eventkit.backends import open_backend
from eventkit.errors import ConfigurationError
from eventkit.names import Names
from eventkit.stores import open_store
from eventkit.streams import open_streams
from eventkit.streams.leases import LEASES, open_leases
from eventkit_aws.ecs import scale_in_protection
from eventkit_cli.ending import run_to_end
from eventkit_cli.screen import Screen
from eventkit_cli.settings import RunSettings
from eventkit_cli.telemetry import Telemetry, telemetry
from eventkit_poller import Poller, ReadStream, Settings, StreamAccess, Summary, plan_of, run_poller
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
    """The poller of an app, with its backend, its store and its streams open.

    Raises `ConfigurationError` where several workers are to read streams and cannot share them.
    """
    settings, streams = what.settings, plan_of(what.app, what.names).streams
    _require_shared(what, streams)
    async with AsyncExitStack() as stack:
        backend = await stack.enter_async_context(open_backend(settings.backend))
        store = await stack.enter_async_context(open_store(settings.store)) if settings.store else None
        access = await stack.enter_async_context(_stream_access(what)) if streams else None
        yield Poller(
            what.app,
            watch.traced(backend),
            what.poller,
            names=what.names,
            store=store,
            streams=access,
            middleware=watch.middleware,
            observe=watch.observe,
        )


def _require_shared(what: Run, streams: Sequence[ReadStream]) -> None:
    if streams and what.settings.forgets and what.settings.workers > 1:
        read = ", ".join(str(stream.resource) for stream in streams)
        raise ConfigurationError(
            f"workers={what.settings.workers}: they would each read all of {read}, because leases in memory are not "
            f"shared: set --leases, or {LEASES}, to dynamodb://TABLE?create=true, or run one worker"
        )


@asynccontextmanager
async def _stream_access(what: Run) -> AsyncGenerator[StreamAccess]:
    settings = what.settings
    async with open_streams(settings.backend) as streams, open_leases(settings.leases) as leases:
        if settings.forgets:
            log.warning("checkpoints.volatile", extra={"app": what.app.name, "leases": settings.leases})
        yield StreamAccess(streams, leases)


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
