"""Play one run, or many: `python -m tests.simulation SEED`, `python -m tests.simulation FIRST LAST`."""

import sys
import time
from collections.abc import Sequence

from tests.simulation.report import complaint, story
from tests.simulation.scenario import scenario_of
from tests.simulation.world import simulate

__all__: list[str] = []


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - it is a command


def _tell(seed: int) -> bool:
    """Say everything that happens; whether nothing is wrong."""
    run = simulate(scenario_of(seed))
    _say(story(run))
    _say(complaint(run) if run.wrongs else f"seed {seed}: nothing is wrong")
    return not run.wrongs


def _sweep(seeds: Sequence[int]) -> bool:
    """Say what is wrong as it comes; whether nothing is."""
    began, deliveries, wrong = time.perf_counter(), 0, 0
    for seed in seeds:
        run = simulate(scenario_of(seed))
        deliveries += run.deliveries
        if run.wrongs:
            wrong += 1
            _say(complaint(run))
    seconds = time.perf_counter() - began
    _say(f"seeds {seeds[0]} to {seeds[-1]}: {wrong} wrong of {len(seeds)}, {deliveries} deliveries, {seconds:.0f} s")
    return not wrong


if __name__ == "__main__":
    first, *last = map(int, sys.argv[1:])
    sys.exit(not (_sweep(range(first, last[0] + 1)) if last else _tell(first)))
