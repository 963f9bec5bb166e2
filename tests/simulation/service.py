"""The service of a simulated run: queues in memory that take the liberties of real ones."""

import asyncio
from collections.abc import Sequence
from itertools import count
from random import Random

from eventkit.backends import Raw
from eventkit.backends._memory_queue import MemoryQueue, QueueSettings
from eventkit.backends._sending import QueueMessage
from eventkit.backends.memory import MemoryBackend
from tests.adapters.poller.harness import LoopClock
from tests.simulation.scenario import Job, QueuePlan

__all__ = ["ScriptedQueue", "Service"]


JUMPS = (0.0, 3600.0, 7200.0)
"""Seconds by which the service's wall clock is off: it jumps. The poller must not care."""


class ScriptedQueue(MemoryQueue):
    """A queue that, as its plan says, delivers twice, in any order, and takes stale receipt handles."""

    def __init__(self, settings: QueueSettings, plan: QueuePlan, random: Random) -> None:
        super().__init__(settings)
        self._plan = plan
        self._random = random

    def take(self, now: float, limit: int, visibility: float | None = None) -> list[Raw]:
        if self._plan.reorder:
            messages = list(self._messages.items())
            self._random.shuffle(messages)
            self._messages = dict(messages)
        if self._plan.duplicates:
            for message in self._messages.values():
                if message.receives and message.visible_at > now and self._random.random() < self._plan.duplicates:
                    message.visible_at = now
        return super().take(now, limit, visibility)

    def delete(self, now: float, record: Raw) -> bool:
        deleted = super().delete(now, self._current(record))
        return deleted or (self._plan.lenient and record["messageId"] not in self._messages)

    def extend(self, now: float, record: Raw, seconds: float) -> bool:
        return super().extend(now, self._current(record), seconds)

    def _milliseconds(self, now: float) -> str:
        return super()._milliseconds(now + self._random.choice(JUMPS))

    def invisible_until(self, record: Raw) -> float:
        """Until when the message is invisible to others because of this delivery; 0 where it is not."""
        message = self._messages.get(str(record["messageId"]))
        return message.visible_at if message and message.handle == record["receiptHandle"] else 0.0

    def bodies(self) -> Sequence[str]:
        """What is in the queue, those in flight included."""
        return [message.body for message in self._messages.values()]

    def _current(self, record: Raw) -> Raw:
        message = self._messages.get(str(record["messageId"])) if self._plan.lenient else None
        return {**record, "receiptHandle": message.handle} if message else record


class Service(MemoryBackend):
    """The queues, with a dead-letter queue each, in the event loop's time."""

    def __init__(self, plans: Sequence[QueuePlan], random: Random) -> None:
        numbers = count()
        super().__init__(clock=LoopClock(), new_id=lambda: f"copy-{next(numbers)}")
        self._random = random
        self.queues: dict[str, ScriptedQueue] = {}
        for plan in plans:
            self._declare(QueuePlan(plan.dead_letter, plan.visibility, 1), None)
            self._declare(plan, plan.dead_letter)

    def _declare(self, plan: QueuePlan, dead_letter: str | None) -> None:
        self.create_queue(
            plan.name, visibility=plan.visibility, dead_letter=dead_letter, max_receives=plan.max_receives
        )
        queue = ScriptedQueue(self._queues[plan.name].settings, plan, self._random)
        self._queues[plan.name] = self.queues[plan.name] = queue

    def send(self, job: Job) -> None:
        """Put a message into its queue."""
        now = asyncio.get_running_loop().time()
        self.queues[job.queue].send(now, f"m{job.number}", QueueMessage(job.body, group=job.group))

    def dead(self, queue: str) -> Sequence[str]:
        """The bodies in the queue's dead-letter queue."""
        return self.queues[f"dead-{queue}"].bodies()
