"""A shard while this process reads it: the tenancy is renewed, and the consumer comes to the end that it should."""

import asyncio
import logging
from typing import Protocol

from eventkit_poller.settings import Timing
from eventkit_poller.streams.alarm import Alarm
from eventkit_poller.streams.settings import SharingSettings
from eventkit_poller.streams.tenancy import Ending, Tenancy

__all__ = ["Consumer", "Stay"]

log: logging.Logger = logging.getLogger("eventkit.poller")


class Consumer(Protocol):
    """Reads a shard as long as its tenancy is held, and calls `Tenancy.finish` at the shard's end."""

    async def stop(self) -> None:
        """Hand over nothing more, wait for what is at hand, write the last checkpoint, return when nothing runs.

        Called once, however the stay ends; after `cancel`, or at the shard's end, it only waits for what still runs.
        When it takes too long, it is cancelled, and `cancel` is called.
        """
        ...

    def cancel(self) -> None:
        """Cancel what is at hand and write nothing more. It may be called again, and `stop` returns soon after it."""
        ...


class Stay:
    """One consumer and its tenancy, from when the shard is this process's until nothing of it runs any more."""

    def __init__(self, tenancy: Tenancy, consumer: Consumer, settings: SharingSettings, timing: Timing) -> None:
        self.tenancy: Tenancy = tenancy
        """The shard's lease."""
        self._consumer = consumer
        self._handover = settings.handover
        self._clock = timing.clock
        self._leaving = asyncio.Event()
        self._is_over = False
        self._alarm = Alarm(timing.clock)
        tenancy.changed = self._changed

    def leave(self) -> None:
        """Come to an end in good order: drain, write the last checkpoint, give the shard away."""
        self._leaving.set()

    async def run(self) -> None:
        """Stay until the shard is finished, asked for or lost, or until `leave`; return when all has ended."""
        try:
            await self._leaving.wait()
            await self._see_out()
            await self.tenancy.release()
        finally:
            self._is_over = True
            self._alarm.hasten(0)
            self._consumer.cancel()

    async def keep(self) -> None:
        """Renew the lease as long as the stay lasts."""
        while not self._is_over and self.tenancy.ending is None:
            self._alarm.set(self.tenancy.due - self._clock())
            await self._alarm.ring()
            if not self._is_over:
                await self.tenancy.renew()

    async def _see_out(self) -> None:
        try:
            async with asyncio.timeout(self._handover):
                await self._consumer.stop()
        except TimeoutError:
            facts = {"stream": self.tenancy.lease.stream, "shard": self.tenancy.lease.shard}
            log.warning("shard.cut_off", extra={**facts, "seconds": self._handover})
            self._consumer.cancel()

    def _changed(self) -> None:
        """The tenancy has ended, or another process has asked for the shard."""
        if self.tenancy.ending is Ending.LOST:
            self._consumer.cancel()
        if self.tenancy.ending is not None:
            self._alarm.hasten(0)
        self._leaving.set()
