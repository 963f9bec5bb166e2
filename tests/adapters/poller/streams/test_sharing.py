"""Processes share a stream: evenly, one reader for each shard, whatever happens to them, to calls and to listings."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest

from eventkit.stream_options import Start
from eventkit.streams.leases import Lease
from eventkit.streams.positions import SHARD_END, TRIM_HORIZON, Since
from eventkit.values import replace
from eventkit_poller.settings import Timing
from eventkit_poller.streams.settings import SharingSettings
from eventkit_poller.streams.sharing import Sharing, Subscription
from eventkit_poller.streams.tenancy import Tenancy
from eventkit_poller.tasks import Tasks
from tests.adapters.poller.streams.cluster import (
    EPOCH,
    FAILOVER,
    GROUP,
    STREAM,
    Cluster,
    RemoteStreams,
    Store,
    Wire,
    cluster_of,
)

SHARDS, HOSTS = 73, 9
"""What the Kinesis Client Library's own exerciser has."""

SEEDS = range(3)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of lines are of no use to anybody."""
    caplog.set_level(logging.ERROR, "eventkit.poller")


def started(cluster: Cluster, hosts: int, apart: float = 0.0, pace: float = float("inf")) -> None:
    for number in range(hosts):
        cluster.add(f"host-{number}", pace=pace)
        cluster.run(apart)


def is_even(cluster: Cluster) -> bool:
    """Whether every shard is read, and no process has two more than another."""
    return cluster.spread <= 1 and sum(host.shards for host in cluster.hosts.values()) == len(cluster.topology.shards)


def counts(cluster: Cluster) -> Counter[str]:
    return sum((host.sharing.counts for host in cluster.hosts.values()), Counter[str]())


def test_a_process_that_is_alone_reads_all_shards() -> None:
    with cluster_of(1, 20) as cluster:
        alone = cluster.add("alone")

        assert cluster.run_until(lambda: alone.shards == 20, 10) < 2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("apart", [0.0, 1.0])
def test_nine_processes_share_73_shards_evenly_within_three_failovers(seed: int, apart: float) -> None:
    with cluster_of(seed, SHARDS) as cluster:
        started(cluster, HOSTS, apart)

        assert cluster.run_until(lambda: is_even(cluster), 100) <= 3 * FAILOVER
        assert not cluster.wrongs


@pytest.mark.parametrize("seed", SEEDS)
def test_processes_that_begin_together_all_read_something_soon(seed: int) -> None:
    with cluster_of(seed, SHARDS) as cluster:
        started(cluster, HOSTS)

        assert cluster.run_until(lambda: all(host.shards for host in cluster.hosts.values()), 100) < 2


def test_a_process_asks_for_one_shard_a_second() -> None:
    with cluster_of(1, 40) as cluster:
        cluster.add("first")
        cluster.run(20)
        cluster.add("second")

        assert 10 <= cluster.run_until(lambda: is_even(cluster), 100) <= 3 * FAILOVER


@pytest.mark.parametrize("seed", SEEDS)
def test_the_shards_of_a_killed_process_are_read_again_within_two_failovers(seed: int) -> None:
    with cluster_of(seed, SHARDS) as cluster:
        started(cluster, HOSTS)
        cluster.run(100 + cluster.random.random() * FAILOVER)
        before = cluster.transfers
        killed = cluster.hosts["host-3"]
        shards = killed.shards
        killed.kill()

        assert cluster.run_until(lambda: cluster.spread < SHARDS, 100) <= 2 * FAILOVER
        assert cluster.run_until(lambda: is_even(cluster), 100) <= FAILOVER
        assert cluster.transfers - before <= shards + 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_process_that_joins_gets_its_share_and_nothing_moves_after_that(seed: int) -> None:
    with cluster_of(seed, SHARDS) as cluster:
        started(cluster, HOSTS)
        cluster.run(100)
        before = cluster.transfers
        cluster.add("late")

        assert cluster.run_until(lambda: is_even(cluster), 100) <= 3 * FAILOVER
        cluster.run(150)
        assert is_even(cluster)
        assert cluster.transfers - before <= SHARDS // HOSTS


def test_others_need_not_wait_for_the_shards_of_a_process_that_stops() -> None:
    with cluster_of(1, SHARDS) as cluster:
        started(cluster, HOSTS)
        cluster.run(100)
        stopped = cluster.hosts["host-3"]
        stopped.stop()

        assert cluster.run_until(lambda: is_even(cluster), 100) <= FAILOVER / 2
        assert stopped.has_ended
        assert stopped.sharing.counts["lease.released"] == 8


@pytest.mark.parametrize("seed", range(8))
def test_a_process_that_was_frozen_changes_nothing_when_it_goes_on(seed: int) -> None:
    with cluster_of(seed, 6, 600) as cluster:
        started(cluster, 2, pace=0.1)
        cluster.run(40 + cluster.random.random())
        zombie, other = cluster.hosts.values()
        zombie.is_frozen = True
        writes = cluster.writes["host-0"]
        cluster.run(3 * FAILOVER)
        assert (zombie.shards, other.shards) == (3, 6)
        zombie.thaw()
        cluster.run(0.2)

        assert cluster.writes["host-0"] == writes
        assert zombie.sharing.counts["lease.lost"] == 3
        cluster.run(100)
        assert cluster.spread == 0
        assert (cluster.missing, cluster.inversions, cluster.wrongs) == (0, 0, [])


def test_a_shard_that_is_handed_over_goes_on_where_it_was() -> None:
    with cluster_of(3, 8, 300) as cluster:
        started(cluster, 4, apart=6, pace=0.1)
        cluster.run(10)
        cluster.hosts["host-0"].stop()
        cluster.run(100)

        assert counts(cluster)["lease.handed_over"] >= 3
        assert (cluster.missing, len(cluster.handled), cluster.wrongs) == (0, 8 * 300, [])


def test_a_shard_whose_handler_hangs_is_given_away_after_the_time_for_that() -> None:
    with cluster_of(1, 2) as cluster:
        stuck = cluster.add("stuck", pace=0.1, handover=20.0)
        stuck.is_stuck = True
        cluster.run(10)
        other = cluster.add("other")

        assert 20 <= cluster.run_until(lambda: other.shards == 1, 100) <= 20 + FAILOVER
        assert stuck.sharing.counts["lease.lost"] == 0


def test_who_is_asked_for_a_shard_gives_it_away_only_when_its_consumer_has_ended_or_is_cancelled() -> None:
    with cluster_of(1, 2) as cluster:
        stuck = cluster.add("stuck", pace=0.1)
        stuck.is_stuck = True
        cluster.run(10)
        cluster.add("other")
        cluster.run(60)

        assert stuck.cancelled == ["stuck"]


def test_the_consumer_of_a_shard_that_is_lost_is_cancelled_at_once() -> None:
    with cluster_of(1, 2) as cluster:
        stuck = cluster.add("stuck", pace=0.1)
        stuck.is_stuck = True
        cluster.run(10)
        stuck.wire.is_cut = True

        assert cluster.run_until(lambda: stuck.shards == 0, 100) <= FAILOVER
        assert stuck.cancelled == ["stuck", "stuck"]


@pytest.mark.parametrize("seed", range(6))
def test_nobody_takes_a_lease_before_its_owner_knows_that_it_is_lost_however_slow_calls_are(seed: int) -> None:
    with cluster_of(seed, 4, 100_000) as cluster:
        owner = cluster.add("owner", pace=0.05)
        cluster.run(10)
        cluster.add("slow").wire.latency = 0.7
        cluster.run(20 + 5 * cluster.random.random())
        owner.wire.is_cut = True
        cluster.run(40)

        assert owner.sharing.counts["lease.lost"] >= 2
        assert {lease.owner for lease in cluster.leases} == {"slow"}
        assert not cluster.wrongs


async def test_a_lease_that_changed_while_it_was_loaded_is_taken_a_failover_after_that_and_not_earlier() -> None:
    class SlowAtFirst(Store):
        async def leases(self, group: str, stream: str) -> Sequence[Lease]:
            await asyncio.sleep(3 if now() == 0 else 0)
            return await super().leases(group, stream)

    store, others = SlowAtFirst(), Lease(GROUP, STREAM, "shard", owner="other", counter=1)
    await store.create(others)
    taken: list[float] = []
    timing = Timing(now, lambda: 0.5)
    streams = RemoteStreams(Wire(Random(1)), Cluster(1, Start.TRIM_HORIZON))  # noqa: S311 - it has to be repeatable
    streams.is_blind = True  # no listing makes it look more often
    sharing = Sharing(Subscription(GROUP, STREAM), streams, store, SharingSettings("me"), timing, Taken(taken).begin)
    tasks = Tasks(lambda error: pytest.fail(repr(error)))
    sharing.start(tasks)
    await asyncio.sleep(2.9)
    await store.swap(others, replace(others, counter=2))
    await asyncio.sleep(20)
    sharing.stop()
    await tasks.ended(1)

    assert 2.9 + FAILOVER <= taken[0] <= 2.9 + 2 * FAILOVER


def now() -> float:
    return asyncio.get_running_loop().time()


class Taken:
    """A consumer that does nothing but tell when it was begun."""

    def __init__(self, times: list[float]) -> None:
        self._times = times

    def begin(self, _: Tenancy) -> "Taken":
        self._times.append(now())
        return self

    async def stop(self) -> None:
        pass

    def cancel(self) -> None:
        pass


@pytest.mark.parametrize("after", [0.01, 0.02, 0.03, 0.05, 0.08, 0.13, 0.21, 1.1, 1.15, 1.2])
def test_a_process_that_stops_while_it_takes_leases_keeps_none(after: float) -> None:
    with cluster_of(1, 30) as cluster:
        host = cluster.add("host")
        cluster.run(after)
        host.stop()
        cluster.run(1)

        assert host.has_ended
        assert {lease.owner for lease in cluster.leases} <= {None}


def test_a_process_that_cannot_reach_the_store_stops_in_time_all_the_same() -> None:
    with cluster_of(1, 5) as cluster:
        host = cluster.add("host")
        cluster.run(20)
        host.wire.is_cut = True
        cluster.run(2)
        host.stop()

        assert cluster.run_until(lambda: host.has_ended, 100) <= 1.5 * FAILOVER


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("throttled", "outage"), [(0.5, 0.0), (0.0, 5.0)])
def test_throttling_or_partitions_move_no_lease(seed: int, throttled: float, outage: float) -> None:
    with cluster_of(seed, 40) as cluster:
        started(cluster, 5)
        cluster.run_until(lambda: is_even(cluster), 100)
        cluster.run(30)
        before, lost = cluster.transfers, counts(cluster)["lease.lost"]
        for host in cluster.hosts.values():
            host.wire.throttled, host.wire.lossy = throttled, throttled / 10
        for _ in range(20):
            victim = cluster.random.choice([*cluster.hosts.values()])
            victim.wire.is_cut = outage > 0
            cluster.run(outage)
            victim.wire.is_cut = False
            cluster.run(10 - outage)

        assert cluster.transfers == before
        assert counts(cluster)["lease.lost"] == lost
        assert counts(cluster)["leases.error"] > 10
        assert not cluster.wrongs


@pytest.mark.parametrize("seed", SEEDS)
def test_under_throttling_and_partitions_at_once_few_leases_move_and_all_is_even_afterwards(seed: int) -> None:
    partitions = 20
    with cluster_of(seed, 40) as cluster:
        started(cluster, 5)
        cluster.run(60)
        before = cluster.transfers
        for host in cluster.hosts.values():
            host.wire.throttled = 0.5
        for _ in range(partitions):
            victim = cluster.random.choice([*cluster.hosts.values()])
            victim.wire.is_cut = True
            cluster.run(5)
            victim.wire.is_cut = False
            cluster.run(5)
        assert cluster.transfers - before <= 2 * partitions
        for host in cluster.hosts.values():
            host.wire.throttled = 0.0

        assert cluster.run_until(lambda: is_even(cluster), 100) <= 3 * FAILOVER
        assert not cluster.wrongs


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_missed_or_early_while_shards_split_and_merge_and_processes_are_killed(seed: int) -> None:
    pace, kills, most = 0.2, 15, 0
    with cluster_of(seed) as cluster:
        random, cluster.omissions = cluster.random, 0.4
        leaves = ["shard-0", "shard-1"]
        for name in leaves:
            cluster.topology.add(name, records=40)
        started(cluster, 3, pace=pace)
        for number in range(kills):
            cluster.run(random.uniform(1, 20))
            most = max(most, *(host.shards for host in cluster.hosts.values()))
            cluster.hosts[random.choice([*cluster.hosts])].kill()
            cluster.add(f"heir-{number}", pace=pace)
            reshard(cluster, leaves, number)

        cluster.run_until(lambda: cluster.missing == 0, 1000)
        total = sum(cluster.topology.records.values())
        assert (cluster.missing, cluster.inversions, cluster.wrongs) == (0, 0, [])
        assert len(cluster.handled) - total <= kills * most * 3


def reshard(cluster: Cluster, leaves: list[str], number: int) -> None:
    """Split one of the open shards, merge two of them, or let one roll."""
    how = cluster.random.choice(("split", "merge", "roll")) if len(leaves) > 1 else "split"
    parents = [leaves.pop(cluster.random.randrange(len(leaves))) for _ in range(2 if how == "merge" else 1)]
    for part in range(2 if how == "split" else 1):
        leaves.append(f"{how}-{number}-{part}")
        cluster.topology.add(leaves[-1], *parents, records=40)


def test_a_child_begins_soon_after_its_parent_has_ended_even_if_it_is_listed_late() -> None:
    with cluster_of(1, 1, 30) as cluster:
        shards = cluster.topology.shards
        cluster.add("host", pace=0.1)
        cluster.run(20)
        cluster.topology.add("child", "shard-000", records=1)
        child = shards.pop("child")
        cluster.run(5)
        assert cluster.lease("shard-000").finished
        shards["child"] = child

        assert cluster.run_until(lambda: bool(cluster.done["child"]), 60) < 2


@pytest.mark.parametrize("blind", [False, True])
def test_a_child_that_can_begin_begins_at_once(*, blind: bool) -> None:
    with cluster_of(1, 1, 30) as cluster:
        host = cluster.add("host", pace=0.1)
        cluster.run(2)
        cluster.topology.add("child", "shard-000", records=1)
        if blind:
            cluster.add("sees", pace=0.1)
            cluster.run(0.1)
            host.streams.is_blind = True
        cluster.run_until(lambda: cluster.lease("shard-000").finished, 60)

        assert cluster.run_until(lambda: bool(cluster.done["child"]), 60) < 0.6


def test_a_listing_that_fails_is_made_again_soon() -> None:
    with cluster_of(1, 1) as cluster:
        host = cluster.add("host")
        host.streams.is_blind = True
        cluster.run(30)
        host.streams.is_blind = False

        assert cluster.run_until(lambda: host.shards == 1, 100) <= 20


def test_a_shard_whose_parent_is_gone_begins_after_three_listings() -> None:
    with cluster_of(1) as cluster:
        cluster.topology.add("child", "gone", records=1)
        cluster.add("host", pace=0.1)

        assert 2 <= cluster.run_until(lambda: bool(cluster.done["child"]), 60) < 4


def test_processes_that_cannot_list_the_shards_go_on_with_those_that_have_leases() -> None:
    with cluster_of(1, 4, 400) as cluster:
        started(cluster, 2, pace=0.1)
        cluster.run(20)
        cluster.hosts["host-0"].kill()
        blind = cluster.add("blind", pace=0.1)
        for host in cluster.hosts.values():
            host.streams.is_blind = True
        cluster.run(80)

        assert cluster.missing == 0
        assert blind.sharing.failures > 0
        assert blind.shards == 2


@pytest.mark.parametrize("seed", range(10))
def test_with_latest_every_process_begins_the_stream_at_the_same_look(seed: int) -> None:
    with cluster_of(seed, 10, start=Start.LATEST) as cluster:
        for number in range(5):
            cluster.topology.add(f"child-{number}", f"shard-{number:03}")
        started(cluster, 5, apart=0.01)
        cluster.run(10)

        checkpoints = {lease.shard: lease.checkpoint for lease in cluster.leases}
        ended = {name for name, shard in cluster.topology.shards.items() if shard.closed}
        moments = {checkpoint for name, checkpoint in checkpoints.items() if name not in ended}
        assert all(checkpoints[name] == SHARD_END or isinstance(checkpoints[name], Since) for name in ended)
        assert all(isinstance(moment, Since) and EPOCH <= moment.time < EPOCH + 1 for moment in moments)


def test_with_latest_shards_that_come_later_are_read_from_their_beginning() -> None:
    with cluster_of(1, 2, start=Start.LATEST) as cluster:
        cluster.add("host", pace=0.1)
        cluster.run(20)
        assert isinstance(cluster.lease("shard-001").checkpoint, Since)
        cluster.topology.add("child", "shard-000")
        cluster.run(70)

        assert cluster.lease("child").parents == ("shard-000",)
        assert cluster.lease("child").checkpoint == TRIM_HORIZON


def test_a_fault_in_a_program_is_passed_on() -> None:
    with cluster_of(1, 1) as cluster:
        cluster.add("host").is_broken = True
        cluster.run(1)

        assert cluster.wrongs == ["host: ZeroDivisionError()"]
