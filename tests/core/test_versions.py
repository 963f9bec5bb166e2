"""Older versions of a message are read as what they were, and lifted to what handlers take."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from eventkit import App, DecodeError, Queue, Reject, RouteError, ValidationFailed
from eventkit.cloudevents import CloudEvents
from eventkit.discriminators import ByAttribute, ByField, Discriminator
from tests.core.event_types import (
    Paid,
    PaidInField,
    Placed,
    PlacedInField,
    PlacedV1,
    PlacedV2,
    field_in_cents,
    in_cents,
    in_queue,
    queue_of,
    read,
    with_currency,
)
from tests.core.harness import Json, handled

VERSIONS = ByAttribute("type", version="version")

orders = queue_of(Placed | Paid, VERSIONS, with_currency, in_cents)


@pytest.mark.parametrize(
    ("record", "value"),
    [
        (in_queue('{"price": "1.50"}', type="shop.placed"), Placed(cents=150, currency="EUR")),
        (in_queue('{"price": "1.50"}', type="shop.placed", version="1"), Placed(cents=150, currency="EUR")),
        (in_queue('{"price": "1.50"}', type="shop.placed", version=1), Placed(cents=150, currency="EUR")),
        (in_queue('{"cents": 7}', type="shop.placed", version="2"), Placed(cents=7, currency="EUR")),
        (
            in_queue('{"cents": 7, "currency": "SEK"}', type="shop.placed", version="3"),
            Placed(cents=7, currency="SEK"),
        ),
        (in_queue('{"id": 1}', type="Paid"), Paid(id=1)),
    ],
)
def test_a_message_of_an_older_version_is_lifted_step_by_step(record: Json, value: object) -> None:
    assert read(orders, record) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"kind": "placed", "price": "1.50"}', PlacedInField(cents=150)),
        ('{"kind": "placed", "version": 1, "price": "1.50"}', PlacedInField(cents=150)),
        ('{"kind": "placed", "version": 2, "cents": 7}', PlacedInField(cents=7)),
        ('{"version": 2, "cents": 7, "kind": "placed"}', PlacedInField(cents=7)),
        ('{"kind": "paid", "id": 1}', PaidInField(id=1)),
    ],
)
def test_a_field_says_the_version_too(text: str, value: object) -> None:
    queue = queue_of(PlacedInField | PaidInField, ByField("kind", version="version"), field_in_cents)

    assert read(queue, in_queue(text)) == value


@pytest.mark.parametrize(
    ("model", "version", "says"),
    [
        (Placed | Paid, "4", "the message is version 4 of 'shop.placed'; this app knows 1 to 3"),
        (Placed | Paid, "999999", "the message is version 999999 of 'shop.placed'; this app knows 1 to 3"),
        (Placed | Paid, "0", "the attribute 'version' of the message holds no version: a whole number from 1"),
        (Placed | Paid, "-1", "the attribute 'version' of the message holds no version: a whole number from 1"),
        (Placed | Paid, "canary", "the attribute 'version' of the message holds no version: a whole number from 1"),
        (Placed | Paid, "9999999", "the attribute 'version' of the message holds no version: a whole number from 1"),
        (Placed | Paid, "²", "the attribute 'version' of the message holds no version: a whole number from 1"),
        (Placed | Paid, 1.5, "the attribute 'version' of the message holds no version: a whole number from 1"),
    ],
)
async def test_a_version_that_the_app_does_not_know_is_rejected(model: object, version: object, says: str) -> None:
    app = App("app")
    app.on(queue_of(model, VERSIONS, with_currency, in_cents))(lambda _event: None)

    outcome = await handled(app, in_queue("{}", type="shop.placed", version=version))

    assert isinstance(outcome, Reject)
    assert outcome.reason == says


def test_a_version_before_the_first_upcaster_is_not_known() -> None:
    queue = queue_of(Placed, VERSIONS, with_currency)

    with pytest.raises(DecodeError, match=r"version 1 of 'shop\.placed'; this app knows 2 to 3"):
        read(queue, in_queue("{}", type="shop.placed"))


def test_without_upcasters_one_version_is_known() -> None:
    with pytest.raises(DecodeError, match="version 2 of 'Paid'; this app knows only 1"):
        read(queue_of(Paid | Placed, VERSIONS), in_queue("{}", type="Paid", version="2"))


def test_an_old_message_is_validated_as_what_it_was() -> None:
    with pytest.raises(ValidationFailed, match="does not fit PlacedV1: price: Field required"):
        read(orders, in_queue('{"cents": 1}', type="shop.placed", version="1"))


def test_messages_without_a_name_are_lifted_where_there_is_one_type() -> None:
    queue = queue_of(Placed, VERSIONS, in_cents, with_currency)

    assert read(queue, in_queue('{"price": "1"}')) == Placed(cents=100, currency="EUR")


async def test_of_lifts_what_becomes_its_kind() -> None:
    app, taken = App("app"), list[object]()
    app.on(orders.of(Placed), name="placed")(taken.append)
    app.on(orders.of(Paid), name="paid")(taken.append)

    await handled(app, in_queue('{"price": "1"}', type="shop.placed"))

    assert taken == [Placed(cents=100, currency="EUR")]


async def test_what_an_upcaster_raises_is_the_outcome() -> None:
    def refuse(_old: PlacedV2) -> Placed:
        raise Reject("too old")

    app = App("app")
    app.on(queue_of(Placed, VERSIONS, refuse))(lambda _event: None)

    outcome = await handled(app, in_queue('{"cents": 1}', version="2"))

    assert isinstance(outcome, Reject)
    assert outcome.reason == "too old"


def test_versions_are_left_alone_where_nobody_asks_for_them() -> None:
    queue = queue_of(Placed | Paid, ByAttribute("type"))

    assert read(queue, in_queue('{"cents": 1, "currency": "EUR"}', type="shop.placed", version="17")) == Placed(
        cents=1, currency="EUR"
    )
    assert queue.encode(Placed(cents=1, currency="EUR")).attributes == {"type": "shop.placed"}


def test_an_old_name_may_differ() -> None:
    class Old(BaseModel):
        event_type: ClassVar[str] = "order-placed"
        event_version: ClassVar[int] = 2
        cents: int

    def renamed(old: Old) -> Placed:
        return Placed(cents=old.cents, currency="EUR")

    queue = queue_of(Placed | Paid, VERSIONS, renamed)

    assert read(queue, in_queue('{"cents": 1}', type="order-placed", version="2")) == Placed(cents=1, currency="EUR")


def bare(old: Any) -> Any:  # noqa: ANN401 - that it says nothing is the point
    return old


def of_nothing() -> Placed:
    raise NotImplementedError


def backwards(old: PlacedV2) -> PlacedV1:
    return PlacedV1(price=str(old.cents))


def in_a_circle(old: Placed) -> Placed:
    return old


def far(old: PlacedV1) -> Placed:
    return Placed(cents=int(old.price), currency="EUR")


def another(old: PlacedV1) -> PlacedV2:
    return PlacedV2(cents=int(old.price))


def unknown(_old: PlacedV2) -> Placed:
    raise NotImplementedError


unknown.__annotations__["_old"] = "Unknown"  # as `if TYPE_CHECKING` leaves it


@pytest.mark.parametrize(
    ("model", "upcasters", "says"),
    [
        (Placed, [bare], "the upcaster bare must say what it takes and gives: def bare(old: Old) -> New"),
        (
            Placed,
            [of_nothing],
            "the upcaster of_nothing must say what it takes and gives: def of_nothing(old: Old) -> New",
        ),
        (
            Placed,
            [backwards],
            (
                "the upcaster backwards leads from PlacedV2, version 2, to PlacedV1, version 1: "
                "each leads to the next version"
            ),
        ),
        (
            Placed,
            [in_a_circle],
            (
                "the upcaster in_a_circle leads from Placed, version 3, to Placed, version 3: "
                "each leads to the next version"
            ),
        ),
        (
            Placed,
            [far],
            "the upcaster far leads from PlacedV1, version 1, to Placed, version 3: each leads to the next version",
        ),
        (
            Placed,
            [in_cents, another, with_currency],
            "the upcaster in_cents and the upcaster another both take PlacedV1: one of them must go",
        ),
        (Paid, [with_currency], "upcasters lead from PlacedV2 to Placed, which is none of Paid"),
        (Placed, [in_cents], "upcasters lead from PlacedV1 to PlacedV2, which is none of Placed"),
        (
            Placed | PlacedV2,
            [with_currency],
            "the upcaster with_currency lifts PlacedV2, which Placed | PlacedV2 takes as it is",
        ),
        (
            Placed,
            [unknown],
            "the upcaster unknown: its annotations cannot be read: name 'Unknown' is not defined",
        ),
    ],
)
def test_upcasters_that_do_not_lead_to_the_resources_type_are_refused(
    model: object, upcasters: Sequence[Callable[..., Any]], says: str
) -> None:
    queue = queue_of(model, VERSIONS, *upcasters)

    with pytest.raises(RouteError) as refused:
        App("app").on(queue)(lambda _event: None)

    assert str(refused.value) == f"queue 'orders': {says}"


@pytest.mark.parametrize("types", [ByAttribute("type"), ByField("kind")], ids=str)
def test_upcasters_without_versions_are_refused(types: Discriminator) -> None:
    with pytest.raises(RouteError, match="does not say versions: add version="):
        _ = queue_of(Placed, types, with_currency).selectors


def test_upcasters_without_types_are_refused_at_once() -> None:
    with pytest.raises(RouteError) as refused:
        Queue[Placed]("orders", upcasters=[with_currency])

    assert str(refused.value) == (
        "queue 'orders' has upcasters, and nothing says versions: add types=ByField(version=…)"
    )


def test_the_version_of_a_cloudevent_is_the_end_of_its_type() -> None:
    queue = queue_of(Placed | Paid, CloudEvents("/shop"), in_cents, with_currency)

    def event(kind: str, data: str) -> Json:
        return in_queue(f'{{"specversion": "1.0", "id": "1", "source": "/shop", "type": "{kind}", "data": {data}}}')

    assert read(queue, event("shop.placed", '{"price": "1"}')) == Placed(cents=100, currency="EUR")
    assert read(queue, event("shop.placed.v1", '{"price": "1"}')) == Placed(cents=100, currency="EUR")
    assert read(queue, event("shop.placed.v2", '{"cents": 7}')) == Placed(cents=7, currency="EUR")
    assert read(queue, event("shop.placed.v3", '{"cents": 7, "currency": "SEK"}')) == Placed(cents=7, currency="SEK")
    with pytest.raises(DecodeError, match=r"version 4 of 'shop\.placed'; this app knows 1 to 3"):
        read(queue, event("shop.placed.v4", "{}"))
