"""The signals that stop a process, as calls of a function."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager

from eventkit_poller.signals import SIGNALS

__all__ = ["stopped_by_signals"]


@contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Generator[None]:
    """Have SIGTERM and SIGINT call `stop` on the event loop for the length of the block, however often they come."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
