"""Event buses: what is put on them, and whose an event is."""

from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from eventkit import (
    App,
    AuthorError,
    BusEvent,
    DecodeError,
    Delivery,
    Done,
    Message,
    Names,
    ObjectCreated,
    Queue,
    Reject,
    Sender,
    attribute,
    decode,
)
from eventkit.buses import Bus
from eventkit.publish import HOPS
from tests.core.harness import ACCOUNT, REGION, Job, Json, Outbox, eventbridge, handled, notification, only, sns, sqs


class Placed(BaseModel):
    id: int


class Paid(BaseModel):
    event_type: ClassVar[str] = "shop.paid"
    id: int


orders = Bus[Placed | Paid]("orders")


def event(detail: object, detail_type: str = "Placed", **members: object) -> Json:
    """A custom event, as EventBridge delivers it."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": detail_type,
        "source": "shop",
        "account": ACCOUNT,
        "time": "2021-11-12T00:00:00Z",
        "region": REGION,
        "resources": [],
        "detail": detail,
        **members,
    }


def app_of(*sources: Any) -> tuple[App, list[object]]:  # noqa: ANN401 - sources of any event
    app, seen = App("app"), list[object]()

    def see(event: object) -> None:
        seen.append(event)

    for number, source in enumerate(sources):
        app.on(source, name=str(number))(see)
    return app, seen


async def test_an_event_says_what_it_is_and_who_sent_it() -> None:
    outbox = Outbox()
    sender = Sender(orders, "orders", outbox, source="shop")

    await sender.send(Placed(id=1), Paid(id=2))

    assert outbox.sent == [("bus", "orders", '{"id":1}'), ("bus", "orders", '{"id":2}')]
    assert [one.attributes for one in outbox.messages] == [
        {"source": "shop", "detail-type": "Placed"},
        {"source": "shop", "detail-type": "shop.paid"},
    ]


async def test_attributes_may_say_otherwise() -> None:
    outbox = Outbox()

    await Sender(orders, "orders", outbox, source="shop").send(
        Placed(id=1), attributes={"source": "till", "detail-type": "placed", "tenant": "t"}
    )

    assert outbox.messages[0].attributes == {"source": "till", "detail-type": "placed", "tenant": "t"}


async def test_the_source_of_an_apps_events_is_the_app() -> None:
    outbox, app = Outbox(), App("app")

    @app.on(Queue[Job]("jobs"), to=orders)
    async def place(job: Job) -> Placed:
        return Placed(id=job.id)

    assert await handled(app, sqs({"id": 1}), names=Names("shop"), publisher=outbox) == Done()

    (sent,) = outbox.messages
    assert (sent.attributes["source"], sent.carried) == ("shop", {HOPS: "1"})


async def test_what_is_no_object_is_no_event() -> None:
    with pytest.raises(AuthorError, match="bus 'numbers': an event's detail is a JSON object, and a int is none"):
        await Sender(Bus[int]("numbers"), "numbers", Outbox()).send(1)


@pytest.mark.parametrize(
    "record",
    [
        event({"id": 1}),
        sqs(event({"id": 1}), "app-orders"),
        sns(event({"id": 1}), "events"),
        sqs(notification(event({"id": 1})), "app-orders"),
    ],
    ids=["directly", "through a queue", "through a topic", "through both"],
)
async def test_an_event_finds_its_bus_whatever_brings_it(record: Json) -> None:
    app, seen = app_of(orders)

    assert await handled(app, record) == Done()

    assert seen == [Placed(id=1)]


async def test_an_event_is_read_as_what_it_says_it_is() -> None:
    app, seen = app_of(orders.of(Paid))

    for detail_type in ("Placed", "shop.paid", "Paid"):
        assert await handled(app, event({"id": 1}, detail_type)) == Done()

    assert seen == [Paid(id=1)]


async def test_an_event_of_another_buss_queue_is_not_the_buss() -> None:
    app, seen = app_of(orders)

    assert await handled(app, sqs(event({"id": 1}), "elsewhere")) == Done()

    assert seen == []


async def test_an_event_that_is_invalid_is_rejected() -> None:
    app, seen = app_of(orders)

    outcome = await handled(app, event({"id": "1"}))

    assert isinstance(outcome, Reject)
    assert seen == []


async def test_a_condition_looks_at_what_the_event_says() -> None:
    app, seen = app_of(orders.where(attribute("source").equals("till") | attribute("tenant").equals("t")))

    await handled(app, event({"id": 1}))
    await handled(app, event({"id": 2}, source="till"))
    await handled(app, event({"id": 3}, resources=["arn:aws:s3:::photos=x", "tenant=t", 7]))

    assert seen == [Placed(id=2), Placed(id=3)]


async def test_a_bus_without_types_takes_every_event_that_fits() -> None:
    app, seen = app_of(Bus[dict[str, Any]]("default", types=None))

    await handled(app, event({"state": "running"}, "EC2 Instance State-change Notification", source="aws.ec2"))

    assert seen == [{"state": "running"}]


def test_an_event_tells_its_facts() -> None:
    found = only(sqs(event({"id": 1}, resources=["eventkit.hops=2"]), "app-orders"))

    assert isinstance(found, BusEvent)
    assert (found.id, found.source, found.detail_type) == ("17793124-05d4-b198-2fde-7ededc63b103", "shop", "Placed")
    assert found.sent is not None
    assert found.path == ("sqs:app-orders", "events:shop")
    assert found.attributes == {"eventkit.hops": "2", "source": "shop", "detail-type": "Placed"}
    assert repr(found) == "BusEvent(id='17793124-05d4-b198-2fde-7ededc63b103', source='shop', detail_type='Placed')"


def test_an_event_of_s3_stays_what_it_is() -> None:
    (found,) = decode(eventbridge()).events

    assert isinstance(found, ObjectCreated)


@pytest.mark.parametrize("missing", ["id", "detail-type", "source", "region", "resources", "detail"])
def test_a_message_that_lacks_a_member_of_events_is_the_senders_own(missing: str) -> None:
    body = event({"id": 1})
    del body[missing]

    assert isinstance(only(sqs(body)), Message)


def test_a_detail_that_no_json_can_hold_is_the_senders_fault() -> None:
    (found,) = decode(event({"id": "\ud800"})).events
    assert isinstance(found, BusEvent)

    with pytest.raises(DecodeError, match="EventBridge"):
        _ = found.text


async def test_hops_are_counted_on_buses_too() -> None:
    outbox = Outbox()
    delivery = Delivery(only(event({"id": 1}, resources=[f"{HOPS}=3"])), None, "handler")

    await Sender(orders, "orders", outbox, source="shop", delivery=delivery).send(Placed(id=1))

    assert outbox.messages[0].carried == {HOPS: "4"}


def test_names_know_buses() -> None:
    environ = {
        "EVENTKIT_BUS_ORDERS": "arn:aws:events:eu-west-1:123456789012:event-bus/shop",
        "EVENTKIT_VIA_NEWS": "sqs:q",
    }

    names = Names.from_environ("app", environ)

    assert (names.name(orders), names.carrier(orders)) == ("shop", "app-orders")
    assert names.carrier(Bus[Placed]("news")) == "q"
    assert names.with_via(["orders=sqs:other"], [orders]).carrier(orders) == "other"
