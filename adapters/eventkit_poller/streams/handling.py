"""What the work on a shard needs to know of its stream, of its app, and of where records go that are given up."""

import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from eventkit.backends import Backend
from eventkit.dispatch import Dispatcher
from eventkit.errors import BackendError, EventkitError
from eventkit.failures import GivenUp, keep
from eventkit.names import Names
from eventkit.outcomes import Reject
from eventkit.stream_options import StreamOptions
from eventkit.streams import Raw
from eventkit.streams.slices import Condition
from eventkit_poller.plan import ReadStream

__all__ = ["StreamHandling"]

log: logging.Logger = logging.getLogger("eventkit.poller")


@dataclass(frozen=True, slots=True)
class StreamHandling:
    """How the records of a stream are handled.

    Attributes:
        stream: What is read.
        dispatcher: Knows what a record keeps its order within.
        names: Says where records go that are given up.
        backend: Brings them there.
        now: The time of day, in seconds since 1970.
    """

    stream: ReadStream
    dispatcher: Dispatcher
    names: Names
    backend: Backend
    now: Callable[[], float]

    @property
    def options(self) -> StreamOptions:
        """What was chosen for the stream."""
        return self.stream.resource.stream

    @property
    def by_key(self) -> bool:
        """Whether keys of a shard are handled apart."""
        return self.stream.resource.keyed

    def lane_of(self, record: Raw) -> Hashable:
        """What the record must keep its order within; None where that is the whole shard."""
        return self.dispatcher.lane_of(record)

    async def give_up(self, shard: str, records: Sequence[Raw], why: Condition | Reject, attempts: int) -> bool:
        """Send the records to the on-failure destination; False where there is none.

        Raises `BackendError` where the destination does not take them.
        """
        destination = self.names.on_failure
        if destination is None:
            return False
        failure = GivenUp(records, why, self.names.app, self.now(), str(uuid4()), attempts, shard)
        try:
            await keep(failure, destination, self.backend)
        except BackendError:
            raise
        except EventkitError as error:
            raise BackendError(f"the on-failure destination {destination[1]} cannot take records: {error}") from error
        return True
