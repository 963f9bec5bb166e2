"""One app behaves the same in Lambda, in the poller and in `TestApp`: calls, delays, dead letters and what is left."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventkit import Reject
from eventkit.backends import Backend, Raw, Unsettled
from tests.parity.apps import FLAVOURS
from tests.parity.runtimes import Alter, Changed, Seen, in_lambda, in_poller, in_test_app
from tests.parity.scenarios import SCENARIOS, Scenario, sent

OF_ITS_OWN = {
    "timeout": "a plain function that is called at once cannot be cut off",
    "timeout in a group": "likewise",
    "reject in the middle of a group without a dead-letter queue": "it takes it that there is a dead-letter queue",
}
"""Scenarios in which `TestApp` is not like the runtimes, and why. Between the runtimes there is none."""

NAMED = {scenario.name: scenario for scenario in SCENARIOS}

every_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
every_flavour = pytest.mark.parametrize("flavour", FLAVOURS)


@every_scenario
@every_flavour
def test_lambda_and_the_poller_do_the_same(scenario: Scenario, flavour: str) -> None:
    assert in_lambda(scenario, flavour) == in_poller(scenario, flavour)


@pytest.mark.parametrize("scenario", [one for one in SCENARIOS if one.name not in OF_ITS_OWN], ids=lambda one: one.name)
@every_flavour
def test_the_app_of_a_test_does_what_the_poller_does(scenario: Scenario, flavour: str) -> None:
    assert in_test_app(scenario, flavour) == in_poller(scenario, flavour)


@every_scenario
def test_handlers_do_the_same_however_they_are_written(scenario: Scenario) -> None:
    first, *others = [in_poller(scenario, flavour) for flavour in FLAVOURS if flavour != "bare"]

    assert others == [first] * len(others)


def test_a_scenario_tells_what_it_is_named_after() -> None:
    """The comparison would hold for runtimes that do nothing, too."""
    seen = {name: in_poller(scenario, "async") for name, scenario in NAMED.items()}

    delayed = [(call.value, call.at, call.attempt) for call in seen["retry with a delay"].calls]
    assert delayed == [("a", 0, 1), ("b", 0, 1), ("a", 7, 2), ("a", 7, 3), ("a", 47, 4)]
    assert [call.at for call in seen["retry by exception with backoff"].calls if call.value == "a"] == [0, 2, 6, 14, 30]
    assert len(seen["poison"].dead) == 4
    assert "CANARY" not in str([note for _, note in seen["poison"].dead])
    assert len(seen["poison without a dead-letter queue"].left) == 4
    assert [len(seen[name].dead) for name in ("unmatched message", "unmatched notification")] == [1, 0]
    assert [call.at for call in seen["two objects in one message, one failing"].calls] == [0, 0, 9, 9, 13, 13]
    assert [call.value for call in seen["groups with a failure in the middle"].calls if call.group == "g"] == [
        *("g1", "g2", "g2", "g2", "g3", "g4")
    ]
    assert [call.value for call in seen["reject in the middle of a group"].calls] == ["g1", "g2", "g3"]
    assert seen["what a handler returns"].published == ("work", "work")
    assert [call.value for call in seen["timeout"].calls] == ["a", "b", "a"]
    assert all(not one.left for name, one in seen.items() if name != "poison without a dead-letter queue")


@every_flavour
def test_a_poller_with_fewer_slots_receives_less_at_once_and_does_the_same(flavour: str) -> None:
    """What is held back without having been received counts one attempt less."""
    scenario = NAMED["groups with failures in each, side by side"]

    few, all_at_once = in_poller(replace(scenario, concurrency=2), flavour), in_lambda(scenario, flavour)

    assert uncounted(few) == uncounted(all_at_once)


def uncounted(seen: Seen) -> Seen:
    return replace(seen, calls=tuple(replace(call, attempt=0) for call in seen.calls))


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
def test_a_runtime_that_behaves_differently_is_found_out(alter: Alter, name: str, flavour: str) -> None:
    scenario = NAMED[name]
    right = in_lambda(scenario, flavour)

    assert in_lambda(scenario, flavour, alter) != right
    assert in_poller(scenario, flavour, alter) != right


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
    scenario = Scenario("random", tuple(messages), fifo=fifo, max_receives=receives)

    assert in_lambda(scenario, flavour) == in_poller(scenario, flavour)
