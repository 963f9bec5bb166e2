"""A process ends with its exit code, whatever is left running in it."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.adapters.cli.processes import running

BEGIN = """
import asyncio, threading
from eventkit import ConfigurationError
from eventkit_cli.ending import run_to_end
from eventkit_cli.logs import Level, LogFormat, configure_logging
configure_logging(LogFormat.JSON, Level.INFO)

async def stubborn():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

async def docile():
    try:
        await asyncio.Event().wait()
    finally:
        print("tidied up")

async def leave(coroutine):
    leave.task = asyncio.create_task(coroutine)
    await asyncio.sleep(0)

def hang():
    threading.Event().wait()
"""


def ended(body: str) -> tuple[int, str, str]:
    """Run this as the main coroutine, and return exit code, output and log."""
    program = f"{BEGIN}\nasync def main():\n    {body}\n    print('done')\n\nrun_to_end(main, 0.1)\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)
    return done.returncode, done.stdout, done.stderr


def test_nothing_left_is_an_end_like_any_other() -> None:
    assert ended("import atexit; atexit.register(print, 'bye')") == (0, "done\nbye\n", "")


def test_a_task_that_is_left_is_cancelled_and_awaited() -> None:
    assert ended("await leave(docile())") == (0, "done\ntidied up\n", "")


def test_a_task_that_ignores_its_cancellation_is_abandoned_by_name() -> None:
    code, out, err = ended("await leave(stubborn())")

    assert (code, out) == (0, "done\n")
    assert (json.loads(err)["event"], json.loads(err)["coroutines"]) == ("tasks.abandoned", ["stubborn → Event.wait"])


def test_the_exit_code_stays_what_it_was() -> None:
    code, out, err = ended("await leave(stubborn()); raise ConfigurationError('no such queue')")

    assert (code, out) == (2, "")
    assert err.splitlines()[0] == "eventkit: no such queue"


@pytest.mark.parametrize(
    "body",
    [
        "await leave(asyncio.to_thread(hang))",
        "threading.Thread(target=hang, name='loop_0').start()",
    ],
)
def test_a_function_on_a_thread_that_does_not_return_is_abandoned(body: str) -> None:
    code, out, err = ended(body)

    assert (code, out) == (0, "done\n")
    assert json.loads(err)["event"] == "threads.abandoned"
    assert re.fullmatch(r"\['\w+_0'\]", str(json.loads(err)["threads"]))


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
def test_a_poller_ends_with_its_summary_though_its_app_has_left_a_task(environ: dict[str, str], folder: Path) -> None:
    (folder / "leaving.py").write_text(
        "import asyncio\nfrom contextlib import asynccontextmanager\nfrom eventkit import App, Queue\n"
        "async def stubborn():\n"
        "    while True:\n"
        "        try:\n            await asyncio.Event().wait()\n"
        "        except asyncio.CancelledError:\n            pass\n"
        "@asynccontextmanager\nasync def lifespan(app):\n"
        "    task = asyncio.create_task(stubborn())\n    yield\n"
        "app = App('leaving', lifespan=lifespan)\n"
        "@app.on(Queue[str]('jobs'))\nasync def work(text: str) -> None: ...\n"
    )
    arguments = ("--backend", "memory://?queue=jobs:dead", "--wait", "1", "--flush", "0.1")

    with running(environ, "run", "leaving:app", *arguments) as child:
        assert child.saw("poller.started")
        code = child.stop(signal.SIGTERM)

    assert code == 0
    assert child.saw("leaving has stopped. It received no records.")
    assert child.saw('"event": "tasks.abandoned", "coroutines": ."stubborn .* Event.wait"')
