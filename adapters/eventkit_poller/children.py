"""A worker process, as its supervisor sees it."""

import asyncio
import logging
import socket
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from eventkit_poller.reports import INTERVAL, STOP, Report

__all__ = ["Child", "Start", "start_child"]

log: logging.Logger = logging.getLogger("eventkit.poller")

MAX_LINE = 2**20
"""Bytes of a report; it grows with the number of queues."""


@dataclass(frozen=True, slots=True)
class Start:
    """How a worker is started, and what is expected of it.

    Attributes:
        command: What starts it. Its standard input is its link to the supervisor.
        environ: Its environment.
        budget: Seconds in which it stops; then it is killed.
        silence: Seconds without a report after which it counts as hung and is killed, while it receives.
    """

    command: Sequence[str]
    environ: Mapping[str, str]
    budget: float
    silence: float = 60.0


async def start_child(start: Start, number: int, heard: Callable[[Report], None]) -> "Child":
    """Start a worker, in a session of its own: a terminal's Ctrl-C is for the supervisor alone.

    `heard` is called with each of its reports.
    """
    ours, its = socket.socketpair()
    with its:
        process = await asyncio.create_subprocess_exec(
            *start.command, stdin=its.fileno(), env=start.environ, start_new_session=True
        )
    reader, writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_LINE)
    return Child(start, {"worker": number, "pid": process.pid}, process, _Link(reader, writer, heard))


@dataclass(frozen=True, slots=True)
class _Link:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: Callable[[Report], None]


class Child:
    """A worker process that runs, or has run."""

    def __init__(self, start: Start, facts: Mapping[str, object], process: Process, link: _Link) -> None:
        self.facts: Mapping[str, object] = facts
        """What the log calls it."""
        self.report: Report | None = None
        """What it said last."""
        self.polled: bool = False
        """Whether it ever came to receive."""
        self._start, self._process, self._link = start, process, link
        self._silence = 0.0
        self._stops = 0
        self._killing: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_hung(self) -> bool:
        """Whether it should have said something."""
        return self._silence >= self._start.silence

    @property
    def is_stopping(self) -> bool:
        """Whether it has been told to stop."""
        return self._stops > 0

    async def ended(self) -> int:
        """Wait until it has ended, and return its exit code; a negative one is the signal that ended it."""
        try:
            await self._listen()
            if self.is_hung:
                log.error("worker.hung", extra={**self.facts, "seconds": self._silence})
                self.kill()
            self._kill_later()
            return await self._process.wait()
        except Exception:  # what it says cannot be understood, so it cannot be left alone
            self.kill()
            await self._process.wait()
            raise
        finally:
            if self._killing is not None:
                self._killing.cancel()
            self._link.writer.close()

    def stop(self) -> None:
        """Stop it in good order; the second time cancel its handlers, the third time kill it."""
        self._stops += 1
        if self._stops > 2:  # noqa: PLR2004 - see above
            self.kill()
        elif self.report is not None:
            self._link.writer.write(STOP)
        else:  # it has nothing yet to bring in order, and does not listen
            with suppress(ProcessLookupError):
                self._process.terminate()
        self._kill_later()

    def kill(self) -> None:
        """End it at once."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def _listen(self) -> None:
        """Take its reports until it closes the link, or is hung. Counted are seconds in which we listened ourselves."""
        while not self.is_hung:
            try:
                async with asyncio.timeout(INTERVAL):
                    line = await self._link.reader.readline()
            except TimeoutError:
                self._silence += INTERVAL if self.report is not None and self.report.serving else 0.0
                continue
            except ConnectionError:
                return
            if not line.endswith(b"\n"):
                return
            self._hear(Report.from_line(line))

    def _hear(self, report: Report) -> None:
        self._silence = 0.0
        self.report = report
        self.polled = self.polled or report.serving
        self._link.heard(report)

    def _kill_later(self) -> None:
        if self._killing is None:
            self._killing = asyncio.get_running_loop().call_later(self._start.budget, self._overdue)

    def _overdue(self) -> None:
        log.error("worker.overdue", extra={**self.facts, "seconds": self._start.budget})
        self.kill()
