"""The oracles of leases see what went wrong in histories that are made by hand, and nothing where nothing did."""

from itertools import pairwise

import pytest

from benchmarks.soak import lease_oracles, oracles
from benchmarks.soak.effects import Kind, Line
from benchmarks.soak.ledger import Change, Entry
from benchmarks.soak.report import SOUND, Result, facts_of_leases, failures, verdict
from benchmarks.soak.resharded import MERGES, S1, SPLITS
from benchmarks.soak.stream import Tail

END = "SHARD_END"

FREE = Entry("s", None, 0, "TRIM_HORIZON")
TAKEN = Entry("s", "a", 1, "TRIM_HORIZON")
READ = Entry("s", "a", 2, "AFTER 9")
RENEWED = Entry("s", "a", 3, "AFTER 9")
TAKEN_OVER = Entry("s", "b", 4, "AFTER 9")
READ_ON = Entry("s", "b", 5, "AFTER 10")
FINISHED = Entry("s", None, 6, END)
LIFE = (None, FREE, TAKEN, READ, RENEWED, TAKEN_OVER, READ_ON, FINISHED, None)


def history(*states: Entry | None) -> list[Change]:
    return [Change(old, new) for old, new in pairwise(states)]


def test_a_lease_that_is_taken_over_and_finished_is_in_order() -> None:
    assert lease_oracles.regressions(history(*LIFE)) == 0
    assert lease_oracles.intrusions(history(*LIFE)) == 0
    assert lease_oracles.takings(history(*LIFE)) == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("AFTER 10", "AFTER 9"),
        ("AFTER 9", "TRIM_HORIZON"),
        ("AFTER 9", "SINCE 1700000000.5"),
        ("SINCE 1700000001.5", "SINCE 1700000000.5"),
        ("SINCE 1700000001.5", "TRIM_HORIZON"),
        (END, "AFTER 10"),
    ],
)
def test_a_checkpoint_that_goes_back_is_a_regression(before: str, after: str) -> None:
    old, new = Entry("s", "a", 4, before), Entry("s", "a", 5, after)

    assert lease_oracles.regressions(history(None, old, new)) == 1
    assert lease_oracles.regressions(history(None, new, old)) == 0


def test_sequence_numbers_are_compared_as_numbers() -> None:
    assert lease_oracles.regressions(history(Entry("s", "a", 1, "AFTER 99"), Entry("s", "a", 2, "AFTER 100"))) == 0


def test_a_lease_that_is_deleted_before_its_shard_is_finished_is_a_regression() -> None:
    assert lease_oracles.regressions(history(READ_ON, None)) == 1


def test_a_checkpoint_of_a_former_owner_is_an_intrusion() -> None:
    zombie = Entry("s", "a", 5, "AFTER 11")

    assert lease_oracles.intrusions(history(TAKEN_OVER, zombie)) == 1


def test_a_write_that_does_not_follow_the_last_one_is_an_intrusion() -> None:
    assert lease_oracles.intrusions(history(READ_ON, Entry("s", "b", 5, "AFTER 11"))) == 1
    assert lease_oracles.intrusions(history(READ_ON, Entry("s", "b", 7, "AFTER 11"))) == 1


def test_a_checkpoint_of_nobody_is_an_intrusion_unless_the_shard_ends() -> None:
    assert lease_oracles.intrusions(history(READ_ON, Entry("s", None, 6, "AFTER 11"))) == 1
    assert lease_oracles.intrusions(history(FREE, Entry("s", None, 1, END))) == 1


def test_who_takes_a_lease_leaves_the_checkpoint_as_it_is() -> None:
    assert lease_oracles.intrusions(history(FREE, Entry("s", "a", 1, "AFTER 9"))) == 1


TAILS = {"closed": Tail("7", closed=True), "open": Tail("9", closed=False), "empty": Tail(None, closed=False)}


def test_a_shard_is_read_when_its_lease_is_at_its_end() -> None:
    leases = [Entry("closed", None, 3, END), Entry("open", "a", 3, "AFTER 9"), Entry("empty", "a", 1, "TRIM_HORIZON")]

    assert lease_oracles.unread(TAILS, leases) == set()


def test_a_shard_that_is_closed_is_not_read_before_its_lease_says_so() -> None:
    leases = [Entry("closed", "a", 3, "AFTER 7"), Entry("open", "a", 3, "AFTER 8")]

    assert lease_oracles.unread(TAILS, leases) == {"closed", "open"}
    assert lease_oracles.unread(TAILS, []) == {"closed", "open"}


HOMES = {"7/0": "shard-1", "7/1": "shard-1", "8/0": "shard-2"}


def lines(*told: tuple[float, Kind, str]) -> list[Line]:
    return [Line(at, kind, subject, 0) for at, kind, subject in told]


def test_what_a_frozen_worker_begins_in_a_shard_that_it_lost_is_a_trespass() -> None:
    woken = lines(
        (1, Kind.TAKEN, "shard-1"),
        (2, Kind.BEGUN, "7/0"),
        (9, Kind.DONE, "7/0"),
        (9, Kind.BEGUN, "7/1"),
        (10, Kind.LEFT, "shard-1"),
        (11, Kind.BEGUN, "8/0"),
    )

    assert lease_oracles.trespasses(woken, 8, HOMES) == 2


def test_what_it_begins_in_a_shard_that_it_took_again_is_none() -> None:
    woken = lines(
        (1, Kind.TAKEN, "shard-1"),
        (2, Kind.BEGUN, "7/0"),
        (9, Kind.DONE, "7/0"),
        (10, Kind.LEFT, "shard-1"),
        (11, Kind.TAKEN, "shard-1"),
        (12, Kind.BEGUN, "7/1"),
    )

    assert lease_oracles.trespasses(woken, 8, HOMES) == 0


def test_an_attempt_is_in_hand_from_its_beginning_to_its_end() -> None:
    told = lines((1, Kind.BEGUN, "7/0"), (2, Kind.BEGUN, "8/0"), (3, Kind.DONE, "7/0"), (4, Kind.FAILED, "8/0"))

    assert [oracles.in_hand(told, at) for at in (0, 1, 2, 3, 4)] == [0, 1, 2, 1, 0]


WORKERS = {"a", "b"}


def leases(*owners: str | None) -> list[Entry]:
    return [Entry(str(shard), owner, 1, "TRIM_HORIZON") for shard, owner in enumerate(owners)]


def test_leases_are_balanced_from_when_on_they_stay_so() -> None:
    looks = [
        (10.0, leases("a", "a", "a")),
        (11.0, leases("a", "a", "b")),
        (12.0, leases("a", "a", "a")),
        (13.0, leases("a", "b", "b")),
        (14.0, leases("a", "b", "b")),
    ]

    assert lease_oracles.balanced_after(looks, WORKERS) == 3.0
    assert lease_oracles.balanced_after(looks[:3], WORKERS) is None
    assert lease_oracles.spread(leases("a", "a", "a"), WORKERS) == 3


def test_leases_of_nobody_or_of_a_dead_worker_are_not_taken_over() -> None:
    looks = [(10.0, leases("a", "dead", "b")), (12.5, leases("a", None, "b")), (13.0, leases("a", "a", "b"))]

    assert lease_oracles.taken_over_after(looks, WORKERS) == 3.0
    assert lease_oracles.taken_over_after(looks[:2], WORKERS) is None
    assert lease_oracles.taken_over_after([(10.0, [])], WORKERS) is None


def test_the_verdict_counts_what_may_not_be() -> None:
    facts = facts_of_leases(history(*LIFE, READ_ON, READ)) | {"lost": 3, "inversions": 0}
    result = Result("s1", "Killed", "how", facts, dict.fromkeys(("lost", *SOUND), 0))

    assert verdict(facts) == "3 missing, 0 inversions, 1 checkpoint regressions"
    assert failures([result]) == [
        "s1: lost: 3, at most 0",
        "s1: checkpoint regressions: 1, at most 0",
        "s1: writes by others than the owner: 1, at most 0",
    ]


def test_two_shards_become_four_eight_and_three() -> None:
    counts = [2]
    for place in SPLITS:
        assert place < counts[-1]
        counts.append(counts[-1] + 1)
    for place in MERGES:
        assert place + 1 < counts[-1]
        counts.append(counts[-1] - 1)

    assert (counts[2], max(counts), counts[-1]) == (4, 8, 3)


def test_each_record_is_written_once_and_in_the_order_of_its_key() -> None:
    messages = [*S1.messages()]

    assert len(set(messages)) == len(messages) == S1.keys * S1.places
    assert [message for message in messages if message.startswith("7/")] == [f"7/{place}" for place in range(S1.places)]
