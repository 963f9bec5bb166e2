"""The suite with which a backend proves that it keeps what `eventkit.backends` promises. It needs pytest-asyncio.

A backend's author writes a class and a fixture::

    pytest.register_assert_rewrite("eventkit.testing.backends")     # in conftest.py, for failures that explain

    class TestMyBackend(BackendContract):
        features = Features(topics=False)

        @pytest.fixture
        async def world(self) -> AsyncIterator[World]:
            ...

Time passes by long polls alone, so a backend with a clock of its own gets one that jumps (`VirtualClock`).
"""
# ruff: noqa: S101 - assert is how pytest tests

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

import pytest

from eventkit.backends import Backend, Raw, Unsettled
from eventkit.decode import unwrap
from eventkit.errors import AuthorError, BackendError, ConfigurationError, MessageTooLargeError
from eventkit.events import BusEvent, Message
from eventkit.outcomes import Reject
from eventkit.outgoing import Attribute, Outgoing

__all__ = ["BackendContract", "Features", "World"]

T = TypeVar("T")

SOON = 5.0
"""Seconds of a long poll for something that must come."""


@dataclass(frozen=True, slots=True)
class Features:
    """What a backend has; the tests of what it lacks are skipped."""

    fifo: bool = True
    dead_letters: bool = True
    topics: bool = True
    buses: bool = True
    concurrency: bool = True
    """Whether other things can happen while a receive waits."""


class World(Protocol):
    """A backend, and what the suite needs around it; each test gets a world of its own."""

    @property
    def backend(self) -> Backend:
        """The backend under test."""
        ...

    async def create_queue(
        self, *, fifo: bool = False, visibility: int = 30, dead_letter: str | None = None, max_receives: int = 2
    ) -> str:
        """Make a queue, deduplicating by content where it is FIFO, and return its address."""
        ...

    async def create_topic(self, queue: str, *, raw: bool = False, fifo: bool = False) -> str:
        """Make a topic, deduplicating likewise, that the queue is subscribed to, and return its address."""
        ...

    async def create_bus(self, queue: str, *detail_types: str) -> str:
        """Make an event bus whose events of these detail types, by default all, the queue gets; return its address."""
        ...


def needs(*features: str) -> Callable[[T], T]:
    """Mark a test as one of what some backends lack; the names are those of `Features`."""

    def mark(test: T) -> T:
        test.needs = features  # type: ignore[attr-defined]
        return test

    return mark


class BackendContract:
    """One promise per test."""

    features: ClassVar[Features] = Features()
    deviations: ClassVar[Mapping[str, str]] = {}
    """Tests that are known to fail, by name, and why; one that passes after all is an error."""

    pytestmark: ClassVar[pytest.MarkDecorator] = pytest.mark.asyncio

    @pytest.fixture
    def world(self) -> World:
        """Overridden by the subclass."""
        raise NotImplementedError("a subclass of BackendContract has a fixture `world`")

    @pytest.fixture(autouse=True)
    def _expectations(self, request: pytest.FixtureRequest) -> None:
        test = request.function
        lacking = [feature for feature in getattr(test, "needs", ()) if not getattr(self.features, feature)]
        if lacking:
            pytest.skip(f"the backend has no {' and no '.join(lacking)}")
        if test.__name__ in self.deviations:
            request.applymarker(pytest.mark.xfail(reason=self.deviations[test.__name__], strict=True))

    async def test_a_message_arrives_as_lambda_delivers_it(self, world: World) -> None:
        """A published message is received as a record of the shape that Lambda gives to SQS messages."""
        queue = await world.create_queue()

        await send(world, queue, "grüße\n🌍")
        (record,) = await world.backend.receive(queue, 10, SOON)

        message = Message(record)
        assert (message.text, message.attempt, message.fifo) == ("grüße\n🌍", 1, False)
        assert record["eventSource"] == "aws:sqs"
        assert message.source_arn.startswith("arn:aws:sqs:")
        assert record["awsRegion"] == message.source_arn.split(":")[3]
        assert message.id
        assert message.sent is not None
        assert unwrap(record) == (message,)

    async def test_attributes_arrive(self, world: World) -> None:
        """The attributes of a published message arrive with their types, and those that it carries with them."""
        queue = await world.create_queue()
        attributes: dict[str, Attribute] = {"kind": "a", "Tenant": "ü", "size": 7, "digest": b"\x00\xff"}

        await world.backend.publish("queue", queue, [Outgoing("x", attributes=attributes, carried={"hops": "1"})])
        (record,) = await world.backend.receive(queue, 10, SOON)

        assert Message(record).attributes == {**attributes, "hops": "1"}

    async def test_an_xray_trace_header_arrives(self, world: World) -> None:
        """The trace header of a published message is the record's system attribute for it."""
        queue = await world.create_queue()
        trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"

        await world.backend.publish("queue", queue, [Outgoing("x", trace=trace)])
        (record,) = await world.backend.receive(queue, 10, SOON)

        assert Message(record).trace == trace

    async def test_a_message_that_is_too_large_is_refused_before_anything_is_sent(self, world: World) -> None:
        """One message over the limit is a `MessageTooLargeError`, and its neighbours are not sent either."""
        queue = await world.create_queue()
        large = Outgoing("x" * (1_048_576 - 3), attributes={"kind": "a"})

        with pytest.raises(MessageTooLargeError, match=f"queue '{queue}' .* 1048576 bytes.* 1048584"):
            await world.backend.publish("queue", queue, [Outgoing("a"), large])

        assert list(await world.backend.receive(queue, 10, 0)) == []

    async def test_an_attribute_that_cannot_be_is_refused(self, world: World) -> None:
        """More than ten attributes, an empty one, and one of AWS's names are an `AuthorError`."""
        queue = await world.create_queue()
        many = {f"a{number}": "x" for number in range(11)}

        for attributes in (many, {"kind": ""}, {"AWS.kind": "a"}, {"kind": "\x00"}):
            with pytest.raises(AuthorError):
                await world.backend.publish("queue", queue, [Outgoing("x", attributes=attributes)])

    async def test_more_messages_than_fit_into_a_request_all_arrive(self, world: World) -> None:
        """One publish may send any number of messages, and each arrives once."""
        queue = await world.create_queue()
        texts = [str(number) for number in range(23)]

        await send(world, queue, *texts)

        assert sorted(await drain(world, queue, len(texts))) == sorted(texts)
        assert await world.backend.receive(queue, 10, 0) == []

    async def test_no_more_are_received_than_asked_for(self, world: World) -> None:
        """A receive returns at most its limit."""
        queue = await world.create_queue()

        await send(world, queue, "a", "b", "c")

        assert len(await world.backend.receive(queue, 2, SOON)) <= 2  # noqa: PLR2004 - the limit

    async def test_an_empty_queue_gives_nothing_after_the_wait(self, world: World) -> None:
        """A receive from a queue that stays empty returns no records."""
        queue = await world.create_queue()

        assert list(await world.backend.receive(queue, 10, 1)) == []

    @needs("concurrency")
    async def test_a_long_poll_ends_when_a_message_is_sent(self, world: World) -> None:
        """A receive that waits returns the message that is sent meanwhile."""
        queue = await world.create_queue()
        poll = asyncio.create_task(world.backend.receive(queue, 10, 20))
        await asyncio.sleep(0)

        await send(world, queue, "late")

        (record,) = await poll
        assert record["body"] == "late"

    async def test_a_received_message_is_invisible_to_others(self, world: World) -> None:
        """Nobody receives a message while its visibility timeout lasts."""
        queue = await world.create_queue()
        await send(world, queue, "a")
        await world.backend.receive(queue, 10, SOON)

        assert list(await world.backend.receive(queue, 10, 0)) == []

    async def test_receivers_at_once_share_nothing(self, world: World) -> None:
        """Two receives at the same time never return the same message."""
        queue = await world.create_queue()
        await send(world, queue, *(str(number) for number in range(8)))

        shares = await asyncio.gather(*(world.backend.receive(queue, 3, 1) for _ in range(4)))

        ids = [record["messageId"] for share in shares for record in share]
        assert len(ids) == len(set(ids))

    async def test_an_unsettled_message_comes_back(self, world: World) -> None:
        """A message that was not deleted is received again after its visibility timeout, and the receive counted."""
        queue = await world.create_queue(visibility=1)
        await send(world, queue, "a")
        (first,) = await world.backend.receive(queue, 10, SOON)

        (second,) = await world.backend.receive(queue, 10, SOON)

        assert (second["messageId"], second["body"]) == (first["messageId"], "a")
        assert Message(second).attempt == 2  # noqa: PLR2004 - the second time
        assert second["receiptHandle"] != first["receiptHandle"]

    async def test_a_deleted_message_is_gone(self, world: World) -> None:
        """A message that was deleted is not received again."""
        queue = await world.create_queue(visibility=1)
        await send(world, queue, "a")
        records = await world.backend.receive(queue, 10, SOON)

        assert unsettled(await world.backend.delete(queue, records)) == ([], [])

        assert list(await world.backend.receive(queue, 10, 2)) == []

    async def test_more_records_than_fit_into_a_request_are_deleted(self, world: World) -> None:
        """One delete may settle any number of records."""
        queue = await world.create_queue(visibility=2)
        await send(world, queue, *(str(number) for number in range(12)))
        records = [*(await world.backend.receive(queue, 10, SOON)), *(await world.backend.receive(queue, 10, SOON))]

        assert unsettled(await world.backend.delete(queue, records)) == ([], [])

        assert len(records) == 12  # noqa: PLR2004 - as sent
        assert list(await world.backend.receive(queue, 10, 3)) == []

    async def test_deleting_twice_does_no_harm(self, world: World) -> None:
        """A record that is gone is not returned for another try, and raises nothing."""
        queue = await world.create_queue()
        await send(world, queue, "a")
        records = await world.backend.receive(queue, 10, SOON)

        await world.backend.delete(queue, records)

        assert not (await world.backend.delete(queue, records)).again

    async def test_a_stale_receipt_handle_does_no_harm(self, world: World) -> None:
        """A record whose message was received again since is neither returned for another try nor an error."""
        queue = await world.create_queue(visibility=1)
        await send(world, queue, "a")
        stale = await world.backend.receive(queue, 10, SOON)
        await world.backend.receive(queue, 10, SOON)

        assert not (await world.backend.delete(queue, stale)).again
        assert not (await world.backend.extend(queue, [(record, 5) for record in stale])).again

    async def test_extending_a_deleted_message_tells_that_it_is_lost(self, world: World) -> None:
        """A record that is gone is reported as lost, not for another try, and nothing is raised."""
        queue = await world.create_queue()
        await send(world, queue, "a")
        (record,) = await world.backend.receive(queue, 10, SOON)
        await world.backend.delete(queue, [record])

        assert unsettled(await world.backend.extend(queue, [(record, 5)])) == ([], [record])

    async def test_extending_keeps_a_message_invisible(self, world: World) -> None:
        """An extended message stays invisible for so long from the call, not from the receive."""
        queue = await world.create_queue(visibility=1)
        await send(world, queue, "a")
        (record,) = await world.backend.receive(queue, 10, SOON)

        assert unsettled(await world.backend.extend(queue, [(record, 20)])) == ([], [])

        assert list(await world.backend.receive(queue, 10, 2)) == []

    async def test_one_lost_record_does_not_fail_its_neighbours(self, world: World) -> None:
        """Of the records of one call, those that are the caller's are settled, and the others reported."""
        queue = await world.create_queue(visibility=2)
        await send(world, queue, "a", "b", "c")
        records = await receive_all(world, queue, 3)
        gone = records[1]
        await world.backend.delete(queue, [gone])

        assert unsettled(await world.backend.extend(queue, [(record, 20) for record in records])) == ([], [gone])

        assert list(await world.backend.receive(queue, 10, 3)) == []

    async def test_a_queue_tells_its_visibility_timeout(self, world: World) -> None:
        """The visibility timeout is the one that the queue was made with."""
        queue = await world.create_queue(visibility=17)

        assert await world.backend.visibility(queue) == 17  # noqa: PLR2004 - as made

    async def test_a_receive_may_choose_the_visibility(self, world: World) -> None:
        """A receive's own visibility timeout goes before the queue's, for the records that it brings."""
        queue = await world.create_queue(visibility=30)
        await send(world, queue, "a")
        (first,) = await world.backend.receive(queue, 10, SOON, 1)

        (second,) = await world.backend.receive(queue, 10, SOON, 20)

        assert second["messageId"] == first["messageId"]
        assert list(await world.backend.receive(queue, 10, 2)) == []

    async def test_extending_by_nothing_makes_a_message_visible(self, world: World) -> None:
        """A message that is extended by 0 seconds can be received at once."""
        queue = await world.create_queue()
        await send(world, queue, "a")
        (record,) = await world.backend.receive(queue, 10, SOON)

        await world.backend.extend(queue, [(record, 0)])

        (again,) = await world.backend.receive(queue, 10, SOON)
        assert again["messageId"] == record["messageId"]

    async def test_settling_nothing_is_allowed(self, world: World) -> None:
        """Nothing is deleted, extended or published without a request that would be refused."""
        queue = await world.create_queue()

        assert unsettled(await world.backend.delete(queue, [])) == ([], [])
        assert unsettled(await world.backend.extend(queue, [])) == ([], [])
        await world.backend.publish("queue", queue, [])

    async def test_a_queue_answers_to_its_arn(self, world: World) -> None:
        """The ARN that records state addresses the queue that they came from."""
        queue = await world.create_queue()
        await send(world, queue, "a")
        (record,) = await world.backend.receive(queue, 10, SOON)
        arn = Message(record).source_arn

        await world.backend.extend(arn, [(record, 0)])
        (again,) = await world.backend.receive(arn, 10, SOON)

        assert again["messageId"] == record["messageId"]

    async def test_an_unknown_queue_is_an_error(self, world: World) -> None:
        """A queue that there is not is a `BackendError`, whatever is done with it."""
        with pytest.raises(BackendError, match="nowhere"):
            await world.backend.receive("nowhere", 10, 0)
        with pytest.raises(BackendError, match="nowhere"):
            await world.backend.visibility("nowhere")
        with pytest.raises(BackendError, match="nowhere"):
            await send(world, "nowhere", "a")

    async def test_a_publication_names_a_kind_that_there_is(self, world: World) -> None:
        """Anything but a queue, a topic or an event bus is a `ConfigurationError`."""
        with pytest.raises(ConfigurationError):
            await world.backend.publish("stream", "s", [Outgoing("a")])

    @needs("dead_letters")
    async def test_a_message_received_too_often_goes_to_the_dead_letter_queue(self, world: World) -> None:
        """What was received as often as its queue allows is in the dead-letter queue instead of coming again."""
        dead = await world.create_queue()
        queue = await world.create_queue(dead_letter=dead, max_receives=2)
        await send(world, queue, "poison")
        for _ in range(2):
            (record,) = await world.backend.receive(queue, 10, SOON)
            await world.backend.extend(queue, [(record, 0)])

        assert list(await world.backend.receive(queue, 10, 0)) == []

        (record,) = await world.backend.receive(dead, 10, SOON)
        assert record["body"] == "poison"

    @needs("dead_letters")
    async def test_a_parked_record_says_why(self, world: World) -> None:
        """A parked record is in the dead-letter queue: body and attributes as they were, and a note beside them."""
        dead = await world.create_queue()
        queue = await world.create_queue(dead_letter=dead)
        await world.backend.publish("queue", queue, [Outgoing("not an image", attributes={"kind": "photo"})])
        (record,) = await world.backend.receive(queue, 10, SOON)

        await world.backend.park(queue, record, Reject("no JPEG: grüße", handler="blog.thumbnail"))

        (copy,) = await world.backend.receive(dead, 10, SOON)
        message = Message(copy)
        assert (message.text, message.attributes["kind"]) == ("not an image", "photo")
        assert json.loads(str(message.attributes["eventkit.reject"])) == {
            "reason": "no JPEG: grüße",
            "handler": "blog.thumbnail",
            "attempt": 1,
            "queue": Message(record).source_arn,
        }

    @needs("dead_letters")
    async def test_a_parked_record_stays_until_it_is_deleted(self, world: World) -> None:
        """Parking copies: the record itself is the caller's to delete."""
        dead = await world.create_queue()
        queue = await world.create_queue(dead_letter=dead)
        await send(world, queue, "a")
        (record,) = await world.backend.receive(queue, 10, SOON)
        await world.backend.park(queue, record, Reject("no"))

        await world.backend.extend(queue, [(record, 0)])

        (again,) = await world.backend.receive(queue, 10, SOON)
        assert again["messageId"] == record["messageId"]

    async def test_parking_without_a_dead_letter_queue_is_an_error(self, world: World) -> None:
        """A rejected record that has nowhere to go raises `BackendError`: it is never dropped silently."""
        queue = await world.create_queue()
        await send(world, queue, "a")
        (record,) = await world.backend.receive(queue, 10, SOON)

        with pytest.raises(BackendError, match="dead-letter queue"):
            await world.backend.park(queue, record, Reject("no"))

    @needs("fifo")
    async def test_a_group_keeps_its_order(self, world: World) -> None:
        """The messages of a group are received in the order in which they were sent."""
        queue = await world.create_queue(fifo=True)
        texts = [str(number) for number in range(12)]

        await send(world, queue, *texts, group="g")

        assert await drain(world, queue, len(texts)) == texts

    @needs("fifo")
    async def test_a_fifo_record_tells_its_group(self, world: World) -> None:
        """A record of a FIFO queue has its message group and says that it is of a FIFO queue."""
        queue = await world.create_queue(fifo=True)

        await send(world, queue, "a", group="g")
        (record,) = await world.backend.receive(queue, 10, SOON)

        assert (Message(record).group, Message(record).fifo) == ("g", True)
        assert Message(record).deduplication_id

    @needs("fifo")
    async def test_a_group_waits_for_its_message_in_flight(self, world: World) -> None:
        """While a message is in flight, no other of its group is received, but those of other groups are."""
        queue = await world.create_queue(fifo=True)
        await send(world, queue, "a1", group="a")
        (first,) = await world.backend.receive(queue, 10, SOON)
        await send(world, queue, "a2", group="a")
        await send(world, queue, "b1", group="b")

        assert bodies(await world.backend.receive(queue, 10, SOON)) == ["b1"]
        await world.backend.delete(queue, [first])

        assert bodies(await world.backend.receive(queue, 10, SOON)) == ["a2"]

    @needs("fifo")
    async def test_a_retried_message_keeps_its_place(self, world: World) -> None:
        """A message that is made visible again comes before those of its group that were sent after it."""
        queue = await world.create_queue(fifo=True)
        await send(world, queue, "1", "2", "3", group="g")
        records = await world.backend.receive(queue, 10, SOON)

        await world.backend.extend(queue, [(record, 0) for record in records])

        assert await drain(world, queue, 3) == ["1", "2", "3"]

    @needs("fifo")
    async def test_a_fifo_queue_refuses_an_expired_handle(self, world: World) -> None:
        """Deleting after the visibility timeout leaves a FIFO queue's message where it is, and says that it is lost."""
        queue = await world.create_queue(fifo=True, visibility=1)
        await send(world, queue, "a", group="g")
        stale = await world.backend.receive(queue, 10, SOON)
        (newest,) = await world.backend.receive(queue, 10, SOON)

        assert unsettled(await world.backend.delete(queue, stale)) == ([], list(stale))

        await world.backend.extend(queue, [(newest, 0)])
        assert bodies(await world.backend.receive(queue, 10, SOON)) == ["a"]

    @needs("fifo")
    async def test_a_repeated_message_is_kept_once(self, world: World) -> None:
        """Messages with the same deduplication id are accepted, and one is received."""
        queue = await world.create_queue(fifo=True)
        for text in ("a", "b"):
            await world.backend.publish("queue", queue, [Outgoing(text, "g", "same")])

        assert await drain(world, queue, 1) == ["a"]
        assert list(await world.backend.receive(queue, 10, 0)) == []

    @needs("fifo")
    async def test_a_fifo_queue_wants_a_group(self, world: World) -> None:
        """A message without a group for a FIFO queue is a `ConfigurationError` that says so."""
        queue = await world.create_queue(fifo=True)

        with pytest.raises(ConfigurationError, match="group"):
            await send(world, queue, "a")

    @needs("fifo", "dead_letters")
    async def test_a_record_parked_twice_is_kept_once(self, world: World) -> None:
        """A FIFO record keeps its group in the dead-letter queue, and is there once however often it is parked."""
        dead = await world.create_queue(fifo=True)
        queue = await world.create_queue(fifo=True, dead_letter=dead)
        await send(world, queue, "a", group="g")
        (record,) = await world.backend.receive(queue, 10, SOON)

        for _ in range(2):
            await world.backend.park(queue, record, Reject("no"))

        (copy,) = await world.backend.receive(dead, 10, SOON)
        assert (copy["body"], Message(copy).group) == ("a", "g")
        await world.backend.delete(dead, [copy])
        assert list(await world.backend.receive(dead, 10, 0)) == []

    @needs("topics")
    async def test_a_topic_reaches_its_queue(self, world: World) -> None:
        """What is published to a topic is in the subscribed queue, inside SNS's envelope, attributes and all."""
        queue = await world.create_queue()
        topic = await world.create_topic(queue)

        await world.backend.publish("topic", topic, [Outgoing("news", attributes={"kind": "a"})])
        (record,) = await world.backend.receive(queue, 10, SOON)

        (event,) = unwrap(record)
        assert [step.partition(":")[0] for step in event.path] == ["sqs", "sns"]
        assert event.record["Message"] == "news"
        assert event.attributes == {"kind": "a"}

    @needs("topics")
    async def test_raw_delivery_has_no_envelope(self, world: World) -> None:
        """With raw delivery the queue's message is what was published, its attributes the message's."""
        queue = await world.create_queue()
        topic = await world.create_topic(queue, raw=True)

        await world.backend.publish("topic", topic, [Outgoing("news", attributes={"kind": "a"})])
        (record,) = await world.backend.receive(queue, 10, SOON)

        assert record["body"] == "news"
        assert Message(record).attributes == {"kind": "a"}

    @needs("topics")
    async def test_a_topic_answers_to_its_arn(self, world: World) -> None:
        """The ARN that notifications state addresses the topic."""
        queue = await world.create_queue()
        topic = await world.create_topic(queue)
        await world.backend.publish("topic", topic, [Outgoing("one")])
        (record,) = await world.backend.receive(queue, 10, SOON)
        (event,) = unwrap(record)

        await world.backend.publish("topic", event.source_arn, [Outgoing("two")])

        (record,) = await world.backend.receive(queue, 10, SOON)
        assert unwrap(record)[0].record["Message"] == "two"

    @needs("topics", "fifo")
    async def test_a_fifo_topic_keeps_the_order_of_a_group(self, world: World) -> None:
        """A FIFO queue gets a FIFO topic's messages in order, with their group."""
        queue = await world.create_queue(fifo=True)
        topic = await world.create_topic(queue, raw=True, fifo=True)

        await world.backend.publish("topic", topic, [Outgoing(text, "g") for text in ("1", "2", "3")])

        assert await drain(world, queue, 3) == ["1", "2", "3"]

    @needs("topics")
    async def test_an_unknown_topic_is_an_error(self, world: World) -> None:
        """A topic that there is not is a `BackendError`."""
        with pytest.raises(BackendError, match="nowhere"):
            await world.backend.publish("topic", "nowhere", [Outgoing("a")])

    @needs("buses")
    async def test_a_bus_reaches_its_queue(self, world: World) -> None:
        """What is put on a bus is in the queue of its rule, inside EventBridge's envelope, attributes and all."""
        queue = await world.create_queue()
        bus = await world.create_bus(queue)

        await world.backend.publish("bus", bus, [event("Placed", '{"id": 1}', kind="a")])
        (record,) = await world.backend.receive(queue, 10, SOON)

        (found,) = unwrap(record)
        assert isinstance(found, BusEvent)
        assert (found.source, found.detail_type, json.loads(found.text)) == ("shop", "Placed", {"id": 1})
        assert found.attributes == {"source": "shop", "detail-type": "Placed", "kind": "a"}
        assert found.sent is not None

    @needs("buses")
    async def test_a_rule_picks_detail_types(self, world: World) -> None:
        """The queue gets the events that its rule names, and no others."""
        queue = await world.create_queue()
        bus = await world.create_bus(queue, "Paid", "Shipped")

        await world.backend.publish("bus", bus, [event(kind, "{}") for kind in ("Placed", "Paid", "Shipped")])

        found = [one for record in await receive_all(world, queue, 2) for one in unwrap(record)]
        assert sorted(str(one.attributes["detail-type"]) for one in found) == ["Paid", "Shipped"]

    @needs("buses")
    async def test_more_events_than_fit_into_a_request_all_arrive(self, world: World) -> None:
        """One publish may put any number of events on a bus, and each arrives."""
        queue = await world.create_queue()
        bus = await world.create_bus(queue)

        await world.backend.publish("bus", bus, [event("Placed", f'{{"id": {number}}}') for number in range(23)])

        found = [one for record in await receive_all(world, queue, 23) for one in unwrap(record)]
        details = [json.loads(one.text) for one in found if isinstance(one, BusEvent)]
        assert sorted(detail["id"] for detail in details) == list(range(23))

    @needs("buses")
    async def test_what_is_no_event_is_refused(self, world: World) -> None:
        """A detail that is no object, a missing detail type, and an order that no bus keeps are an `AuthorError`."""
        bus = await world.create_bus(await world.create_queue())

        for message in (
            event("Placed", "[]"),
            Outgoing("{}"),
            Outgoing("{}", "g", attributes=dict(event("A", "{}").attributes)),
        ):
            with pytest.raises(AuthorError):
                await world.backend.publish("bus", bus, [message])

    @needs("buses")
    async def test_an_unknown_bus_is_an_error(self, world: World) -> None:
        """A bus that there is not is a `BackendError`."""
        with pytest.raises(BackendError, match="nowhere"):
            await world.backend.publish("bus", "nowhere", [event("Placed", "{}")])


def event(detail_type: str, detail: str, **attributes: str) -> Outgoing:
    """An event to be put on a bus."""
    return Outgoing(detail, attributes={"source": "shop", "detail-type": detail_type, **attributes})


async def send(world: World, queue: str, *texts: str, group: str | None = None) -> None:
    """Publish texts to a queue."""
    await world.backend.publish("queue", queue, [Outgoing(text, group) for text in texts])


def unsettled(left: Unsettled) -> tuple[list[Raw], list[Raw]]:
    """The records that may be tried again, and those that are lost."""
    return list(left.again), list(left.lost)


async def receive_all(world: World, queue: str, count: int) -> list[Raw]:
    """Receive until there have been so many records, or none comes soon."""
    found: list[Raw] = []
    while len(found) < count and (records := await world.backend.receive(queue, 10, SOON)):
        found += records
    return found


async def drain(world: World, queue: str, count: int) -> list[str]:
    """Receive and delete until there have been so many messages, or none comes soon; returns their bodies."""
    found: list[str] = []
    while len(found) < count and (records := await world.backend.receive(queue, 10, SOON)):
        found += bodies(records)
        await world.backend.delete(queue, records)
    return found


def bodies(records: Sequence[Raw]) -> list[str]:
    """The texts of records."""
    return [str(record["body"]) for record in records]
