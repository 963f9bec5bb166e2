"""Both type checkers take the right handlers, and report the wrong ones exactly where they are wrong."""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

import pytest

from eventkit import AuthorError
from tests.core.harness import Outbox, handled, s3
from tests.typing import right_handlers
from tests.typing.shared import Edited

wrong_handlers = import_module("tests.typing.wrong_handlers")  # not by a statement, which the checkers would follow
HERE = Path(__file__).parent
RIGHT = sorted([*HERE.glob("right_*.py"), HERE / "shared.py"])
WRONG = sorted(HERE.glob("wrong_*.py"))

Report = Mapping[str, set[int]]
"""The lines with errors in each file."""


def run(*command: str, cwd: Path) -> str:
    # What is imported from PYTHONPATH instead of being installed, the checkers must find as well.
    paths = [str(Path(path).resolve()) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    environment = os.environ | dict.fromkeys(["PYTHONPATH", "MYPYPATH"], os.pathsep.join(paths))
    result = subprocess.run(
        [sys.executable, "-m", *command], cwd=cwd, env=environment, check=False, capture_output=True, text=True
    )
    assert result.returncode in {0, 1}, result.stdout + result.stderr
    return result.stdout


def report(output: str) -> Report:
    found: dict[str, set[int]] = {path.name: set() for path in [*RIGHT, *WRONG]}
    for path, line in re.findall(r"^\s*(\S+\.py):(\d+)(?::\d+)?(?: -|:) error", output, re.MULTILINE):
        found.setdefault(Path(path).name, set()).add(int(line))
    return found


def mypy(_folder: Path) -> str:
    cache = HERE.parents[1] / ".mypy_cache" / "tests-typing"
    options = ["--config-file=", "--strict", "--python-version=3.11", f"--cache-dir={cache}"]
    files = [str(path.relative_to(HERE.parents[1])) for path in [*RIGHT, *WRONG]]
    return run("mypy", *options, *files, cwd=HERE.parents[1])


def pyright(folder: Path) -> str:
    """From a folder without a configuration; the files themselves say that they are strict."""
    options = [f"--pythonpath={sys.executable}", "--pythonversion=3.11"]
    return run("pyright", *options, *map(str, [*RIGHT, *WRONG]), cwd=folder)


@pytest.fixture(scope="module", params=[mypy, pyright], ids=["mypy", "pyright"])
def errors(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Report:
    check: Callable[[Path], str] = request.param
    return report(check(tmp_path_factory.mktemp("typing")))


@pytest.mark.parametrize("file", RIGHT, ids=lambda file: file.name)
def test_what_is_right_is_taken(errors: Report, file: Path) -> None:
    assert errors[file.name] == set()


@pytest.mark.parametrize("file", WRONG, ids=lambda file: file.name)
def test_what_is_wrong_is_reported_and_nothing_else(errors: Report, file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()

    marked = {number for number, line in enumerate(lines, 1) if line.endswith("# error")}

    assert marked
    assert errors[file.name] == marked


def test_nothing_else_is_reported(errors: Report) -> None:
    assert errors.keys() == {path.name for path in [*RIGHT, *WRONG]}


MISTAKES = [
    function
    for _, function in inspect.getmembers(wrong_handlers, inspect.isfunction)
    if function.__module__ == wrong_handlers.__name__
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_the_same_mistake_is_found_at_import_time_with_a_sentence_that_helps(mistake: Callable[[], None]) -> None:
    kind, _, sentence = (inspect.getdoc(mistake) or "").partition(": ")

    with pytest.raises(AuthorError) as refused:
        mistake()

    assert type(refused.value).__name__ == kind
    assert str(refused.value).removeprefix(f"{mistake.__name__}.") == sentence


def test_every_mistake_is_marked() -> None:
    marks = Path(inspect.getfile(wrong_handlers)).read_text(encoding="utf-8").count("# error\n")

    assert len(MISTAKES) == marks


def test_the_right_handlers_are_registered() -> None:
    assert len(right_handlers.app.routes()) > 20


async def test_the_right_handlers_run() -> None:
    outbox = Outbox()

    await handled(right_handlers.app, s3("uploads/a.jpg"), publisher=outbox)

    assert ("queue", "edits", Edited(id=1).model_dump_json()) in outbox.sent
