"""What is true of a run, told from the lines that the workers left. Pure.

A message is named by its group and its place in the group, `7/12`; effects are the lines of kind DONE.
"""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from benchmarks.soak.effects import Kind, Line, Logs

__all__ = [
    "Slope",
    "cut_off",
    "done",
    "duplicates",
    "in_hand",
    "inversions",
    "lost",
    "merged",
    "most_in_flight",
    "name",
    "quantile",
    "received_again",
    "redeliveries",
    "slope",
]

NORMAL = 1.96
"""Standard errors on both sides of an estimate that hold the truth 95 times in 100."""

HOUR = 3600.0

CHANGES = {Kind.BEGUN: 1, Kind.DONE: -1, Kind.FAILED: -1}
"""How many more attempts run after a line."""


@dataclass(frozen=True, slots=True)
class Slope:
    """Change in an hour, with half the width of its 95 % interval."""

    hourly: float
    margin: float


def name(group: int, place: int) -> str:
    """What a message is called, and all that is in it."""
    return f"{group}/{place}"


def merged(logs: Logs) -> list[Line]:
    """The lines of all processes in order of time."""
    return sorted(chain.from_iterable(logs.values()), key=lambda line: line.at)


def done(lines: Iterable[Line]) -> Counter[str]:
    """How many effects each message had."""
    return Counter(line.subject for line in lines if line.kind is Kind.DONE)


def lost(sent: Iterable[str], lines: Iterable[Line], left: Collection[str] = ()) -> set[str]:
    """The messages without an effect that are not `left` in a queue either."""
    return set(sent) - done(lines).keys() - set(left)


def duplicates(lines: Iterable[Line]) -> int:
    """Effects beyond the first of their message."""
    return sum(effects - 1 for effects in done(lines).values())


def received_again(lines: Iterable[Line]) -> int:
    """Attempts beyond the first of their message, whether they had an effect or not."""
    begun = Counter(line.subject for line in lines if line.kind is Kind.BEGUN)
    return sum(attempts - 1 for attempts in begun.values())


def redeliveries(lines: Iterable[Line]) -> list[float]:
    """Seconds from the beginning of an attempt that nobody failed to the beginning of the message's next one.

    `lines` are in order of time, as are those of the other functions.
    """
    return [
        after.at - before.at
        for attempts in _by_subject(lines, {Kind.BEGUN, Kind.FAILED}).values()
        for before, after in pairwise(attempts)
        if before.kind is after.kind is Kind.BEGUN
    ]


def inversions(lines: Iterable[Line]) -> int:
    """Attempts that began before the message in front of them in their group had an effect."""
    finished: set[str] = set()
    found = 0
    for line in lines:
        if line.kind is Kind.DONE:
            finished.add(line.subject)
        elif line.kind is Kind.BEGUN:
            found += _is_early(line.subject, finished)
    return found


def _is_early(subject: str, finished: Collection[str]) -> bool:
    group, _, place = subject.partition("/")
    return place != "0" and name(int(group), int(place) - 1) not in finished


def most_in_flight(logs: Logs) -> int:
    """How many attempts ran at once at most, over all processes; what a process began ends with its last line."""
    running = most = 0
    changes = chain.from_iterable(_until_the_end(lines) for lines in logs.values())
    for _, change in sorted(changes, key=lambda one: (one[0], -one[1])):  # what begins and ends at once has been there
        running += change
        most = max(most, running)
    return most


def cut_off(logs: Logs) -> int:
    """Attempts that neither had an effect nor failed, because their process ended, or ended them."""
    return sum(change for lines in logs.values() for _, change in _changes(lines))


def in_hand(lines: Iterable[Line], at: float) -> int:
    """Attempts of a process that had begun by a moment and not ended; one that was cancelled never does."""
    return sum(CHANGES.get(line.kind, 0) for line in lines if line.at <= at)


def _changes(lines: Sequence[Line]) -> list[tuple[float, int]]:
    return [(line.at, CHANGES[line.kind]) for line in lines if line.kind in CHANGES]


def _until_the_end(lines: Sequence[Line]) -> list[tuple[float, int]]:
    changes = _changes(lines)
    return [*changes, (lines[-1].at, -sum(change for _, change in changes))] if lines else []


def quantile(values: Collection[float], share: float) -> float | None:
    """The smallest of the values that is not exceeded by this share of them; None where there are none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def slope(samples: Sequence[tuple[float, float]]) -> Slope | None:
    """The least-squares line through samples of (seconds, value); None where there are fewer than three.

    The margin takes the samples for independent, which memory's are not quite: it is too narrow rather than too wide.
    """
    if len(samples) < 3:  # noqa: PLR2004 - two points are always on a line
        return None
    at, values = zip(*samples, strict=True)
    line = statistics.linear_regression(at, values)
    errors = [value - line.slope * x - line.intercept for x, value in samples]
    spread = statistics.pvariance(at) * len(at)
    error = math.sqrt(sum(error * error for error in errors) / (len(samples) - 2) / spread)
    return Slope(line.slope * HOUR, NORMAL * error * HOUR)


def _by_subject(lines: Iterable[Line], kinds: Collection[Kind]) -> Mapping[str, Sequence[Line]]:
    found: defaultdict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.kind in kinds:
            found[line.subject].append(line)
    return found
