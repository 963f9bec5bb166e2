"""What a record of a stream keeps its order within: its key, where its table or stream tells keys apart."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from pydantic import BaseModel

from eventkit import App, Inserted, Names, Reject, Retry, Stream, StreamOptions, Table
from eventkit.decode import Ordering
from eventkit.dispatch import Dispatcher, Wiring, open_dispatcher
from eventkit.events import Change, Item
from eventkit.execution import Environment
from eventkit.testing import kinesis_record, stream_record
from tests.core.at_once import Inline
from tests.core.harness import Json


class Order(BaseModel):
    id: int
    customer: str


def by_customer(change: Change[Item]) -> object:
    return change.keys["customer"]


@asynccontextmanager
async def dispatcher_of(orders: Table[Order], clicks: Stream[str] | None = None) -> AsyncGenerator[Dispatcher]:
    app = App("test")

    @app.on(orders.inserted())
    async def take(_: Inserted[Order]) -> None: ...

    if clicks is not None:

        @app.on(clicks)
        async def click(_: str) -> None: ...

    async with open_dispatcher(app, Environment(Inline(), lambda: 1.0), Wiring(Names("test"))) as dispatcher:
        yield dispatcher


def order(customer: str, kind: str = "INSERT", table: str = "orders") -> Json:
    item = {"customer": customer, "id": 1}
    return stream_record(kind, table, keys=item, new=item if kind == "INSERT" else None)


async def test_without_keys_a_record_keeps_its_order_among_all_of_its_shard() -> None:
    async with dispatcher_of(Table[Order]("orders"), Stream[str]("clicks")) as dispatcher:
        assert dispatcher.lane_of(order("ada")) is None
        assert dispatcher.lane_of(kinesis_record("x", "clicks")) is None


async def test_a_change_is_in_the_lane_of_its_key_whatever_kind_of_change_it_is() -> None:
    async with dispatcher_of(Table[Order]("orders", order_by=by_customer)) as dispatcher:
        assert dispatcher.lane_of(order("ada")) == "ada"
        assert dispatcher.lane_of(order("ada", "REMOVE")) == "ada"
        assert dispatcher.lane_of(order("bob")) == "bob"


async def test_each_stream_of_an_app_has_keys_of_its_own_or_none() -> None:
    clicks = Stream[str]("clicks", stream=StreamOptions(parallel=2))
    async with dispatcher_of(Table[Order]("orders"), clicks) as dispatcher:
        assert dispatcher.lane_of(order("ada")) is None
        assert dispatcher.lane_of(kinesis_record("x", "clicks", key="ada")) == "ada"


@pytest.mark.parametrize(
    "record",
    [
        pytest.param({"eventSource": "aws:dynamodb"}, id="none that can be decoded"),
        pytest.param(order("ada", table="others"), id="one that nobody takes"),
        pytest.param(stream_record("INSERT", "orders", keys={"id": 1}, new={"id": 1}), id="one without the key"),
    ],
)
async def test_what_has_no_key_keeps_its_order_among_all(record: Json) -> None:
    async with dispatcher_of(Table[Order]("orders", order_by=by_customer)) as dispatcher:
        assert dispatcher.lane_of(record) is None


async def test_a_record_without_its_key_is_rejected_and_no_handler_sees_it() -> None:
    async with dispatcher_of(Table[Order]("orders", order_by=by_customer)) as dispatcher:
        outcome = await dispatcher.handle(stream_record("INSERT", "orders", keys={"id": 1}, new={"id": 1}))

    assert outcome == Reject("table 'orders': what a record is ordered by is missing: order_by raised KeyError")


async def test_a_key_that_is_none_is_a_mistake_of_the_apps_author_so_the_record_comes_again() -> None:
    async with dispatcher_of(Table[Order]("orders", order_by=lambda change: [change.keys])) as dispatcher:
        outcome = await dispatcher.handle(order("ada"))

    assert isinstance(outcome, Retry)


@pytest.mark.parametrize("ordering", Ordering)
async def test_of_a_batch_only_a_streams_is_divided_by_keys(ordering: Ordering) -> None:
    async with dispatcher_of(Table[Order]("orders", order_by=by_customer)) as dispatcher:
        lane_of = dispatcher.lane_by(ordering)

    assert (lane_of(order("ada")) == "ada") is (ordering is Ordering.SHARD)
