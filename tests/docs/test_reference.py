"""Whatever a user can name stands in docs/reference.md."""

import ast
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import distribution, entry_points
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

import eventkit
from eventkit import Bucket, Delivery, Table, conditions, errors
from eventkit.backends import GROUP
from eventkit.names import KINDS, PREFIX
from eventkit_cli.commands import commands
from tests.docs.pages import ROOT

REFERENCE = (ROOT / "docs" / "reference.md").read_text("utf-8")
CODE = [file for folder in ("src", "adapters", "handlers") for file in sorted((ROOT / folder).rglob("*.py"))]
VARIABLE = re.compile(r"EVENTKIT_[A-Z_]*[A-Z]|NO_COLOR|XDG_CACHE_HOME|AWS_(ENDPOINT_URL|(DEFAULT_)?REGION)")
"""The variables that eventkit reads by itself; what AWS's others mean is up to its SDK."""


def strings_of(file: Path) -> Iterator[str]:
    tree = ast.parse(file.read_text("utf-8"))
    return (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))


def variables() -> set[str]:
    """Every environment variable whose whole name stands in the code, and those that names of resources make."""
    found = {text for file in CODE for text in strings_of(file) if VARIABLE.fullmatch(text)}
    return found | {f"{PREFIX}{kind}_<NAME>" for kind in (*KINDS, "VIA")}


def messages() -> set[str]:
    """The first argument of every call of a logger, and of the method that logs what happens to leases."""
    found: set[str] = set()
    for file in CODE:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            match node:
                case ast.Call(ast.Attribute(ast.Name("log" | "logger")), [ast.Constant(str() as message), *_]):
                    found.add(message)
                case ast.Call(ast.Attribute(ast.Name("self"), "_tell"), [ast.Constant(str() as message), *_]):
                    found |= {message} if message.startswith("lease.") else set()
                case _:
                    pass
    return found


def options() -> Mapping[str, set[str]]:
    """The options of each command."""
    group = typer.main.get_command(commands)
    assert isinstance(group, TyperGroup)
    return {name: {option for one in command.params for option in one.opts} for name, command in group.commands.items()}


def public_methods(kind: type) -> list[str]:
    return [name for name in vars(kind) if not name.startswith("_")]


@pytest.mark.parametrize("name", sorted(variables()))
def test_every_environment_variable_is_there(name: str) -> None:
    assert f"`{name}`" in REFERENCE


def test_there_are_environment_variables_to_look_for() -> None:
    assert {"EVENTKIT_CACHE", "EVENTKIT_VIA_<NAME>", "EVENTKIT_QUEUE_<NAME>", "AWS_ENDPOINT_URL"} <= variables()


@pytest.mark.parametrize("name", sorted(options()))
def test_every_command_is_there_with_its_options(name: str) -> None:
    long = [option for option in sorted(options()[name]) if option.startswith("--")]

    assert f"`eventkit {name} " in REFERENCE
    assert [option for option in long if f"`{option}" not in REFERENCE] == []


@pytest.mark.parametrize("name", errors.__all__)
def test_every_public_error_is_there(name: str) -> None:
    assert f"| `{name}` |" in REFERENCE


@pytest.mark.parametrize("group", sorted({point.group for point in distribution("eventkit-aws").entry_points}))
def test_every_group_of_entry_points_is_there(group: str) -> None:
    assert f"`{group}`" in REFERENCE


@pytest.mark.parametrize("scheme", sorted(point.name for point in entry_points(group=GROUP)))
def test_every_backend_is_there(scheme: str) -> None:
    assert f"`{scheme}://" in REFERENCE


@pytest.mark.parametrize("kind", [Bucket, Table])
def test_every_source_is_there(kind: type) -> None:
    sources = [name for name in public_methods(kind) if callable(getattr(kind, name))]

    assert [name for name in sources if f"`{kind.__name__.lower()}.{name}(" not in REFERENCE] == []


def test_every_operator_of_a_condition_is_there() -> None:
    operators = [name for name in public_methods(conditions.Field) if name not in {"values", "subject", "name"}]

    assert "startswith" in operators
    assert [name for name in operators if f"`{name}(" not in REFERENCE] == []


def test_every_fact_of_a_delivery_is_there() -> None:
    assert [name for name in public_methods(Delivery) if f"`{name}`" not in REFERENCE] == []


def test_every_kind_of_event_is_there() -> None:
    kinds = [name for name in eventkit.__all__ if name.startswith("Object")]

    assert [name for name in [*kinds, "Inserted", "Modified", "Removed"] if name not in REFERENCE] == []


@pytest.mark.parametrize("message", sorted(messages()))
def test_every_event_of_the_log_is_there(message: str) -> None:
    assert f"`{message}`" in REFERENCE


def test_what_the_log_table_names_is_logged() -> None:
    table = REFERENCE.partition("## Log")[2]

    assert set(re.findall(r"`([a-z_]+\.[a-z_]+)`", table)) - {"eventkit.poller"} == messages()
