"""Every contender consumes its stream, as a process of its own."""

import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.poller.arena import Failed
from benchmarks.report import RESULT
from benchmarks.sections import MEMORY, RECORDS, SECTIONS
from benchmarks.streams.backlog import PAGE, SHARDS
from benchmarks.streams.contenders import KINDS, Contender, contenders
from benchmarks.streams.measure import Feed, Plan, consuming, measure, open_stub

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="CPU time is measured on Linux only")

BACKLOG = SHARDS * PAGE
CONTENDERS = [one for kind in KINDS for one in contenders(kind)]


@pytest.fixture
async def feed() -> AsyncGenerator[Feed]:
    async with open_stub() as opened:
        yield opened


@pytest.mark.parametrize("contender", CONTENDERS, ids=[f"{one.kind}: {one.name}" for one in CONTENDERS])
async def test_a_contender_handles_a_backlog_and_goes_on_with_the_next(contender: Contender, feed: Feed) -> None:
    async with consuming([contender], feed, BACKLOG) as consumers:
        columns = await measure(Plan(seconds=0, count=BACKLOG), feed, consumers)

    assert {column: len(rows[contender.name]) for column, rows in columns.items()} == {RESULT: 2, RECORDS: 2, MEMORY: 2}
    assert all(value > 0 for rows in columns.values() for values in rows.values() for value in values)


@dataclass(frozen=True, slots=True)
class Broken(Contender):
    """It takes records, and ends."""

    def command(self, endpoint: str, every: int) -> tuple[str | Path, ...]:
        (by_hand, *_) = contenders(self.kind)
        return (*by_hand.command(endpoint, every)[:-1], "0")  # no number divides by it


async def test_a_contender_that_ends_is_told(feed: Feed) -> None:
    async with consuming([Broken("broken", "stream", "loop", "by_hand")], feed, BACKLOG) as (consumer,):
        with pytest.raises(Failed, match="broken ended with the status 1"):
            await consumer.catch_up(feed, BACKLOG)


def test_every_target_compares_rows_that_compete() -> None:
    sections = {section.key: section for section in SECTIONS}

    for kind in KINDS:
        section = sections[f"streams_{kind}"]
        wanted = {section.baseline, *(name for one in section.targets for name in (one.row, one.against))}
        assert wanted <= {one.name for one in contenders(kind)}
