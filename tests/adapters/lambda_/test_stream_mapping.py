"""The model of Lambda's mapping of a stream, with the entrypoint behind it, in virtual time."""

import json
from collections.abc import Callable
from math import ceil, log2
from typing import Any, cast

import pytest
from pydantic import BaseModel

from eventkit import App, Inserted, Names, Stream, StreamOptions, Table
from eventkit.streams.slices import Condition
from eventkit.testing import TestApp

KEPT = Names("shop", on_failure=("queue", "failures"))


class Row(BaseModel):
    id: int


def app_of(options: StreamOptions, act: Callable[[int], object]) -> tuple[App, Table[Row]]:
    app, rows = App("shop"), Table[Row]("rows", stream=options)

    @app.on(rows.inserted(), name="take")
    async def take(row: Inserted[Row]) -> None:
        act(row.new.id)

    return app, rows


def called(t: TestApp) -> list[int]:
    """The rows of the handler's calls."""
    return [cast("Inserted[Row]", call.event).new.id for call in t.calls]


def kept(t: TestApp) -> list[dict[str, Any]]:
    return [json.loads(text) for text in t.waiting("failures")]


def poison(*bad: int) -> Callable[[int], None]:
    def act(number: int) -> None:
        if number in bad:
            raise ValueError

    return act


@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("position", [1, 2, 50, 99, 100])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
async def test_poison_anywhere_in_a_batch_goes_to_the_destination_alone(size: int, position: int, retries: int) -> None:
    """S6: the good records are handled, and the poison is tried at most 2 * ceil(log2 n) + retries times."""
    where = min(position, size)
    app, rows = app_of(StreamOptions(retries=retries), poison(where))

    async with TestApp(app, names=KEPT) as t:
        for number in range(1, size + 1):
            t.change(rows, new=Row(id=number))
        await t.settle("1h")

        (document,) = kept(t)
        assert called(t).count(where) <= 2 * ceil(log2(size)) + retries + 1  # the first one is no retry
        assert set(called(t)) == {*range(1, size + 1)}
        assert document["DDBStreamBatchInfo"]["batchSize"] == 1
        assert document["requestContext"]["condition"] == Condition.RETRIES
        assert document["requestContext"]["approximateInvokeCount"] == retries + 1


async def test_lambda_sends_metadata_alone_to_a_queue() -> None:
    app, rows = app_of(StreamOptions(retries=0), poison(1))

    async with TestApp(app, names=KEPT) as t:
        t.change(rows, new=Row(id=1))
        await t.settle()

        assert "payload" not in kept(t)[0]
        assert kept(t)[0]["responseContext"]["functionError"] is None


async def test_to_a_bucket_it_sends_the_records_too() -> None:
    app, rows = app_of(StreamOptions(retries=0), poison(1))

    async with TestApp(app, names=Names("shop", on_failure=("bucket", "archive"))) as t:
        t.change(rows, new=Row(id=1))
        await t.settle()

        ((key, body),) = t.objects("archive").items()
        assert key.startswith("aws/lambda/shop/shardId-")
        assert len(json.loads(json.loads(body)["payload"])["Records"]) == 1


async def test_without_a_destination_what_is_given_up_is_dropped() -> None:
    app, rows = app_of(StreamOptions(retries=1), poison(1))

    async with TestApp(app) as t:
        t.change(rows, new=Row(id=1))
        await t.settle("1m")

        assert len(t.dropped) == 1
        assert [call.at for call in t.calls] == [0, 10]


async def test_without_bisecting_all_behind_the_poison_is_given_up_with_it() -> None:
    app, rows = app_of(StreamOptions(retries=1, bisect=False), poison(2))

    async with TestApp(app, names=KEPT) as t:
        for number in (1, 2, 3):
            t.change(rows, new=Row(id=number))
        await t.settle("1m")

        assert called(t) == [1, 2, 2, 2]
        assert [document["DDBStreamBatchInfo"]["batchSize"] for document in kept(t)] == [2]


async def test_records_that_become_too_old_are_given_up_and_younger_ones_go_on() -> None:
    app, rows = app_of(StreamOptions(max_age=60, batch=10), poison(1))

    async with TestApp(app, names=KEPT) as t:
        t.change(rows, new=Row(id=1))
        await t.settle(55)
        t.change(rows, new=Row(id=2))
        await t.settle("1m")

        assert kept(t)[0]["requestContext"]["condition"] == Condition.AGE
        assert called(t)[-2:] == [1, 2]
        assert [call.at for call in t.calls][-2:] == [60, 70]


async def test_a_batch_waits_for_its_window_or_until_it_is_full() -> None:
    app, rows = app_of(StreamOptions(batch=3, window=30), poison())

    async with TestApp(app) as t:
        for number in range(4):
            t.change(rows, new=Row(id=number))
        await t.settle()
        assert [call.at for call in t.calls] == [0, 0, 0]
        await t.settle("1m")

        assert 30 <= t.calls[-1].at <= 31


async def test_a_shard_that_is_stuck_stops_no_other_one() -> None:
    app, clicks = App("shop"), Stream[str]("clicks")

    @app.on(clicks, name="take")
    async def take(text: str) -> None:
        if text == "poison":
            raise ValueError

    async with TestApp(app, shards=2) as t:
        t.put_records(clicks, "poison", "behind it", key="a")
        t.put_records(clicks, "beside it", key="b")
        await t.settle("1m")

        assert "beside it" in [call.event for call in t.calls]
        assert "behind it" not in [call.event for call in t.calls]


@pytest.mark.parametrize(("parallel", "events"), [(1, {"poison"}), (10, {"poison", "beside it"})])
async def test_partition_keys_are_handed_over_beside_each_other_where_that_is_chosen(
    parallel: int, events: set[str]
) -> None:
    app, clicks = App("shop"), Stream[str]("clicks", stream=StreamOptions(parallel=parallel))

    @app.on(clicks, name="take")
    async def take(text: str) -> None:
        if text == "poison":
            raise ValueError

    async with TestApp(app) as t:
        t.put_records(clicks, "poison", "behind it", key="a")
        t.put_records(clicks, "beside it", key="b")
        await t.settle("1m")

        assert {call.event for call in t.calls} == events
