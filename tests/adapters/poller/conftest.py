import asyncio
from collections.abc import Callable, Mapping

import pytest

from tests.adapters.poller.virtual import VirtualLoop


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests in virtual time; real threads need real time."""
    return {"loop": asyncio.SelectorEventLoop if "threads" in item.path.stem else VirtualLoop}
