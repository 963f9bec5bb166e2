"""Measure eventkit beside hand-written code and its peers: `python -m benchmarks [--quick] [--json]`.

It reports; a missed target is no failure.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import cold
from benchmarks.environment import ROOT, environment
from benchmarks.report import Table, missed, render, tabulate
from benchmarks.sections import SECTIONS

FULL = (90.0, 100.0)
"""Seconds for cold start and for dispatch."""

QUICK = (20.0, 20.0)


def main() -> None:
    """Measure and report."""
    arguments = _arguments()
    for_cold, for_dispatch = QUICK if arguments.quick else FULL
    python = environment()
    _progress(f"measuring cold starts for {for_cold:.0f} s")
    cold_samples = cold.measure(python, for_cold)
    heavy = cold.heavy_imports(python)
    _progress(f"measuring dispatch for {for_dispatch:.0f} s")
    dispatched = _dispatch(python, for_dispatch)

    samples = {"cold": {name: [sample.cpu for sample in rows] for name, rows in cold_samples.items()}}
    samples |= dispatched["samples"]
    memory = {"cold": {name: [sample.memory for sample in rows] for name, rows in cold_samples.items()}}
    tables = [tabulate(section, samples[section.key], memory.get(section.key)) for section in SECTIONS]
    machine = _machine(dispatched["versions"])
    failures = missed(tables)
    if heavy:
        failures.append(f"importing eventkit and eventkit_lambda loads {', '.join(heavy)}")
    if arguments.json:
        print(json.dumps(_readable(tables, machine, heavy, failures), indent=1, ensure_ascii=False))
    else:
        _print(tables, machine, heavy, failures)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--quick", action="store_true", help="less than a minute, and less exact")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser.parse_args()


def _progress(text: str) -> None:
    print(f"── {text}", file=sys.stderr, flush=True)


def _dispatch(python: Path, seconds: float) -> dict[str, Any]:
    command = (python, "-m", "benchmarks.dispatch", str(seconds))
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit("dispatch could not be measured; the reason is above")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _machine(versions: dict[str, str]) -> str:
    load = f", load {os.getloadavg()[0]:.1f}"
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} CPUs{load}; {packages}"
    )


def _print(tables: list[Table], machine: str, heavy: list[str], failures: list[str]) -> None:
    print(machine)
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    for table in tables:
        print(render(table, colour=colour))
        if table.section.key == "cold":
            print(f"loaded of AWS's SDKs and aiohttp: {', '.join(heavy) or 'nothing'}")
    print()
    print(f"targets missed, {len(failures)}: {'; '.join(failures)}" if failures else "all targets are met")


def _readable(tables: list[Table], machine: str, heavy: list[str], failures: list[str]) -> dict[str, object]:
    sections = [
        {
            "key": table.section.key,
            "title": table.section.title,
            "unit": table.section.unit,
            "baseline": table.section.baseline,
            "rounds": table.rounds,
            "rows": [
                {
                    "what": row.what,
                    "value": row.value,
                    "memory_mib": row.memory,
                    "ratio": row.ratio,
                    "targets": [
                        {**asdict(finding.target), "ratio": finding.ratio, "met": finding.is_met}
                        for finding in row.findings
                    ],
                }
                for row in table.rows
            ],
        }
        for table in tables
    ]
    return {"machine": machine, "sections": sections, "heavy_imports": heavy, "missed": failures}


if __name__ == "__main__":
    main()
