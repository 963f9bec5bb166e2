"""Every contender consumes its queue, as a process of its own."""

import sys

import pytest

from benchmarks.environment import NODE, TASKIQ
from benchmarks.poller.arena import Failed, Feed, consuming
from benchmarks.poller.contenders import Contender, ours, peers
from benchmarks.poller.measure import Plan, growth, measure, slope
from benchmarks.sections import LOOP, POLLER, SECTIONS

COUNT = 25
CONTENDERS = ours()
TINY = Plan(seconds=0, count=10, alone=1, steps=2, step=10)

with_peers = pytest.mark.skipif(
    not (TASKIQ.is_ready() and NODE.is_ready()), reason="the peers are installed by `python -m benchmarks poller`"
)


@pytest.mark.parametrize("contender", CONTENDERS, ids=[one.queue for one in CONTENDERS])
async def test_a_contender_deletes_ten_messages_with_one_request(contender: Contender, feed: Feed) -> None:
    async with consuming([contender], feed.endpoint) as (consumer,):
        await consumer.consume(feed, 1)

        report = await consumer.consume(feed, COUNT)

    # Receives are not counted here: those that were open before the messages came may have brought all of them.
    assert report.requests["DeleteMessageBatch"] >= 3
    assert "DeleteMessage" not in report.requests


@with_peers
async def test_the_peers_consume_their_queues(feed: Feed) -> None:
    found, left_out = peers()

    async with consuming(found, feed.endpoint) as consumers:
        reports = [await consumer.consume(feed, COUNT) for consumer in consumers]

    assert left_out == []
    assert [report.requests.get("DeleteMessage", 0) for report in reports] == [COUNT, 0]


async def test_a_contender_that_ends_is_told(feed: Feed) -> None:
    broken = Contender("broken", "broken", (sys.executable, "-c", "raise SystemExit(3)"))

    async with consuming([broken], feed.endpoint) as (consumer,):
        with pytest.raises(Failed, match="broken ended with the status 3"):
            await consumer.consume(feed, 1)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="CPU time is measured on Linux only")
async def test_every_column_has_a_value_a_round_and_memory_is_followed(feed: Feed) -> None:
    contenders = [one for one in CONTENDERS if one.name in {LOOP, POLLER}]

    async with consuming(contenders, feed.endpoint) as consumers:
        columns = await measure(TINY, feed, consumers)
        grown = await growth(TINY, feed, consumers)

    (section,) = [section for section in SECTIONS if section.key == "poller"]
    assert {target.column for target in section.targets} < columns.keys()
    assert {(column, name): len(values) for column, rows in columns.items() for name, values in rows.items()} == {
        (column, name): 2 for column in columns for name in (LOOP, POLLER)
    }
    assert all(value > 0 for rows in columns.values() for values in rows.values() for value in values)
    assert grown.keys() == {LOOP, POLLER}


def test_every_target_compares_rows_that_can_compete() -> None:
    rows = {one.name for one in CONTENDERS} | {"taskiq-aio-sqs", "Node sqs-consumer, batch", ""}

    for section in SECTIONS:
        if section.key.startswith("poller"):
            wanted = {section.baseline, *(name for one in section.targets for name in (one.row, one.against))}
            assert wanted <= rows


def test_growth_is_the_slope_of_what_was_seen() -> None:
    assert slope([50.0, 50.0, 50.0]) == 0
    assert slope([50.0, 52.0, 54.0]) == pytest.approx(2)
