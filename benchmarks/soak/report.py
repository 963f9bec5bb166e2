"""What a run found, beside what it may find at most."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from rich.markup import escape
from rich.table import Table

from benchmarks.soak import lease_oracles, oracles
from benchmarks.soak.effects import Kind, Logs
from benchmarks.soak.ledger import Change

__all__ = [
    "FACTS",
    "SOUND",
    "Result",
    "events_of",
    "facts_of",
    "facts_of_leases",
    "failures",
    "readable",
    "table",
    "verdict",
]

FACTS = (
    "seed",
    "seconds",
    "processes",
    "kills",
    "kills not made",
    "seconds between kills",
    "cut off by kills",
    "stops",
    "slowest stop, s",
    "running when stopped",
    "ended wrongly",
    "messages sent",
    "unique effects",
    "lost",
    "duplicates",
    "received again",
    "inversions",
    "done and given back",
    "received while stopping",
    "left in the queue",
    "stuck in flight",
    "in the dead-letter queue",
    "redelivered after, p50 s",
    "redelivered after, p99 s",
    "most in flight",
    "extended, records",
    "extended, calls",
    "empty receives, about",
    "RSS at the end, MiB",
    "RSS slope, MiB/h",
    "  95 % interval, ±",
    "  its lower end",
    "tasks when idle, growth",
    "shards",
    "shards of the killed",
    "splits and merges not made",
    "shards not read",
    "freezes",
    "freezes not made",
    "shards of the frozen",
    "in hand when frozen",
    "begun by the frozen",
    "leases",
    "leases taken",
    "writes of leases",
    "checkpoint regressions",
    "writes by others than the owner",
    "most between two workers",
    "balanced after, s",
    "taken over after, s",
    "warnings logged",
)
"""The rows of the table, in order; those that no scenario has are left out."""


SOUND = ("checkpoint regressions", "writes by others than the owner")
"""The facts of leases that must be 0."""


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario: how it was run, its facts by their names in `FACTS`, and the most that some of them may be.

    A fact that is None could not be measured. `events` are the warnings and errors that the library logged.
    """

    key: str
    title: str
    note: str
    facts: Mapping[str, float | None]
    bounds: Mapping[str, float]
    events: Mapping[str, int] = field(default_factory=dict[str, int])

    def holds(self, fact: str) -> bool:
        """Whether a fact is within its bound; what was not measured is not."""
        found = self.facts[fact]
        return found is not None and found <= self.bounds[fact]


def facts_of(logs: Logs, sent: Iterable[str], left: Collection[str] = ()) -> dict[str, float | None]:
    """What the lines of the workers tell of the messages `sent`, of which some may be `left` in a queue."""
    sent = set(sent)
    lines = oracles.merged(logs)
    delays = oracles.redeliveries(lines)
    return {
        "processes": len(logs),
        "messages sent": len(sent),
        "unique effects": len(oracles.done(lines)),
        "lost": len(oracles.lost(sent, lines, left)),
        "duplicates": oracles.duplicates(lines),
        "received again": oracles.received_again(lines),
        "redelivered after, p50 s": oracles.quantile(delays, 0.50),
        "redelivered after, p99 s": oracles.quantile(delays, 0.99),
        "most in flight": oracles.most_in_flight(logs),
        "warnings logged": sum(events_of(logs).values()),
    }


def facts_of_leases(history: Sequence[Change]) -> dict[str, float | None]:
    """What every change of the leases tells."""
    return {
        "leases taken": lease_oracles.takings(history),
        "writes of leases": len(history),
        "checkpoint regressions": lease_oracles.regressions(history),
        "writes by others than the owner": lease_oracles.intrusions(history),
    }


def verdict(facts: Mapping[str, float | None]) -> str:
    """What became of the records of a stream, in a line."""
    told = {"lost": "missing", "inversions": "inversions", "checkpoint regressions": "checkpoint regressions"}
    return ", ".join(f"{_text(facts[fact])} {name}" for fact, name in told.items())


def events_of(logs: Logs) -> Mapping[str, int]:
    """What the library logged, and how often."""
    found = Counter(line.subject for lines in logs.values() for line in lines if line.kind is Kind.LOGGED)
    return dict(found)  # `asdict` takes a Counter apart wrongly


def failures(results: Iterable[Result]) -> list[str]:
    """One text for each fact that is beyond its bound."""
    return [
        f"{result.key}: {fact}: {_text(result.facts[fact])}, at most {_text(bound)}"
        for result in results
        for fact, bound in result.bounds.items()
        if not result.holds(fact)
    ]


def table(results: Sequence[Result]) -> Table:
    """A row for each fact, a column for each scenario."""
    drawn = Table("", *(result.key for result in results))
    for column in drawn.columns[1:]:
        column.justify = "right"
    for fact in FACTS:
        if any(fact in result.facts for result in results):
            drawn.add_row(fact, *(_cell(result, fact) for result in results))
    return drawn


def _cell(result: Result, fact: str) -> str:
    if fact not in result.facts:
        return ""
    text = escape(_text(result.facts[fact]))
    if fact not in result.bounds:
        return text
    return f"[{'green' if result.holds(fact) else 'bold red'}]{text} ≤ {_text(result.bounds[fact])}[/]"


def _text(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def readable(results: Sequence[Result]) -> dict[str, object]:
    """The same for machines."""
    return {"scenarios": [asdict(result) for result in results], "failures": failures(results)}
