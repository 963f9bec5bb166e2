import asyncio
from collections.abc import Callable, Mapping

import pytest

from eventkit.testing.loop import VirtualLoop


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run what waits in virtual time; child processes need real time."""
    return {"loop": VirtualLoop if item.path.stem == "test_cdn_invalidation" else asyncio.SelectorEventLoop}
