"""Pollers with a fault of the kind that others have had, which the simulation has to find."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import cast

from eventkit import BackendError, Reject
from eventkit.backends import SETTLED, Backend, Raw, Unsettled
from eventkit.publish import Outgoing
from eventkit_poller import Poller, Summary
from tests.simulation.world import Variant

__all__ = ["MUTANTS", "Mutant"]


class Through:
    """A backend that passes everything on to another."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def visibility(self, queue: str) -> float:
        return await self._backend.visibility(queue)

    async def receive(self, queue: str, limit: int, wait: float, visibility: float | None = None) -> Sequence[Raw]:
        return await self._backend.receive(queue, limit, wait, visibility)

    async def delete(self, queue: str, records: Sequence[Raw]) -> Unsettled:
        return await self._backend.delete(queue, records)

    async def extend(self, queue: str, delays: Sequence[tuple[Raw, float]]) -> Unsettled:
        return await self._backend.extend(queue, delays)

    async def park(self, queue: str, record: Raw, reject: Reject) -> None:
        await self._backend.park(queue, record, reject)

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        await self._backend.publish(kind, address, messages)


class NeverDeletes(Through):
    async def delete(self, queue: str, records: Sequence[Raw]) -> Unsettled:  # noqa: ARG002 - that is the fault
        return SETTLED


class HidesFailures(Through):
    """Takes a batch that failed in parts for one that succeeded."""

    async def delete(self, queue: str, records: Sequence[Raw]) -> Unsettled:
        left = await super().delete(queue, records)
        return Unsettled(lost=left.lost)


class DeletesFirst(Through):
    """Acknowledges before anything was handled."""

    async def receive(self, queue: str, limit: int, wait: float, visibility: float | None = None) -> Sequence[Raw]:
        records = await super().receive(queue, limit, wait, visibility)
        if records:
            await super().delete(queue, records)
        return records


class DeletesAgain(Through):
    """Deletes what was deleted before with each further delete, whoever has it by now."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self._deleted: list[Raw] = []

    async def delete(self, queue: str, records: Sequence[Raw]) -> Unsettled:
        earlier, self._deleted = self._deleted, [*records]
        left = await super().delete(queue, [*records, *earlier])
        return Unsettled([one for one in left.again if one in records], [one for one in left.lost if one in records])


class NeverExtends(Through):
    """No heartbeats: only what makes records visible comes through."""

    async def extend(self, queue: str, delays: Sequence[tuple[Raw, float]]) -> Unsettled:
        known = await self.visibility(queue)
        kept = [delay for delay in delays if delay[1] != known]
        return await super().extend(queue, kept) if kept else SETTLED


class NeverReturns(Through):
    """What is to come again stays invisible for as long as it is."""

    async def extend(self, queue: str, delays: Sequence[tuple[Raw, float]]) -> Unsettled:
        kept = [delay for delay in delays if delay[1] > 0]
        return await super().extend(queue, kept) if kept else SETTLED


class ExtendsLate(Through):
    """A heartbeat follows what makes a record visible again, and undoes it."""

    async def extend(self, queue: str, delays: Sequence[tuple[Raw, float]]) -> Unsettled:
        left = await super().extend(queue, delays)
        await super().extend(queue, [(record, 30.0) for record, _ in delays if record not in left.lost])
        return left


class IgnoresGroups(Through):
    """Records of one group are handled at once."""

    _numbers = count()

    async def receive(self, queue: str, limit: int, wait: float, visibility: float | None = None) -> Sequence[Raw]:
        records = await super().receive(queue, limit, wait, visibility)
        return [{**record, "attributes": self._apart(record["attributes"])} for record in records]

    def _apart(self, attributes: object) -> Mapping[str, object]:
        return {**cast("Mapping[str, object]", attributes), "MessageGroupId": str(next(self._numbers))}


class AsksForMore(Through):
    """Receives more than there are slots for."""

    async def receive(self, queue: str, limit: int, wait: float, visibility: float | None = None) -> Sequence[Raw]:
        return await super().receive(queue, min(10, 2 * limit), wait, visibility)


class Insists(Through):
    """Receives again at once where it failed."""

    async def receive(self, queue: str, limit: int, wait: float, visibility: float | None = None) -> Sequence[Raw]:
        for _ in range(30):
            try:
                return await super().receive(queue, limit, wait, visibility)
            except BackendError:
                continue
        return await super().receive(queue, limit, wait, visibility)


class DoesNotWaitForDeletes(Through):
    """Calls go on behind the poller's back."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self._calls: set[asyncio.Task[Unsettled]] = set()

    async def delete(self, queue: str, records: Sequence[Raw]) -> Unsettled:
        self._calls.add(asyncio.get_running_loop().create_task(super().delete(queue, records)))
        return SETTLED


class WillNotBeCancelled(Through):
    """A call that does not end when it is cancelled."""

    async def delete(self, queue: str, records: Sequence[Raw]) -> Unsettled:
        call = asyncio.ensure_future(super().delete(queue, records))
        while not call.done():
            try:
                await asyncio.wait((call,), timeout=100)
            except asyncio.CancelledError:
                continue
        return call.result()


class CutsReceivesOff(Poller):
    """Cancels receives that are open when it stops, so that records on their way stay invisible."""

    def stop(self) -> None:
        self._receiving.cancel()
        super().stop()


class StopsLate(Poller):
    """Does not stop when it is told to."""

    def stop(self) -> None:
        asyncio.get_running_loop().call_later(40, super().stop)


class ForgetsHowMany(Poller):
    """Counts one record less than there were."""

    @property
    def summary(self) -> Summary:
        return replace(super().summary, received=max(0, super().summary.received - 1))


@dataclass(frozen=True, slots=True)
class Mutant:
    """A faulty poller, and words by which its fault is reported."""

    variant: Variant
    sign: str


WRAPPERS: Mapping[type[Through], str] = {
    NeverDeletes: "was done 2 times, for no reason",
    HidesFailures: "never acknowledged",
    DeletesFirst: "which is neither done nor in the dead-letter queue",
    DeletesAgain: "which it had until",
    NeverExtends: "loses",
    NeverReturns: "invisible",
    ExtendsLate: "after having given it back",
    IgnoresGroups: "beside",
    AsksForMore: "asks for more",
    Insists: "of an outage",
    DoesNotWaitForDeletes: "left tasks behind",
    WillNotBeCancelled: "left tasks behind",
}
POLLERS: Mapping[type[Poller], str] = {
    CutsReceivesOff: "cancels a receive that is open",
    StopsLate: "seconds to stop",
    ForgetsHowMany: "and it was",
}
MUTANTS: Mapping[str, Mutant] = {
    **{wrap.__name__: Mutant(Variant(wrap=wrap), sign) for wrap, sign in WRAPPERS.items()},
    **{poller.__name__: Mutant(Variant(poller), sign) for poller, sign in POLLERS.items()},
}
"""By name."""
