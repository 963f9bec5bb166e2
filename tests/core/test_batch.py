"""In which order the records of a batch are handled, and what a failure does to those behind it."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit import Deadline, Done, Ordering, Outcome, Reject, Retry
from eventkit.batch import HELD, handle_batch_inline, lane_by, lanes
from eventkit.concurrency import handle_batch
from eventkit.outcomes import Interrupted
from tests.core.harness import Json, change, sqs


def member(group: str | None, name: str) -> Json:
    return sqs(name, "jobs.fifo", system={} if group is None else {"MessageGroupId": group}, messageId=name)


def run(records: list[Json], ordering: Ordering, decide: Callable[[Json], Outcome]) -> tuple[list[str], list[Outcome]]:
    """Which messages were tried, and the outcomes of all."""
    tried: list[str] = []

    def handle(record: Mapping[str, object], _deadline: Deadline | None) -> Outcome:
        tried.append(str(record["messageId"]))
        return decide(dict(record))

    return tried, handle_batch_inline(records, lane_by(ordering), handle, None)


ABC = [member("a", "1"), member("b", "2"), member("a", "3"), member("b", "4"), member("a", "5")]


def test_without_an_order_every_record_is_tried() -> None:
    tried, outcomes = run(ABC, Ordering.NONE, lambda _: Retry(7))

    assert tried == ["1", "2", "3", "4", "5"]
    assert outcomes == [Retry(7)] * 5


def test_a_retry_holds_back_the_rest_of_its_group() -> None:
    tried, outcomes = run(ABC, Ordering.GROUP, lambda record: Retry(7) if record["messageId"] == "1" else Done())

    assert tried == ["1", "2", "4"]
    assert outcomes == [Retry(7), Done(), HELD, Done(), HELD]


def test_a_reject_holds_back_nothing() -> None:
    tried, outcomes = run(ABC, Ordering.GROUP, lambda _: Reject("no"))

    assert tried == ["1", "2", "3", "4", "5"]
    assert outcomes == [Reject("no")] * 5


def test_a_retry_holds_back_the_rest_of_its_shard() -> None:
    records = [change() | {"messageId": str(number)} for number in range(5)]

    tried, outcomes = run(records, Ordering.SHARD, lambda record: Retry() if record["messageId"] == "2" else Done())

    assert tried == ["0", "1", "2"]
    assert outcomes == [Done(), Done(), Retry(), HELD, HELD]


def test_a_held_record_comes_back_at_once() -> None:
    assert Retry(after=0) == HELD


def test_messages_without_a_group_are_one_group() -> None:
    records = [member(None, "1"), member(None, "2"), member("a", "3")]

    tried, _ = run(records, Ordering.GROUP, lambda _: Retry())

    assert tried == ["1", "3"]


def test_lanes_may_run_at_once_and_keep_the_order_within() -> None:
    found = lanes(ABC, lane_by(Ordering.GROUP))

    assert [[record["messageId"] for record in lane] for lane in found] == [["1", "3", "5"], ["2", "4"]]


def test_without_an_order_each_record_is_a_lane() -> None:
    assert [len(lane) for lane in lanes(ABC, lane_by(Ordering.NONE))] == [1] * 5


def test_a_shard_is_one_lane() -> None:
    assert [len(lane) for lane in lanes([change(), change()], lane_by(Ordering.SHARD))] == [2]


@pytest.mark.parametrize("ordering", Ordering)
def test_no_records_have_no_lanes_and_no_outcomes(ordering: Ordering) -> None:
    assert lanes([], lane_by(ordering)) == []
    assert run([], ordering, lambda _: Done()) == ([], [])


@given(
    st.lists(st.sampled_from(["a", "b", None]), max_size=8),
    st.lists(st.sampled_from([Done(), Retry(3), Reject("no")]), min_size=8, max_size=8),
    st.sampled_from(Ordering),
)
def test_every_record_has_one_outcome_and_no_order_is_broken(
    groups: list[str | None], decided: list[Outcome], ordering: Ordering
) -> None:
    records = [member(group, str(number)) for number, group in enumerate(groups)]

    tried, outcomes = run(records, ordering, lambda record: decided[int(record["messageId"])])

    assert len(outcomes) == len(records)
    assert tried == sorted(tried, key=int)
    for lane in lanes(records, lane_by(ordering)):
        numbers = [int(str(record["messageId"])) for record in lane]
        retried = [number for number in numbers if outcomes[number] == Retry(3)]
        if ordering is not Ordering.NONE and retried:
            assert all(outcomes[number] == HELD for number in numbers if number > retried[0])


def test_an_interruption_leaves_the_record_at_hand_to_be_retried_and_holds_the_rest() -> None:
    cut = Interrupted("time is up")

    def decide(record: Json) -> Outcome:
        if record["messageId"] == "2":
            raise cut
        return Done()

    tried, outcomes = run(ABC, Ordering.NONE, decide)

    assert tried == ["1", "2"]
    assert outcomes == [Done(), Retry(), HELD, HELD, HELD]


async def on_loop(
    records: list[Json], ordering: Ordering, decide: Callable[[Json], Outcome], concurrency: int
) -> tuple[list[str], list[Outcome]]:
    tried: list[str] = []

    async def handle(record: Mapping[str, object], _deadline: Deadline | None) -> Outcome:
        tried.append(str(record["messageId"]))
        await asyncio.sleep(0)
        return decide(dict(record))

    return tried, await handle_batch(records, lane_by(ordering), handle, concurrency, None)


@pytest.mark.parametrize("concurrency", [1, 2, 100])
async def test_on_a_loop_a_retry_holds_back_the_rest_of_its_group_too(concurrency: int) -> None:
    def decide(record: Json) -> Outcome:
        return Retry(7) if record["messageId"] == "1" else Done()

    tried, outcomes = await on_loop(ABC, Ordering.GROUP, decide, concurrency)

    assert sorted(tried) == ["1", "2", "4"]
    assert outcomes == [Retry(7), Done(), HELD, Done(), HELD]


@pytest.mark.parametrize(("concurrency", "most"), [(1, 1), (2, 2), (3, 3), (100, 5)])
async def test_no_more_records_run_at_once_than_asked_for(concurrency: int, most: int) -> None:
    running: list[int] = [0]
    seen: list[int] = []

    async def handle(_record: Mapping[str, object], _deadline: Deadline | None) -> Outcome:
        running[0] += 1
        seen.append(running[0])
        await asyncio.sleep(0)
        running[0] -= 1
        return Done()

    outcomes = await handle_batch(ABC, lane_by(Ordering.NONE), handle, concurrency, None)

    assert max(seen) == most
    assert outcomes == [Done()] * 5


async def test_two_messages_of_one_group_never_run_at_once() -> None:
    log: list[str] = []

    async def handle(record: Mapping[str, object], _deadline: Deadline | None) -> Outcome:
        log.append(f"{record['messageId']} begins")
        await asyncio.sleep(0)
        log.append(f"{record['messageId']} ends")
        return Done()

    await handle_batch(ABC, lane_by(Ordering.GROUP), handle, 100, None)

    assert [line for line in log if line[0] in "135"] == [
        f"{name} {what}" for name in "135" for what in ("begins", "ends")
    ]


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_at_the_deadline_what_runs_is_retried_and_what_was_not_tried_is_held(concurrency: int) -> None:
    async def handle(record: Mapping[str, object], _deadline: Deadline | None) -> Outcome:
        if record["messageId"] != "1":
            await asyncio.Event().wait()
        return Done()

    outcomes = await handle_batch(ABC, lane_by(Ordering.NONE), handle, concurrency, Deadline(0.01, lambda: 0.0))

    interrupted = [isinstance(outcome, Retry) and isinstance(outcome.error, Interrupted) for outcome in outcomes]
    assert outcomes[0] == Done()
    assert interrupted == [False] + [True] * concurrency + [False] * (4 - concurrency)
    assert outcomes[-1] is HELD


KEYS = {"1": "a", "2": "b", "3": "a", "4": None, "5": "b", "6": "a"}
"""The lanes of records of a stream; None keeps its order among all."""


def lane_of(record: Mapping[str, object]) -> str | None:
    return KEYS[str(record["messageId"])]


def of_stream(*names: str) -> list[Json]:
    return [change() | {"messageId": name} for name in names]


def test_keys_of_a_stream_are_lanes() -> None:
    found = lanes(of_stream("1", "2", "3", "5"), lane_of)

    assert [[record["messageId"] for record in lane] for lane in found] == [["1", "3"], ["2", "5"]]


def test_where_one_record_keeps_its_order_among_all_the_batch_is_one_lane() -> None:
    assert [len(lane) for lane in lanes(of_stream(*KEYS), lane_of)] == [6]


@pytest.mark.parametrize(
    ("failing", "expected"),
    [
        ("6", ["1", "2", "3", "4", "5", "6"]),
        ("1", ["1", "2"]),  # 3 has the same key, 4 waits for all, and all wait for 4
        ("4", ["1", "2", "3", "4"]),
    ],
)
@pytest.mark.parametrize("concurrency", [0, 1, 5])
def test_a_retry_holds_back_its_key_and_what_keeps_its_order_among_all(
    failing: str, expected: list[str], concurrency: int
) -> None:
    tried: list[str] = []

    def handle(record: Mapping[str, object], _: Deadline | None) -> Outcome:
        tried.append(str(record["messageId"]))
        return Retry() if tried[-1] == failing else Done()

    async def on_loop(record: Mapping[str, object], deadline: Deadline | None) -> Outcome:
        return handle(record, deadline)

    records = of_stream(*KEYS)
    if concurrency:
        outcomes = asyncio.run(handle_batch(records, lane_of, on_loop, concurrency, None))
    else:
        outcomes = handle_batch_inline(records, lane_of, handle, None)

    assert tried == expected
    assert [name for name, outcome in zip(KEYS, outcomes, strict=True) if outcome is HELD] == [
        name for name in KEYS if name not in expected
    ]


def test_a_retry_holds_back_its_key_alone_where_no_record_keeps_its_order_among_all() -> None:
    tried: list[str] = []

    def handle(record: Mapping[str, object], _: Deadline | None) -> Outcome:
        tried.append(str(record["messageId"]))
        return Retry() if tried[-1] == "1" else Done()

    handle_batch_inline(of_stream("1", "2", "3", "5", "6"), lane_of, handle, None)

    assert tried == ["1", "2", "5"]
