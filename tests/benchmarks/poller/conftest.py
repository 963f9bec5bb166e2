"""A stub in a process of its own, for each test."""

from collections.abc import AsyncGenerator

import pytest

from benchmarks.poller.arena import Feed, open_stub


@pytest.fixture
async def feed() -> AsyncGenerator[Feed]:
    async with open_stub() as opened:
        yield opened
