"""A poller as the whole of a process: stopped by the signals that stop processes."""

import asyncio
import signal
from typing import Any

from eventkit_poller.poller import Poller
from eventkit_poller.watchdog import watched
from eventkit_poller.work import Summary

__all__ = ["run_poller"]

SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def run_poller(poller: Poller) -> Summary:
    """Run the poller until SIGTERM or SIGINT stops it in good order, and return what became of the records.

    The second signal cancels the handlers; the third finds the handling of signals as it was before. Where the event
    loop takes no signals, as on Windows or outside the main thread, cancelling the task stops it. A handler that keeps
    the event loop for itself for longer than the setting `stall` is interrupted (see `eventkit_poller.watchdog`).
    """
    signals = _Signals(poller)
    signals.take()
    try:
        with watched(poller.settings.stall, poller.is_handling):
            return await poller.run()
    finally:
        signals.restore()


class _Signals:
    """The handling of the signals: taken for the poller, and put back."""

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self._loop = asyncio.get_running_loop()
        self._before: dict[signal.Signals, Any] = {}
        self._received = 0

    def take(self) -> None:
        try:
            for number in SIGNALS:
                before = signal.getsignal(number)
                self._loop.add_signal_handler(number, self._stop)
                self._before[number] = before
        except (NotImplementedError, RuntimeError, ValueError):
            self.restore()

    def restore(self) -> None:
        while self._before:
            number, before = self._before.popitem()
            self._loop.remove_signal_handler(number)
            signal.signal(number, before)

    def _stop(self) -> None:
        self._received += 1
        self._poller.stop()
        if self._received == 2:  # noqa: PLR2004 - see above
            self.restore()
