"""Measure eventkit beside hand-written code and its peers: `python -m benchmarks [--quick] [--json] [GROUP …]`.

It reports; a missed target is no failure.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import cold
from benchmarks.environment import LAMBDA, ROOT, Unavailable
from benchmarks.report import RESULT, Measured, Table, missed, readable, render, tabulate
from benchmarks.sections import MEMORY, SECTIONS

FULL, QUICK = "full", "quick"
SECONDS = {FULL: (90.0, 100.0), QUICK: (15.0, 15.0)}
"""For cold start and for dispatch."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a group of sections measured: the columns of each section, versions of what took part, and remarks."""

    measured: Mapping[str, Measured] = field(default_factory=dict[str, Measured])
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    remarks: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


def _cold(plan: str) -> Found:
    python, seconds = _lambda_python(), SECONDS[plan][0]
    _progress(f"measuring cold starts for {seconds:.0f} s")
    samples = cold.measure(python, seconds)
    heavy = ", ".join(cold.heavy_imports(python))
    columns = {
        RESULT: {name: [sample.cpu for sample in rows] for name, rows in samples.items()},
        MEMORY: {name: [sample.memory for sample in rows] for name, rows in samples.items()},
    }
    remarks = (f"a cold start loads of AWS's SDKs and aiohttp: {heavy or 'nothing'}",)
    failures = (f"importing eventkit and eventkit_lambda loads {heavy}",) if heavy else ()
    return Found({"cold": columns}, remarks=remarks, failures=failures)


def _dispatch(plan: str) -> Found:
    python, seconds = _lambda_python(), SECONDS[plan][1]
    _progress(f"measuring dispatch for {seconds:.0f} s")
    found = _output("dispatch", python, "-m", "benchmarks.dispatch", str(seconds))
    return Found({key: {RESULT: samples} for key, samples in found["samples"].items()}, found["versions"])


def _poller(plan: str) -> Found:
    _progress("measuring pollers")
    found = _output("the poller", sys.executable, "-m", "benchmarks.poller", plan)
    return Found(found["measured"], found["versions"], tuple(found["remarks"]))


def _streams(plan: str) -> Found:
    _progress("measuring readers of streams")
    found = _output("reading streams", sys.executable, "-m", "benchmarks.streams", plan)
    return Found(found["measured"], found["versions"], tuple(found["remarks"]))


GROUPS: Mapping[str, Callable[[str], Found]] = {
    "cold": _cold,
    "dispatch": _dispatch,
    "poller": _poller,
    "streams": _streams,
}


def main() -> None:
    """Measure and report."""
    arguments = _arguments()
    found = [measure(arguments.plan) for name, measure in GROUPS.items() if name in arguments.groups]
    measured = {key: columns for one in found for key, columns in one.measured.items()}
    tables = [tabulate(section, measured[section.key]) for section in SECTIONS if section.key in measured]
    machine = _machine({name: version for one in found for name, version in one.versions.items()})
    remarks = [remark for one in found for remark in one.remarks]
    failures = [*missed(tables), *(failure for one in found for failure in one.failures)]
    if arguments.json:
        sections = [readable(table) for table in tables]
        facts = {"machine": machine, "sections": sections, "remarks": remarks, "missed": failures}
        print(json.dumps(facts, indent=1, ensure_ascii=False))
    else:
        _print(tables, machine, remarks, failures)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition(":")[0])
    names = ", ".join(GROUPS)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {names}; by default all")
    parser.add_argument(
        "--quick", dest="plan", action="store_const", const=QUICK, default=FULL, help="about a minute, and less exact"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args()
    unknown = set(arguments.groups) - GROUPS.keys()
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}: choose from {names}")
    arguments.groups = arguments.groups or list(GROUPS)
    return arguments


def _progress(text: str) -> None:
    print(f"── {text}", file=sys.stderr, flush=True)


def _lambda_python() -> Path:
    try:
        LAMBDA.make()
    except Unavailable as reason:
        sys.exit(f"the benchmarks cannot run: {reason}")
    return LAMBDA.python


def _output(what: str, *command: str | Path) -> dict[str, Any]:
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{what} could not be measured; the reason is above")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _machine(versions: Mapping[str, str]) -> str:
    load = f", load {os.getloadavg()[0]:.1f}"
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} CPUs{load}; {packages}"
    )


def _print(tables: list[Table], machine: str, remarks: list[str], failures: list[str]) -> None:
    print(machine)
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    for table in tables:
        print(render(table, colour=colour))
    print()
    for remark in remarks:
        print(remark)
    print(f"targets missed, {len(failures)}: {'; '.join(failures)}" if failures else "all targets are met")


if __name__ == "__main__":
    main()
