"""What is true of how shards were shared, told from every change of the leases, and from what the workers wrote. Pure.

Nothing here asks the library what it holds for progress: a checkpoint's place is told from its text.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from benchmarks.soak.effects import MOST, Kind, Line
from benchmarks.soak.ledger import Change, Entry
from benchmarks.soak.stream import Tail

__all__ = [
    "Look",
    "balanced_after",
    "intrusions",
    "regressions",
    "spread",
    "taken_over_after",
    "takings",
    "trespasses",
    "unread",
]

Look = tuple[float, Sequence[Entry]]
"""The leases at a moment, in seconds of one clock."""

END = "SHARD_END"
ORDER = ("TRIM_HORIZON", "SINCE", "AFTER", END)


def _place(checkpoint: str) -> tuple[int, float | int]:
    """Where a checkpoint stands in its shard: later ones are greater."""
    kind, _, value = checkpoint.partition(" ")
    return ORDER.index(kind), (int(value) if kind == "AFTER" else float(value or 0))


def regressions(history: Iterable[Change]) -> int:
    """Writes that set a checkpoint back, or took a lease away whose shard was not finished."""
    return sum(change.old is not None and _is_behind(change.new, change.old) for change in history)


def _is_behind(new: Entry | None, old: Entry) -> bool:
    return _place(new.checkpoint) < _place(old.checkpoint) if new is not None else old.checkpoint != END


def intrusions(history: Iterable[Change]) -> int:
    """Writes that somebody made who had lost the lease.

    Each change counts the lease's counter up by one, and a checkpoint is written only by who has the lease: it stays
    its owner, or gives it up at the shard's end.
    """
    return sum(
        change.old is not None and change.new is not None and _intrudes(change.old, change.new) for change in history
    )


def _intrudes(old: Entry, new: Entry) -> bool:
    if new.counter != old.counter + 1:
        return True
    if new.checkpoint == old.checkpoint:
        return False
    is_end = new.checkpoint == END and new.owner is None
    return old.owner is None or not (is_end or new.owner == old.owner)


def unread(tails: Mapping[str, Tail], leases: Iterable[Entry]) -> set[str]:
    """The shards whose lease does not say that everything in them is settled."""
    checkpoints = {lease.shard: lease.checkpoint for lease in leases}
    return {shard for shard, tail in tails.items() if not _is_read(tail, checkpoints.get(shard))}


def _is_read(tail: Tail, checkpoint: str | None) -> bool:
    if tail.closed:
        return checkpoint == END
    return tail.last is None or checkpoint == f"AFTER {tail.last}"


def takings(history: Iterable[Change]) -> int:
    """How often a lease got another owner."""
    return sum(
        change.new is not None
        and change.new.owner is not None
        and (change.old is None or change.old.owner != change.new.owner)
        for change in history
    )


def trespasses(lines: Iterable[Line], since: float, homes: Mapping[str, str]) -> int:
    """What a process began, after a moment at which it had lost all leases, in shards that it had not taken again.

    `homes` are the shards of the messages.
    """
    taken: set[str] = set()
    found = 0
    for line in lines:
        if line.at < since:
            continue
        if line.kind is Kind.TAKEN:
            taken.add(line.subject)
        elif line.kind is Kind.LEFT:
            taken.discard(line.subject)
        elif line.kind is Kind.BEGUN:
            found += homes[line.subject][-MOST:] not in taken
    return found


def spread(leases: Iterable[Entry], workers: Collection[str]) -> int:
    """By how many leases the workers differ."""
    loads = Counter(lease.owner for lease in leases)
    return max(loads[worker] for worker in workers) - min(loads[worker] for worker in workers)


def balanced_after(looks: Sequence[Look], workers: Collection[str]) -> float | None:
    """Seconds from the first look to the one from which on the leases are evenly the workers'; None if never."""
    return _holds_after(looks, lambda leases: _are_owned(leases, workers) and spread(leases, workers) <= 1)


def taken_over_after(looks: Sequence[Look], workers: Collection[str]) -> float | None:
    """Seconds from the first look to the one from which on every lease is one of the workers'; None if never."""
    return _holds_after(looks, lambda leases: _are_owned(leases, workers))


def _are_owned(leases: Sequence[Entry], workers: Collection[str]) -> bool:
    return bool(leases) and all(lease.owner in workers for lease in leases)


def _holds_after(looks: Sequence[Look], holds: Callable[[Sequence[Entry]], bool]) -> float | None:
    since: float | None = None
    for at, leases in looks:
        if not holds(leases):
            since = None
        elif since is None:
            since = at
    return None if since is None else since - looks[0][0]
