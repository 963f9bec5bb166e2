"""What is to be seen of a stream's shards: rows from a listing and the leases of a group. Pure."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from eventkit.streams import Listing, Shard
from eventkit.streams.leases import Lease
from eventkit.streams.positions import After, Checkpoint, ShardEnd, Since, TrimHorizon, text_of

__all__ = ["Row", "Standing", "View", "ago", "cells_of", "heading_of", "shortened", "view_as_json", "view_of"]

LEAST = 6
"""Characters of a shard's name, and of a checkpoint, that are shown at least."""

LEAST_OF_WORKER = 24
"""The same of a process's name, which begins with its host."""

MAX = 1_000
"""More characters than a name has."""

ELLIPSIS = "…"

MINUTE, HOUR, DAY = 60, 3_600, 86_400


class Standing(StrEnum):
    """How a shard stands."""

    NEW = "new"
    """No process has created its lease."""
    WAITING = "waiting"
    """It is begun when everything in its parents is settled."""
    FREE = "free"
    """It may be read, and no process does."""
    READ = "read"
    """A process has its lease."""
    SILENT = "silent"
    """A process has its lease, and has not renewed it for so long that others may take it."""
    FINISHED = "finished"
    """Everything in it is settled, and nothing more can come."""


@dataclass(frozen=True, slots=True)
class Row:
    """A shard.

    Attributes:
        shard: Its name.
        parents: The shards that it continues.
        standing: How it stands.
        closed: Whether it has an end; None where it is not listed, or not any more.
        owner: The process that reads it.
        claimant: The process that it is about to be handed to.
        checkpoint: Everything before it is settled.
        behind: Seconds by which the reader was behind the newest record, where the service tells.
        age: Seconds since the last record before the checkpoint was written, by the service's clock.
    """

    shard: str
    parents: tuple[str, ...]
    standing: Standing
    closed: bool | None
    owner: str | None = None
    claimant: str | None = None
    checkpoint: Checkpoint | None = None
    behind: float | None = None
    age: float | None = None


@dataclass(frozen=True, slots=True)
class View:
    """A stream at a moment: `at` by its service's clock, in seconds since 1970. Parents come before their children."""

    name: str
    stream: str
    at: float
    rows: tuple[Row, ...]

    @property
    def owners(self) -> frozenset[str]:
        """The processes that read shards."""
        return frozenset(row.owner for row in self.rows if row.owner is not None)

    @property
    def behind(self) -> float | None:
        """Seconds by which the slowest reader was behind."""
        return max((row.behind for row in self.rows if row.behind is not None), default=None)

    @property
    def age(self) -> float | None:
        """Seconds since the newest record that is settled was written."""
        return min((row.age for row in self.rows if row.age is not None), default=None)


def view_of(
    name: str, stream: str, listing: Listing, leases: Iterable[Lease], silent: Container[str] = frozenset[str]()
) -> View:
    """A stream, which people call `name`, as listing and leases show it; `silent` are shards whose owners are."""
    listed = {shard.id: shard for shard in listing.shards}
    known = {lease.shard: lease for lease in leases}
    rows = {shard: _row(shard, listed, known, listing.at) for shard in sorted({*listed, *known})}
    heard = [replace(row, standing=_heard(row, silent)) for row in _in_order(rows)]
    return View(name, stream, listing.at, tuple(heard))


def _heard(row: Row, silent: Container[str]) -> Standing:
    return Standing.SILENT if row.standing is Standing.READ and row.shard in silent else row.standing


def _row(name: str, listed: Mapping[str, Shard], known: Mapping[str, Lease], now: float) -> Row:
    shard, lease = listed.get(name), known.get(name)
    closed = None if shard is None else shard.closed
    if lease is None:
        return Row(name, shard.parents if shard else (), Standing.NEW, closed)
    age = None if lease.time is None else max(0.0, now - lease.time)
    facts = (closed, lease.owner, lease.claimant, lease.checkpoint, lease.behind, age)
    return Row(name, lease.parents, _standing(lease, listed, known), *facts)


def _standing(lease: Lease, listed: Mapping[str, Shard], known: Mapping[str, Lease]) -> Standing:
    if lease.finished:
        return Standing.FINISHED
    if lease.owner is not None:
        return Standing.READ
    # A lease's counter is 0 until a process takes it, and a shard that was begun may always go on.
    if not lease.counter and any(_holds_back(parent, listed, known) for parent in lease.parents):
        return Standing.WAITING
    return Standing.FREE


def _holds_back(parent: str, listed: Mapping[str, Shard], known: Mapping[str, Lease]) -> bool:
    lease = known.get(parent)
    return parent in listed if lease is None else not lease.finished


def _in_order(rows: Mapping[str, Row]) -> Iterator[Row]:
    """Each shard's children behind it, and behind both parents where there are two."""
    children: dict[str, list[Row]] = {}
    for row in rows.values():
        for parent in row.parents:
            children.setdefault(parent, []).append(row)
    left = dict(rows)
    stack = list(rows.values())[::-1]
    while stack:
        row = stack.pop()
        if row.shard in left and left.keys().isdisjoint(row.parents):
            yield left.pop(row.shard)
            stack.extend(reversed(children.get(row.shard, [])))
    yield from left.values()  # what names itself as its ancestor


def cells_of(view: View, *, wide: bool = False) -> Iterator[Sequence[str]]:
    """The rows' texts: shard, what it continues, standing, worker, what is settled, lag, and the last record.

    Names are shortened unless it is `wide`.
    """
    least = (MAX, MAX) if wide else (LEAST, LEAST_OF_WORKER)
    shards = shortened((name for row in view.rows for name in (row.shard, *row.parents)), least[0])
    workers = shortened((name for row in view.rows for name in (row.owner, row.claimant) if name), least[1])
    for row in view.rows:
        yield (
            shards[row.shard],
            ", ".join(shards[parent] for parent in row.parents),
            row.standing.value,
            " → ".join(workers[name] for name in (row.owner, row.claimant) if name),
            _place(row.checkpoint, wide=wide),
            "" if row.behind is None else f"{row.behind:.1f} s",
            "" if row.age is None else ago(row.age),
        )


def shortened(names: Iterable[str], least: int) -> Mapping[str, str]:
    """Each name's end, as long as it must be to tell it from the others, and at least so many characters of it."""
    known = set(names)
    longest = max(map(len, known), default=0)
    length = next((n for n in range(least, longest) if len({one[-n:] for one in known}) == len(known)), longest)
    return {one: one if len(one) <= length + 1 else f"{ELLIPSIS}{one[-length:]}" for one in known}


def _place(checkpoint: Checkpoint | None, *, wide: bool) -> str:
    """A checkpoint in words, or for a machine where it is `wide`."""
    match checkpoint:
        case None:
            return ""
        case After(sequence) if not wide and len(sequence) > 2 * LEAST:
            return f"after {ELLIPSIS}{sequence[-LEAST:]}"
        case After(sequence):
            return f"after {sequence}"
        case Since(time):
            return f"since {datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%SZ}"
        case TrimHorizon():
            return "oldest record"
        case ShardEnd():
            return "end"


def ago(seconds: float) -> str:
    """How long ago something was, to about two digits."""
    for unit, length in (("d", DAY), ("h", HOUR), ("min", MINUTE)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def heading_of(view: View) -> str:
    """The sums: how many shards stand how, how many processes read them, and how far the slowest is behind."""
    counts = Counter(row.standing for row in view.rows)
    shards = ", ".join(f"{counts[one]} {one}" for one in Standing if counts[one]) or "none"
    parts = [f"{len(view.rows)} shard{'s' * (len(view.rows) != 1)}: {shards}"]
    if view.owners:
        parts.append(f"{len(view.owners)} worker{'s' * (len(view.owners) != 1)}")
    if view.behind is not None:
        parts.append(f"at most {view.behind:.1f} s behind")
    if view.age is not None:
        parts.append(f"last record {ago(view.age)}")
    return "; ".join(parts)


def view_as_json(view: View) -> dict[str, Any]:
    """The same for a machine."""
    return {
        "name": view.name,
        "stream": view.stream,
        "at": view.at,
        "workers": sorted(view.owners),
        "behind": view.behind,
        "age": view.age,
        "shards": [_row_as_json(row) for row in view.rows],
    }


def _row_as_json(row: Row) -> dict[str, Any]:
    checkpoint = None if row.checkpoint is None else text_of(row.checkpoint)
    return {**asdict(row), "standing": row.standing.value, "checkpoint": checkpoint}
