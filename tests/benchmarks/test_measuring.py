"""Rounds, ratios and tables, with a clock that the measured work itself moves on."""

import json

from benchmarks.dispatch import SPAN, measure
from benchmarks.report import RESULT, TIMES, missed, readable, render, tabulate
from benchmarks.sections import Compared, Section, Target

SECTION = Section(
    "work",
    "Work",
    "ms",
    "plain",
    (Target("ours", "plain", 1.5), Target("ours", "theirs", 3, Compared.FASTER)),
)
SAMPLES = {"plain": [1.0, 2.0, 10.0], "ours": [1.2, 2.8, 13.0], "theirs": [3.0, 7.0, 32.0]}
MEASURED = {RESULT: SAMPLES}
MEMORY = {"plain": [40.0, 41.0, 42.0], "ours": [44.0, 47.0, 46.0], "theirs": [90.0, 90.0, 90.0]}


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
    table = tabulate(SECTION, MEASURED)

    assert [(row.what, row.value, round(row.ratio or 0, 6)) for row in table.rows] == [
        ("plain", 2.0, 1.0),
        ("ours", 2.8, 1.3),
        ("theirs", 7.0, 3.2),
    ]


def test_a_target_says_whether_it_is_met() -> None:
    table = tabulate(SECTION, MEASURED)

    findings = [(finding.text, finding.wanted, finding.is_met) for row in table.rows for finding in row.findings]

    assert findings == [(f"1.30 {TIMES} plain", "≤ 1.5", True), (f"2.50 {TIMES} faster than theirs", "≥ 3", False)]
    assert missed([table]) == [f"ours (work): 2.50 {TIMES} faster than theirs, target ≥ 3"]


def test_a_table_has_a_line_for_each_target() -> None:
    text = render(tabulate(SECTION, MEASURED), colour=False)

    assert text.splitlines() == [
        "",
        "Work (ms; medians of 3 rounds)",
        "──────────────────────────────",
        "what    result  compared                   target",
        "plain     2.00",
        f"ours      2.80  1.30 {TIMES} plain               ≤ 1.5   met",
        f"                2.50 {TIMES} faster than theirs  ≥ 3     missed",
        f"theirs    7.00  3.20 {TIMES} plain",
    ]


def test_further_columns_stand_beside_the_result() -> None:
    text = render(tabulate(SECTION, {RESULT: SAMPLES, "MiB": MEMORY}), colour=False)

    assert text.splitlines()[3:5] == [
        "what    result    MiB  compared                   target",
        "plain     2.00  41.00",
    ]


def test_a_difference_is_the_median_of_the_differences_within_the_rounds() -> None:
    section = Section("work", "Work", "ms", "plain", (Target("ours", "plain", 4, Compared.MORE, "MiB"),))

    table = tabulate(section, {RESULT: SAMPLES, "MiB": MEMORY})

    assert [(one.text, one.wanted, one.is_met) for row in table.rows for one in row.findings] == [
        ("MiB: +4.00 on plain", "≤ +4", True)
    ]


def test_a_target_may_stand_alone() -> None:
    section = Section("work", "Work", "ms", "", (Target("ours", "", 45, Compared.ALONE, "MiB"),))

    table = tabulate(section, {RESULT: SAMPLES, "MiB": MEMORY})

    assert missed([table]) == ["ours (work): MiB: 46.00, target ≤ 45"]
    assert [row.ratio for row in table.rows] == [None, None, None]


def test_a_target_against_a_row_that_is_left_out_is_left_out() -> None:
    samples = {name: values for name, values in SAMPLES.items() if name != "theirs"}

    table = tabulate(SECTION, {RESULT: samples})

    assert [one.target.against for row in table.rows for one in row.findings] == ["plain"]


def test_a_machine_reads_what_was_reached_and_whether_that_is_enough() -> None:
    table = json.loads(json.dumps(readable(tabulate(SECTION, MEASURED))))
    (row,) = [row for row in table["rows"] if row["what"] == "ours"]

    assert row["value"] == 2.8
    assert [(one["compared"], one["against"], one["bound"], one["met"]) for one in row["targets"]] == [
        ("times", "plain", 1.5, True),
        ("faster", "theirs", 3, False),
    ]


def test_colour_marks_what_is_met_and_what_is_missed() -> None:
    text = render(tabulate(SECTION, MEASURED), colour=True)

    assert "\033[32mmet\033[0m" in text
    assert "\033[31mmissed\033[0m" in text
