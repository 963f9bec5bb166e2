"""The soak itself, small: real workers, a real `kill -9`, and nothing left behind however it ends."""

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.adapters.local.processes import eventually, group

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells which processes there are")


@contextmanager
def soak(*options: str) -> Generator["subprocess.Popen[str]"]:
    """Runs as the leader of a process group, which its workers are in, too."""
    command = [sys.executable, "-m", "benchmarks.soak", *options]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def is_stopped(pid: int) -> bool:
    """Whether a signal has stopped the process (proc(5), `State`)."""
    status = Path(f"/proc/{pid}/status")
    try:
        return "\nState:\tT" in status.read_text("ascii", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_what_a_killed_worker_had_begun_is_done_by_another() -> None:
    with soak("--only", "q1", "--scale", "0.005", "--json") as process:
        out, errors = process.communicate(timeout=90)

    assert process.returncode == 0, errors
    report = json.loads(out)
    facts = report["scenarios"][0]["facts"]
    assert report["failures"] == []
    assert (facts["kills"], facts["processes"]) == (1, 5)
    assert (facts["messages sent"], facts["unique effects"], facts["lost"]) == (50, 50, 0)


def test_a_stream_is_read_to_its_end_though_a_worker_is_killed_and_shards_are_split_and_merged() -> None:
    with soak("--only", "s1", "--scale", "0.05", "--json") as process:
        out, errors = process.communicate(timeout=90)

    assert process.returncode == 0, errors
    report = json.loads(out)
    facts = report["scenarios"][0]["facts"]
    assert report["failures"] == []
    assert (facts["kills"], facts["processes"], facts["shards"]) == (1, 5, 19)
    assert (facts["messages sent"], facts["unique effects"], facts["lost"]) == (200, 200, 0)
    assert report["scenarios"][0]["note"].startswith("0 missing, 0 inversions, 0 checkpoint regressions;")


def test_a_worker_that_is_frozen_does_not_outlive_it() -> None:
    with soak("--only", "s4") as process:
        assert eventually(lambda: any(map(is_stopped, group(process.pid))), seconds=60)

        process.kill()
        process.communicate(timeout=60)

    assert eventually(lambda: not group(process.pid))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_it(number: signal.Signals) -> None:
    with soak("--only", "q13") as process:
        assert process.stderr is not None
        while "messages sent" not in process.stderr.readline():
            assert process.poll() is None
        running = group(process.pid)

        process.send_signal(number)
        process.communicate(timeout=60)

    assert len(running) > 1  # it, what forks the workers, and a worker
    assert process.returncode == (-number if number is signal.SIGKILL else 128 + number)
    assert eventually(lambda: not group(process.pid))


def test_a_scenario_that_there_is_not_is_a_mistake() -> None:
    with soak("--only", "q1,q7") as process:
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "there is no q7; choose from q1, q2, q9, q10, q13, s1, s4, s9" in errors
