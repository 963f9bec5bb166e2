"""From samples to tables, and to what a machine reads."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.sections import Section, Target

__all__ = ["TIMES", "Finding", "Row", "Table", "missed", "render", "tabulate"]

HEADINGS = ("what", "result", "ratio", "target", "")
TIMES = "\N{MULTIPLICATION SIGN}"
GREEN, RED, BOLD, PLAIN = "\033[32m", "\033[31m", "\033[1m", "\033[0m"

Line = tuple[str, str, str, str, str]

Samples = Mapping[str, Sequence[float]]
"""Of each row, a value a round."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A target beside the ratio that was reached."""

    target: Target
    ratio: float

    @property
    def is_met(self) -> bool:
        """Whether the target is reached."""
        return self.ratio >= self.target.bound if self.target.faster else self.ratio <= self.target.bound

    @property
    def text(self) -> str:
        """What was compared with what."""
        return f"{self.ratio:.2f} {TIMES} {'faster than ' if self.target.faster else ''}{self.target.against}"

    @property
    def wanted(self) -> str:
        """The target."""
        return f"{'≥' if self.target.faster else '≤'} {self.target.bound:g}"


@dataclass(frozen=True, slots=True)
class Row:
    """One contender: the median of its rounds, and the median of its ratios to the baseline."""

    what: str
    value: float
    ratio: float
    findings: tuple[Finding, ...] = ()
    memory: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A section with its rows."""

    section: Section
    rounds: int
    rows: tuple[Row, ...]


def ratio(samples: Samples, above: str, below: str) -> float:
    """The median of the ratios of two rows, taken within each round."""
    return statistics.median(a / b for a, b in zip(samples[above], samples[below], strict=True))


def tabulate(section: Section, samples: Samples, memory: Samples | None = None) -> Table:
    """The table of a section; `memory` in MiB, where that was measured, too."""
    rows = tuple(
        Row(
            name,
            statistics.median(values),
            ratio(samples, name, section.baseline),
            tuple(_finding(samples, target) for target in section.targets if target.row == name),
            statistics.median(memory[name]) if memory is not None else None,
        )
        for name, values in samples.items()
    )
    return Table(section, len(samples[section.baseline]), rows)


def _finding(samples: Samples, target: Target) -> Finding:
    rows = (target.against, target.row) if target.faster else (target.row, target.against)
    return Finding(target, ratio(samples, *rows))


def missed(tables: Sequence[Table]) -> list[str]:
    """One text for each target that was missed."""
    return [
        f"{row.what} ({table.section.key}): {finding.text}, target {finding.wanted}"
        for table in tables
        for row in table.rows
        for finding in row.findings
        if not finding.is_met
    ]


def render(table: Table, *, colour: bool) -> str:
    """The table as text."""
    section = table.section
    title = f"{section.title} ({section.unit}; medians of {table.rounds} rounds)"
    text = "\n".join(["", title, "─" * len(title), *_aligned([HEADINGS, *_lines(table)])])
    return _coloured(text, title) if colour else text


def _aligned(lines: Sequence[Line]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for what, *others in lines:
        cells = [what.ljust(widths[0]), others[0].rjust(widths[1])]
        cells += [cell.ljust(width) for cell, width in zip(others[1:], widths[2:], strict=True)]
        yield "  ".join(cells).rstrip()


def _lines(table: Table) -> Iterator[Line]:
    for row in table.rows:
        result = f"{row.value:.2f}" if row.memory is None else f"{row.value:.0f} ms {row.memory:6.1f} MiB"
        first, *others = row.findings or (None,)
        compared = "" if row.what == table.section.baseline else f"{row.ratio:.2f} {TIMES} {table.section.baseline}"
        if first is None:
            yield row.what, result, compared, "", ""
            continue
        yield row.what, result, first.text, first.wanted, _verdict(first)
        for finding in others:
            yield "", "", finding.text, finding.wanted, _verdict(finding)


def _verdict(finding: Finding) -> str:
    return "met" if finding.is_met else "missed"


def _coloured(text: str, title: str) -> str:
    lines = text.replace(title, f"{BOLD}{title}{PLAIN}", 1).splitlines()
    for word, colour in (("met", GREEN), ("missed", RED)):
        lines = [
            f"{line.removesuffix(word)}{colour}{word}{PLAIN}" if line.endswith(f"  {word}") else line for line in lines
        ]
    return "\n".join(lines)
