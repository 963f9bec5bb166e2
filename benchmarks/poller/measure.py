"""What consuming costs, measured in interleaved rounds.

A round puts the same number of messages into each contender's queue, one contender after the other, and then, again
in turns, one message at a time, each with a pause before, so that nobody is busy when a message arrives.
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.poller.arena import Consumer, Feed
from benchmarks.report import RESULT
from benchmarks.sections import LOOP, MEDIAN, MEMORY, POLLER, RATE, REQUESTS, SPARSE, WORST

__all__ = ["FULL", "QUICK", "Columns", "Plan", "growth", "measure", "slope"]

Columns = dict[str, dict[str, list[float]]]
"""Of each column and each row, a value a round."""

COLUMNS = (RESULT, RATE, MEDIAN, WORST, SPARSE, MEMORY, REQUESTS)
PAUSE = 0.005
"""Seconds in which a process that has done its work comes to rest.

Linux brings the CPU clock of another process up to date when it rests, and else only every few milliseconds.
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        seconds: How long rounds are begun; there are at least two.
        count: Messages of a contender in a round.
        alone: Further messages that come alone.
        steps: How often the memory is looked at while it may grow.
        step: Messages between two looks.
    """

    seconds: float
    count: int
    alone: int
    steps: int
    step: int


FULL = Plan(seconds=110, count=2000, alone=10, steps=20, step=10_000)
QUICK = Plan(seconds=18, count=1000, alone=6, steps=8, step=1000)


async def measure(plan: Plan, feed: Feed, consumers: Sequence[Consumer]) -> Columns:
    """Samples of every column."""
    columns: Columns = {column: {one.contender.name: [] for one in consumers} for column in COLUMNS}
    for one in consumers:
        await one.consume(feed, one.contender.warm)
    end, rounds = time.monotonic() + plan.seconds, 0
    while rounds < 2 or time.monotonic() < end:  # noqa: PLR2004 - a median needs more than one
        rounds += 1
        for one in consumers:
            for column, value in (await _loaded(one, feed, plan.count)).items():
                columns[column][one.contender.name].append(value)
        for name, value in (await _sparse(plan.alone, feed, consumers)).items():
            columns[SPARSE][name].append(value)
    return columns


async def _loaded(one: Consumer, feed: Feed, count: int) -> dict[str, float]:
    began = one.cpu
    report = await one.consume(feed, count)
    await asyncio.sleep(PAUSE)
    median, worst = report.since_received
    return {
        RESULT: (one.cpu - began) * 1e6 / count,
        RATE: count / report.seconds,
        MEDIAN: median * 1e3,
        WORST: worst * 1e3,
        MEMORY: one.memory,
        REQUESTS: sum(report.requests.values()) * 10 / count,
    }


async def _sparse(count: int, feed: Feed, consumers: Sequence[Consumer]) -> dict[str, float]:
    """The median latency of messages that come one at a time, in milliseconds."""
    latencies: dict[str, list[float]] = {one.contender.name: [] for one in consumers}
    for _ in range(count):
        for one in consumers:
            await asyncio.sleep(PAUSE)
            report = await one.consume(feed, 1)
            latencies[one.contender.name].append(report.since_available[0] * 1e3)
    return {name: statistics.median(values) for name, values in latencies.items()}


async def growth(plan: Plan, feed: Feed, consumers: Sequence[Consumer]) -> dict[str, list[float]]:
    """How much memory the poller and the loop by hand gain, in MiB per 100,000 messages."""
    mine = [one for one in consumers if one.contender.name in (LOOP, POLLER)]
    looks: dict[str, list[float]] = {one.contender.name: [] for one in mine}
    for _ in range(plan.steps):
        for one in mine:
            await one.consume(feed, plan.step)
            looks[one.contender.name].append(one.memory)
    return {name: [slope(values) * 1e5 / plan.step] for name, values in looks.items()}


def slope(values: Sequence[float]) -> float:
    """How much the values gain from one to the next: the slope of the line that fits them best."""
    return statistics.linear_regression(range(len(values)), values).slope
