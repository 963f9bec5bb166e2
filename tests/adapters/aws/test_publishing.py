"""What is published reaches each kind of destination in requests that AWS takes, however many of them fail."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventkit.backends._sending import MAX_SIZES, size_of
from eventkit.errors import AuthorError, BackendError, ConfigurationError
from eventkit.outgoing import Attribute, Outgoing
from eventkit_aws._calls import opened_on_demand
from eventkit_aws.s3 import S3Client
from eventkit_aws.sqs import BlockingClient, SqsBackend
from tests.adapters.aws.fakes import Answers, FakeClient, refusal, sqs

BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/orders"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:news"


def event(detail: str = "{}", **attributes: Attribute) -> Outgoing:
    return Outgoing(detail, attributes={"source": "shop", "detail-type": "Placed", **attributes})


async def no_nap(_seconds: float) -> None: ...


def backend(queues: FakeClient, events: FakeClient) -> SqsBackend:
    clients = [cast("BlockingClient", client) for client in (queues, queues, events)]
    return SqsBackend(*clients, sleep=no_nap)


def buses(**answers: Answers) -> FakeClient:
    return FakeClient(**{"describe_event_bus": [{"Arn": BUS}], **answers})


async def test_an_event_is_an_entry_for_its_bus() -> None:
    events = buses(put_events=[{"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}])
    message = Outgoing(
        '{"id":1}', attributes=event(n=7, b=b"\x00").attributes, carried={"eventkit.hops": "1"}, trace="Root=1"
    )

    await backend(sqs(), events).publish("bus", "orders", [message])

    assert events.requests("put_events") == [
        {
            "Entries": [
                {
                    "EventBusName": BUS,
                    "Source": "shop",
                    "DetailType": "Placed",
                    "Detail": '{"id":1}',
                    "Resources": ["n=7", "b=AA==", "eventkit.hops=1"],
                    "TraceHeader": "Root=1",
                }
            ]
        }
    ]


async def test_a_bus_is_asked_for_once_and_never_by_its_arn() -> None:
    events = buses(put_events=[{"Entries": []}])
    publishing = backend(sqs(), events)

    for address in ("orders", "orders", BUS):
        await publishing.publish("bus", address, [event()])

    assert events.requests("describe_event_bus") == [{"Name": "orders"}]


async def test_events_that_were_not_accepted_are_put_again() -> None:
    failed = {"ErrorCode": "InternalFailure", "ErrorMessage": "…"}
    throttled = {"ErrorCode": "ThrottlingException", "ErrorMessage": "…"}
    events = buses(put_events=[{"Entries": [failed, {"EventId": "1"}, throttled]}, {"Entries": [{"EventId": "2"}] * 2}])

    await backend(sqs(), events).publish("bus", "orders", [event(f'{{"id":{number}}}') for number in range(3)])

    sent = [[entry["Detail"] for entry in request["Entries"]] for request in events.requests("put_events")]
    assert sent == [['{"id":0}', '{"id":1}', '{"id":2}'], ['{"id":0}', '{"id":2}']]


async def test_an_event_that_is_refused_for_good_is_not_put_again() -> None:
    events = buses(put_events=[{"Entries": [{"ErrorCode": "MalformedDetail", "ErrorMessage": "the secret payload"}]}])

    with pytest.raises(
        BackendError, match="PutEvents on 'orders' failed for 1 of the messages: MalformedDetail"
    ) as told:
        await backend(sqs(), events).publish("bus", "orders", [event()])

    assert "secret" not in str(told.value)
    assert len(events.requests("put_events")) == 1


@pytest.mark.parametrize("kind", ["queue", "topic", "bus"])
async def test_what_cannot_be_sent_is_refused_before_any_call(kind: str) -> None:
    client, events = sqs(), buses()

    with pytest.raises(AuthorError):
        await backend(client, events).publish(kind, "jobs", [event(), event('{"a":"' + "x" * 1_048_576 + '"}')])

    assert client.calls == events.calls == []


async def test_a_client_is_opened_when_it_is_first_called_and_after_a_failure_again() -> None:
    client, openings = FakeClient(put_events=[{}]), [RuntimeError("not yet")]

    async def opening() -> FakeClient:
        if openings:
            raise openings.pop()
        return client

    lazy = opened_on_demand(opening)
    with pytest.raises(RuntimeError, match="not yet"):
        await lazy.put_events()
    for _ in range(2):
        await lazy.put_events(Entries=[])

    assert client.requests("put_events") == [{"Entries": []}] * 2


class Service:
    """All three services: notes each request, and accepts what the dice let it, in the end everything."""

    def __init__(self, dice: Sequence[bool]) -> None:
        self.requests: list[list[dict[str, Any]]] = []
        self.accepted: list[dict[str, Any]] = []
        self._dice = list(dice)

    def _luck(self) -> bool:
        return self._dice.pop() if self._dice else True

    def batch(self, request: dict[str, Any]) -> dict[str, Any] | Exception:
        entries = request.get("Entries") or request["PublishBatchRequestEntries"]
        self.requests.append(entries)
        if not self._luck():
            return refusal("Throttling")
        failed = [not self._luck() for _ in entries]
        self.accepted += [entry for entry, fails in zip(entries, failed, strict=True) if not fails]
        answers = [{"ErrorCode": "InternalFailure"} if fails else {"EventId": "1"} for fails in failed]
        failures = [
            {"Id": entry.get("Id"), "Code": "InternalError", "SenderFault": False}
            for entry, fails in zip(entries, failed, strict=True)
            if fails
        ]
        return {"Failed": failures, "Entries": answers}


def text_of(entry: dict[str, Any]) -> str:
    return str(entry.get("MessageBody") or entry.get("Message") or entry["Detail"])


sizes = st.one_of(st.integers(2, 100), st.integers(2, 262_000))
messages = st.lists(st.tuples(sizes, st.sampled_from("abc")), max_size=25)


@pytest.mark.parametrize(
    ("kind", "address"),
    [("queue", "jobs"), ("queue", "jobs.fifo"), ("topic", TOPIC), ("topic", f"{TOPIC}.fifo"), ("bus", BUS)],
)
@given(items=messages, dice=st.lists(st.booleans(), max_size=3))
@settings(max_examples=60, deadline=None)
def test_every_message_is_accepted_in_requests_that_fit(
    kind: str, address: str, items: list[tuple[int, str]], dice: list[bool]
) -> None:
    ordered = address.endswith(".fifo")
    attributes: Mapping[str, Attribute] = event().attributes if kind == "bus" else {}
    sent = [
        Outgoing(f'{{"{number:02}{group}":"{"x" * size}"}}', group if ordered else None, attributes=attributes)
        for number, (size, group) in enumerate(items)
    ]
    sent = [one for one in sent if size_of(kind, one) <= MAX_SIZES[kind]]
    service = Service(dice)
    client = sqs(send_message_batch=service.batch, publish_batch=service.batch)

    asyncio.run(backend(client, FakeClient(put_events=service.batch)).publish(kind, address, sent))

    by_text = {one.text: one for one in sent}
    assert sorted(map(text_of, service.accepted)) == sorted(by_text)
    for entries in service.requests:
        assert 1 <= len(entries) <= 10
        assert sum(size_of(kind, by_text[text_of(entry)]) for entry in entries) <= MAX_SIZES[kind]
    if ordered:
        assert by_group(map(text_of, service.accepted)) == by_group(by_text)


def by_group(texts: Any) -> dict[str, list[str]]:  # noqa: ANN401 - any iterable of texts
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for text in texts:
        groups[text[4]].append(text)
    return dict(groups)


async def test_what_is_given_up_is_put_into_a_bucket_as_json() -> None:
    objects = FakeClient(put_object=[{}])
    clients = [cast("BlockingClient", FakeClient()) for _ in range(3)]

    await SqsBackend(*clients, s3=cast("S3Client", objects)).put_object("archive", "a/b", b"{}")

    assert objects.requests("put_object") == [
        {"Bucket": "archive", "Key": "a/b", "Body": b"{}", "ContentType": "application/json", "Metadata": {}}
    ]


async def test_without_a_client_of_s3_nothing_is_put_into_a_bucket() -> None:
    with pytest.raises(ConfigurationError, match="pass SqsBackend a client of S3"):
        await backend(FakeClient(), FakeClient()).put_object("archive", "a/b", b"{}")
