"""Who consumes the stub's streams."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.sections import (
    POLLER,
    POLLER_LARGE,
    POLLER_UNSHARED,
    STREAM_LOOP,
    STREAM_LOOP_SAVED,
)
from benchmarks.streams.backlog import LABEL, STREAM, TABLE

__all__ = ["KINDS", "Contender", "Kind", "contenders"]

FOLDER = Path(__file__).parent / "consumers"

Kind = Literal["stream", "table"]
KINDS: tuple[Kind, ...] = ("table", "stream")
"""Streams of tables, and Kinesis's."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A row: the process that consumes a stream of its own."""

    name: str
    kind: Kind
    key: str
    script: str
    options: tuple[str, ...] = ()

    def command(self, endpoint: str, every: int) -> tuple[str | Path, ...]:
        """What is run, away from the checkout's modules and the user's settings; a line for each so many records."""
        script = FOLDER / f"{self.script}.py"
        return (sys.executable, "-I", script, endpoint, self.key, self.kind, str(every), *self.options)

    @property
    def stream(self) -> str:
        """The stream's ARN."""
        return f"{STREAM}{self.key}" if self.kind == "stream" else f"{TABLE}{self.key}{LABEL}"


def contenders(kind: Kind) -> list[Contender]:
    """All of a kind."""
    return [
        Contender(STREAM_LOOP, kind, "loop", "by_hand"),
        Contender(STREAM_LOOP_SAVED, kind, "loop-saved", "by_hand", ("saved",)),
        Contender(POLLER, kind, "poller", "with_eventkit", ("100", "dynamodb")),
        Contender(POLLER_LARGE, kind, "poller-large", "with_eventkit", ("1000", "dynamodb")),
        Contender(POLLER_UNSHARED, kind, "poller-unshared", "with_eventkit", ("100", "memory")),
    ]
