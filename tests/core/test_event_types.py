"""A union is told apart by what its messages say they are."""

import logging
from typing import Annotated, Any, ClassVar, Literal, TypedDict

import pytest
from pydantic import BaseModel, Field

from eventkit import App, AuthorError, DecodeError, Done, Queue, Reject, RouteError, Topic, Unmatched, ValidationFailed
from eventkit.discriminators import ByAttribute, ByField, Discriminator
from eventkit.sources import SKIPPED
from tests.core.event_types import (
    Paid,
    PaidInField,
    Placed,
    PlacedInField,
    in_queue,
    in_topic,
    in_topic_in_queue,
    queue_of,
    read,
    sent,
    topic_of,
)
from tests.core.harness import Json, handled, handled_inline, only

by_attribute = queue_of(Placed | Paid, ByAttribute("type"))
by_field = queue_of(PlacedInField | PaidInField, ByField("kind"))


def test_an_attribute_says_which_member_of_a_union_a_message_is() -> None:
    assert read(by_attribute, in_queue('{"id": 1}', type="Paid")) == Paid(id=1)
    assert read(by_attribute, in_queue('{"cents": 1, "currency": "EUR"}', type="shop.placed")) == Placed(
        cents=1, currency="EUR"
    )


def test_a_field_says_which_member_of_a_union_a_message_is() -> None:
    assert read(by_field, in_queue('{"kind": "paid", "id": 1}')) == PaidInField(id=1)
    assert read(by_field, in_queue('{"cents": 1, "kind": "placed"}')) == PlacedInField(cents=1)


@pytest.mark.parametrize("way", [in_topic, in_topic_in_queue])
def test_the_attributes_of_a_notification_say_it_too(way: Any) -> None:  # noqa: ANN401 - makes a record
    topic = topic_of(Placed | Paid, ByAttribute("type"))

    assert read(topic, way('{"id": 1}', type="Paid")) == Paid(id=1)


def test_without_types_pydantic_finds_the_member_by_its_own_discriminator() -> None:
    queue: Any = Queue[Annotated[PlacedInField | PaidInField, Field(discriminator="kind")]]("orders")

    assert read(queue, in_queue('{"kind": "paid", "id": 1}')) == PaidInField(id=1)


@pytest.mark.parametrize(
    ("queue", "record"),
    [
        (by_attribute, in_queue('{"currency": "canary"}', type="shop.placed")),
        (by_field, in_queue('{"kind": "placed", "id": 1}')),
    ],
)
def test_only_the_member_that_a_message_says_it_is_is_tried(queue: Queue[Any], record: Json) -> None:
    with pytest.raises(ValidationFailed) as refused:
        read(queue, record)

    assert "the message does not fit Placed" in str(refused.value)
    assert str(refused.value).endswith(": cents: Field required")


@pytest.mark.parametrize(
    ("queue", "record", "says"),
    [
        (by_attribute, in_queue('{"id": 1}'), "it has no attribute 'type' that is a text"),
        (by_attribute, in_queue('{"id": 1}', type=7), "it has no attribute 'type' that is a text"),
        (by_field, in_queue('{"id": 1}'), "it has no field 'kind' that is a text"),
        (by_field, in_queue('{"id": 1, "kind": null}'), "it has no field 'kind' that is a text"),
        (by_field, in_queue('{"id": 1, "kind": ["paid"]}'), "it has no field 'kind' that is a text"),
        (by_field, in_queue('["paid"]'), "the message is no JSON object"),
        (by_field, in_queue("paid"), "the message is no JSON object"),
        (by_field, in_queue("[" * 100_000), "the message is no JSON object"),
    ],
    ids=str,
)
async def test_a_message_that_does_not_say_its_type_is_rejected(queue: Queue[Any], record: Json, says: str) -> None:
    app = App("app")
    app.on(queue)(lambda _event: None)

    outcome = await handled(app, record)

    assert isinstance(outcome, Reject)
    assert says in outcome.reason


@pytest.mark.parametrize(
    ("queue", "record"),
    [
        (by_attribute, in_queue("not even JSON", type="Refunded")),
        (by_field, in_queue('{"kind": "refunded"}')),
    ],
)
async def test_an_unknown_type_goes_to_the_handler_of_what_is_unmatched(queue: Queue[Any], record: Json) -> None:
    app, unmatched, taken = App("app"), list[Unmatched](), list[object]()
    app.on(queue)(taken.append)

    @app.unmatched
    def keep(event: Unmatched) -> None:
        unmatched.append(event)

    outcomes = [await handled(app, record), await handled_inline(app, record)]

    assert outcomes == [Done(), Done()]
    assert (len(unmatched), taken) == (2, [])


async def test_an_unknown_type_is_rejected_where_nothing_handles_what_is_unmatched() -> None:
    app = App("app")
    app.on(by_attribute)(lambda _event: None)

    outcome = await handled(app, in_queue("{}", type="Refunded"))

    assert isinstance(outcome, Reject)
    assert outcome.reason == "no route takes this Message of sqs:orders, which says it is 'Refunded'"


async def test_a_known_type_that_no_route_takes_is_named_too() -> None:
    app = App("app")
    app.on(by_attribute.of(Placed))(lambda _event: None)

    outcome = await handled(app, in_queue('{"id": 1}', type="Paid"))

    assert isinstance(outcome, Reject)
    assert outcome.reason == "no route takes this Message of sqs:orders, which says it is 'Paid'"


def test_an_explanation_names_the_type_that_is_not_taken() -> None:
    app = App("app")
    app.on(by_attribute.of(Placed), name="placed")(lambda _event: None)

    explained = str(app.explain({"Records": [in_queue('{"id": 1}', type="Paid")]}))

    assert "placed does not take it: its message is not Placed, it says it is 'Paid'" in explained


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("shop.order/placed:v1-2", "shop.order/placed:v1-2"),
        ("x" * 64, "x" * 64),
        ("x" * 65, None),
        ("a b", None),
        ("\n", None),
        ("ü", None),
        ('{"id": 1}', None),
    ],
)
def test_a_text_repeats_a_type_that_looks_like_one_and_nothing_else(said: str, shown: str | None) -> None:
    event = only(in_queue("", type=said))

    assert by_attribute.type_of(event) == shown


def test_only_what_is_told_apart_says_its_type() -> None:
    event = only(in_queue('{"id": 1}'))

    assert (by_attribute.type_of(event), by_field.type_of(event), Queue[Paid]("orders").type_of(event)) == (
        None,
        None,
        None,
    )


async def test_of_takes_its_members_and_does_not_validate_the_others() -> None:
    app, paid, placed = App("app"), list[object](), list[object]()
    topic = Topic[Placed | Paid]("orders", types=ByAttribute("type"))
    app.on(topic.of(Paid), name="paid")(paid.append)
    app.on(topic.of(Placed), name="placed")(placed.append)

    taken = await handled_inline(app, in_topic('{"id": 1}', type="Paid"))
    refused = await handled_inline(app, in_topic('{"id": "x"}', type="Paid"))

    assert taken == Done()
    assert isinstance(refused, Reject)
    assert "does not fit Paid" in refused.reason
    assert (paid, placed) == ([Paid(id=1)], [])


def test_of_skips_the_others_unread() -> None:
    (selector,) = by_attribute.of(Paid).selectors
    assert selector.read is not None

    assert selector.read(only(in_queue("nothing", type="shop.placed"))) is SKIPPED
    assert selector.read(only(in_queue("nothing", type="Refunded"))) is SKIPPED


def test_a_single_type_need_not_be_named_but_is_believed() -> None:
    queue = queue_of(Paid, ByAttribute("type"))

    assert read(queue, in_queue('{"id": 1}')) == Paid(id=1)
    assert read(queue, in_queue('{"id": 1}', type="Paid")) == Paid(id=1)
    assert read(queue, in_queue('{"id": 1}', type="Refunded")) is SKIPPED


class Refunded(BaseModel):
    kind: Literal["refunded", "returned"]


def test_a_type_may_have_several_names_in_a_field() -> None:
    queue = queue_of(Refunded | PaidInField, ByField("kind"))

    assert read(queue, in_queue('{"kind": "returned"}')) == Refunded(kind="returned")
    assert read(queue, sent(queue.encode(Refunded(kind="returned")))) == Refunded(kind="returned")


class Special(Paid):
    pass


def test_a_message_of_a_derived_class_is_sent_as_the_member_that_it_is() -> None:
    assert by_attribute.encode(Special(id=1)).attributes == {"type": "Paid"}


def test_what_is_sent_says_what_it_is() -> None:
    assert by_attribute.encode(Paid(id=1)).attributes == {"type": "Paid"}
    assert by_field.encode(PaidInField(id=1)).attributes == {}
    assert by_field.to_text(PaidInField(id=1)) == '{"kind":"paid","id":1}'
    assert Queue[Paid]("orders").encode(Paid(id=1)).attributes == {}


def test_a_message_of_another_type_is_not_sent() -> None:
    with pytest.raises(AuthorError) as refused:
        by_attribute.encode(Refunded(kind="returned"))

    assert str(refused.value) == "a message of type Refunded cannot be sent where there are Placed | Paid"


class Nameless(BaseModel):
    event_type: ClassVar[str] = ""


class Numbered(BaseModel):
    event_type: ClassVar[int] = 7


class Unversioned(BaseModel):
    event_version: ClassVar[int] = 0


class Texts(BaseModel):
    kind: str
    version: int = 1


class Zero(BaseModel):
    kind: Literal["zero"]
    version: Literal[0] = 0


class Same(BaseModel):
    event_type: ClassVar[str] = "Paid"


class Shape(TypedDict):
    kind: str


@pytest.mark.parametrize(
    ("model", "types", "says"),
    [
        (Nameless, ByAttribute(), "Nameless.event_type is '': it must be a text that is not empty"),
        (Numbered, ByAttribute(), "Numbered.event_type is 7: it must be a text that is not empty"),
        (Unversioned, ByAttribute(version="v"), "Unversioned.event_version is 0: it must be a whole number from 1"),
        (
            Texts,
            ByField("kind"),
            """Texts does not say its type in a field 'kind': write  kind: Literal["Texts"] = "Texts\"""",
        ),
        (
            Paid,
            ByField("kind"),
            """Paid does not say its type in a field 'kind': write  kind: Literal["Paid"] = "Paid\"""",
        ),
        (Zero, ByField("kind", version="version"), "Zero.version must be one whole number from 1: Literal[2] = 2"),
        (
            Paid | Same,
            ByAttribute(),
            "Paid and Same are both version 1 of 'Paid': one of them needs another name or version",
        ),
        (str, ByAttribute(), "str has no type of event: with types=… each type must be a class"),
        (list[int], ByAttribute(), "list[int] has no type of event: with types=… each type must be a class"),
        (Any, ByAttribute(), "Any has no type of event: with types=… each type must be a class"),
        (Shape | Paid, ByAttribute(), "Shape has no type of event: with types=… each type must be a class"),
    ],
    ids=str,
)
def test_a_type_that_cannot_be_told_apart_is_refused_when_a_handler_is_registered(
    model: object, types: Discriminator, says: str
) -> None:
    queue = queue_of(model, types)

    with pytest.raises(RouteError) as refused:
        App("app").on(queue)(lambda _event: None)

    assert str(refused.value) == f"queue 'orders': {says}"


async def test_what_a_sender_says_is_repeated_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    app = App("app")
    app.on(by_attribute)(lambda _event: None)

    with caplog.at_level(logging.DEBUG):
        outcomes = [
            await handled(app, in_queue('{"id": "canary"}', type="Paid")),
            await handled(app, in_queue('{"id": "canary"}', type="canary and more")),
        ]

    assert [isinstance(outcome, Reject) for outcome in outcomes] == [True, True]
    assert "canary" not in repr([vars(record) for record in caplog.records]) + repr(outcomes)


def test_an_attribute_that_cannot_be_read_is_the_senders_fault() -> None:
    record = in_queue('{"id": 1}') | {"messageAttributes": {"type": {"dataType": "Number", "stringValue": "x"}}}

    with pytest.raises(DecodeError):
        read(by_attribute, record)
