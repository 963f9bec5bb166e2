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


def test_what_a_killed_worker_had_begun_is_done_by_another() -> None:
    with soak("--only", "q1", "--scale", "0.005", "--json") as process:
        out, errors = process.communicate(timeout=90)

    assert process.returncode == 0, errors
    report = json.loads(out)
    facts = report["scenarios"][0]["facts"]
    assert report["failures"] == []
    assert (facts["kills"], facts["processes"]) == (1, 5)
    assert (facts["messages sent"], facts["unique effects"], facts["lost"]) == (50, 50, 0)


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
    assert "there is no q7; choose from q1, q2, q9, q10, q13" in errors
