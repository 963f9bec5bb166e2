"""The pytest plugin in projects of their own: in each mode of pytest-asyncio and without it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = """
import pytest
from app import app, greeting
from eventkit import App

@pytest.fixture
def eventkit_app() -> App:
    return app

@pytest.fixture
def eventkit_overrides():
    return {greeting: lambda: "hallo"}
"""

APP = """
from typing import Annotated
from eventkit import App, Depends, Queue

names = Queue[str]("names")
greetings = Queue[str]("greetings")
app = App("greeter")

def greeting() -> str:
    raise ConnectionError

@app.on(names, to=greetings)
def greet(name: str, words: Annotated[str, Depends(greeting)]) -> str:
    return f"{words} {name}"
"""

ASYNC = """
import pytest
from app import greetings, names

MARK
async def test_somebody_is_greeted(test_app):
    test_app.send(names, "Ada")
    await test_app.settle()
    assert test_app.published(greetings) == ["hallo Ada"]

MARK
async def test_somebody_is_greeted_everywhere(test_app, any_runtime):
    test_app.send(names, "Ada")
    await test_app.settle()
    assert test_app.published(greetings) == ["hallo Ada"]
"""

BLOCKING = """
from app import greetings, names

def test_somebody_is_greeted(test_app, any_runtime):
    test_app.send(names, "Ada")
    test_app.settle_blocking()
    assert test_app.published(greetings) == ["hallo Ada"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP, "utf-8")
    (tmp_path / "conftest.py").write_text(CONFTEST, "utf-8")
    return tmp_path


def run(project: Path, test: str, *options: str) -> str:
    """Run a test file in the project, and return what pytest prints."""
    (project / "test_app.py").write_text(test, "utf-8")
    scope = [] if "no:asyncio" in options else ["-o", "asyncio_default_fixture_loop_scope=function"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-W", "error", *scope, *options],
        cwd=project,
        env={**os.environ, "PYTEST_ADDOPTS": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(("mode", "mark"), [("auto", ""), ("strict", "@pytest.mark.asyncio")])
def test_the_fixtures_work_in_each_mode(project: Path, mode: str, mark: str) -> None:
    printed = run(project, ASYNC.replace("MARK", mark), f"--asyncio-mode={mode}")

    assert "3 passed" in printed


def test_the_fixtures_work_without_pytest_asyncio(project: Path) -> None:
    printed = run(project, BLOCKING, "-p", "no:asyncio")

    assert "2 passed" in printed


def test_who_does_not_say_which_app_is_told_how(project: Path) -> None:
    (project / "conftest.py").unlink()

    printed = run(project, BLOCKING)

    assert "Write a fixture eventkit_app that returns it" in printed


def test_nothing_is_imported_before_a_fixture_is_used(project: Path) -> None:
    (project / "conftest.py").unlink()
    test = """
import sys

def test_nothing_is_there():
    assert "eventkit_pytest.plugin" in sys.modules
    assert not {"eventkit", "eventkit.testing", "pydantic", "boto3", "eventkit_local"} & set(sys.modules)
"""

    printed = run(project, test, "-p", "no:asyncio", "-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "no:xdist")

    assert "1 passed" in printed


LOCAL = """
import os

def test_it_is_there(local_aws):
    assert os.environ["AWS_ENDPOINT_URL"] == local_aws.endpoint_url

def test_it_is_the_same_one(local_aws):
    assert local_aws.endpoint_url.startswith("http://127.0.0.1:")
"""


@pytest.mark.skipif(os.name != "posix", reason="the emulator runs on Linux and macOS")
def test_aws_is_on_this_machine(project: Path) -> None:
    printed = run(project, LOCAL)

    assert "2 passed" in printed


def test_where_aws_cannot_be_on_this_machine_tests_are_skipped_with_the_reason(project: Path) -> None:
    blocked = "import sys\nsys.modules['eventkit_local'] = None\n"
    (project / "conftest.py").write_text(blocked, "utf-8")

    printed = run(project, LOCAL)

    assert "2 skipped" in printed
    assert "there is no AWS on this machine: " in printed
