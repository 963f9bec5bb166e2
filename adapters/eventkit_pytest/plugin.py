"""Fixtures: an app in a test, in one runtime or in each, and AWS on this machine.

A user says which app it is by a fixture of their own, in `conftest.py`::

    @pytest.fixture
    def eventkit_app() -> App:
        return app

No fixture is a coroutine, so they work with every mode of pytest-asyncio, and without it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from eventkit import App
    from eventkit.testing import TestApp
    from eventkit_local.emulator import Emulator

__all__ = ["any_runtime", "eventkit_app", "eventkit_overrides", "eventkit_runtime", "local_aws", "test_app"]

Overrides = Mapping[Callable[..., object], Callable[..., object]]


@pytest.fixture
def eventkit_app() -> "App":
    """The app under test. Overridden by the user."""
    raise pytest.UsageError("which app? Write a fixture eventkit_app that returns it, for instance in conftest.py")


@pytest.fixture
def eventkit_overrides() -> Overrides:
    """Dependencies' functions, and what is called instead of each. Overridden by a user who replaces some."""
    return {}


@pytest.fixture(params=["lambda", "poller"])
def any_runtime(request: pytest.FixtureRequest) -> str:
    """Each runtime: a test that has this fixture runs once in each."""
    return str(request.param)


@pytest.fixture
def eventkit_runtime(request: pytest.FixtureRequest) -> str:
    """The runtime of `test_app`: Lambda, unless the test has `any_runtime`. Overridden by a user who has another."""
    return str(request.getfixturevalue("any_runtime") if "any_runtime" in request.fixturenames else "lambda")


@pytest.fixture
def test_app(eventkit_app: "App", eventkit_overrides: Overrides, eventkit_runtime: str) -> "Iterator[TestApp]":
    """The app, running for the length of the test."""
    from eventkit.testing import TestApp

    with TestApp(eventkit_app, runtime=eventkit_runtime, overrides=eventkit_overrides) as t:
        yield t


@pytest.fixture(scope="session")
def _emulator() -> "Iterator[Emulator]":
    from eventkit.errors import EventkitError

    try:
        from eventkit_local.emulator import start_emulator
    except ImportError as error:
        pytest.skip(f"there is no AWS on this machine: {error}")
    with ExitStack() as stack:
        try:
            emulator = stack.enter_context(start_emulator())
        except EventkitError as error:
            pytest.skip(f"there is no AWS on this machine: {error}")
        yield emulator


@pytest.fixture
def local_aws(_emulator: "Emulator", monkeypatch: pytest.MonkeyPatch) -> "Emulator":
    """AWS on this machine, empty, and the environment variables that lead there.

    The emulator starts once for all tests; where it cannot, the test is skipped with the reason.
    """
    _emulator.reset()
    for name, value in _emulator.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return _emulator
