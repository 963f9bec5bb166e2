"""A poller in one of several worker processes: it reports to its supervisor, and stops when that says so or is gone."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from eventkit_poller.health import Health
from eventkit_poller.poller import Poller
from eventkit_poller.reports import INTERVAL, STOP, Report
from eventkit_poller.stopping import stopped_by_signals
from eventkit_poller.watchdog import watched
from eventkit_poller.work import Summary

__all__ = ["Link", "run_worker"]


@dataclass(frozen=True, slots=True)
class Link:
    """What ties a worker to its supervisor.

    Attributes:
        app: The app's name.
        connection: The worker's end of a connected pair of Unix sockets; the supervisor has the other.
        look: Tells what probes are to be told; called on the event loop, once a second.
    """

    app: str
    connection: socket.socket
    look: Callable[[], Health]


async def run_worker(poller: Poller, link: Link) -> Summary:
    """Run the poller until the supervisor stops it, and return what became of the records.

    The supervisor's second stop cancels the handlers. That it is gone is a stop as well, and so are SIGTERM and
    SIGINT, but only the first of all these: who signals every process of a service means one stop.
    """
    reader, writer = await asyncio.open_unix_connection(sock=link.connection)
    stops = _Stops(poller)

    def report() -> None:
        state = poller.state
        writer.write(Report(link.app, state.serving, link.look(), poller.summary, state.in_flight).to_line())

    beside = [asyncio.create_task(_report(report, writer)), asyncio.create_task(stops.obey(reader))]
    try:
        with stopped_by_signals(stops.once), watched(poller.settings.stall, poller.is_handling):
            return await poller.run()
    finally:
        for task in beside:
            task.cancel()
        report()
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()


async def _report(report: Callable[[], None], writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):  # the supervisor is gone, which `obey` notices
        while True:
            report()
            await writer.drain()
            await asyncio.sleep(INTERVAL)


class _Stops:
    """Whoever may stop the poller."""

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self._stopped = False

    async def obey(self, reader: asyncio.StreamReader) -> None:
        """Do what the supervisor says, until it says no more."""
        stop = self.once
        with suppress(ConnectionError):
            while await reader.readline() == STOP:
                stop()
                stop = self._poller.stop
        self.once()

    def once(self) -> None:
        """Stop the poller, unless somebody has."""
        if not self._stopped:
            self._stopped = True
            self._poller.stop()
