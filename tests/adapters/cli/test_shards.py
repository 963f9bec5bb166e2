"""What is to be seen of a stream's shards, from a listing and leases."""

import json
from dataclasses import replace
from typing import Any

import pytest

from eventkit.streams import Listing, Shard
from eventkit.streams.leases import Lease
from eventkit.streams.positions import SHARD_END, TRIM_HORIZON, After, Checkpoint, Since
from eventkit_cli.shards import Row, Standing, View, ago, cells_of, heading_of, shortened, view_as_json, view_of

ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"
NOW = 1_700_000_000.0


def lease(
    shard: str, *parents: str, at: Checkpoint = TRIM_HORIZON, owner: str | None = None, counter: int = 0
) -> Lease:
    return Lease("shop", ARN, shard, parents, at, owner, counter)


def seen(*shards: Shard, leases: tuple[Lease, ...] = (), silent: frozenset[str] = frozenset()) -> View:
    return view_of("stream:clicks", ARN, Listing(shards, NOW), leases, silent)


def standings(view: View) -> dict[str, Standing]:
    return {row.shard: row.standing for row in view.rows}


PARENT, CHILD = Shard("a", closed=True), Shard("b", ("a",))


@pytest.mark.parametrize(
    ("leases", "parent", "child"),
    [
        ((), Standing.NEW, Standing.NEW),
        ((lease("a"),), Standing.FREE, Standing.NEW),
        ((lease("b", "a"),), Standing.NEW, Standing.WAITING),
        ((lease("a", owner="one", counter=1), lease("b", "a")), Standing.READ, Standing.WAITING),
        ((lease("a", at=SHARD_END, counter=2), lease("b", "a")), Standing.FINISHED, Standing.FREE),
        ((lease("a", at=SHARD_END), lease("b", "a", owner="two", counter=1)), Standing.FINISHED, Standing.READ),
        # What was begun may go on, whatever has become of the lease of its parent.
        ((lease("a"), lease("b", "a", at=After("7"), counter=4)), Standing.FREE, Standing.FREE),
    ],
)
def test_a_shard_stands_as_its_lease_and_those_of_its_parents_say(
    leases: tuple[Lease, ...], parent: Standing, child: Standing
) -> None:
    assert standings(seen(PARENT, CHILD, leases=leases)) == {"a": parent, "b": child}


def test_a_parent_that_is_neither_listed_nor_leased_holds_nothing_back() -> None:
    assert standings(seen(CHILD, leases=(lease("b", "a"),))) == {"b": Standing.FREE}


def test_a_child_of_two_waits_for_both() -> None:
    merged = Shard("c", ("a", "b"))
    leases = (lease("a", at=SHARD_END), lease("b"), lease("c", "a", "b"))

    view = seen(Shard("a", closed=True), Shard("b", closed=True), merged, leases=leases)

    assert standings(view)["c"] is Standing.WAITING


def test_a_worker_that_renews_nothing_is_silent_and_nobody_else_is() -> None:
    leases = (lease("a", owner="one", counter=1), lease("d"), lease("e", at=SHARD_END))
    shards = [Shard(name) for name in "ade"]

    view = seen(*shards, leases=leases, silent=frozenset("ade"))

    assert standings(view) == {"a": Standing.SILENT, "d": Standing.FREE, "e": Standing.FINISHED}


def test_parents_come_before_their_children_and_families_stay_together() -> None:
    shards = [
        Shard("1", ("9",)),
        Shard("2"),
        Shard("3", ("1",)),
        Shard("4", ("2", "3")),
        Shard("5", ("2",)),
        Shard("9"),
    ]

    view = seen(*shards)

    assert [row.shard for row in view.rows] == ["2", "5", "9", "1", "3", "4"]


def test_shards_that_are_their_own_ancestors_are_shown_all_the_same() -> None:
    view = seen(leases=(lease("a", "b"), lease("b", "a"), lease("c", "c"), lease("d")))

    assert sorted(standings(view)) == ["a", "b", "c", "d"]


def test_a_lease_whose_shard_is_not_listed_is_shown() -> None:
    [row] = seen(leases=(lease("a", at=SHARD_END),)).rows

    assert (row.shard, row.standing, row.closed) == ("a", Standing.FINISHED, None)


def test_ages_are_told_by_the_clock_of_the_service() -> None:
    ours = Lease("shop", ARN, "a", (), After("7"), "one", 3, None, NOW - 12.5, 3.25)
    later = Lease("shop", ARN, "b", (), After("7"), "one", 3, None, NOW + 0.4, None)

    view = seen(Shard("a"), Shard("b"), leases=(ours, later))

    assert [(row.behind, row.age) for row in view.rows] == [(3.25, 12.5), (None, 0.0)]
    assert (view.behind, view.age, view.owners) == (3.25, 0.0, frozenset({"one"}))


def row(shard: str, standing: Standing = Standing.READ, **facts: Any) -> Row:  # noqa: ANN401 - the fields of Row
    return Row(shard, (), standing, closed=False, **facts)


def test_a_row_says_it_in_few_words() -> None:
    one = replace(
        row("shardId-000000000012", owner="blog-7d9f8c6b5-x2x4q-17-5c1f0d75", claimant="vm-2-39fdd677"),
        parents=("shardId-000000000001", "shardId-000000000002"),
        checkpoint=After("49590338271490256608559692538361571095921575989136588898"),
        behind=2.345,
        age=75.0,
    )

    [cells] = cells_of(View("stream:clicks", ARN, NOW, (one,)))

    assert cells[:4] == ("…000012", "…000001, …000002", "read", "…f8c6b5-x2x4q-17-5c1f0d75 → vm-2-39fdd677")
    assert cells[4:] == ("after …588898", "2.3 s", "75 s ago")


def test_a_wide_row_says_all_of_it() -> None:
    sequence = "49590338271490256608559692538361571095921575989136588898"
    view = View("clicks", ARN, NOW, (row("shardId-000000000012", owner="x" * 40, checkpoint=After(sequence)),))

    [cells] = cells_of(view, wide=True)

    assert (cells[0], cells[3], cells[4]) == ("shardId-000000000012", "x" * 40, f"after {sequence}")


@pytest.mark.parametrize(
    ("checkpoint", "text"),
    [
        (None, ""),
        (TRIM_HORIZON, "oldest record"),
        (SHARD_END, "end"),
        (Since(NOW), "since 2023-11-14 22:13:20Z"),
        (After("123456789012"), "after 123456789012"),
        (After("1234567890123"), "after …890123"),
    ],
)
def test_a_checkpoint_is_told_in_words(checkpoint: Checkpoint | None, text: str) -> None:
    [cells] = cells_of(View("clicks", ARN, NOW, (row("a", checkpoint=checkpoint),)))

    assert cells[4] == text


def test_names_are_shortened_as_far_as_they_stay_apart() -> None:
    assert shortened(["shard-0001", "shard-0002"], 4) == {"shard-0001": "…0001", "shard-0002": "…0002"}
    assert shortened(["a-x-0001", "b-x-0001"], 4) == {"a-x-0001": "a-x-0001", "b-x-0001": "b-x-0001"}
    assert shortened(["aaaa-x-0001", "bbbb-x-0001"], 4) == {"aaaa-x-0001": "…a-x-0001", "bbbb-x-0001": "…b-x-0001"}
    assert shortened(["short"], 6) == {"short": "short"}
    assert shortened([], 6) == {}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s ago"), (119, "119 s ago"), (120, "2 min ago"), (7_200, "2 h ago"), (172_800, "2 d ago")],
)
def test_how_long_ago_is_told_roughly(seconds: float, text: str) -> None:
    assert ago(seconds) == text


def test_the_sums_are_in_the_heading() -> None:
    rows = (
        row("a", Standing.FINISHED),
        row("b", owner="one", behind=0.5, age=3.0),
        row("c", owner="two", behind=7.25, age=9.0),
        row("d", Standing.WAITING),
    )

    heading = heading_of(View("clicks", ARN, NOW, rows))

    assert heading == "4 shards: 1 waiting, 2 read, 1 finished; 2 workers; at most 7.2 s behind; last record 3 s ago"
    assert heading_of(View("clicks", ARN, NOW, ())) == "0 shards: none"
    assert heading_of(View("clicks", ARN, NOW, (row("a", Standing.NEW),))) == "1 shard: 1 new"


def test_a_machine_gets_everything_unshortened() -> None:
    ours = Lease(
        "shop", ARN, "shardId-000000000012", ("shardId-000000000001",), After("49590338271490256608"), "one", 3
    )

    told = json.loads(json.dumps(view_as_json(seen(leases=(ours,)))))

    assert told == {
        "name": "stream:clicks",
        "stream": ARN,
        "at": NOW,
        "workers": ["one"],
        "behind": None,
        "age": None,
        "shards": [
            {
                "shard": "shardId-000000000012",
                "parents": ["shardId-000000000001"],
                "standing": "read",
                "closed": None,
                "owner": "one",
                "claimant": None,
                "checkpoint": "AFTER 49590338271490256608",
                "behind": None,
                "age": None,
            }
        ],
    }
