"""The `eventkit` command."""

import sys
from collections.abc import Sequence
from typing import NoReturn

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command with the process's arguments, or those given, and exit with its code.

    0 is fine; 1 says that the app's own code failed, or left something undone; 2 that the command was used, or
    something is configured or declared, wrongly; 3 that AWS, or what stands for it, refused or could not be reached.
    """
    try:
        from eventkit_cli.commands import commands
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"typer", "click", "rich"}:
            raise
        from eventkit.errors import MissingExtraError

        sys.stderr.write(f"eventkit: {MissingExtraError(str(error.name), 'cli')}\n")
        sys.exit(2)
    from eventkit_cli.failures import explained

    with explained():
        commands(args=arguments, prog_name="eventkit")
    sys.exit(0)
