"""What is public is listed, sorted, there, and documented."""

import ast
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import eventkit
from eventkit import errors, events

NAMES = [
    "eventkit",
    *(
        module.name
        for module in pkgutil.walk_packages(eventkit.__path__, "eventkit.")
        if not any(part.startswith("_") for part in module.name.split("."))
    ),
]


@pytest.fixture(params=NAMES)
def module(request: pytest.FixtureRequest) -> ModuleType:
    return import_module(str(request.param))


def listed(module: ModuleType) -> list[str]:
    names: list[str] = module.__all__
    return names


def order(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, as ruff sorts them."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2), name


def statements(module: ModuleType) -> Iterator[tuple[ast.stmt, ast.stmt | None]]:
    """The module's top-level statements, each with the one after it."""
    tree = ast.parse(Path(inspect.getfile(module)).read_text(encoding="utf-8"))
    return zip(tree.body, [*tree.body[1:], None], strict=True)


def test_a_public_module_lists_its_names_in_order_and_once(module: ModuleType) -> None:
    names = listed(module)

    assert names == sorted(set(names), key=order)


def test_every_listed_name_is_there_and_public(module: ModuleType) -> None:
    for name in listed(module):
        assert hasattr(module, name)
        assert not name.startswith("_")


def test_every_module_and_every_public_class_and_function_has_a_docstring(module: ModuleType) -> None:
    assert module.__doc__
    for name in listed(module):
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name


def test_every_public_method_has_a_docstring(module: ModuleType) -> None:
    if module.__name__.startswith(
        ("eventkit.backends.", "eventkit.stores.", "eventkit.streams.memory", "eventkit.testing")
    ):
        pytest.skip("the port says what the verbs of its implementations promise")

    for name in listed(module):
        value = getattr(module, name)
        if not inspect.isclass(value) or not value.__module__.startswith("eventkit"):
            continue
        for member in vars(value):
            if not member.startswith("_") and inspect.isfunction(getattr(value, member)):
                assert inspect.getdoc(getattr(value, member)), f"{name}.{member}"


def test_the_package_exports_what_it_imports() -> None:
    imported = {
        alias.asname or alias.name
        for statement, _ in statements(eventkit)
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }

    assert imported == set(eventkit.__all__)


def test_the_package_exports_all_events_and_errors() -> None:
    of_tests_only = {"TestEvent", "AttributeValue", "Item"}

    assert set(errors.__all__) <= set(eventkit.__all__)
    assert set(events.__all__) - of_tests_only <= set(eventkit.__all__)


def test_every_error_has_the_root_and_stands_in_the_tree() -> None:
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), errors.EventkitError)
        assert name in (errors.__doc__ or "")


def test_importing_the_package_imports_neither_asyncio_nor_an_sdk() -> None:
    script = "import sys, eventkit; print(*sorted({'asyncio', 'boto3', 'botocore', 'aiohttp'} & set(sys.modules)))"

    result = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)

    assert result.stdout.split() == []


def test_the_error_for_a_missing_extra_says_what_to_run() -> None:
    error = errors.MissingExtraError("PIL", "images")

    assert str(error) == (
        "'PIL' is needed here and is not installed: run  python -m pip install 'eventkit-aws[images]'"
    )
    assert (error.module, error.extra) == ("PIL", "images")
