"""Processes that see the same leases divide them evenly, never want the same one, and then let them be (S8, S9)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from operator import attrgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit.streams.leases import Lease
from eventkit.values import replace
from eventkit_poller.streams.balance import Decision, Stance, View, seen

FAILOVER = 10.0


def lease(shard: str, owner: str | None = None, claimant: str | None = None, counter: int = 1) -> Lease:
    return Lease("app", "arn", shard, owner=owner, counter=counter, claimant=claimant)


def leases(owners: str) -> list[Lease]:
    """A lease for each letter, which is its owner; nobody's for a dot."""
    return [lease(f"s{number:02}", None if owner == "." else owner) for number, owner in enumerate(owners)]


def decide(me: str, leases: Iterable[Lease], age: float = 0.0, held: Iterable[str] | None = None) -> Decision:
    """What a process decides that sees all leases unchanged for `age` seconds, and reads what is its own."""
    leases = list(leases)
    own = [lease.shard for lease in leases if lease.owner == me] if held is None else list(held)
    return Stance(me, FAILOVER, own).decide([View(lease, 100.0) for lease in leases], 100.0 + age)


def test_who_has_nothing_takes_one_lease_so_that_others_see_him() -> None:
    assert len(decide("a", leases("......")).take) == 1


def test_who_has_a_lease_takes_all_where_nobody_else_is() -> None:
    assert len(decide("a", leases("a.....")).take) == 5


def test_processes_that_begin_together_prefer_different_leases() -> None:
    wanted = {decide(f"host-{number}", leases("." * 73)).take[0].shard for number in range(9)}

    assert len(wanted) > 5


def test_free_leases_go_to_who_has_least() -> None:
    assert len(decide("b", leases("aaaab...")).take) == 3
    assert not decide("a", leases("aaaab...")).take


def test_a_lease_that_was_not_seen_to_change_is_free_after_the_failover_and_not_before() -> None:
    others = leases("ab")

    assert not decide("b", others, age=9.99).take
    assert [lease.owner for lease in decide("b", others, age=10.0).take] == ["a"]


def test_nothing_counts_as_expired_at_the_first_look() -> None:
    views = seen({}, leases("ab"), 100.0)

    assert Stance("c", FAILOVER).decide(views.values(), 100.0) == Decision()


def test_a_change_of_the_counter_or_of_the_owner_is_a_sign_of_life() -> None:
    old = seen({}, leases("aaa"), 100.0)
    first, second, third = (view.lease for view in old.values())

    views = seen(old, [first, replace(second, counter=2), replace(third, owner="c")], 105.0)

    assert [view.since for view in views.values()] == [100.0, 105.0, 105.0]


def test_a_lease_that_is_gone_is_not_remembered() -> None:
    assert not seen(seen({}, leases("a"), 100.0), [], 101.0)


def test_what_was_handed_over_is_taken_at_once_however_much_one_has() -> None:
    assert [lease.shard for lease in decide("a", leases("aaaab"), held=["s00", "s01", "s02"]).take] == ["s03"]


def test_who_has_least_asks_who_has_most_for_one_lease() -> None:
    claim = decide("c", leases("aaaabbb")).claim

    assert claim is not None
    assert claim.owner == "a"


def test_nobody_is_asked_where_the_difference_is_one() -> None:
    assert all(decide(me, leases("aaabbcc")) == Decision() for me in "abc")


def test_nobody_is_asked_while_a_lease_is_free() -> None:
    assert decide("b", leases("aaaaab.")).claim is None


def test_a_lease_that_was_asked_for_counts_for_who_gets_it() -> None:
    asked = [lease("s0", "a", "b"), lease("s1", "a", "b"), lease("s2", "a"), lease("s3", "a")]

    assert decide("b", asked).claim is None
    assert decide("c", asked).claim in asked[2:]


def test_only_one_of_many_that_see_the_same_asks_for_the_one_lease_too_many() -> None:
    claims = [decide(me, leases("aaabcdef")).claim for me in "abcdef"]

    assert sum(claim is not None for claim in claims) == 1


def test_a_free_lease_is_taken_by_others_when_whose_turn_it_is_does_not_take_it() -> None:
    *owned, free = leases("aaab.")
    views = [*(View(lease, 110.0) for lease in owned), View(free, 100.0)]

    assert decide("b", [*owned, free]).take == (free,)
    assert not Stance("a", FAILOVER, ["s00", "s01", "s02"]).decide(views, 109.99).take
    assert Stance("a", FAILOVER, ["s00", "s01", "s02"]).decide(views, 110.0).take == (free,)


def test_an_expired_lease_is_left_a_while_to_whose_turn_it_is() -> None:
    *owned, expired = leases("aaabc")
    views = [*(View(lease, 120.0) for lease in owned), View(expired, 100.0)]

    assert not Stance("a", FAILOVER, ["s00", "s01", "s02"]).decide(views, 119.99).take
    assert Stance("a", FAILOVER, ["s00", "s01", "s02"]).decide(views, 120.0).take == (expired,)


def test_a_shard_that_was_lost_is_not_taken_again_while_its_consumer_is_coming_to_its_end() -> None:
    assert not decide("a", leases("a."), held=["s00", "s01"]).take


OWNERS = st.text("abcde.", min_size=1, max_size=60)


@given(OWNERS)
def test_processes_that_see_the_same_want_different_leases_and_all_are_wanted(owners: str) -> None:
    everyone = sorted(set(owners) - {"."})
    wanted = [lease.shard for me in everyone for lease in decide(me, leases(owners)).take]

    assert len(wanted) == len(set(wanted))
    assert not everyone or len(wanted) == owners.count(".")


@given(OWNERS)
def test_the_shares_become_even_no_lease_comes_back_to_who_gave_it_away_and_then_nothing_moves(owners: str) -> None:
    everyone, history = "abcde", [leases(owners)]
    for me in everyone * 61:
        history.append(carried_out(me, history[-1]))

    counts = Counter(lease.owner for lease in history[-1])
    assert max(counts[me] for me in everyone) - min(counts[me] for me in everyone) <= 1
    assert all(decide(me, history[-1]) == Decision() for me in everyone)
    for states in zip(*history, strict=True):
        assert len(list(groupby(states, attrgetter("owner")))) == len({lease.owner for lease in states})


@pytest.mark.parametrize("workers", range(1, 10))
def test_73_leases_of_one_process_are_divided_among_nine_in_as_few_moves_as_possible(workers: int) -> None:
    everyone = [f"host-{number}" for number in range(workers)]
    history = [[lease(f"s{number}", "host-0") for number in range(73)]]
    for me in everyone * 65:
        history.append(carried_out(me, history[-1]))

    counts = Counter(lease.owner for lease in history[-1])
    moves = sum(old.owner != new.owner for states in pairwise(history) for old, new in zip(*states, strict=True))
    assert sorted(counts.values()) == sorted(73 // workers + (number < 73 % workers) for number in range(workers))
    assert moves == 73 - counts["host-0"]


def carried_out(me: str, state: Sequence[Lease]) -> list[Lease]:
    """The leases after one process has done what it decides, and the owner of what it asks for has handed that over."""
    decision = decide(me, state)
    changed = {lease.shard for lease in (*decision.take, decision.claim) if lease is not None}
    return [replace(lease, owner=me) if lease.shard in changed else lease for lease in state]
