"""From samples to tables, and to what a machine reads."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.sections import Compared, Section, Target

__all__ = ["RESULT", "TIMES", "Finding", "Measured", "Row", "Table", "missed", "readable", "render", "tabulate"]

TIMES = "\N{MULTIPLICATION SIGN}"
GREEN, RED, BOLD, PLAIN = "\033[32m", "\033[31m", "\033[1m", "\033[0m"

RESULT = ""
"""The name of the first column."""

Samples = Mapping[str, Sequence[float]]
"""Of each row, a value a round."""

Measured = Mapping[str, Samples]
"""Of each column, its samples."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A target beside what was reached: a ratio, a difference or a value."""

    target: Target
    reached: float

    @property
    def is_met(self) -> bool:
        """Whether the target is reached."""
        is_floor = self.target.compared is Compared.FASTER
        return self.reached >= self.target.bound if is_floor else self.reached <= self.target.bound

    @property
    def text(self) -> str:
        """What was compared with what."""
        other, column = self.target.against, self.target.column
        match self.target.compared:
            case Compared.TIMES:
                return f"{self.reached:.2f} {TIMES} {other}"
            case Compared.FASTER:
                return f"{self.reached:.2f} {TIMES} faster than {other}"
            case Compared.MORE:
                return f"{column}: {self.reached:+.2f} on {other}"
            case Compared.ALONE:
                return f"{column or 'result'}: {self.reached:.2f}"

    @property
    def wanted(self) -> str:
        """The target."""
        match self.target.compared:
            case Compared.FASTER:
                return f"≥ {self.target.bound:g}"
            case Compared.MORE:
                return f"≤ {self.target.bound:+g}"
            case _:
                return f"≤ {self.target.bound:g}"


@dataclass(frozen=True, slots=True)
class Row:
    """One contender: the median of its rounds, that of its ratios to a baseline, and those of further columns."""

    what: str
    value: float
    ratio: float | None
    findings: tuple[Finding, ...] = ()
    others: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class Table:
    """A section with its rows."""

    section: Section
    rounds: int
    rows: tuple[Row, ...]


def tabulate(section: Section, measured: Measured) -> Table:
    """The table of a section."""
    samples = measured[RESULT]
    rows = tuple(
        Row(
            name,
            statistics.median(values),
            _reached(samples, Target(name, section.baseline, 0)) if section.baseline else None,
            tuple(_findings(section, measured, name)),
            {column: statistics.median(found[name]) for column, found in measured.items() if column != RESULT},
        )
        for name, values in samples.items()
    )
    return Table(section, len(next(iter(samples.values()))), rows)


def _findings(section: Section, measured: Measured, name: str) -> Iterator[Finding]:
    """What became of the row's targets; a row that was not measured is compared with nothing."""
    for target in section.targets:
        samples = measured[target.column]
        if target.row == name and target.against in {"", *samples}:
            yield Finding(target, _reached(samples, target))


def _reached(samples: Samples, target: Target) -> float:
    """The median of what is compared, taken within each round."""
    mine = samples[target.row]
    if target.compared is Compared.ALONE:
        return statistics.median(mine)
    pairs = zip(mine, samples[target.against], strict=True)
    match target.compared:
        case Compared.TIMES:
            return statistics.median(own / other for own, other in pairs)
        case Compared.FASTER:
            return statistics.median(other / own for own, other in pairs)
        case Compared.MORE:
            return statistics.median(own - other for own, other in pairs)


def missed(tables: Sequence[Table]) -> list[str]:
    """One text for each target that was missed."""
    return [
        f"{row.what} ({table.section.key}): {finding.text}, target {finding.wanted}"
        for table in tables
        for row in table.rows
        for finding in row.findings
        if not finding.is_met
    ]


def readable(table: Table) -> dict[str, object]:
    """The table as JSON."""
    section = table.section
    facts = {"key": section.key, "title": section.title, "unit": section.unit, "baseline": section.baseline}
    return {**facts, "rounds": table.rounds, "rows": [_readable_row(row) for row in table.rows]}


def _readable_row(row: Row) -> dict[str, object]:
    targets = [_readable_finding(finding) for finding in row.findings]
    return {"what": row.what, "value": row.value, "others": row.others, "ratio": row.ratio, "targets": targets}


def _readable_finding(finding: Finding) -> dict[str, object]:
    target = finding.target
    compared = {"compared": target.compared.name.lower(), "against": target.against, "column": target.column}
    return {**compared, "bound": target.bound, "reached": finding.reached, "met": finding.is_met}


def render(table: Table, *, colour: bool) -> str:
    """The table as text."""
    section = table.section
    rounds = f"medians of {table.rounds} rounds" if table.rounds > 1 else "one round"
    title = f"{section.title} ({section.unit}; {rounds})"
    text = "\n".join(["", title, "─" * len(title), *_aligned(list(_lines(table)), len(table.rows[0].others) + 1)])
    return _coloured(text, title) if colour else text


def _aligned(lines: Sequence[Sequence[str]], numbers: int) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell.rjust(width) if 1 <= place <= numbers else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _lines(table: Table) -> Iterator[Sequence[str]]:
    columns = table.rows[0].others
    yield "what", "result", *columns, "compared", "target", ""
    for row in table.rows:
        numbers = [_number(value) for value in (row.value, *row.others.values())]
        first, *others = [(one.text, one.wanted, _verdict(one)) for one in row.findings] or [_untargeted(table, row)]
        yield row.what, *numbers, *first
        for finding in others:
            yield "", *("" for _ in numbers), *finding


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"  # noqa: PLR2004 - three digits, or two behind the point


def _untargeted(table: Table, row: Row) -> tuple[str, str, str]:
    baseline = table.section.baseline
    return "" if row.ratio is None or row.what == baseline else f"{row.ratio:.2f} {TIMES} {baseline}", "", ""


def _verdict(finding: Finding) -> str:
    return "met" if finding.is_met else "missed"


def _coloured(text: str, title: str) -> str:
    lines = text.replace(title, f"{BOLD}{title}{PLAIN}", 1).splitlines()
    for word, colour in (("met", GREEN), ("missed", RED)):
        lines = [
            f"{line.removesuffix(word)}{colour}{word}{PLAIN}" if line.endswith(f"  {word}") else line for line in lines
        ]
    return "\n".join(lines)
