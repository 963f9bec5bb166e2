"""Rounds, ratios and tables, with a clock that the measured work itself moves on."""

from benchmarks.dispatch import SPAN, measure
from benchmarks.report import TIMES, missed, render, tabulate
from benchmarks.sections import Section, Target

SECTION = Section(
    "work",
    "Work",
    "ms",
    "plain",
    (Target("ours", "plain", 1.5), Target("ours", "theirs", 3, faster=True)),
)
SAMPLES = {"plain": [1.0, 2.0, 10.0], "ours": [1.2, 2.8, 13.0], "theirs": [3.0, 7.0, 32.0]}


class Clock:
    """Seconds that pass only while something works."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[str] = []

    def __call__(self) -> float:
        return self.now

    def work(self, name: str, seconds: float) -> None:
        self.now += seconds
        self.calls.append(name)


def test_each_run_is_timed_in_each_round_one_after_the_other() -> None:
    clock = Clock()
    runs = {"a": lambda: clock.work("a", SPAN), "b": lambda: clock.work("b", 2 * SPAN)}

    rounds = measure(runs, 0, clock)

    assert [[round(time / SPAN, 6) for time in times] for times in rounds] == [[1, 2], [1, 2]]
    assert "".join(clock.calls).endswith("aaabbb" * 2)


def test_short_work_is_repeated_until_the_clock_can_measure_it() -> None:
    clock = Clock()

    rounds = measure({"a": lambda: clock.work("a", SPAN / 100)}, 0, clock)

    assert [round(time / SPAN, 6) for (time,) in rounds] == [0.01, 0.01]


def test_a_ratio_is_the_median_of_the_ratios_within_the_rounds() -> None:
    table = tabulate(SECTION, SAMPLES)

    assert [(row.what, row.value, round(row.ratio, 6)) for row in table.rows] == [
        ("plain", 2.0, 1.0),
        ("ours", 2.8, 1.3),
        ("theirs", 7.0, 3.2),
    ]


def test_a_target_says_whether_it_is_met() -> None:
    table = tabulate(SECTION, SAMPLES)

    findings = [(finding.text, finding.wanted, finding.is_met) for row in table.rows for finding in row.findings]

    assert findings == [(f"1.30 {TIMES} plain", "≤ 1.5", True), (f"2.50 {TIMES} faster than theirs", "≥ 3", False)]
    assert missed([table]) == [f"ours (work): 2.50 {TIMES} faster than theirs, target ≥ 3"]


def test_a_table_has_a_line_for_each_target() -> None:
    text = render(tabulate(SECTION, SAMPLES), colour=False)

    assert text.splitlines() == [
        "",
        "Work (ms; medians of 3 rounds)",
        "──────────────────────────────",
        "what    result  ratio                      target",
        "plain     2.00",
        f"ours      2.80  1.30 {TIMES} plain               ≤ 1.5   met",
        f"                2.50 {TIMES} faster than theirs  ≥ 3     missed",
        f"theirs    7.00  3.20 {TIMES} plain",
    ]


def test_memory_stands_beside_the_time() -> None:
    table = tabulate(SECTION, SAMPLES, {name: [20.0, 21.0, 22.0] for name in SAMPLES})

    assert "2 ms   21.0 MiB" in render(table, colour=False)


def test_colour_marks_what_is_met_and_what_is_missed() -> None:
    text = render(tabulate(SECTION, SAMPLES), colour=True)

    assert "\033[32mmet\033[0m" in text
    assert "\033[31mmissed\033[0m" in text
