"""Varnish in the place of the Python edge, where it is installed: the same distribution, the same API.

Made for Varnish 7 (Debian's package `varnish`), which compiles its configuration and so needs a C compiler. It runs as
a child process that is told what to do over its standard input, and ends as soon as that closes, however its starter
ends. It keeps its own time, and its figures are those of `varnishstat`.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from eventkit.errors import BackendError, ConfigurationError
from eventkit_local.edge.access import Figures
from eventkit_local.edge.distribution import Distribution
from eventkit_local.edge.flights import Limits
from eventkit_local.edge.invalidation import Invalidations
from eventkit_local.edge.owners import HOST, Owners, serving
from eventkit_local.edge.vcl import ban, vcl_of

__all__ = ["VarnishEdge", "find_varnish", "open_varnish"]

_OK = 200
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_HEADER_PARTS = 2


@dataclass(frozen=True, slots=True)
class VarnishEdge:
    """A running Varnish.

    Attributes:
        url: Where viewers find it, without a slash at the end.
        endpoint_url: What a CloudFront client takes as its `endpoint_url`.
        distribution_id: What `create_invalidation` calls the distribution.
        pid: The process.
        folder: Its working directory, for `varnishlog -n` and `varnishstat -n`; it goes with the process.
    """

    url: str
    endpoint_url: str
    distribution_id: str
    pid: int
    folder: Path


def find_varnish() -> str | None:
    """Find varnishd; None where it is not installed."""
    return shutil.which("varnishd") or shutil.which("varnishd", path="/usr/sbin:/usr/local/sbin")


_DEFAULT_LIMITS = Limits()


@asynccontextmanager
async def open_varnish(
    distribution: Distribution, *, port: int = 0, limits: Limits = _DEFAULT_LIMITS
) -> AsyncGenerator[VarnishEdge]:
    """Serve a distribution by Varnish on the loopback interface for the length of the block.

    Args:
        distribution: Its behaviours and origins.
        port: Where viewers find it; 0 lets the kernel choose.
        limits: Of these, `memory` counts.

    Raises:
        ConfigurationError: Varnish is not installed, or cannot express the distribution.
        BackendError: It does not start; the text is what it says.
    """
    program = find_varnish()
    if program is None:
        raise ConfigurationError("varnishd is not installed: install Debian's package `varnish`, or use `open_edge`")
    with tempfile.TemporaryDirectory(prefix="eventkit-varnish-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "edge.vcl").write_text(vcl_of(distribution))
        async with _running(program, folder, port, limits) as console:
            url = await console.start()
            invalidations = Invalidations(console.purge, time.time)
            owners = Owners(distribution.id, invalidations, Figures)
            async with serving(owners.handle) as endpoint_url:
                yield VarnishEdge(url, endpoint_url, distribution.id, console.pid, folder)


@asynccontextmanager
async def _running(program: str, folder: Path, port: int, limits: Limits) -> AsyncGenerator["_Console"]:
    command = [program, "-d", "-j", "none", "-n", str(folder / "varnish"), "-f", str(folder / "edge.vcl")]
    command += ["-a", f"{HOST}:{port}", "-T", "none", "-s", f"malloc,{limits.memory}"]
    command += ["-p", "http_gzip_support=off", "-p", "feature=+no_coredump"]
    with (folder / "varnish.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log
        )
    try:
        yield _Console(process, folder / "varnish.log")
    finally:
        await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    _piped(process.stdin).close()  # which ends it and its child
    try:
        await asyncio.wait_for(process.communicate(), _STOP_SECONDS)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


_Pipe = TypeVar("_Pipe")


def _piped(pipe: _Pipe | None) -> _Pipe:
    """Tell the type checkers that a process that was started with pipes has them."""
    return cast("_Pipe", pipe)


class _Console:
    """Varnish's command line interface (varnish-cli(7)) over the standard input and output of a process."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._input = _piped(process.stdin)
        self._output = _piped(process.stdout)
        self._log = log
        self._turn = asyncio.Lock()
        self.pid: int = process.pid

    async def start(self) -> str:
        """Start the worker, and give its address."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._answer()  # the banner
                await self._tell("start")
                _, host, port = (await self._tell("debug.listen_address")).split()[:3]
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError) as error:
            raise BackendError(f"varnishd did not start; it says:\n{self._log.read_text(errors='replace')}") from error
        return f"http://{host}:{port}"

    async def purge(self, paths: Sequence[str]) -> None:
        """Ban what is stored under invalidation paths."""
        for path in paths:
            field, operator, value = ban(path).split(" ", 2)
            await self._tell(f'ban {field} {operator} "{_quoted(value)}"')

    async def _tell(self, command: str) -> str:
        """Give a command and wait for its answer."""
        async with self._turn:
            self._input.write(f"{command}\n".encode())
            await self._input.drain()
            status, text = await self._answer()
        if status != _OK:
            raise BackendError(f"varnishd answered {command.partition(' ')[0]!r} with {status}: {text}")
        return text

    async def _answer(self) -> tuple[int, str]:
        """Read an answer: a line with its status and its length, and the text; other lines are chatter."""
        while True:
            line = await self._output.readuntil(b"\n")
            parts = line.decode().split()
            if len(parts) == _HEADER_PARTS and all(part.isdecimal() for part in parts):
                text = await self._output.readexactly(int(parts[1]) + 1)
                return int(parts[0]), text.decode().strip()


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
