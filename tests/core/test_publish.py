"""What goes along with a message that a handler sends, and what is refused before it is sent."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import pytest

from eventkit import (
    App,
    AuthorError,
    ConfigurationError,
    Done,
    Message,
    MessageTooLargeError,
    Outcome,
    Queue,
    Reject,
    Sender,
    To,
)
from eventkit.backends._sending import MAX_SIZES, queue_message, require_sendable, size_of
from eventkit.delivery import Delivery
from eventkit.outgoing import Attribute, Outgoing
from eventkit.publish import HOPS, MAX_HOPS
from tests.core.harness import Job, Outbox, handled, s3, sqs

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

jobs = Queue[Job]("jobs")
more = Queue[Job]("more")


def answering() -> App:
    """An app that answers each job with another one, once by what it returns and once by a sender."""
    app = App("app")

    @app.on(jobs, to=more)
    async def answer(job: Job, sender: Annotated[Sender[Job], To(more)]) -> Job:
        await sender.send(job, attributes={"tenant": "t", "size": 7})
        return job

    return app


async def answers(attributes: Mapping[str, str], **system: str) -> tuple[Outcome, list[Outgoing]]:
    outbox = Outbox()
    named = {name: {"dataType": "String", "stringValue": value} for name, value in attributes.items()}
    outcome = await handled(answering(), sqs({"id": 1}, system=system, messageAttributes=named), publisher=outbox)
    return outcome, outbox.messages


async def test_the_users_attributes_are_sent() -> None:
    _, (sent, returned) = await answers({})

    assert sent.attributes == {"tenant": "t", "size": 7}
    assert returned.attributes == {}


async def test_the_trace_of_what_is_handled_goes_on() -> None:
    _, messages = await answers({"traceparent": PARENT}, AWSTraceHeader=TRACE)

    assert [(one.carried["traceparent"], one.trace) for one in messages] == [(PARENT, TRACE)] * 2


@pytest.mark.parametrize("context", ["", "no trace", PARENT.upper(), f"{PARENT}-more", "0" * 10_000])
async def test_what_is_no_trace_goes_no_further(context: str) -> None:
    _, messages = await answers({"traceparent": context}, AWSTraceHeader=f"{TRACE}\n")

    assert [(set(one.carried), one.trace) for one in messages] == [({HOPS}, None)] * 2


@pytest.mark.parametrize(("came", "goes"), [({}, "1"), ({HOPS: "1"}, "2"), ({HOPS: "7"}, "8"), ({HOPS: "many"}, "1")])
async def test_hops_are_counted(came: dict[str, str], goes: str) -> None:
    outcome, messages = await answers(came)

    assert outcome == Done()
    assert [one.carried[HOPS] for one in messages] == [goes] * 2


@pytest.mark.parametrize("hops", [MAX_HOPS, 99])
async def test_a_loop_ends(hops: int) -> None:
    outcome, messages = await answers({HOPS: str(hops)})

    assert isinstance(outcome, Reject)
    assert outcome.reason.startswith(f"a loop: this message came about by {hops} handlers in a row")
    assert messages == []


async def test_a_message_that_cannot_be_read_does_not_fail_what_does_not_look_at_it() -> None:
    outbox = Outbox()
    broken = {"tag": {"dataType": "Binary", "binaryValue": "no base64"}}

    outcome = await handled(answering(), sqs({"id": 1}, messageAttributes=broken), publisher=outbox)

    assert outcome == Done()
    assert [one.carried for one in outbox.messages] == [{HOPS: "1"}] * 2


async def test_what_no_handler_sends_carries_nothing() -> None:
    outbox = Outbox()

    await Sender(jobs, "jobs", outbox).send(Job(id=1))

    assert (outbox.messages[0].carried, outbox.messages[0].trace) == ({}, None)


async def test_an_event_without_attributes_begins_a_way() -> None:
    outbox = Outbox()
    delivery = Delivery(Message(sqs(s3())), None, "handler")

    await Sender(jobs, "jobs", outbox, delivery=delivery).send(Job(id=1))

    assert outbox.messages[0].carried == {HOPS: "1"}


def test_what_is_carried_takes_the_room_that_is_left_and_no_attributes_place() -> None:
    own: dict[str, Attribute] = {f"a{number}": "x" for number in range(9)}

    message = Outgoing("x", attributes=own, carried={"a0": "other", HOPS: "1", "traceparent": PARENT})

    assert message.all_attributes == {**own, HOPS: "1"}
    assert queue_message(message).attributes.keys() == {*own, HOPS}


@pytest.mark.parametrize(("kind", "limit"), MAX_SIZES.items())
def test_a_message_may_have_as_many_bytes_as_its_destination_takes(kind: str, limit: int) -> None:
    def of(size: int) -> Outgoing:
        attributes: dict[str, Attribute] = {"source": "app", "detail-type": "Job", "n": 12, "b": b"\x00\x01"}
        bare = Outgoing("{}", attributes=attributes)
        return Outgoing("{" + " " * (size - size_of(kind, bare)) + "}", attributes=attributes)

    require_sendable(kind, "there", [of(limit)])

    with pytest.raises(MessageTooLargeError) as refused:
        require_sendable(kind, "there", [of(limit), of(limit + 1)])
    assert (refused.value.destination, refused.value.size, refused.value.limit) == (f"{kind} 'there'", limit + 1, limit)


def test_size_is_in_bytes_and_counts_names_types_and_values() -> None:
    assert size_of("queue", Outgoing("üx")) == 3
    assert size_of("topic", Outgoing("x", attributes={"kind": "ü"})) == 1 + len("kindString") + 2
    assert size_of("queue", Outgoing("x", attributes={"n": Decimal("1.5")})) == 1 + len("nNumber1.5")
    assert size_of("queue", Outgoing("x", attributes={"b": b"\x00\xff"})) == 1 + len("bBinary") + 2
    assert size_of("bus", Outgoing("{}", attributes={"source": "s", "detail-type": "d", "k": "v"})) == len("{}sdk=v")


@pytest.mark.parametrize(
    "attributes",
    [
        {".a": "x"},
        {"a.": "x"},
        {"a..b": "x"},
        {"aws.a": "x"},
        {"Amazon.a": "x"},
        {"a b": "x"},
        {"ü": "x"},
        {"": "x"},
        {"a" * 257: "x"},
        {"a": ""},
        {"a": b""},
        {"a": "\x00"},
        {"a": "\ud800"},
        {"a": "\uffff"},
        {"a": True},
        {"a": Decimal("NaN")},
        {"a": Decimal("Infinity")},
        {f"a{number}": "x" for number in range(11)},
    ],
)
def test_an_attribute_that_aws_refuses_is_refused(attributes: Any) -> None:  # noqa: ANN401 - also what no type allows
    with pytest.raises(AuthorError, match="a message to queue 'jobs' has") as refused:
        require_sendable("queue", "jobs", [Outgoing("x", attributes=attributes)])

    assert "\x00" not in str(refused.value)


@pytest.mark.parametrize("name", ["a", "AWSome", "amazon_", "a.b-c_9", "a" * 256])
def test_an_attribute_that_aws_takes_is_taken(name: str) -> None:
    require_sendable("queue", "jobs", [Outgoing("x", attributes={name: "\t\n\r \U0001f30d", "n": 0})])


def test_what_is_no_destination_takes_nothing() -> None:
    with pytest.raises(ConfigurationError, match="a queue, a topic or an event bus, not to a 'stream'"):
        require_sendable("stream", "s", [])
