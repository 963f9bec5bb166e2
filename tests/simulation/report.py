"""What is told of runs."""

from collections.abc import Iterable

from tests.simulation.scenario import scenario_of
from tests.simulation.world import Run, Variant, simulate

__all__ = ["complaint", "first_wrong", "story"]


def first_wrong(seeds: Iterable[int], variant: Variant | None = None) -> Run | None:
    """The first run of these seeds in which something is wrong."""
    runs = (simulate(scenario_of(seed), variant) for seed in seeds)
    return next((run for run in runs if run.wrongs), None)


def story(run: Run) -> str:
    """The scenario and everything that happened, a line each."""
    scenario = run.scenario
    plans = [repr(plan) for plan in (scenario.faults, *scenario.queues, *scenario.lives, *scenario.jobs)]
    events = [f"{at:10.3f} {who:>4} {what}" for at, who, what in run.trace]
    return "\n".join([f"seed {scenario.seed}{', calm' if scenario.calm else ''}", *plans, *events])


def complaint(run: Run) -> str:
    """What is wrong with a run, and how to see it again."""
    seed = run.scenario.seed
    return "\n".join([f"seed {seed}, again by: python -m tests.simulation {seed}", *run.wrongs])
