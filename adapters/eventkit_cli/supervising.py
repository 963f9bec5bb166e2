"""Several pollers, or one that is reloaded, in processes of their own: for `eventkit run --workers` and `--reload`."""

import asyncio
import os
import sys
from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from eventkit.errors import ConfigurationError
from eventkit_aws.ecs import scale_in_protection
from eventkit_cli.loading import Reference, require_module
from eventkit_cli.reloading import changes
from eventkit_cli.running import served, summary_text
from eventkit_cli.screen import Screen
from eventkit_cli.settings import RunSettings, as_variables
from eventkit_cli.telemetry import shared_metrics
from eventkit_poller import Settings
from eventkit_poller.supervisor import Ended, Start, Supervisor

__all__ = ["Service", "supervise"]

MARGIN = 5.0
"""Seconds that a worker gets, when it stops, for what follows its last acknowledgements: the lifespan's end above all.

The documents that eventkit generates give the whole 10.
"""


@dataclass(frozen=True, slots=True)
class Service:
    """What is run in processes of its own, and how; `reload` says whether they follow the app's files."""

    reference: Reference
    via: Sequence[str]
    settings: RunSettings
    poller: Settings
    reload: bool = False


def supervise(what: Service, screen: Screen) -> NoReturn:
    """Keep the workers running until SIGTERM or SIGINT, write a summary of all, and end the process."""
    if sys.platform == "win32":
        raise ConfigurationError("--workers and --reload are for POSIX systems; run several processes instead")
    require_module(what.reference)
    watched = changes(what.reference) if what.reload else None
    ended = asyncio.run(_supervise(what, watched))
    screen.line(f"{ended.app or what.reference} has stopped. {summary_text(ended.summary)}")
    sys.exit(ended.code)


async def _supervise(what: Service, watched: Sequence[AsyncIterable[object]] | None) -> Ended:
    with shared_metrics(wanted=what.settings.address is not None) as metrics:
        supervisor = Supervisor(_start(what), what.settings.workers, gone=metrics.gone)
        async with (
            served(what.settings.address, lambda: supervisor.health, metrics.page),
            scale_in_protection(lambda: supervisor.in_flight),
        ):
            return await supervisor.run(watched)


def _start(what: Service) -> Start:
    """How a worker is started: its settings are in its environment."""
    poller = _brief(what.poller) if what.reload else what.poller
    command = [sys.executable, "-P", "-m", "eventkit_cli.worker", str(what.reference), *what.via]
    budget = poller.stopping + MARGIN
    return Start(command, {**os.environ, **as_variables(what.settings, poller)}, budget)


def _brief(poller: Settings) -> Settings:
    """The same settings, except that a stop takes at most some seconds: who edits a file does not want to wait."""
    return replace(poller, wait=1.0, drain=min(poller.drain, 2.0), flush=min(poller.flush, 1.0))
