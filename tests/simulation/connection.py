"""A process's connection to the service: calls take their time, fail before or after their effect, or hang."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Literal, TypeVar, cast

from eventkit import BackendError, Reject
from eventkit.backends import Raw, Unsettled
from eventkit.publish import Outgoing
from eventkit_poller import Settings
from tests.simulation.ledger import Ledger
from tests.simulation.scenario import SLOW, Faults
from tests.simulation.tenures import Tenure

__all__ = ["Connection"]

T = TypeVar("T")

CAUSES = ("500", "503", "throttled", "connection reset")

LONG = (30.0, 60.0)
"""Seconds after which the SDK gives up a call that is not answered."""

PARTS_FOR_EVER = 0.2
"""How many of the hanging calls for records are never given up; a receive always is."""

MANY = 3000
"""Calls that a poller makes in a run at most; an endless loop makes more."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a call: seconds until its effect, seconds from there to its answer, and where it fails."""

    before: float
    after: float
    fails: Literal["", "before", "after"] = ""


class Connection:
    """A `Backend` for one poller, until its process is killed."""

    def __init__(self, who: str, settings: Settings, ledger: Ledger, random: Random) -> None:
        self.alive = True
        self._calls = 0
        self._who = who
        self._settings = settings
        self._ledger = ledger
        self._service = ledger.service
        self._faults: Faults = ledger.scenario.faults
        self._random = random

    async def visibility(self, queue: str) -> float:
        fails = not self.alive or self._is_out() or (self._is_ill() and self._dice(self._faults.before))
        if fails:  # a receive that has come no further
            self._ledger.lines[self._who, queue].receives.append(self._ledger.now)
        self._fail_if(fails)
        return await self._service.visibility(queue)

    async def receive(self, queue: str, limit: int, wait: float, visibility: float | None = None) -> Sequence[Raw]:
        async def take() -> Sequence[Raw]:
            records = await self._service.receive(queue, limit, wait, visibility)
            self._ledger.take(self._who, records)
            return records

        self._ledger.ask(self._who, queue, limit, self._settings.concurrency)
        try:
            records = await self._call("receive", f"{limit} from {queue} in {wait} s", take)
        except asyncio.CancelledError:
            self._ledger.cut_off(self._who, self._settings)
            raise
        finally:
            self._ledger.end(self._who, queue, limit)
        self._ledger.answer(self._who, records, visibility or 0.0, self._settings)
        return records

    async def delete(self, queue: str, records: Sequence[Raw]) -> Unsettled:
        async def delete() -> Unsettled:
            failed = self._some(records)
            left = await self._service.delete(queue, [record for record in records if record not in failed])
            return Unsettled(failed, left.lost)

        tenures = self._ledger.begin(self._who, "delete", records)
        return await self._acknowledge("delete", queue, tenures, delete)

    async def extend(self, queue: str, delays: Sequence[tuple[Raw, float]]) -> Unsettled:
        begun = self._ledger.now

        async def extend() -> Unsettled:
            failed = self._some([record for record, _ in delays])
            left = await self._service.extend(queue, [delay for delay in delays if delay[0] not in failed])
            for tenure, (record, seconds) in zip(tenures, delays, strict=True):
                if record not in failed and record not in left.lost:
                    self._ledger.write(self._who, tenure, seconds, begun)
            return Unsettled(failed, left.lost)

        record, seconds = delays[0]
        verb = "return" if self._ledger.tenure(record).is_returned_by(begun, seconds) else "extend"
        tenures = self._ledger.begin(self._who, verb, [record for record, _ in delays])
        if verb == "return":
            return await self._acknowledge(verb, queue, tenures, extend)
        self._ledger.extend(self._who, tenures)
        left = await self._call("extend", _names(tenures), extend)
        for tenure, (record, seconds) in zip(tenures, delays, strict=True):
            if record not in left.again and record not in left.lost:
                tenure.until, tenure.failures = max(tenure.until, begun + seconds), 0
        self._ledger.lose(tenures, left.lost)
        return left

    async def park(self, queue: str, record: Raw, reject: Reject) -> None:
        async def park() -> None:
            await self._service.park(queue, record, reject)
            tenure.parked = True

        (tenure,) = self._ledger.begin(self._who, "park", [record])
        await self._call("park", str(tenure), park)

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        await self._service.publish(kind, address, messages)

    async def _acknowledge(
        self, verb: str, queue: str, tenures: Sequence[Tenure], effect: Callable[[], Awaitable[Unsettled]]
    ) -> Unsettled:
        alone = verb == "delete" and self._ledger.probe(self._who, queue)
        failed = tenures
        for tenure in tenures:
            tenure.deleting += verb == "delete"
        try:
            left = await self._call(verb, _names(tenures), effect)
            failed = [tenure for tenure in tenures if tenure.record in left.again]
        finally:
            self._ledger.probed(self._who, queue, failed, alone=alone)
            for tenure in tenures:
                tenure.deleting -= verb == "delete"
        for tenure in tenures:
            tenure.accepted |= tenure.record not in left.again and tenure.record not in left.lost
        self._ledger.lose(tenures, left.lost)
        return left

    async def _call(self, verb: str, what: str, effect: Callable[[], Awaitable[T]]) -> T:
        self._fail_if(not self.alive)
        await self._check_number()
        fate = self._fate(verb)
        self._ledger.note(self._who, f"{verb} {what}")
        try:
            await _pass(fate.before)
            self._fail_if(fate.fails == "before" or self._is_out() or not self.alive)
            result = await effect()
            await _pass(fate.after)
            self._fail_if(fate.fails == "after" or self._is_out() or not self.alive)
        except BaseException as error:
            self._ledger.note(self._who, f"{verb} {what} failed: {str(error) or type(error).__name__}")
            raise
        self._ledger.note(self._who, f"{verb} {what} answered: {_answer(result)}")
        return result

    async def _check_number(self) -> None:
        self._calls += 1
        if self._calls > MANY:
            self._ledger.wrong(self._who, f"makes more than {MANY} calls")
            await asyncio.sleep(LONG[0])

    def _fate(self, verb: str) -> Fate:
        faults = self._faults
        before, after = (faults.latency * self._random.random() for _ in range(2))
        if not self._is_ill():
            return Fate(before, after)
        if self._dice(faults.slow):
            before, after = before * SLOW, after * SLOW
        if self._dice(faults.hang):
            hangs = inf if verb != "receive" and self._dice(PARTS_FOR_EVER) else self._random.uniform(*LONG)
            return Fate(hangs, 0.0, "before") if self._dice(0.5) else Fate(before, hangs, "after")
        if self._dice(faults.before):
            return Fate(before, after, "before")
        return Fate(before, after, "after" if self._dice(faults.after) else "")

    def _is_ill(self) -> bool:
        return self._ledger.now < self._faults.until

    def _is_out(self) -> bool:
        return self._faults.is_out(self._ledger.now)

    def _dice(self, part: float) -> bool:
        return part > 0 and self._random.random() < part

    def _some(self, records: Sequence[Raw]) -> Sequence[Raw]:
        """Those entries of a batch that fail."""
        return [record for record in records if self._is_ill() and self._dice(self._faults.partial)]

    def _fail_if(self, fails: bool) -> None:  # noqa: FBT001 - a condition
        if fails:
            raise BackendError(self._random.choice(CAUSES))


async def _pass(seconds: float) -> None:
    if seconds == inf:
        await asyncio.get_running_loop().create_future()
    elif seconds:
        await asyncio.sleep(seconds)


def _names(tenures: Sequence[Tenure]) -> str:
    return " ".join(map(str, tenures))


def _answer(result: object) -> str:
    if isinstance(result, Unsettled):
        return f"{len(result.again)} again, {len(result.lost)} lost"
    if isinstance(result, list):
        return " ".join(str(record["receiptHandle"]) for record in cast("list[Raw]", result))
    return "well"
