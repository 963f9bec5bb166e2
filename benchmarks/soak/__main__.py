"""Kill, stop and delay real pollers on a local emulator: `python -m benchmarks.soak [--full] [--only q1,s1] [--json]`.

The exit status is 0 where everything holds that must hold, 1 where something does not.
"""

import argparse
import json
import os
import platform
import signal
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NoReturn, Protocol, Self

from rich.console import Console

from benchmarks.soak import frozen, heartbeats, killed, memory, resharded, spread, stops
from benchmarks.soak.arena import Arena, open_arena
from benchmarks.soak.progress import open_progress
from benchmarks.soak.report import Result, failures, readable, table
from eventkit import EventkitError


class Plan(Protocol):
    """A scenario of some size."""

    def scaled(self, share: float) -> Self:
        """The same, smaller or larger."""
        ...

    def run(self, arena: Arena) -> Result:
        """Run it."""
        ...


WIDTH = 100
"""Columns of the table where there is no terminal that knows better."""

SHORT: Mapping[str, Plan] = MappingProxyType(
    {
        "q1": killed.Q1,
        "q2": heartbeats.Q2,
        "q9": stops.Q9,
        "q10": killed.Q10,
        "q13": memory.Q13,
        "s1": resharded.S1,
        "s4": frozen.S4,
        "s9": spread.S9,
    }
)
FULL: Mapping[str, Plan] = MappingProxyType(
    {
        "q1": killed.Q1_FULL,
        "q2": heartbeats.Q2_FULL,
        "q9": stops.Q9_FULL,
        "q10": killed.Q10_FULL,
        "q13": memory.Q13_FULL,
        "s1": resharded.S1_FULL,
        "s4": frozen.S4_FULL,
        "s9": spread.S9_FULL,
    }
)


def main() -> int:
    """Run the scenarios and report; returns the exit status."""
    signal.signal(signal.SIGTERM, _end)
    os.environ.pop("AWS_PROFILE", None)  # nothing here needs it, and the SDK refuses one that is not configured
    arguments = _arguments()
    plans = [plan.scaled(arguments.scale) for key, plan in _sizes(arguments).items() if key in arguments.only]
    try:
        results = _run(plans, arguments.seed)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except EventkitError as error:
        print(f"the soak cannot run: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps({"machine": _machine(), **readable(results)}, indent=1, ensure_ascii=False))
    else:
        _print(results)
    return 1 if failures(results) else 0


def _end(number: int, _: object) -> NoReturn:
    """End as by an error, so that nothing is left behind."""
    sys.exit(128 + number)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--full", action="store_true", help="the full numbers, more than an hour; also by FULL=1")
    parser.add_argument("--only", type=_keys, default=tuple(SHORT), metavar="KEYS", help=f"of {','.join(SHORT)}")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies messages, kills, stops and seconds")
    parser.add_argument("--seed", type=int, default=1, help="what victims, durations and failures follow from")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


def _keys(text: str) -> Sequence[str]:
    keys = text.split(",")
    if unknown := [key for key in keys if key not in SHORT]:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; choose from {', '.join(SHORT)}")
    return keys


def _sizes(arguments: argparse.Namespace) -> Mapping[str, Plan]:
    return FULL if arguments.full or os.environ.get("FULL", "0") not in {"", "0"} else SHORT


def _run(plans: Sequence[Plan], seed: int) -> list[Result]:
    results: list[Result] = []
    with open_progress() as say, open_arena(seed, say) as arena:
        for plan in plans:
            results.append(plan.run(arena))
            arena.emulator.reset()
    return results


def _machine() -> str:
    return (
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, "
        f"load {os.getloadavg()[0]:.1f}; on a local emulator (ministack), not AWS"
    )


def _print(results: Sequence[Result]) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    console.print(_machine(), soft_wrap=True)
    console.print(table(results))
    for result in results:
        console.print(f"[bold]{result.key}[/] {result.title}: {result.note}", soft_wrap=True)
        for event, times in result.events.items():
            console.print(f"   {times:,} \N{MULTIPLICATION SIGN} {event}")
    missed = failures(results)
    for text in missed:
        console.print(f"does not hold: {text}", style="red", soft_wrap=True)
    if not missed:
        console.print("everything holds that must hold", style="green")


if __name__ == "__main__":
    sys.exit(main())
