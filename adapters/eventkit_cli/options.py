"""The options of `eventkit run` that are settings."""

import inspect
from collections.abc import Callable, Mapping
from enum import Enum
from functools import wraps
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from eventkit_cli.settings import Choice, choices

__all__ = ["chosen", "with_settings"]


def with_settings(function: Callable[..., None]) -> TyperCommand:
    """The command that a function is, with an option for each setting; the function finds them in its context."""
    signature = inspect.signature(function, eval_str=True)
    options = [_parameter(choice) for choice in choices()]

    @wraps(function)
    def command(**values: object) -> None:
        function(**{name: values[name] for name in signature.parameters})

    parameters = [*signature.parameters.values(), *options]
    vars(command)["__signature__"] = signature.replace(parameters=parameters)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(command)
    made = typer.main.get_command(app)
    assert isinstance(made, TyperCommand)  # noqa: S101 - what typer makes of a single function
    return made


def chosen(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The texts of the settings that were given as options, by name, among a command's parameters."""
    given = {choice.name: parameters.get(choice.name) for choice in choices()}
    return {name: str(value) for name, value in given.items() if value is not None}


def _parameter(choice: Choice) -> inspect.Parameter:
    option = typer.Option(choice.option, metavar=choice.metavar, help=_help(choice), show_default=False)
    return inspect.Parameter(
        choice.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[choice.kind | None, option]
    )


def _help(choice: Choice) -> str:
    default = _shown(choice.default)
    facts = [f"env var: {choice.variable}", *([f"default: {default}"] if default else [])]
    return f"{choice.help}  [{'; '.join(facts)}]"


def _shown(default: object) -> str:
    match default:
        case float():
            return f"{default:g}"
        case Enum():
            return str(default.value)
        case int() | str():
            return str(default)
        case _:
            return ""
