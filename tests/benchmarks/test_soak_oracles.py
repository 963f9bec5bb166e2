"""The oracles of the soak see what went wrong in logs that are made by hand, and nothing in those where nothing did."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.soak import effects, oracles
from benchmarks.soak.arena import Patience
from benchmarks.soak.effects import Kind, Line, Log, Logs
from benchmarks.soak.killed import Q1, Q10, Q10_FULL
from benchmarks.soak.report import Result, events_of, facts_of, failures, readable, table

BEGUN, DONE, FAILED = Kind.BEGUN, Kind.DONE, Kind.FAILED


def lines(*told: tuple[float, Kind, str]) -> list[Line]:
    return [Line(float(at), kind, subject, 1) for at, kind, subject in told]


WELL = lines((1, BEGUN, "7/0"), (2, DONE, "7/0"), (3, BEGUN, "7/1"), (4, DONE, "7/1"))
AGAIN = lines((1, BEGUN, "7/0"), (2, DONE, "7/0"), (6, BEGUN, "7/0"), (7, DONE, "7/0"))


def test_nothing_is_found_where_all_went_well() -> None:
    assert oracles.lost(["7/0", "7/1"], WELL) == set()
    assert oracles.duplicates(WELL) == 0
    assert oracles.received_again(WELL) == 0
    assert oracles.redeliveries(WELL) == []
    assert oracles.inversions(WELL) == 0
    assert oracles.cut_off({"a": WELL}) == 0


def test_a_message_without_an_effect_is_lost() -> None:
    begun_only = lines((1, BEGUN, "7/2"), (2, FAILED, "7/3"))

    assert oracles.lost(["7/0", "7/2", "7/3", "7/4"], [*WELL, *begun_only]) == {"7/2", "7/3", "7/4"}


def test_a_message_that_is_left_in_a_queue_is_not_lost() -> None:
    assert oracles.lost(["7/0", "7/8", "7/9"], WELL, left=["7/8"]) == {"7/9"}


def test_every_effect_beyond_the_first_is_a_duplicate() -> None:
    third = lines((8, BEGUN, "7/0"), (9, DONE, "7/0"))

    assert oracles.duplicates(AGAIN) == 1
    assert oracles.duplicates([*AGAIN, *third]) == 2


def test_an_attempt_without_an_effect_is_no_duplicate_but_was_received() -> None:
    cut_off = lines((1, BEGUN, "7/0"), (6, BEGUN, "7/0"), (7, DONE, "7/0"))

    assert oracles.duplicates(cut_off) == 0
    assert oracles.received_again(cut_off) == 1


def test_a_redelivery_takes_from_one_beginning_to_the_next() -> None:
    assert oracles.redeliveries(AGAIN) == [5.0]


def test_a_message_that_comes_again_because_it_failed_is_not_redelivered() -> None:
    retried = lines((1, BEGUN, "7/0"), (2, FAILED, "7/0"), (4, BEGUN, "7/0"), (9, BEGUN, "7/0"))

    assert oracles.redeliveries(retried) == [5.0]


def test_beginning_a_message_before_the_one_in_front_is_done_is_an_inversion() -> None:
    overtaking = lines((1, BEGUN, "7/0"), (2, BEGUN, "7/1"), (3, DONE, "7/0"), (4, DONE, "7/1"))

    assert oracles.inversions(overtaking) == 1


def test_beginning_a_message_after_the_one_in_front_has_failed_is_an_inversion() -> None:
    behind_a_failure = lines((1, BEGUN, "7/0"), (2, FAILED, "7/0"), (3, BEGUN, "7/1"))

    assert oracles.inversions(behind_a_failure) == 1


def test_every_attempt_behind_a_lost_message_is_an_inversion() -> None:
    without_the_first = lines((1, BEGUN, "7/1"), (2, DONE, "7/1"), (3, BEGUN, "7/1"), (4, BEGUN, "7/2"))

    assert oracles.inversions(without_the_first) == 2


def test_a_message_may_be_redelivered_after_those_behind_it() -> None:
    assert oracles.inversions([*WELL, *lines((9, BEGUN, "7/0"), (10, DONE, "7/0"))]) == 0


def test_groups_do_not_wait_for_each_other() -> None:
    two_groups = lines((1, BEGUN, "7/0"), (1, BEGUN, "70/0"), (2, DONE, "70/0"), (3, BEGUN, "70/1"), (4, DONE, "7/0"))

    assert oracles.inversions(two_groups) == 0


def test_the_lines_of_all_processes_are_put_in_order_of_time() -> None:
    logs = {"b": lines((2, DONE, "7/0"), (5, BEGUN, "7/2")), "a": lines((1, BEGUN, "7/0"), (3, BEGUN, "7/1"))}

    assert [line.at for line in oracles.merged(logs)] == [1, 2, 3, 5]


def test_what_ran_at_once_is_counted_over_all_processes() -> None:
    logs = {"a": lines((1, BEGUN, "7/0"), (4, DONE, "7/0")), "b": lines((2, BEGUN, "8/0"), (3, FAILED, "8/0"))}

    assert oracles.most_in_flight(logs) == 2


def test_what_a_killed_process_ran_ends_with_its_last_line() -> None:
    killed = lines((1, BEGUN, "7/0"), (2, BEGUN, "8/0"))
    after_it = lines((3, BEGUN, "7/0"), (4, DONE, "7/0"))

    assert oracles.most_in_flight({"killed": killed, "after it": after_it, "empty": []}) == 2
    assert oracles.cut_off({"killed": killed, "after it": after_it}) == 2


@pytest.mark.parametrize(("share", "found"), [(0.0, 1), (0.5, 50), (0.99, 99), (1.0, 100)])
def test_a_quantile_is_one_of_the_values(share: float, found: float) -> None:
    assert oracles.quantile(range(100, 0, -1), share) == found


def test_there_is_no_quantile_of_nothing() -> None:
    assert oracles.quantile([], 0.5) is None


def test_the_slope_of_a_line_is_exact() -> None:
    slope = oracles.slope([(at, 50 + at / 3600) for at in range(60)])

    assert slope is not None
    assert (round(slope.hourly, 6), round(slope.margin, 6)) == (1, 0)


def test_the_slope_of_what_goes_up_and_down_is_uncertain() -> None:
    slope = oracles.slope([(at, 50 + at % 2) for at in range(60)])

    assert slope is not None
    assert abs(slope.hourly) < slope.margin


def test_two_samples_have_no_slope() -> None:
    assert oracles.slope([(1, 50), (2, 51)]) is None


def test_what_a_process_wrote_is_read_again(tmp_path: Path) -> None:
    log = Log(tmp_path / "worker")
    log(BEGUN, "7/0", 1)
    log(Kind.LOGGED, "an event with a name that is longer than a line has room for", 30)

    found = effects.read(tmp_path)["worker"]

    assert [(line.kind, line.subject, line.number) for line in found] == [
        (BEGUN, "7/0", 1),
        (Kind.LOGGED, "an event with a name that i", 30),
    ]
    assert 0 < found[0].at <= found[1].at


def test_a_line_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    log = Log(tmp_path / "worker")
    log(BEGUN, "7/0", 1)
    log(DONE, "7/0", 1)

    data = (tmp_path / "worker").read_bytes()

    assert len(data) == 2 * 64  # so that no line crosses a page
    assert [line.kind for line in effects.parse(data[:-1])] == [BEGUN]


def test_two_logs_of_one_file_do_not_overwrite_each_other(tmp_path: Path) -> None:
    for log in (Log(tmp_path / "worker"), Log(tmp_path / "worker")):
        log(BEGUN, "7/0", 1)

    assert len(effects.read(tmp_path)["worker"]) == 2


LOGS: Logs = {"killed": AGAIN[:2], "after it": [*AGAIN[2:], Line(9, Kind.LOGGED, "receive.failed", 30)]}


def result(*, duplicates: int) -> Result:
    return Result("q1", "Killed", "how", facts_of(LOGS, ["7/0", "7/1"]), {"lost": 0, "duplicates": duplicates})


def test_the_facts_of_a_run_are_told_from_its_logs() -> None:
    assert facts_of(LOGS, ["7/0", "7/1"]) == {
        "processes": 2,
        "messages sent": 2,
        "unique effects": 1,
        "lost": 1,
        "duplicates": 1,
        "received again": 1,
        "redelivered after, p50 s": 5.0,
        "redelivered after, p99 s": 5.0,
        "most in flight": 1,
        "warnings logged": 1,
    }


def test_what_exceeds_its_bound_does_not_hold() -> None:
    assert failures([result(duplicates=0)]) == ["q1: lost: 1, at most 0", "q1: duplicates: 1, at most 0"]
    assert failures([result(duplicates=1)]) == ["q1: lost: 1, at most 0"]


def test_what_was_not_measured_does_not_hold() -> None:
    unmeasured = Result("q13", "Memory", "how", {"RSS slope, MiB/h": None}, {"RSS slope, MiB/h": 1})

    assert failures([unmeasured]) == ["q13: RSS slope, MiB/h: -, at most 1"]


def test_the_table_shows_each_fact_beside_its_bound() -> None:
    console = Console(file=io.StringIO(), width=80)

    console.print(table([result(duplicates=1)]))

    shown = console.file.getvalue() if isinstance(console.file, io.StringIO) else ""
    rows = [[cell.strip() for cell in row.split("│")[1:3]] for row in shown.splitlines() if "│" in row]
    assert ["lost", "1 ≤ 0"] in rows
    assert ["duplicates", "1 ≤ 1"] in rows
    assert ["redelivered after, p50 s", "5.00"] in rows


def test_machines_get_facts_and_failures() -> None:
    found = readable([result(duplicates=1)])

    assert found["failures"] == ["q1: lost: 1, at most 0"]


def test_what_was_logged_can_be_written_as_json() -> None:
    logged = Line(0.0, Kind.LOGGED, "record.lost", 0)

    found = replace(result(duplicates=0), events=events_of({"1": [logged, logged]}))

    assert '"events": {"record.lost": 2}' in json.dumps(readable([found]))


def test_each_message_is_sent_once_and_in_the_order_of_its_group() -> None:
    messages = list(Q10.messages(0))

    assert len(set(messages)) == len(messages) == Q10.groups * Q10.places
    assert [place for group, _, place in (one.partition("/") for one in messages) if group == "7"] == [
        str(place) for place in range(Q10.places)
    ]


def test_no_group_is_in_two_rounds() -> None:
    groups = [
        group
        for turn in range(Q10_FULL.rounds)
        for group in {message.partition("/")[0] for message in Q10_FULL.messages(turn)}
    ]

    assert len(set(groups)) == len(groups) == 1_000


def test_a_plan_at_a_small_scale_still_kills_once() -> None:
    small = Q1.scaled(0.005)

    assert (small.groups, small.kills) == (50, 1)


def test_patience_ends_when_nothing_has_changed_for_its_time() -> None:
    now = 0.0
    patience = Patience(10, clock=lambda: now)
    found: list[bool] = []

    for now, state in ((0.0, "a"), (9.0, "a"), (10.5, "b"), (20.0, "b"), (21.0, "b")):  # noqa: B007 - the clock reads it
        found.append(patience.ends(state))

    assert found == [False, False, False, False, True]
