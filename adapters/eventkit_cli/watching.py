"""How the shards of an app's streams stand, for `eventkit streams`: it looks, and changes nothing."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from io import StringIO
from json import dumps
from time import monotonic
from urllib.parse import parse_qsl, urlencode

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from eventkit.app import App
from eventkit.errors import BackendError, ConfigurationError
from eventkit.names import Names
from eventkit.streams import Streams, open_streams
from eventkit.streams.leases import LEASES, Lease, LeaseStore, open_leases
from eventkit_cli.screen import Screen, plain
from eventkit_cli.settings import RunSettings
from eventkit_cli.shards import Standing, View, cells_of, heading_of, view_as_json, view_of
from eventkit_poller import ReadStream, plan_of
from eventkit_poller.streams.balance import View as Seen
from eventkit_poller.streams.balance import seen

__all__ = ["Looking", "Watcher", "read_only", "watch_streams"]

PERIOD = 2.0
"""Seconds from one look to the next. Of DescribeStream an account may make 10 calls a second, pollers' included."""

WIDTH = 1_000
"""Columns where no terminal says how many there are: nothing is cut."""

HEADINGS = ("shard", "continues", "standing", "worker", "settled", "behind", "last record")

STYLES: Mapping[Standing, str] = {
    Standing.NEW: "dim",
    Standing.WAITING: "yellow",
    Standing.FREE: "yellow",
    Standing.READ: "green",
    Standing.SILENT: "red",
    Standing.FINISHED: "dim",
}


@dataclass(frozen=True, slots=True)
class Looking:
    """What is looked at, and how.

    Attributes:
        app: The app.
        names: What its resources are called.
        settings: Where streams and leases are.
        failover: Seconds after which a lease that was not renewed is free.
        watch: Whether to look again and again; None is on a terminal alone.
        wide: Whether names and checkpoints are shown in full.
        as_json: Whether a machine reads it.
    """

    app: App
    names: Names
    settings: RunSettings
    failover: float
    watch: bool | None = None
    wide: bool = False
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """The streams at a moment; `error` says why that is not now."""

    views: Sequence[View]
    error: str | None = None


class Watcher:
    """Looks at the shards of streams, and remembers which leases were renewed since."""

    def __init__(
        self,
        group: str,
        planned: Sequence[ReadStream],
        streams: Streams,
        leases: LeaseStore,
        failover: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._group = group
        self._planned = planned
        self._streams = streams
        self._leases = leases
        self._failover = failover
        self._clock = clock
        self._arns: dict[str, str] = {}
        self._seen: dict[str, Mapping[str, Seen]] = {}

    async def look(self) -> Sequence[View]:
        """All streams as they are now. Raises `ConfigurationError` for one that is not there, and `BackendError`."""
        return await asyncio.gather(*map(self._view, self._planned))

    async def _view(self, planned: ReadStream) -> View:
        if planned.name not in self._arns:
            self._arns[planned.name] = await self._streams.resolve(planned.resource.kind, planned.address)
        stream = self._arns[planned.name]
        listing, leases = await asyncio.gather(self._streams.shards(stream), self._leases.leases(self._group, stream))
        return view_of(planned.name, stream, listing, leases, self._silent(stream, leases))

    def _silent(self, stream: str, leases: Sequence[Lease]) -> frozenset[str]:
        """The shards whose leases have not changed for longer than their owners may leave them."""
        now = self._clock()
        self._seen[stream] = seen(self._seen.get(stream, {}), leases, now)
        return frozenset(shard for shard, one in self._seen[stream].items() if now - one.since > self._failover)


def watch_streams(looking: Looking, screen: Screen) -> None:
    """Show the streams, once, or again and again until SIGINT.

    Raises `ConfigurationError` where leases are in a poller's memory, and what looking raises; a `BackendError` of a
    later look is shown, and looking goes on.
    """
    planned = plan_of(looking.app, looking.names).streams
    if not planned:
        screen.line(f"The app {looking.app.name!r} reads no streams.")
        return
    if looking.settings.forgets:
        raise ConfigurationError(
            f"leases={looking.settings.leases}: they are in the memory of the process that reads the streams, and "
            f"nothing of them can be seen from outside: set {LEASES} to dynamodb://TABLE?create=true, for "
            "`eventkit run` and here"
        )
    console = Console()
    on_terminal = console.is_terminal and not console.is_dumb_terminal
    chosen = replace(looking, watch=on_terminal) if looking.watch is None else looking
    # Rich fails where the terminal cannot show a letter, and `Screen` does not.
    drawn = on_terminal and console.encoding.startswith("utf") and not looking.as_json
    with suppress(KeyboardInterrupt):
        asyncio.run(_live(chosen, planned, console) if drawn else _written(chosen, planned, screen))


async def _live(looking: Looking, planned: Sequence[ReadStream], console: Console) -> None:
    """Show each look in the place of the one before."""
    with Live(console=console, auto_refresh=False) as live:
        async for look in _looks(looking, planned):
            live.update(_rendered(look, wide=looking.wide), refresh=True)


async def _written(looking: Looking, planned: Sequence[ReadStream], screen: Screen) -> None:
    """Write each look behind the one before."""
    async for look in _looks(looking, planned):
        for line in _lines(looking, look):
            screen.line(line)


async def _looks(looking: Looking, planned: Sequence[ReadStream]) -> AsyncGenerator[Look]:
    """What is seen, once or again and again; where a later look fails, what the one before showed, and why."""
    async with _watcher(looking, planned) as watcher:
        look = Look(await watcher.look())
        yield look
        while looking.watch:
            await asyncio.sleep(PERIOD)
            try:
                look = Look(await watcher.look())
            except BackendError as error:
                look = replace(look, error=str(error))
            yield look


@asynccontextmanager
async def _watcher(looking: Looking, planned: Sequence[ReadStream]) -> AsyncGenerator[Watcher]:
    settings = looking.settings
    async with AsyncExitStack() as stack:
        streams = await stack.enter_async_context(open_streams(settings.backend))
        try:
            leases = await stack.enter_async_context(open_leases(read_only(settings.leases)))
        except ConfigurationError as error:
            error.add_note("this command makes nothing: a poller makes its table when it starts, if it is told to")
            raise
        yield Watcher(looking.names.app, planned, streams, leases, looking.failover)


def read_only(leases: str) -> str:
    """The URL of a store of leases without what makes a table."""
    place, _, query = leases.partition("?")
    kept = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] != "create"]
    return f"{place}?{urlencode(kept)}" if kept else place


def _lines(looking: Looking, look: Look) -> Sequence[str]:
    """A look as lines of text, or of JSON."""
    if looking.as_json:
        told = {"app": looking.app.name, "streams": [view_as_json(view) for view in look.views], "error": look.error}
        return dumps(told, indent=2).splitlines()
    text = StringIO()
    Console(file=text, width=WIDTH, force_terminal=False).print(_rendered(look, wide=looking.wide))
    return [line.rstrip() for line in text.getvalue().splitlines()]


def _rendered(look: Look, *, wide: bool) -> RenderableType:
    parts: list[RenderableType] = []
    for view in look.views:
        parts += [*([Text()] if parts else []), *_rendered_view(view, wide=wide)]
    if look.error is not None:
        parts += [Text(), Text(plain(f"not up to date: {look.error}"), "red")]
    return Group(*parts)


def _rendered_view(view: View, *, wide: bool) -> tuple[RenderableType, ...]:
    heading = Text.assemble((plain(view.name), "bold"), f"  {heading_of(view)}")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in HEADINGS:
        table.add_column(name, no_wrap=True)
    for row, cells in zip(view.rows, cells_of(view, wide=wide), strict=True):
        table.add_row(*(Text(plain(cell)) for cell in cells), style=STYLES[row.standing])
    stream = (Text(plain(view.stream), "dim"),) if wide else ()
    return heading, *stream, table
