import asyncio
from collections.abc import Callable, Mapping

import pytest

from tests.adapters.poller.virtual import VirtualLoop


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests in virtual time; real threads and real sockets need real time."""
    real = item.path.stem in {"test_health", "test_supervisor", "test_supervisor_worker", "test_threads"}
    return {"loop": asyncio.SelectorEventLoop if real else VirtualLoop}
