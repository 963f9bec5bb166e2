"""An app in a test: typed events in, on a clock that the test moves; calls, outcomes and messages to look at."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar, cast

from eventkit.app import App
from eventkit.backends import Raw
from eventkit.backends._bus import bus_entry, delivered
from eventkit.backends._park import NOTE
from eventkit.backends._sending import queue_message
from eventkit.buses import Bus
from eventkit.decode import unwrap
from eventkit.errors import ConfigurationError, DecodeError
from eventkit.events import AwsEvent, BusEvent, Message
from eventkit.inject import Overrides
from eventkit.names import Names, dead_letter_name, name_in
from eventkit.outcomes import DONE, Outcome
from eventkit.outgoing import Outgoing
from eventkit.resources import Queue, Resource, Topic
from eventkit.stores import IdempotencyStore
from eventkit.testing.clock import seconds_in
from eventkit.testing.entrance import Entrance
from eventkit.testing.events import ACCOUNT, REGION, sqs_record
from eventkit.testing.runtimes import Open, open_runtime
from eventkit.testing.watching import Act, Call
from eventkit.testing.world import NOT_RUNNING, Published, Queues, Settlement, StandIns, World
from eventkit.values import Value

__all__ = ["DeadLetter", "TestApp"]

M = TypeVar("M")

NO_OVERRIDES: Overrides = {}


class DeadLetter(Value):
    """A message in a dead-letter queue.

    `reason` and `handler` are those of a `Reject`; None where the message was received too often, and `handler` also
    where none was called.
    """

    text: str
    reason: str | None = None
    handler: str | None = None


class TestApp(Entrance):
    """An app in a world of its own: nothing leaves it, nothing is left to chance, and nothing takes real time.

    ::

        async with TestApp(app, overrides={mailer: lambda: outbox}) as t:
            t.send(letters, Letter(to="ada@example.org"))
            await t.settle()

        assert outbox.sent

    The app runs as it does in production, behind the Lambda entrypoint or in the poller, on an event loop in a thread
    of its own; its queues, topics and dead-letter queues are there, with the rules of SQS and SNS. Time stands still
    but in `settle`. Chance always draws `RANDOM`.
    """

    __test__ = False  # pytest takes classes of this name for tests

    def __init__(  # noqa: PLR0913 - what a test may choose, each by its name
        self,
        app: App,
        *,
        runtime: str | Open = "lambda",
        names: Names | None = None,
        overrides: Overrides = NO_OVERRIDES,
        queues: Queues | None = None,
        store: IdempotencyStore | None = None,
        act: Act | None = None,
        shards: int = 1,
    ) -> None:
        """`runtime` is `lambda`, `poller`, that of another entry point, or what one names.

        `names` says what resources are called, by default what the app calls them; `overrides` maps the functions of
        dependencies to what is called instead. `queues` are the queues' attributes. `store` is what idempotent routes
        remember by, by default one in memory. `act` is called before each call of a handler and may raise in its
        place. `shards` is how many each table and stream has.
        """
        super().__init__(self._open)
        self._app = app
        self._runtime = runtime
        self._names = names or Names(app.name)
        self._queues = queues or Queues()
        self._stand_ins = StandIns(overrides, store, act)
        self._shards = shards
        self._here: World | None = None

    def __enter__(self) -> Self:
        """Begin the app's lifespan, blocking. Raises what that raises."""
        runtime = open_runtime(self._runtime) if isinstance(self._runtime, str) else self._runtime
        world = World(self._app, self._names, self._queues, self._stand_ins, self._shards)
        world.open(runtime)
        self._here = world
        return self

    def __exit__(self, *error: object) -> None:
        """Stop in good order, as the runtime does, and end the lifespan."""
        self._open().close()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *error: object) -> None:
        self.__exit__(*error)

    def via(self, *path: str, raw: bool = False) -> Entrance:
        """Events of buckets and topics, by this path: `t.via("sns", "sqs").upload(photos, "cat.jpg")`.

        The services are `eventbridge`, `sns` and `sqs`, in the order in which an event passes them. What does not end
        in `sqs` invokes the function directly, and no path at all is the bucket's own notification. `raw` is SNS's raw
        delivery. Without `via` events go directly where the runtime takes them, and otherwise through a queue.
        """
        return Entrance(self._open, path, raw=raw)

    async def settle(self, advance: float | str | timedelta = 0) -> None:
        """Let everything happen that can happen by now, or while so much time passes: seconds, `"2h"`, `"1h30m"`.

        Retries come when they are due, visibility timeouts end, deadlines pass. Raises what ends the runtime.
        """
        await self._open().settle(seconds_in(advance))

    def settle_blocking(self, advance: float | str | timedelta = 0) -> None:
        """The same for a test that is no coroutine."""
        self._open().settle_blocking(seconds_in(advance))

    def sleep(self, seconds: float) -> None:
        """Take time in a plain function that the app calls, until it is cut off.

        An async one awaits `asyncio.sleep`.
        """
        self._running().sleep(seconds)

    @property
    def now(self) -> float:
        """Seconds since the test's start."""
        return self._open().loop.time()

    @property
    def calls(self) -> Sequence[Call]:
        """The calls of handlers, in order."""
        return tuple(self._open().watch.calls)

    @property
    def settlements(self) -> Sequence[Settlement]:
        """What became of records, in the order in which that became certain."""
        return tuple(self._open().settled)

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """The outcomes of records, likewise: one for each time that a record was handled."""
        return tuple(one.outcome for one in self._open().settled)

    @property
    def ignored(self) -> Sequence[Raw]:
        """The records that were settled though no handler was called for them: nobody took them, or missed them."""
        called = {call.id for call in self.calls}
        settled = [one.record for one in self._open().settled if one.outcome == DONE]
        return [record for record in settled if not called & _ids(record)]

    @property
    def publications(self) -> Sequence[Published]:
        """What the app published, in order, as it was sent."""
        return tuple(self._open().backend.published)

    def published(self, destination: Queue[M] | Topic[M] | Bus[M]) -> list[M]:
        """What the app published to a queue, topic or bus, in order, read back."""
        world = self._open()
        wanted = (destination.kind, world.names.name(destination))
        found = [one for one in world.backend.published if (one.kind, name_in(one.address)) == wanted]
        return [_read_back(destination, one) for one in found]

    def waiting(self, resource: Resource | str) -> list[str]:
        """The texts of the messages that are in a queue, or in the queue that carries a resource's events."""
        world = self._open()
        return [str(record["body"]) for record in world.backend.messages(self._carrier(resource))]

    def dead_letters(self, resource: Resource | str) -> list[DeadLetter]:
        """What is in the dead-letter queue of a queue, or of the queue that carries a resource's events."""
        dead = dead_letter_name(name_in(self._carrier(resource)))
        return [_dead_letter(record) for record in self._open().backend.messages(dead)]

    def objects(self, bucket: str) -> Mapping[str, bytes]:
        """What was put into the bucket of `EVENTKIT_ON_FAILURE`, by its keys. Raises `BackendError` for any other."""
        return self._open().backend.objects(bucket)

    @property
    def dropped(self) -> Sequence[Raw]:
        """Events that Lambda gave up after three attempts, and that nothing kept: they had no queue."""
        return tuple(self._open().dropped)

    def _carrier(self, resource: Resource | str) -> str:
        return resource if isinstance(resource, str) else self._open().names.carrier(resource)

    def _open(self) -> World:
        if self._here is None:
            raise ConfigurationError(NOT_RUNNING)
        return self._here


def _read_back(destination: Queue[M] | Topic[M] | Bus[M], message: Published) -> M:
    """The message as one who subscribes to the destination reads it."""
    (selector,) = destination.selectors
    outgoing = Outgoing(message.text, message.group, message.deduplication_id, message.attributes)
    return cast("M", selector.read(_event(message, outgoing)) if selector.read else message.text)


def _event(message: Published, outgoing: Outgoing) -> AwsEvent:
    if message.kind == Bus.kind:
        sent = datetime.fromtimestamp(0, UTC)
        return BusEvent(delivered(bus_entry(outgoing), event_id="", sent=sent, region=REGION, account=ACCOUNT))
    attributes = queue_message(outgoing).attributes
    return Message({**sqs_record(message.text, message.address), "messageAttributes": attributes})


def _dead_letter(record: Raw) -> DeadLetter:
    attributes: Any = record["messageAttributes"]
    text = str(record["body"])
    if NOTE not in attributes:
        return DeadLetter(text)
    note = json.loads(attributes[NOTE]["stringValue"])
    return DeadLetter(text, note["reason"], note["handler"])


def _ids(record: Raw) -> set[str]:
    """What deliveries of the record call it."""
    with suppress(DecodeError):
        return {event.outermost.id for event in unwrap(record)}
    return set()
