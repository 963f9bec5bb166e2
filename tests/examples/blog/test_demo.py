"""The demo as somebody plays it: a process of its own, with a local AWS of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="AWS's runtime client has wheels for Linux only")

ROOT = Path(__file__).parents[3]
DEMO = (sys.executable, "-m", "examples.blog.demo")


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "NO_COLOR": "1", **more}


def test_the_demo_plays_every_act_and_ends(tmp_path: Path) -> None:
    done = subprocess.run(
        DEMO, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    acts = (
        "8 photographs of the first posts",
        "each read twice through the edge",
        "its thumbnails are there",
        "half a photograph, are refused",
        "in another spelling: one mail",
        "invalidates what the edge has",
        "and a comment from there seen here",
        "by Lambda's own runtime client",
        "The queue is empty",
    )
    for act in acts:
        assert re.search(rf"^✓ .*{re.escape(act)}", done.stdout, re.MULTILINE), act
    assert "the author reads: the image has far too many pixels" in done.stdout
    assert "Everything happened, and both runtimes agree." in done.stdout
    assert not re.search("^✗", done.stdout, re.MULTILINE)


def test_on_a_terminal_the_blog_stays_up_until_ctrl_c(tmp_path: Path) -> None:
    with on_terminal(tmp_path) as (process, terminal):
        shown = read_until(terminal, "Ctrl-C ends it.")
        running = process.poll() is None
        process.send_signal(signal.SIGINT)

        assert process.wait(timeout=60) == 0
        assert running
        assert re.search("blog +http://127.0.0.1:", shown)


def test_where_there_is_no_aws_the_demo_says_so_and_fails(tmp_path: Path) -> None:
    nowhere = environment(AWS_ENDPOINT_URL="http://127.0.0.1:9")
    done = subprocess.run(DEMO, cwd=tmp_path, env=nowhere, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 1
    assert "The demo cannot go on: " in done.stdout
    assert "could not be reached" in done.stdout
    assert done.stderr == ""


@contextmanager
def on_terminal(folder: Path) -> Generator[tuple["subprocess.Popen[bytes]", int]]:
    ours, theirs = os.openpty()
    try:
        with subprocess.Popen(DEMO, cwd=folder, env=environment(TERM="xterm", COLUMNS="200"), stdout=theirs) as process:
            os.close(theirs)
            try:
                yield process, ours
            finally:
                process.kill()
    finally:
        os.close(ours)


def read_until(terminal: int, text: str) -> str:
    shown = b""
    while text.encode() not in shown:
        more = os.read(terminal, 4096)
        assert more, shown.decode()
        shown += more
    return shown.decode()
