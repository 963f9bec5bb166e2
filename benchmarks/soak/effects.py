"""What the workers did: a file for each process, with a line for each thing that happened.

A line is one `write` of 64 bytes at the end of the file. The kernel may cut a write short only between two pages, and
no line crosses one, so a `kill -9` leaves whole lines. The times of all processes are those of one clock.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

__all__ = ["MOST", "Kind", "Line", "Log", "Logs", "count", "parse", "read"]

WIDTH = 64
MOST = WIDTH - 37
"""Characters of a subject."""


class Kind(StrEnum):
    """What a line is about; `number` is the attempt where nothing else is said."""

    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    EXTENDED = "extended"
    """One call that keeps `number` records of a queue invisible."""
    TAKEN = "taken"
    """A shard has become this process's; `subject` is the end of its name."""
    LEFT = "left"
    """It is not any more, as far as the process knows."""
    LOGGED = "logged"
    """The library logged a warning or an error; `number` is its level."""
    MEMORY = "memory"
    """Resident memory in KiB."""
    TASKS = "tasks"
    """Tasks of the event loop."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, `at` seconds on the machine's monotonic clock."""

    at: float
    kind: Kind
    subject: str
    number: int


Logs = Mapping[str, Sequence[Line]]
"""The lines of each process, in the order in which they were written."""


class Log:
    """The file of one process."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __call__(self, kind: Kind, subject: str, number: int) -> None:
        """Write a line, now."""
        os.write(self._file, f"{time.monotonic():17.6f} {kind:<8} {number:>8} {subject[:MOST]:<{MOST}}\n".encode())


def parse(data: bytes) -> Iterator[Line]:
    """The lines of a file's contents."""
    for start in range(0, len(data) - WIDTH + 1, WIDTH):
        at, kind, number, subject = data[start : start + WIDTH].decode().split(maxsplit=3)
        yield Line(float(at), Kind(kind), subject.strip(), int(number))


def count(folder: Path) -> int:
    """How many lines all files in a folder have by now."""
    return sum(path.stat().st_size for path in folder.iterdir()) // WIDTH


def read(folder: Path) -> Logs:
    """The lines of all files in a folder."""
    return {path.name: tuple(parse(path.read_bytes())) for path in sorted(folder.iterdir())}
