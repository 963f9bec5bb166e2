"""One app behaves the same in Lambda and in the poller: calls, delays, dead letters, messages, and what is left."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventkit import Reject
from eventkit.backends import Backend, Raw, Unsettled
from eventkit.outgoing import Outgoing
from eventkit.testing.parity import Seen, assert_parity, play
from eventkit.testing.runtimes import RUNTIMES, Open, Runtime, Stage, open_runtime
from tests.parity.apps import FLAVOURS, app_of
from tests.parity.scenarios import PLAYS, Play, sent

NAMED = {one.name: one for one in PLAYS}

every_play = pytest.mark.parametrize("story", PLAYS, ids=lambda story: story.name)
every_flavour = pytest.mark.parametrize("flavour", FLAVOURS)


def seen(story: Play, flavour: str, runtime: str | Open) -> Seen:
    return play(app_of(story, flavour), story.scenario, runtime)


def in_both(story: Play, flavour: str) -> tuple[Seen, Seen]:
    in_lambda, in_poller = (seen(story, flavour, runtime) for runtime in RUNTIMES)
    return in_lambda, in_poller


@every_play
@every_flavour
def test_lambda_and_the_poller_do_the_same(story: Play, flavour: str) -> None:
    in_lambda, in_poller = in_both(story, flavour)

    assert in_lambda == in_poller


@every_play
def test_handlers_do_the_same_however_they_are_written(story: Play) -> None:
    first, *others = [seen(story, flavour, "poller") for flavour in FLAVOURS]

    assert others == [first] * len(others)


def test_a_scenario_tells_what_it_is_named_after() -> None:
    """The comparison would hold for runtimes that do nothing, too."""
    told = {name: seen(story, "async", "poller") for name, story in NAMED.items()}
    calls = {name: [PARTS.sub(r"\1 \2 \3", call) for call in one.calls] for name, one in told.items()}

    assert calls["retry with a delay"] == ["0 a 1", "0 b 1", "7 a 2", "7 a 3", "47 a 4"]
    assert [call[:-2] for call in calls["retry by exception with backoff"] if "a" in call] == [
        *("0 a", "2 a", "6 a", "14 a", "30 a")
    ]
    assert len(told["poison"].dead) == 4
    assert "CANARY" not in str([one.partition("(")[2] for one in told["poison"].dead])
    assert len(told["poison without a dead-letter queue"].left) == 4
    assert [len(told[name].dead) for name in ("unmatched message", "unmatched notification")] == [1, 0]
    assert [call.split(" s")[0] for call in told["two objects in one message, one failing"].calls] == [
        *("0.0", "0.0", "9.0", "9.0", "13.0", "13.0")
    ]
    assert [call.split()[1] for call in calls["groups with a failure in the middle"] if " g" in call] == [
        *("g1", "g2", "g2", "g2", "g3", "g4")
    ]
    assert [call.split()[1] for call in calls["reject in the middle of a group"]] == ["g1", "g2", "g3"]
    assert told["what a handler returns"].published == ("queue results: work group=None",) * 2
    assert calls["idempotent duplicates"] == ["0 a 1", "0 b 1"]
    assert calls["timeout"] == ["0 a 1", "0 b 1", "12 a 2"]
    assert all(not one.left for name, one in told.items() if name != "poison without a dead-letter queue")


PARTS = re.compile(r"(\d+)\.0 s: \w+\(Job\(id='(\w+)'.* attempt (\d+) .*")


class Changed:
    """A backend behind another one; what is not overridden passes."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    async def visibility(self, queue: str) -> float:
        return await self.backend.visibility(queue)

    async def receive(self, queue: str, limit: int, wait: float, visibility: float | None = None) -> Sequence[Raw]:
        return await self.backend.receive(queue, limit, wait, visibility)

    async def delete(self, queue: str, records: Sequence[Raw]) -> Unsettled:
        return await self.backend.delete(queue, records)

    async def extend(self, queue: str, delays: Sequence[tuple[Raw, float]]) -> Unsettled:
        return await self.backend.extend(queue, delays)

    async def park(self, queue: str, record: Raw, reject: Reject) -> None:
        await self.backend.park(queue, record, reject)

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        await self.backend.publish(kind, address, messages)


class DropsDelays(Changed):
    async def extend(self, queue: str, delays: Sequence[tuple[Raw, float]]) -> Unsettled:
        return await super().extend(queue, delays[:0])


class AddsToDelays(Changed):
    async def extend(self, queue: str, delays: Sequence[tuple[Raw, float]]) -> Unsettled:
        return await super().extend(queue, [(record, seconds + 1) for record, seconds in delays])


class AcknowledgesFailures(Changed):
    """Deletes what is to be retried, so that what is behind it in its group comes first."""

    async def extend(self, queue: str, delays: Sequence[tuple[Raw, float]]) -> Unsettled:
        return await super().delete(queue, [record for record, seconds in delays if seconds])


class DropsRejects(Changed):
    async def park(self, queue: str, record: Raw, reject: Reject) -> None: ...


class RejectsWithoutHandler(Changed):
    async def park(self, queue: str, record: Raw, reject: Reject) -> None:
        await super().park(queue, record, Reject(reject.reason))


class NeverDeletes(Changed):
    async def delete(self, queue: str, records: Sequence[Raw]) -> Unsettled:
        return await super().delete(queue, records[:0])


ALTERED: list[tuple[Callable[[Backend], Backend], str]] = [
    (DropsDelays, "retry with a delay"),
    (DropsDelays, "retry by exception with backoff"),
    (DropsDelays, "groups with a failure in the middle"),
    (AddsToDelays, "retry that leaves the delay to the route"),
    (AcknowledgesFailures, "groups with a failure in the middle"),
    (AcknowledgesFailures, "partial batch"),
    (DropsRejects, "reject"),
    (DropsRejects, "poison"),
    (DropsRejects, "reject in the middle of a group"),
    (RejectsWithoutHandler, "reject"),
    (NeverDeletes, "success"),
]


@pytest.mark.parametrize(("alter", "name"), ALTERED)
@pytest.mark.parametrize("flavour", ["async", "plain"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_runtime_that_behaves_differently_is_found_out(
    alter: Callable[[Backend], Backend], name: str, flavour: str, runtime: str
) -> None:
    def altered(stage: Stage) -> AbstractAsyncContextManager[Runtime]:
        return open_runtime(runtime)(replace(stage, backend=alter(stage.backend)))

    story = NAMED[name]
    other = next(one for one in RUNTIMES if one != runtime)

    with pytest.raises(AssertionError, match=f"{name}: the runtimes {other} and altered differ\n  "):
        assert_parity(app_of(story, flavour), [story.scenario], runtimes=[other, altered])


STEPS = ("done", "retry 3", "retry 0", "retry", "error", "reject", "exit")

scripts = st.lists(
    st.tuples(st.sampled_from("ab"), st.lists(st.sampled_from(STEPS), min_size=1, max_size=3)), min_size=1, max_size=9
)


@settings(max_examples=150)
@given(
    script=scripts, fifo=st.booleans(), flavour=st.sampled_from(["async", "plain"]), receives=st.sampled_from([3, 9])
)
def test_whatever_handlers_do_both_runtimes_end_alike(
    script: list[tuple[str, list[str]]], flavour: str, receives: int, *, fifo: bool
) -> None:
    messages = [
        sent(f"n{number}", ",".join([*steps, "done"]), group if fifo else None)
        for number, (group, steps) in enumerate(script)
    ]
    story = Play("random", tuple(messages), fifo=fifo, max_receives=receives)

    in_lambda, in_poller = in_both(story, flavour)

    assert in_lambda == in_poller
