"""The suite for an app's parity, on apps that somebody might have: one line is enough, and differences are told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from eventkit import (
    App,
    Bucket,
    ConfigurationError,
    Idempotent,
    Inserted,
    Names,
    ObjectCreated,
    ObjectRemoved,
    Queue,
    Stream,
    Table,
    Topic,
)
from eventkit.testing.entrance import Entrance
from eventkit.testing.parity import Fault, ParityContract, Scenario, assert_parity, play, scenarios_of


class Line(BaseModel):
    count: Annotated[int, Field(gt=2)]
    price: float


class Order(BaseModel):
    id: UUID
    kind: Literal["book", "lamp"]
    at: datetime
    lines: Annotated[list[Line], Field(min_length=1)]
    note: str | None
    words: str = "none"


class Even(BaseModel):
    number: Annotated[int, Field(multiple_of=2)]


orders = Queue[Order]("orders")
steps = Queue[Order]("steps.fifo")
news = Topic[Order]("news")
photos = Bucket("photos")
evens = Queue[Even]("evens")
rows = Table[Order]("rows")

app = App("shop")


@app.on(orders, timeout=30, idempotent=Idempotent(key=lambda order: order.id))
async def ship(order: Order) -> None:
    assert order.lines


@app.on(orders, to=news)
def bill(order: Order) -> Order:
    return order


@app.on(steps)
async def step(_: Order) -> None: ...


@app.on(news, timeout=5)
def tell(_: Order) -> None: ...


@app.on(photos.created(prefix="uploads/", suffix=(".jpg", ".png")))
def look(photo: ObjectCreated) -> None:
    assert photo.key == "uploads/example.jpg"


@app.on(Bucket("trash").removed())
def forget(_: ObjectRemoved) -> None: ...


@app.on(rows.inserted())
def row(_: Inserted[Order]) -> None: ...


class TestParity(ParityContract, app=app): ...


def test_the_scenarios_are_those_of_every_source() -> None:
    names = [one.name for one in scenarios_of(app)]

    assert len(names) == len(set(names))
    assert {name.partition(":")[0] for name in names} == {
        *("queue orders", "queue steps.fifo", "topic news", "bucket photos", "bucket trash", "table rows")
    }
    for title in (
        *("queue orders: timeout of ship", "topic news: timeout of tell", "queue orders: several routes, one failing"),
        *("queue steps.fifo: failure in the middle of a group", "bucket photos: nested records, one failing"),
        *("queue orders: success", "queue orders: duplicates", "queue orders: poison", "queue orders: unmatched"),
        *("table rows: failure in the middle of a shard", "table rows: more than a batch"),
    ):
        assert title in names


def test_a_scenario_does_what_it_says() -> None:
    seen = {one.name: play(app, one, "poller") for one in scenarios_of(app)}

    assert [call.split(" ")[2][:4] for call in seen["queue orders: duplicates"].calls] == [
        "bill",
        "bill",
        "ship",
        *["tell"] * 2,
    ]
    assert len(seen["queue orders: reject"].dead) == 1
    assert "received too often" in seen["queue orders: received too often"].dead[0]
    assert [call.split()[0] for call in seen["topic news: timeout of tell"].calls] == ["0.0", "6.0"]
    assert [call.split()[0] for call in seen["bucket photos: nested records, one failing"].calls] == [
        *("0.0", "0.0", "1.0")  # with a store, which another route wants, what had finished is not run again
    ]
    assert len(seen["bucket photos: success"].calls) == 1


def test_an_example_that_cannot_be_made_is_asked_for() -> None:
    other = App("other")
    other.on(evens, name="even")(lambda _: None)

    with pytest.raises(ConfigurationError, match=r"examples=\{evens"):
        assert_parity(other)

    assert_parity(other, examples={evens: Even(number=2)})


def test_an_app_without_sources_has_no_parity() -> None:
    other = App("other")

    with pytest.raises(ConfigurationError, match="no parity"):
        scenarios_of(other)


def test_a_scenario_of_one_s_own_is_played_under_names_of_one_s_own() -> None:
    other = App("other")
    other.on(orders, name="ship")(lambda _: None)
    names = Names("other", {"QUEUE_ORDERS": "prod-orders"})

    def arrange(t: Entrance) -> None:
        t.put(orders, "{")

    seen = play(other, Scenario("unreadable", arrange, (Fault(1, (None,)),)), "lambda", names=names)

    assert seen.dead[0].startswith("prod-orders-dlq: { (")


def test_an_app_that_behaves_differently_is_told_by_what_differs() -> None:
    starts: list[None] = []
    other = App("other")

    @other.on(orders, name="ship", to=Queue[str]("bills"))
    def ship(_: Order) -> Sequence[str]:
        starts.append(None)
        return [f"bill {len(starts)}"]

    with pytest.raises(AssertionError) as caught:
        assert_parity(other, scenarios_of(other)[:1])

    assert str(caught.value).splitlines() == [
        "queue orders: success: the runtimes lambda and poller differ",
        "  published, lambda alone: queue bills: bill 1 group=None",
        "  published, poller alone: queue bills: bill 2 group=None",
    ]


def test_calls_in_another_order_are_told_too() -> None:
    turns = iter(range(2))
    other, clicks = App("other"), Stream[str]("clicks")

    @other.on(clicks, name="first")
    def first(_: str) -> None: ...

    def arrange(t: Entrance) -> None:
        words = ["a", "b"] if next(turns) else ["b", "a"]
        t.put_records(clicks, *words)

    with pytest.raises(AssertionError) as caught:
        assert_parity(other, [Scenario("two words", arrange, order="stream")])

    assert str(caught.value).splitlines() == [
        "two words: the runtimes lambda and poller differ",
        "  calls are in another order: first('b') group=1, and first('a') group=1",
    ]
