"""`eventkit run --workers`: real workers of a real app."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.adapters.cli.processes import EVENTKIT, Child, running
from tests.adapters.local.processes import eventually, is_running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

QUEUES = "memory://?queue=jobs:jobs-dlq&queue=blog-photos:p-dlq&queue=blog-posts:t-dlq"
TWO = ("run", "blog.queues:app", "--backend", QUEUES, "--wait", "1", "--workers", "2")


def workers(child: Child) -> Sequence[int]:
    """The processes of the workers that have been started, when both poll."""
    assert eventually(lambda: sum("poller.started" in line for line in child.err) >= 2, 30), child.err
    lines = [line for line in child.err if re.search(r'"worker\.(re)?started"', line)]
    return [json.loads(line)["pid"] for line in lines]


def get(address: str, path: str) -> tuple[int, str]:
    with closing(HTTPConnection(address, timeout=30)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()


def test_two_workers_are_one_service(environ: dict[str, str]) -> None:
    with running(environ, *TWO, "--health", "127.0.0.1:0") as child:
        address = json.loads(child.line("health.served"))["address"]
        first, second = workers(child)
        assert eventually(lambda: get(address, "/readyz")[0] == 200)
        status, told = get(address, "/healthz")
        _, metrics = get(address, "/metrics")
        os.kill(second, signal.SIGKILL)
        assert child.saw("worker.restarted")
        *_, third = workers(child)
        code = child.stop(signal.SIGINT)

    assert (status, sorted(json.loads(told)["workers"])) == (200, ["1", "2"])
    assert 'eventkit_records_received_total{queue="jobs"} 0.0' in metrics
    assert len({first, second, third}) == 3
    assert code == 0
    assert child.saw("blog has stopped. It received no records.")
    assert len(child.out) == 1
    assert not any(map(is_running, (first, second, third)))


def test_workers_whose_supervisor_is_killed_stop_in_good_order(environ: dict[str, str]) -> None:
    with running(environ, *TWO) as child:
        pids = workers(child)
        child.process.kill()

        assert eventually(lambda: not any(map(is_running, pids)), 30)

    assert sum("poller.stopped" in line for line in child.err) == 2


def test_two_workers_do_not_read_streams_without_leases_that_they_share(environ: dict[str, str]) -> None:
    done = subprocess.run(
        [*EVENTKIT, "run", "blog.shop:app", "--workers", "2"], capture_output=True, text=True, env=environ, check=False
    )

    assert done.returncode == 2
    assert "they would each read all of table 'orders', stream 'clicks'" in done.stderr
    assert "set --leases, or EVENTKIT_LEASES, to dynamodb://TABLE?create=true" in done.stderr
    assert done.stderr.count("they would each read") == 1


def test_what_is_wrong_with_the_app_is_said_once(environ: dict[str, str], folder: Path) -> None:
    (folder / "wrong.py").write_text("from eventkit import App\napp = App('x')\n@app.on(1)\ndef work(): ...\n")

    done = subprocess.run(
        [*EVENTKIT, "run", "wrong:app", "--workers", "3"], capture_output=True, text=True, env=environ, check=False
    )

    assert done.returncode == 2
    assert done.stderr.count("at wrong.py:3") == 1
    assert done.stdout == "wrong:app has stopped. It received no records.\n"
