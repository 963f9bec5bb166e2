"""The end of a process, whatever is left running in it."""

import asyncio
import gc
import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from inspect import iscoroutine
from typing import Any, NoReturn

from eventkit_cli.failures import FAILED, explained

__all__ = ["run_to_end"]

log: logging.Logger = logging.getLogger("eventkit")

COLLECT_AFTER = 20_000
"""Objects after which garbage is looked for; Python's 700 would look through each page of a stream many times over."""


def run_to_end(main: Callable[[], Coroutine[Any, Any, None]], grace: float) -> NoReturn:
    """Run the coroutine on an event loop of its own, then end the process with the exit code that it comes to.

    Tasks that are left are cancelled, and have `grace` seconds to end; so has what runs on threads. A process that
    still does not end is ended by `os._exit`: no handler that ignores its cancellation keeps it alive.
    """
    gc.set_threshold(COLLECT_AFTER, 20, 20)
    others = set(threading.enumerate())
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        code = _code_of(lambda: runner.run(main()))
        if not runner.run(_ended(grace)):
            _end_now(code)
    _end_later(set(threading.enumerate()) - others, grace, code)
    sys.exit(code)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where it is installed: it has none for Windows."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop


def _code_of(call: Callable[[], None]) -> int:
    """Call the function, write what goes wrong, and return the exit code."""
    try:
        with explained():
            call()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return FAILED
    return 0


async def _ended(grace: float) -> bool:
    """Cancel what is left, wait for it and for functions on threads, and say whether all of it has ended."""
    loop, tasks = asyncio.get_running_loop(), asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    threads = _waited_for(threading.enumerate())
    executor = asyncio.ensure_future(loop.shutdown_default_executor())
    _, pending = await asyncio.wait({*tasks, executor}, timeout=grace)
    left = sorted(_name(task) for task in pending if task is not executor)
    if left:
        log.error("tasks.abandoned", extra={"coroutines": left})
    if executor in pending:
        log.error("threads.abandoned", extra={"threads": _names(threads)})
    return not pending


def _name(task: "asyncio.Task[Any]") -> str:
    """The coroutines that the task is in, from the outermost to the one that waits."""
    names: list[str] = []
    coroutine: object = task.get_coro()
    while iscoroutine(coroutine):
        names.append(coroutine.__qualname__)
        coroutine = coroutine.cr_await
    return " → ".join(names) or task.get_name()


def _waited_for(threads: Iterable[threading.Thread]) -> list[threading.Thread]:
    """The threads among these that Python waits for at its end."""
    return [one for one in threads if not one.daemon and one is not threading.main_thread()]


def _names(threads: Iterable[threading.Thread]) -> list[str]:
    return sorted(one.name for one in threads if one.is_alive())


def _end_later(threads: Iterable[threading.Thread], grace: float, code: int) -> None:
    """End the process after `grace` seconds, unless these threads end before."""
    left = _waited_for(threads)
    if not left:
        return

    def end() -> None:
        log.error("threads.abandoned", extra={"threads": _names(left)})
        _end_now(code)

    timer = threading.Timer(grace, end)
    timer.daemon = True
    timer.start()


def _end_now(code: int) -> NoReturn:
    with suppress(Exception):
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
