"""Hundreds of runs of pollers that share a stream whose shards split and merge, while calls fail and processes die."""

import os

import pytest

from tests.simulation.shards import plan_of, simulate

SEEDS = range(int(os.environ.get("EVENTKIT_SIMULATIONS", "1500")) // 10)
PARTS = 6

FOUND = (49, 69, 182, 285, 402, 602, 1028, 1343, 1444)
"""Seeds that found faults: children that were begun before a parent that listings had left out."""


@pytest.mark.parametrize("part", range(PARTS))
def test_every_value_is_seen_and_those_of_a_key_in_order(part: int) -> None:
    reports = [simulate(plan_of(seed)) for seed in SEEDS[part::PARTS]]

    assert [(report.plan.seed, report.wrongs) for report in reports if report.wrongs] == []


@pytest.mark.parametrize("seed", FOUND)
def test_what_was_wrong_once_is_right(seed: int) -> None:
    assert simulate(plan_of(seed)).wrongs == []


@pytest.mark.parametrize("seed", range(30))
def test_who_is_killed_repeats_no_more_than_what_it_had_not_checkpointed(seed: int) -> None:
    """S1's bound: for each process that ended or lost its shards, what its lanes had in hand."""
    report = simulate(plan_of(seed))
    plan = report.plan

    ends = len(plan.kills) * (plan.shards + len(plan.reshards)) + report.losses
    assert report.duplicates <= ends * plan.batch
