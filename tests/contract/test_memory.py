"""The memory backend keeps the promises of the port, on a clock that jumps."""

from itertools import count

import pytest

from eventkit.backends.memory import MemoryBackend
from eventkit.testing import VirtualClock
from eventkit.testing.backends import BackendContract


class MemoryWorld:
    def __init__(self) -> None:
        self.backend = MemoryBackend(clock=VirtualClock(autojump=True))
        self._numbers = count(1)

    async def create_queue(
        self, *, fifo: bool = False, visibility: int = 30, dead_letter: str | None = None, max_receives: int = 2
    ) -> str:
        name = f"queue-{next(self._numbers)}{'.fifo' if fifo else ''}"
        self.backend.create_queue(name, visibility=visibility, dead_letter=dead_letter, max_receives=max_receives)
        return name

    async def create_topic(self, queue: str, *, raw: bool = False, fifo: bool = False) -> str:
        name = f"topic-{next(self._numbers)}{'.fifo' if fifo else ''}"
        self.backend.subscribe(name, queue, raw=raw)
        return name

    async def create_bus(self, queue: str, *detail_types: str) -> str:
        name = f"bus-{next(self._numbers)}"
        self.backend.add_rule(name, queue, *detail_types)
        return name


class TestMemory(BackendContract):
    @pytest.fixture
    def world(self) -> MemoryWorld:
        return MemoryWorld()
