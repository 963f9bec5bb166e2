"""An origin and the edge before it."""

from collections.abc import AsyncIterator

import pytest

from tests.adapters.local.edge.stage import Clock, Origin, open_origin


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def origin(clock: Clock) -> AsyncIterator[Origin]:
    async with open_origin(clock) as origin:
        yield origin
