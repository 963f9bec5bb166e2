"""`eventkit run --reload`: files change, and the app begins anew."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from eventkit_cli.loading import Reference
from eventkit_cli.reloading import folders
from tests.adapters.cli.conftest import Command
from tests.adapters.cli.processes import running

APP = """
from eventkit import App, Queue
app = App("{name}")
@app.on(Queue[str]("jobs"))
async def work(text: str) -> None: ...
"""


def test_what_is_watched_is_the_outermost_package(folder: Path) -> None:
    assert folders(Reference("blog.app", "app")) == [folder / "blog"]


def test_a_module_without_a_package_has_no_folder_of_its_own(folder: Path) -> None:
    (folder / "alone.py").write_text("raise RuntimeError('this is not imported')")

    assert folders(Reference("alone", "app")) == []


def test_a_missing_library_is_a_sentence(folder: Path) -> None:
    program = (
        "import sys; sys.modules['watchfiles'] = None; from eventkit_cli import main\n"
        "main(['run', 'blog.app:app', '--reload'])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=folder)

    assert done.returncode == 2
    assert "python -m pip install 'eventkit-aws[reload]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_module_is_said_before_anything_is_started(command: Command) -> None:
    result = command("run", "blgo.app:app", "--reload")

    assert result.code == 2
    assert "did you mean 'blog'?" in result.err


@pytest.mark.skipif(sys.platform == "win32", reason="workers are for POSIX")
def test_a_mistake_is_shown_and_its_repair_starts_the_app(environ: dict[str, str], folder: Path) -> None:
    (folder / "blog" / "app.py").write_text("def (")

    with running(environ, "run", "blog.app:app", "--reload", "--backend", "memory://?queue=jobs:dead") as child:
        assert child.saw("SyntaxError")
        assert child.saw('"worker.exited"')
        (folder / "blog" / "app.py").write_text(APP.format(name="first"))
        assert child.saw('"poller.started", "app": "first"')
        (folder / "blog" / "app.py").write_text(APP.format(name="second"))
        assert child.saw('"poller.started", "app": "second"')
        code = child.stop(signal.SIGINT)

    assert code == 0
    assert child.saw("second has stopped.")
