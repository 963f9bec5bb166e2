"""Thousands of runs of pollers against a service that fails; what must hold in each is in `ledger` and `verdict`.

The seeds follow one another from 0, so that a red test stays red; EVENTKIT_SIMULATIONS says how many there are.
A failure prints how to play its run again.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.report import complaint, first_wrong, story
from tests.simulation.scenario import scenario_of
from tests.simulation.world import simulate

ROOT = Path(__file__).parents[2]
SEEDS = range(int(os.environ.get("EVENTKIT_SIMULATIONS", "1500")))
PARTS = 8
"""Tests that share the seeds, so that several processes can (pytest-xdist)."""


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_fails_nothing_is_lost_or_done_out_of_turn(part: int) -> None:
    run = first_wrong(SEEDS[part::PARTS])

    assert run is None, f"\n{story(run)}\n{complaint(run)}"


@pytest.mark.parametrize("name", MUTANTS)
def test_a_poller_with_a_fault_is_found(name: str) -> None:
    mutant = MUTANTS[name]
    runs = (simulate(scenario_of(seed), mutant.variant) for seed in range(100))

    assert any(mutant.sign in wrong for run in runs for wrong in run.wrongs)


@pytest.mark.parametrize("seed", range(10))
def test_a_seed_is_played_in_the_same_way_whenever_it_is_played(seed: int) -> None:
    first, second = (simulate(scenario_of(seed)) for _ in range(2))

    assert first.trace == second.trace
    assert first.trace


def test_the_command_plays_a_seed_as_the_test_did_in_any_process() -> None:
    told = [
        subprocess.run(
            [sys.executable, "-m", "tests.simulation", "4"],
            env={**os.environ, "PYTHONHASHSEED": hashes},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for hashes in ("1", "2")
    ]

    assert told[0] == told[1]
    assert told[0].startswith(story(simulate(scenario_of(4))))


def test_runs_differ_from_one_another() -> None:
    traces = {tuple(simulate(scenario_of(seed)).trace) for seed in range(10)}

    assert len(traces) == 10
