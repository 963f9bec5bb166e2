"""Cold start: whole processes, one after the other, in interleaved rounds.

The peak memory of a child counts what its parent had when it forked, so this runs in a process that imports little.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.sections import ASYNC_DONE, BARE_MODEL, BARE_PYTHON, CHALICE, IMPORTED, POWERTOOLS, SYNC_DONE

__all__ = ["PROCESSES", "Process", "Sample", "heavy_imports", "measure", "run"]

FOLDER = Path(__file__).parent / "processes"
MAXRSS = 1 if sys.platform == "darwin" else 1024
"""Bytes in a unit of `ru_maxrss`: macOS counts bytes, Linux KiB (getrusage(2))."""

HEAVY = ("aioboto3", "aiobotocore", "aiohttp", "boto3", "botocore")
PROBE = f"import sys, eventkit, eventkit_lambda; print(*sorted({{*{HEAVY!r}}} & sys.modules.keys()))"


@dataclass(frozen=True, slots=True)
class Process:
    """One row: a name and the module that the process runs."""

    name: str
    module: str


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process used: CPU time in milliseconds, memory at its peak in MiB."""

    cpu: float
    memory: float


PROCESSES = (
    Process(BARE_PYTHON, "bare_python"),
    Process(BARE_MODEL, "bare_model"),
    Process(IMPORTED, "eventkit_imported"),
    Process(SYNC_DONE, "eventkit_sync"),
    Process(ASYNC_DONE, "eventkit_async"),
    Process(POWERTOOLS, "powertools_model"),
    Process(CHALICE, "chalice_model"),
)


def measure(python: Path, seconds: float, processes: Sequence[Process] = PROCESSES) -> dict[str, list[Sample]]:
    """Rounds for so many seconds, at least two, after one that leaves the compiled modules behind."""
    samples: dict[str, list[Sample]] = {process.name: [] for process in processes}
    for process in processes:
        run(python, process)
    end = time.monotonic() + seconds
    while len(samples[processes[0].name]) < 2 or time.monotonic() < end:  # noqa: PLR2004 - a median needs more
        for process in processes:
            samples[process.name].append(run(python, process))
    return samples


def run(python: Path, process: Process) -> Sample:
    """Run the process, away from the checkout's modules and from the user's settings."""
    script = FOLDER / f"{process.module}.py"
    child = subprocess.Popen([python, "-I", script], stdin=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"the process {process.module} failed (its output is above), so nothing is measured")
    return Sample((usage.ru_utime + usage.ru_stime) * 1e3, usage.ru_maxrss * MAXRSS / 2**20)


def heavy_imports(python: Path) -> list[str]:
    """The AWS SDKs and HTTP clients that importing eventkit and its Lambda entrypoint loads: there should be none."""
    return subprocess.run([python, "-I", "-c", PROBE], capture_output=True, text=True, check=True).stdout.split()
