"""The queue's side of an invocation: delays and dead letters, by a backend that is opened when first needed."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Protocol

from eventkit.backends import Backend, Raw, Settler, Unsettled, open_backend
from eventkit.outcomes import Reject
from eventkit.publish import Outgoing, Publisher

__all__ = ["LazyBackend", "Queues"]


class Queues(Settler, Publisher, Protocol):
    """What an invocation may need of a backend."""


class LazyBackend:
    """A backend that is opened by its URL at the first call: most invocations need none."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        """`stack` closes it."""
        self._url = url
        self._stack = stack
        self._backend: Backend | None = None

    async def extend(self, queue: str, delays: Sequence[tuple[Raw, float]]) -> Unsettled:
        """See `Settler.extend`."""
        return await (await self._opened()).extend(queue, delays)

    async def park(self, queue: str, record: Raw, reject: Reject) -> None:
        """See `Settler.park`."""
        await (await self._opened()).park(queue, record, reject)

    async def publish(self, kind: str, address: str, messages: Sequence[Outgoing]) -> None:
        """See `Publisher.publish`."""
        await (await self._opened()).publish(kind, address, messages)

    async def put_object(self, bucket: str, key: str, body: bytes) -> None:
        """See `eventkit.failures.put_object`."""
        from eventkit.failures import put_object  # as `LambdaHandler` does

        await put_object(await self._opened(), bucket, key, body)

    async def _opened(self) -> Backend:
        if self._backend is None:
            self._backend = await self._stack.enter_async_context(open_backend(self._url))
        return self._backend
