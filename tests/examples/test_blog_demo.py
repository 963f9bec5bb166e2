"""The demo as somebody plays it: a process of its own, with a local AWS of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from tests.examples.page import read_page

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="AWS's runtime client has wheels for Linux only")

ROOT = Path(__file__).parents[2]
DEMO = (sys.executable, "-m", "examples.blog.demo")
NAMES = (
    *("eileen collins.png", "chelsea.png", "café crème.png", "falcon+9 (dscovr).jpg", "deep%20field.jpg"),
    *("photographer.png", "on its side.jpg", "panorama.webp", "cut short.jpg", "bomb.png"),
)


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "NO_COLOR": "1", **more}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one picture, as somebody may have it."""
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    Image.new("RGB", (64, 48), "teal").save(photographs / "Urlaub in Köln.JPG")
    return photographs


def test_the_demo_shows_that_both_runtimes_agree_and_leaves_its_sheet(tmp_path: Path) -> None:
    done = subprocess.run(
        DEMO, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Both runtimes agree: 8 thumbnails byte for byte, 2 rejections" in done.stdout
    assert done.stdout.splitlines()[-1] == f"Contact sheet: {Path('out', 'demo', 'index.html')}"
    assert done.stderr == ""
    page = read_page(tmp_path / "out" / "demo" / "index.html")
    assert page.cards == ["thumbnail"] * 8 + ["refusal"] * 2
    assert all(name in page.text for name in NAMES)
    assert "the image has more pixels than Pillow accepts" in page.text
    assert "sqs:blog-photos ← sns:blog-photos ← s3:photos" in page.text
    assert page.text.count("✓ the same") == 10
    assert all((tmp_path / "out" / "demo" / address).is_file() for address in page.images)
    with Image.open(tmp_path / "out" / "demo" / "thumbnails" / "07.jpg") as upright:
        assert upright.height > upright.width


def test_on_a_terminal_the_demo_stays_up_until_ctrl_c(tmp_path: Path, folder: Path) -> None:
    with on_terminal(tmp_path, PHOTOS=str(folder)) as (process, terminal):
        shown = read_until(terminal, "Ctrl-C ends it.")
        running = process.poll() is None
        process.send_signal(signal.SIGINT)

        assert process.wait(timeout=60) == 0
        assert running
        assert "Urlaub in Köln.jpg" in shown
        assert "1 thumbnail byte for byte, 2 rejections" in shown


def test_a_folder_without_pictures_is_a_sentence_and_a_failure(tmp_path: Path) -> None:
    command = environment(PHOTOS=str(tmp_path))
    done = subprocess.run(DEMO, cwd=tmp_path, env=command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert "it holds no picture" in done.stdout
    assert done.stderr == ""


@contextmanager
def on_terminal(folder: Path, **more: str) -> Generator[tuple["subprocess.Popen[bytes]", int]]:
    ours, theirs = os.openpty()
    try:
        with subprocess.Popen(
            DEMO, cwd=folder, env=environment(TERM="xterm", COLUMNS="200", **more), stdout=theirs
        ) as process:
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
