"""Shards begin when what is before them is settled, whatever a listing leaves out (S5)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit.stream_options import Start
from eventkit.streams import Listing, Shard
from eventkit.streams.leases import Lease
from eventkit.streams.positions import SHARD_END, TRIM_HORIZON, After, Checkpoint, Since
from eventkit.values import replace
from eventkit_poller.streams.lineage import Lineage

NEW, BEGUN, DONE = "new", "begun", "done"


def listed(*listings: Iterable[Shard]) -> Lineage:
    lineage = Lineage()
    for number, shards in enumerate(listings):
        lineage = lineage.after(Listing(tuple(shards), 1000.0 + number))
    return lineage


def lease(shard: str, *parents: str, state: str = NEW, checkpoint: Checkpoint = TRIM_HORIZON) -> Lease:
    position = SHARD_END if state == DONE else checkpoint
    return Lease("app", "arn", shard, parents, position, counter=0 if state == NEW else 7)


def names(leases: Iterable[Lease]) -> set[str]:
    return {lease.shard for lease in leases}


A, B = Shard("a", closed=True), Shard("b", ("a",))


def test_each_shard_gets_a_lease_that_begins_at_its_beginning() -> None:
    assert listed([A, B]).missing([], Start.TRIM_HORIZON) == [(A, TRIM_HORIZON), (B, TRIM_HORIZON)]


def test_a_shard_that_has_a_lease_gets_no_other() -> None:
    assert listed([A, B]).missing([lease("a")], Start.TRIM_HORIZON) == [(B, TRIM_HORIZON)]


def test_a_shard_that_one_listing_leaves_out_still_gets_its_lease() -> None:
    assert listed([A, B], [B]).missing([], Start.TRIM_HORIZON) == [(A, TRIM_HORIZON), (B, TRIM_HORIZON)]


def test_latest_begins_open_shards_at_the_moment_of_the_first_look_and_closed_ones_nowhere() -> None:
    assert listed([A, B]).missing([], Start.LATEST) == [(A, SHARD_END), (B, Since(1000.0))]


def test_a_first_look_that_was_left_half_done_is_finished_with_its_own_moment() -> None:
    half = [lease("c", checkpoint=Since(900.0))]

    assert listed([A, B, Shard("c")]).missing(half, Start.LATEST) == [(A, Since(900.0)), (B, Since(900.0))]


def test_a_first_look_that_has_only_noted_closed_shards_goes_on_as_it_began() -> None:
    half = [replace(lease("a"), checkpoint=SHARD_END)]

    assert listed([A, B]).missing(half, Start.LATEST) == [(B, Since(1000.0))]


def test_with_latest_the_children_of_a_shard_that_was_begun_are_read_from_their_beginning() -> None:
    begun = [lease("a", state=BEGUN, checkpoint=Since(900.0))]

    assert listed([A, B]).missing(begun, Start.LATEST) == [(B, TRIM_HORIZON)]


def test_with_latest_a_shard_that_turns_up_later_is_read_from_its_beginning() -> None:
    begun = [lease("x", state=BEGUN, checkpoint=After("5"))]

    assert listed([A, B]).missing(begun, Start.LATEST) == [(A, TRIM_HORIZON), (B, TRIM_HORIZON)]


@pytest.mark.parametrize(
    ("leases", "readable"),
    [
        ([lease("a")], {"a"}),
        ([lease("a"), lease("b", "a")], {"a"}),
        ([lease("a", state=BEGUN), lease("b", "a")], {"a"}),
        ([lease("a", state=DONE), lease("b", "a")], {"b"}),
        ([lease("a", state=DONE), lease("x"), lease("b", "a", "x")], {"x"}),
        ([lease("a", state=DONE), lease("x", state=DONE), lease("b", "a", "x")], {"b"}),
        ([lease("b", "a")], set[str]()),
        ([lease("b", "a", state=BEGUN)], {"b"}),
    ],
)
def test_a_shard_is_read_when_everything_before_it_is_finished(leases: Sequence[Lease], readable: set[str]) -> None:
    assert names(listed([A, B]).readable(leases)) == readable


def test_a_shard_begins_without_a_parent_that_is_absent_from_three_listings_in_a_row() -> None:
    child = lease("b", "a")

    ready = [names(listed(*[[B]] * count).readable([child])) for count in range(5)]

    assert ready == [set(), set(), set(), {"b"}, {"b"}]


def test_absences_that_are_not_in_a_row_prove_nothing() -> None:
    assert not listed([B], [B], [A, B], [B], [B]).readable([lease("b", "a")])


def test_a_parent_that_is_gone_but_has_a_lease_is_waited_for() -> None:
    assert names(listed(*[[B]] * 9).readable([lease("a", state=BEGUN), lease("b", "a")])) == {"a"}


def test_listings_come_soon_while_a_shard_waits_for_a_parent_that_may_be_gone() -> None:
    child = lease("b", "a")

    assert [listed(*[[B]] * count).doubts([child]) for count in range(1, 4)] == [True, True, False]
    assert not listed([A, B]).doubts([child])
    assert not listed([B]).doubts([lease("b", "a", state=BEGUN)])


def test_listings_come_soon_until_the_children_of_a_shard_that_has_ended_are_known_but_not_for_ever() -> None:
    ended = listed([A]).ended("a")

    assert ended.doubts([])
    assert not ended.after(Listing((A, B), 1)).doubts([])
    for _ in range(10):
        ended = ended.after(Listing((A,), 1))
    assert not ended.doubts([])


def test_a_finished_lease_is_deleted_when_its_shard_is_long_gone_and_its_children_have_begun() -> None:
    old, child = lease("a", state=DONE), lease("b", "a", state=BEGUN)

    assert names(listed(*[[B]] * 60).deletable([old, child])) == {"a"}
    assert not listed(*[[B]] * 59).deletable([old, child])
    assert not listed([A, B], *[[B]] * 59).deletable([old, child])


def test_a_lease_is_kept_while_something_needs_it() -> None:
    old, gone = lease("a", state=DONE), listed(*[[B]] * 60)

    assert not gone.deletable([old, lease("b", "a")])
    assert not gone.deletable([old])
    assert not gone.deletable([lease("a", state=BEGUN), lease("b", "a", state=BEGUN)])


def test_a_parent_is_not_absent_from_listings_before_its_child_was_heard_of() -> None:
    other = Shard("x")
    child = lease("b", "a")

    assert not listed([other], [other], [other], [B]).readable([child])
    assert names(listed([other], [other], [other], [B], [B], [B]).readable([child])) == {"b"}


def test_a_parent_that_only_a_lease_tells_of_is_not_absent_from_earlier_listings_either() -> None:
    child = lease("b", "a")
    other = Shard("x")
    lineage = listed([other], [other], [other]).with_leases([child])

    assert not lineage.readable([child])
    for _ in range(3):
        lineage = lineage.after(Listing((), 1.0))
    assert names(lineage.readable([child])) == {"b"}


def test_what_no_lease_and_no_listing_tells_of_is_forgotten() -> None:
    child = Shard("b")
    lineage = listed([A, child], [child], [child], [child])

    assert set(lineage.with_leases([lease("a", state=DONE)]).seen) == {"a", "b"}
    assert set(lineage.with_leases([]).seen) == {"b"}


class Stream:
    """A stream whose shards split, merge, roll and are trimmed, and whose listings leave each out twice at most."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.shards = {name: Shard(name) for name in ("0", "1")}
        self.gone: set[str] = set()
        self.leases: dict[str, Lease] = {}
        self.lineage = Lineage()
        self.begun: list[str] = []
        self._omitted: Counter[str] = Counter()

    def reshard(self) -> None:
        """Split, merge or roll."""
        open_shards = [shard for shard in self.shards.values() if not shard.closed]
        parents = self.random.sample(open_shards, min(len(open_shards), self.random.choice((1, 2))))
        for parent in parents:
            self.shards[parent.id] = replace(parent, closed=True)
        for _ in range(self.random.choice((1, 2)) if len(parents) == 1 else 1):
            name = str(len(self.shards))
            self.shards[name] = Shard(name, tuple(parent.id for parent in parents))

    def trim(self) -> None:
        """Remove the oldest shard that is closed, read or not."""
        old = [name for name, shard in self.shards.items() if shard.closed and name not in self.gone]
        self.gone.update(old[:1])

    def list(self, *, honestly: bool = False) -> None:
        there = [shard for name, shard in self.shards.items() if name not in self.gone]
        omitted = set[str]() if honestly else {shard.id for shard in there if self._is_left_out(shard.id)}
        self._omitted = Counter({name: self._omitted[name] + 1 for name in omitted})
        self.random.shuffle(there)
        self.lineage = self.lineage.after(Listing(tuple(shard for shard in there if shard.id not in omitted), 1.0))

    def restart(self) -> None:
        """Another process goes on, which knows only the leases."""
        self.lineage = Lineage()
        self._omitted.clear()

    def work(self) -> None:
        """Do what the lineage says: create, delete, begin, and sometimes finish."""
        for shard, checkpoint in self.lineage.missing(self.leases.values(), Start.TRIM_HORIZON):
            self.leases[shard.id] = Lease("app", "arn", shard.id, shard.parents, checkpoint)
        self.lineage = self.lineage.with_leases(self.leases.values())
        for old in self.lineage.deletable(self.leases.values()):
            del self.leases[old.shard]
        for lease in self.lineage.readable(self.leases.values()):
            if lease.shard not in self.begun:
                self._begin(lease.shard)
            finished = self.shards[lease.shard].closed and self.random.random() < 0.5
            checkpoint = SHARD_END if finished else lease.checkpoint
            self.leases[lease.shard] = replace(lease, counter=lease.counter + 1, checkpoint=checkpoint)

    def _begin(self, name: str) -> None:
        for parent in self.shards[name].parents:
            lease = self.leases.get(parent)
            assert lease.finished if lease else parent in self.gone, f"{name} begins before {parent} has ended"
        self.begun.append(name)

    def _is_left_out(self, name: str) -> bool:
        return self._omitted[name] < 2 and self.random.random() < 0.5


@given(st.integers(0, 10**9))
def test_no_child_begins_early_and_every_shard_begins_however_listings_leave_shards_out(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - it has to be repeatable
    stream = Stream(random)
    acts = [stream.reshard, stream.reshard, stream.list, stream.list, stream.list, stream.work, stream.restart]

    for _ in range(60):
        random.choice(acts)()
    for _ in range(6 * len(stream.shards)):
        stream.list(honestly=True)
        stream.work()

    assert set(stream.begun) == set(stream.shards)


@given(st.integers(0, 10**9))
def test_no_shard_is_begun_twice_and_none_waits_for_ever_where_old_ones_are_trimmed(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - it has to be repeatable
    stream = Stream(random)
    acts = [stream.reshard, stream.list, stream.list, stream.work, stream.work, stream.trim]

    for _ in range(60):
        random.choice(acts)()
    for _ in range(100 + 6 * len(stream.shards)):
        stream.list(honestly=True)
        stream.work()

    assert len(stream.begun) == len(set(stream.begun))
    assert set(stream.begun) >= stream.shards.keys() - stream.gone
    assert all(lease.shard not in stream.gone for lease in stream.leases.values() if lease.finished)
