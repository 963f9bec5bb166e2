"""Consuming a stream, as a worker's duty: shards are shared with the other workers through a table of leases."""

import logging
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from benchmarks.soak.effects import MOST, Kind, Log
from benchmarks.soak.worker import Load, Post, act
from eventkit import App, Inserted, Stream, StreamOptions, Table
from eventkit.backends import open_backend
from eventkit_aws.leases import open_leases
from eventkit_aws.streams import open_streams
from eventkit_poller import Poller, Settings, StreamAccess, run_poller

__all__ = ["GROUP", "NAME", "TABLE", "Reading"]

NAME = "records"
"""The stream, or the table."""

TABLE = "leases"
GROUP = "soak"

ENDS = frozenset(("lease.finished", "lease.handed_over", "lease.released", "lease.lost"))
"""The library's events with which a worker's time with a shard ends."""


class Row(BaseModel):
    """An item of the table: what a message is called, in two parts."""

    group: str
    place: int


@dataclass(frozen=True, slots=True)
class Reading:
    """Consuming a stream of this kind, which is at this endpoint."""

    endpoint: str
    kind: Literal["stream", "table"]
    batch: int
    load: Load
    settings: Settings

    @property
    def deadline(self) -> float:
        """Seconds within which a poller stops, as `Poller.stop` promises."""
        return self.settings.stopping

    async def serve(self, post: Post) -> None:
        """Poll until a signal."""
        _log_tenancies(post.log)
        async with (
            open_streams(f"sqs://?endpoint={self.endpoint}") as streams,
            open_leases(f"dynamodb://{TABLE}?endpoint={post.environ['AWS_ENDPOINT_URL']}") as leases,
            open_backend("memory://") as backend,
        ):
            access = StreamAccess(streams, leases, post.name)
            await run_poller(Poller(self._app(post), backend, self.settings, streams=access))

    def _app(self, post: Post) -> App:
        app, options = App(GROUP), StreamOptions(batch=self.batch)

        async def on_text(message: str) -> None:
            await act(self.load, post, message, 1)

        async def on_row(change: Inserted[Row]) -> None:
            await act(self.load, post, f"{change.new.group}/{change.new.place}", 1)

        if self.kind == "stream":
            app.on(Stream[str](NAME, stream=options))(on_text)
        else:
            app.on(Table[Row](NAME, stream=options).inserted())(on_row)
        return app


def _log_tenancies(log: Log) -> None:
    library = logging.getLogger("eventkit")
    library.setLevel(logging.INFO)
    library.addHandler(Tenancies(log))


class Tenancies(logging.Handler):
    """Writes down when a shard became this worker's, and when it was so no more."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.INFO)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        event = str(record.msg)
        if event == "lease.taken" or event in ENDS:
            self._log(Kind.TAKEN if event == "lease.taken" else Kind.LEFT, str(record.__dict__["shard"])[-MOST:], 0)
