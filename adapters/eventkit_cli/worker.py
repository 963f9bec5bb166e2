"""One worker process of `eventkit run --workers N`: a poller like any other, tied to its supervisor.

It is started with MODULE:APP and the values of `--via`. Its settings are in its environment, and its standard input is
the link: `eventkit_poller.worker`.
"""

import os
import socket
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

from eventkit_cli.ending import run_to_end
from eventkit_cli.failures import explained
from eventkit_cli.loading import load_named
from eventkit_cli.running import Run, open_poller
from eventkit_cli.settings import read_settings
from eventkit_cli.telemetry import telemetry, write_log
from eventkit_poller.worker import Link, run_worker

__all__ = ["main"]


def main(arguments: Sequence[str]) -> NoReturn:
    """Poll until the supervisor says otherwise or is gone, and end the process."""
    connection = _connection()
    with explained():
        what = _what(*arguments)

    async def poll() -> None:
        watch = telemetry(metrics=what.settings.address is not None)
        async with open_poller(what, watch) as poller:
            await run_worker(poller, Link(what.app.name, connection, partial(watch.health_of, poller)))

    run_to_end(poll, what.poller.flush)


def _connection() -> socket.socket:
    """The link; from now on standard input is empty, for the app and for processes that it starts."""
    connection = socket.socket(fileno=os.dup(0))
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return connection


def _what(app: str, *via: str) -> Run:
    settings, poller = read_settings(os.environ, {})
    write_log(settings)
    loaded, names = load_named(app, via)
    return Run(loaded, names, settings, poller)


if __name__ == "__main__":
    main(sys.argv[1:])
