"""An outbox: what was written with the data is sent, in order, as often as it takes, and then deleted."""

from typing import Any, cast

import boto3
import pytest
from pydantic import BaseModel

from eventkit import (
    App,
    AuthorError,
    BackendError,
    Bus,
    ConfigurationError,
    Delivery,
    Done,
    Message,
    Names,
    Queue,
    Reject,
    Retry,
    RouteError,
    Topic,
)
from eventkit.backends.memory import MemoryBackend
from eventkit.publish import HOPS
from eventkit_aws.outbox import KEPT, Outbox, OutboxClient, OutboxItem, OutboxTable
from tests.adapters.aws.fakes import FakeClient
from tests.core import harness
from tests.core.harness import change, handled, sqs


class Placed(BaseModel):
    id: int


orders = Queue[Placed]("orders.fifo")
news = Topic[Placed]("news")
events = Bus[Placed]("events")


def outbox_of(*destinations: Any, names: Names | None = None) -> Outbox:  # noqa: ANN401 - destinations of any type
    return Outbox(
        *(destinations or (orders, news, events)),
        names=names or Names("shop"),
        new_id=lambda: "id-1",
        clock=lambda: 1e9,
    )


def relaying(outbox: Outbox, deleted: list[OutboxItem] | None = None) -> App:
    class Items:
        async def delete(self, item: OutboxItem) -> None:
            assert deleted is not None
            deleted.append(item)

    app = App("shop")
    app.include(outbox.relay() if deleted is None else outbox.relay(Items))
    return app


def inserted(written: dict[str, Any]) -> dict[str, Any]:
    """What the table's stream tells of a write."""
    return change(new=written["Put"]["Item"], table="outbox")


def test_a_write_is_an_item_of_a_transaction() -> None:
    names = Names("shop", {"TABLE_OUTBOX": "shop-outbox"})

    written = outbox_of(names=names).write(orders, Placed(id=1), group="g", attributes={"size": 7, "b": b"\x00"})

    assert written == {
        "Put": {
            "TableName": "shop-outbox",
            "Item": {
                "lane": {"S": "queue:orders.fifo:g"},
                "id": {"S": "id-1"},
                "destination": {"S": "queue:orders.fifo"},
                "text": {"S": '{"id":1}'},
                "group": {"S": "g"},
                "attributes": {"M": {"size": {"N": "7"}, "b": {"B": b"\x00"}}},
                "carried": {"M": {}},
                "expires": {"N": str(1_000_000_000 + KEPT)},
            },
        }
    }


def test_what_needs_no_order_has_a_lane_of_its_own() -> None:
    assert outbox_of().write(news, Placed(id=1))["Put"]["Item"]["lane"] == {"S": "id-1"}


async def test_what_was_written_is_sent() -> None:
    outbox, sent = outbox_of(), harness.Outbox()

    outcome = await handled(
        relaying(outbox), inserted(outbox.write(orders, Placed(id=1), group="g", attributes={"n": 7})), publisher=sent
    )

    assert outcome == Done()
    assert sent.sent == [("queue", "orders.fifo", '{"id":1}')]
    (message,) = sent.messages
    assert (message.group, message.deduplication_id) == ("g", "id-1")
    assert message.attributes == {"n": 7, "eventkit.outbox": "id-1"}


async def test_only_what_is_fifo_gets_a_deduplication_id_and_only_a_bus_a_source() -> None:
    outbox, sent = outbox_of(), harness.Outbox()

    for destination in (news, events):
        await handled(
            relaying(outbox), inserted(outbox.write(destination, Placed(id=1))), publisher=sent, names=Names("shop")
        )

    assert [(kind, address) for kind, address, _ in sent.sent] == [("topic", "news"), ("bus", "events")]
    assert [message.deduplication_id for message in sent.messages] == [None, None]
    assert [message.attributes for message in sent.messages] == [
        {"eventkit.outbox": "id-1"},
        {"source": "shop", "detail-type": "Placed", "eventkit.outbox": "id-1"},
    ]


async def test_what_is_sent_twice_arrives_once_on_a_fifo_queue() -> None:
    outbox, backend = outbox_of(), MemoryBackend()
    backend.create_queue("orders.fifo")
    record = inserted(outbox.write(orders, Placed(id=1), group="g"))

    for _ in range(2):
        assert await handled(relaying(outbox), record, publisher=backend) == Done()

    assert backend.depth("orders.fifo") == 1


async def test_what_was_sent_is_deleted() -> None:
    deleted: list[OutboxItem] = []
    outbox = outbox_of()

    await handled(relaying(outbox, deleted), inserted(outbox.write(news, Placed(id=1))), publisher=harness.Outbox())

    assert [(item.lane, item.id) for item in deleted] == [("id-1", "id-1")]


async def test_what_could_not_be_sent_stays_and_is_tried_again() -> None:
    deleted: list[OutboxItem] = []
    outbox, failing = outbox_of(), harness.Outbox(failure=BackendError("down"))

    outcome = await handled(relaying(outbox, deleted), inserted(outbox.write(news, Placed(id=1))), publisher=failing)

    assert isinstance(outcome, Retry)
    assert deleted == []


async def test_an_item_for_a_destination_that_is_no_more_is_not_lost_silently() -> None:
    record = inserted(outbox_of().write(news, Placed(id=1)))

    outcome = await handled(relaying(outbox_of(orders)), record, publisher=harness.Outbox())

    assert isinstance(outcome, Reject)
    assert "'topic:news'" in outcome.reason


async def test_deletions_send_nothing() -> None:
    outbox, sent = outbox_of(), harness.Outbox()
    old = outbox.write(news, Placed(id=1))["Put"]["Item"]

    assert await handled(relaying(outbox), change("REMOVE", old=old, table="outbox"), publisher=sent) == Done()

    assert sent.sent == []


async def test_the_trace_and_the_hops_of_what_is_handled_go_on() -> None:
    outbox, sent = outbox_of(), harness.Outbox()
    named = {HOPS: {"dataType": "String", "stringValue": "2"}}
    delivery = Delivery(Message(sqs("{}", messageAttributes=named, system={"AWSTraceHeader": "Root=1"})), None, "place")

    await handled(relaying(outbox), inserted(outbox.write(news, Placed(id=1), delivery=delivery)), publisher=sent)

    assert (sent.messages[0].carried, sent.messages[0].trace) == ({HOPS: "3"}, "Root=1")


def test_what_could_not_be_sent_is_not_written() -> None:
    outbox = outbox_of(orders, news, events)

    with pytest.raises(ConfigurationError, match="group"):
        outbox.write(orders, Placed(id=1))
    with pytest.raises(AuthorError, match="attribute"):
        outbox.write(news, Placed(id=1), attributes={"AWS.a": "x"})
    with pytest.raises(AuthorError, match="order"):
        outbox.write(events, Placed(id=1), group="g")
    with pytest.raises(RouteError, match="queue 'other': name it where the outbox is made"):
        outbox.write(Queue[Placed]("other"), Placed(id=1))


async def test_an_item_is_deleted_by_its_key() -> None:
    client = FakeClient(delete_item=[{}])
    item = OutboxItem(lane="l", id="i", destination="topic:news", text="{}", expires=1)

    await OutboxTable(cast("OutboxClient", client), "shop-outbox").delete(item)

    assert client.requests("delete_item") == [
        {"TableName": "shop-outbox", "Key": {"lane": {"S": "l"}, "id": {"S": "i"}}}
    ]


async def test_a_transaction_writes_all_or_nothing(moto: str) -> None:
    sdk: Any = boto3
    dynamodb = sdk.client("dynamodb", endpoint_url=moto)
    try:
        keys = [{"AttributeName": "lane", "KeyType": "HASH"}, {"AttributeName": "id", "KeyType": "RANGE"}]
        named = [{"AttributeName": name, "AttributeType": "S"} for name in ("lane", "id")]
        table = {"KeySchema": keys, "AttributeDefinitions": named, "BillingMode": "PAY_PER_REQUEST"}
        dynamodb.create_table(TableName="outbox", **table)
        writing = outbox_of().write(news, Placed(id=1), attributes={"n": 7, "b": b"\x00"})
        absent = {"TableName": "outbox", "Key": {"lane": {"S": "x"}, "id": {"S": "x"}}}
        impossible = {"ConditionCheck": {**absent, "ConditionExpression": "attribute_exists(lane)"}}

        with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
            dynamodb.transact_write_items(TransactItems=[writing, impossible])
        assert dynamodb.scan(TableName="outbox")["Count"] == 0
        dynamodb.transact_write_items(TransactItems=[writing])

        (item,) = dynamodb.scan(TableName="outbox")["Items"]
        item["attributes"]["M"]["b"]["B"] = "AA=="  # as streams write it
        sent = harness.Outbox()
        await handled(relaying(outbox_of()), change(new=item, table="outbox"), publisher=sent)
        assert sent.messages[0].attributes == {"n": 7, "b": b"\x00", "eventkit.outbox": "id-1"}
    finally:
        dynamodb.close()
