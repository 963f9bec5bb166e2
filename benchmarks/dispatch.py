"""Dispatch in one process: agree on the results first, then measure in interleaved rounds.

Runs in the environment that has the peers: `python -m benchmarks.dispatch SECONDS` prints the samples as JSON.
"""

import gc
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version

from pydantic import BaseModel

from benchmarks.contenders import Contender, Context, Take, opened
from benchmarks.scenarios import Scenario, has_peers, scenarios

__all__ = ["measure", "results"]

SPAN = 0.005
"""Seconds that one timing takes: long against the clock's resolution, short against the machine's moods."""

TIMINGS = 3
"""Timings of a contender in a round; the best one counts, since others only ever add to it."""

Run = Callable[[], object]
Samples = dict[str, dict[str, list[float]]]
"""Microseconds per record, by scenario and contender, a value a round."""


def results(contender: Contender, scenario: Scenario) -> list[object]:
    """What the contender hands to the end of the work, models as dicts."""
    seen: list[object] = []

    def take(*values: object) -> None:
        seen.append([value.model_dump() if isinstance(value, BaseModel) else value for value in values])

    with opened(contender, take) as invoke:
        invoke(scenario.event, Context())
    return seen


def measure(
    runs: Mapping[str, Run], seconds: float, clock: Callable[[], float] = time.process_time
) -> list[list[float]]:
    """Rounds for so many seconds, at least two: of each run, the best time of one call in `clock`'s seconds."""
    loops = [_loops(run, clock) for run in runs.values()]
    rounds: list[list[float]] = []
    end = time.monotonic() + seconds
    while len(rounds) < 2 or time.monotonic() < end:  # noqa: PLR2004 - a median needs more than one
        gc.collect()
        gc.disable()
        try:
            rounds.append([_best(run, count, clock) for run, count in zip(runs.values(), loops, strict=True)])
        finally:
            gc.enable()
    return rounds


def _loops(run: Run, clock: Callable[[], float]) -> int:
    """How many calls make one timing."""
    count = 1
    while (took := _time(run, count, clock)) < SPAN / 2:
        count *= 2
    return max(1, round(count * SPAN / took))


def _best(run: Run, count: int, clock: Callable[[], float]) -> float:
    return min(_time(run, count, clock) for _ in range(TIMINGS)) / count


def _time(run: Run, count: int, clock: Callable[[], float]) -> float:
    begin = clock()
    for _ in range(count):
        run()
    return clock() - begin


def _run(contender: Contender, scenario: Scenario, take: Take) -> Run:
    invoke = contender.build(take)
    event, context = scenario.event, Context()
    return lambda: invoke(event, context)


def _ignore(*_values: object) -> None:
    pass


def _check(scenario: Scenario) -> None:
    """End the process where contenders differ in what they make of the same event."""
    first, *others = scenario.contenders
    expected = results(first, scenario)
    for other in others:
        if results(other, scenario) != expected:
            sys.exit(f"{scenario.key}: {other.name!r} does other work than {first.name!r}, so nothing is measured")


def _samples(scenarios: Sequence[Scenario], seconds: float) -> Samples:
    runs = {
        (scenario.key, contender.name): _run(contender, scenario, _ignore)
        for scenario in scenarios
        for contender in scenario.contenders
    }
    records = {scenario.key: len(scenario.event["Records"]) for scenario in scenarios}
    samples: Samples = {scenario.key: {} for scenario in scenarios}
    columns = zip(*measure({str(name): run for name, run in runs.items()}, seconds), strict=True)
    for (key, name), column in zip(runs, columns, strict=True):
        samples[key][name] = [time * 1e6 / records[key] for time in column]
    return samples


def main(seconds: float) -> None:
    """Check, measure, print; with 0 seconds only check, and print who competes."""
    if not has_peers():
        sys.exit("this runs in the environment that `python -m benchmarks` makes, where the peers are installed")
    found = scenarios()
    for scenario in found:
        _check(scenario)
    names: Samples = {scenario.key: {contender.name: [] for contender in scenario.contenders} for scenario in found}
    versions = {name: version(name) for name in ("pydantic", "aws-lambda-powertools", "chalice", "boto3")}
    json.dump({"versions": versions, "samples": _samples(found, seconds) if seconds else names}, sys.stdout)


if __name__ == "__main__":
    main(float(sys.argv[1]))
