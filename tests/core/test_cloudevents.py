"""CloudEvents 1.0, structured and binary."""

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit import AuthorError, DecodeError, Queue, RouteError
from eventkit.cloudevents import CloudEvent, CloudEvents
from eventkit.discriminators import ByAttribute, ByField, Discriminator
from eventkit.sources import SKIPPED
from tests.core.event_types import (
    Paid,
    PaidInField,
    Placed,
    PlacedInField,
    PlacedV2,
    in_queue,
    in_topic,
    in_topic_in_queue,
    queue_of,
    read,
    sent,
    topic_of,
    with_currency,
)
from tests.core.harness import Json

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def events(mode: Any = "structured", source: str | None = "/shop") -> CloudEvents:  # noqa: ANN401 - wrong ones too
    """CloudEvents whose ids are counted, at noon."""
    ids = count(1)
    return CloudEvents(source, mode, new_id=lambda: f"id-{next(ids)}", now=lambda: NOON)


def envelope(**members: object) -> Json:
    return {"specversion": "1.0", "id": "A-1", "source": "/shop", "type": "Paid", "data": {"id": 1}, **members}


def structured(**members: object) -> Json:
    return in_queue(json.dumps(envelope(**members)))


def binary(text: str = '{"id": 1}', prefix: str = "ce_", **context: object) -> Json:
    given = {"specversion": "1.0", "id": "A-1", "source": "/shop", "type": "Paid", **context}
    content_type = given.pop("datacontenttype", None)
    attributes = {f"{prefix}{name}": value for name, value in given.items() if value is not None}
    return in_queue(text, **attributes, **({} if content_type is None else {"content-type": content_type}))


payments = queue_of(Placed | Paid, events())
whole: Queue[CloudEvent[Paid]] = Queue[CloudEvent[Paid]]("orders", types=CloudEvents())

CONTEXT = {"dataschema": "/schemas/paid", "subject": "order 7", "time": "2026-01-02T12:00:00Z", "tenant": "a"}


@pytest.mark.parametrize(
    "record", [structured(), structured(**CONTEXT), binary(), binary(**CONTEXT), binary(prefix="ce-")]
)
def test_the_data_is_what_a_handler_of_the_model_gets(record: Json) -> None:
    assert read(payments, record) == Paid(id=1)


@pytest.mark.parametrize("way", [structured, binary])
def test_a_handler_of_a_cloudevent_gets_its_context_too(way: Callable[..., Json]) -> None:
    event = read(whole, way(**CONTEXT, datacontenttype="application/json"))

    assert type(event) is CloudEvent[Paid]
    assert event.data == Paid(id=1)
    assert (event.specversion, event.id, event.source, event.type) == ("1.0", "A-1", "/shop", "Paid")
    assert (event.subject, event.dataschema, event.time) == ("order 7", "/schemas/paid", NOON)
    assert event.datacontenttype == "application/json"
    assert event.extensions == {"tenant": "a"}


def test_the_context_of_an_old_event_stays_as_it_was_sent() -> None:
    queue = queue_of(CloudEvent[Placed], CloudEvents(), with_currency)

    event = read(queue, structured(type="shop.placed.v2", data={"cents": 1}, tenant="a"))

    assert event == CloudEvent[Placed](
        id="A-1",
        source="/shop",
        type="shop.placed.v2",
        data=Placed(cents=1, currency="EUR"),
        tenant="a",  # type: ignore[call-arg] # pyright: ignore[reportCallIssue] - an extension
    )


@pytest.mark.parametrize("model", [CloudEvent[Paid | Placed], CloudEvent[Paid] | CloudEvent[Placed]])
def test_a_union_of_cloudevents_is_told_apart_by_its_data(model: object) -> None:
    queue = queue_of(model, CloudEvents())

    assert read(queue, structured()).data == Paid(id=1)
    assert read(queue, structured(type="Refunded")) is SKIPPED


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=UTF-8", "text/json", "a/b+json"]
)
@pytest.mark.parametrize("way", [structured, binary])
def test_every_kind_of_json_is_read(way: Callable[..., Json], content_type: str) -> None:
    assert read(payments, way(datacontenttype=content_type)) == Paid(id=1)


def test_a_context_attribute_that_is_null_is_absent() -> None:
    event = read(whole, structured(subject=None, time=None, tenant=None))

    assert (event.subject, event.time, event.extensions) == (None, None, {})


def test_data_in_base64_is_read() -> None:
    message = envelope(data_base64=b64encode(b'{"id": 7}').decode())
    del message["data"]

    assert read(payments, in_queue(json.dumps(message))) == Paid(id=7)
    assert read(whole, in_queue(json.dumps(message))).data == Paid(id=7)


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (in_queue("canary"), "the message is no CloudEvent"),
        (in_queue('["canary"]'), "the message is no CloudEvent"),
        (in_queue('{"type": "Paid", "data": {"id": 1}}'), "the message is no CloudEvent"),
        (structured(type=7), "the message is no CloudEvent"),
        (binary(type=None), "the message is no CloudEvent"),
        (binary(type=7), "the message is no CloudEvent"),
        (structured(specversion="0.3"), "specversion: Input should be '1.0'"),
        (binary(specversion="0.3"), "specversion: Input should be '1.0'"),
        (structured(id=""), "id: String should have at least 1 character"),
        (binary(source=None), "source: Field required"),
        (structured(source=None), "source: Input should be a valid string"),
        (structured(time="noon"), "time: Input should be a valid datetime"),
        (binary(time="2026-01-02T12:00:00"), "time: Input should have timezone info"),
        (structured(tenant={"canary": 1}), "…"),
        (structured(data={"id": "canary"}), "data.id: Input should be a valid integer"),
        (binary('{"id": "canary"}'), "id: Input should be a valid integer"),
        (binary("canary"), "it is not valid JSON"),
        (structured(datacontenttype="canary"), "the CloudEvent's data is not JSON, says its content type"),
        (binary(datacontenttype="application/xml"), "the CloudEvent's data is not JSON, says its content type"),
        (structured(data_base64="e30="), "the CloudEvent has both data and data_base64"),
        (structured(data_base64="canary!"), "the CloudEvent's data_base64 is no text in base64"),
        (structured(data_base64=7), "the CloudEvent's data_base64 is no text in base64"),
        (in_queue(json.dumps(envelope(), allow_nan=True)[:-1] + ', "x": NaN}'), "it is not valid JSON"),
        (in_queue(json.dumps([envelope()]), **{"content-type": "application/cloudevents-batch+json"}), "no CloudEvent"),
    ],
)
@pytest.mark.parametrize("queue", [payments, whole], ids=["model", "event"])
def test_what_is_no_cloudevent_is_the_senders_fault(queue: Queue[Any], record: Json, says: str) -> None:
    with pytest.raises(DecodeError) as refused:
        read(queue, record)

    assert says in str(refused.value)
    assert "canary" not in str(refused.value)


def test_the_content_type_decides_before_the_attributes() -> None:
    record = in_queue(
        json.dumps(envelope()), **{"content-type": "Application/CloudEvents+JSON", "ce_specversion": "1.0"}
    )

    assert read(payments, record) == Paid(id=1)


def test_a_structured_event_is_an_envelope_in_the_body() -> None:
    message = payments.encode(Paid(id=7))

    assert json.loads(message.text) == {
        "specversion": "1.0",
        "id": "id-1",
        "source": "/shop",
        "type": "Paid",
        "time": "2026-01-02T12:00:00+00:00",
        "datacontenttype": "application/json",
        "data": {"id": 7},
    }
    assert message.attributes == {"content-type": "application/cloudevents+json; charset=UTF-8"}


def test_a_binary_event_is_the_data_with_its_context_in_attributes() -> None:
    message = queue_of(Placed, events("binary")).encode(Placed(cents=1, currency="EUR"))

    assert json.loads(message.text) == {"cents": 1, "currency": "EUR"}
    assert message.attributes == {
        "ce_specversion": "1.0",
        "ce_id": "id-1",
        "ce_source": "/shop",
        "ce_type": "shop.placed.v3",
        "ce_time": "2026-01-02T12:00:00+00:00",
        "content-type": "application/json",
    }


def test_a_given_cloudevent_keeps_its_context() -> None:
    given = CloudEvent[Paid].model_validate(envelope(tenant="a", urgent=True, time=NOON))

    in_body = json.loads(whole.encode(given).text)
    beside = queue_of(CloudEvent[Paid], events("binary")).encode(given).attributes

    assert in_body == {
        **envelope(tenant="a", urgent=True),
        "time": "2026-01-02T12:00:00Z",
        "datacontenttype": "application/json",
    }
    assert (beside["ce_id"], beside["ce_tenant"], beside["ce_urgent"]) == ("A-1", "a", "true")


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (CloudEvent(id="1", source="/", type="other", data=Paid(id=1)), "a CloudEvent of Paid must have type='Paid'"),
        (
            CloudEvent(id="1", source="/", type="Paid", data=Paid(id=1), datacontenttype="text/plain"),
            "the data of a CloudEvent is sent as JSON: its datacontenttype must say so, or nothing",
        ),
        (
            CloudEvent(id="1", source="/", type="Paid", data=Placed(cents=1, currency="EUR")),
            "a message of type Placed cannot be sent where there are Paid",
        ),
        (Paid(id=1), "a CloudEvent cannot be sent without its source: write types=CloudEvents(source=…)"),
    ],
    ids=str,
)
def test_what_would_not_be_read_again_is_not_sent(event: Any, says: str) -> None:  # noqa: ANN401 - wrong ones
    with pytest.raises(AuthorError) as refused:
        whole.encode(event)

    assert str(refused.value) == says


def test_a_type_may_be_declared_with_its_version() -> None:
    class Shipped(Paid):
        event_type: ClassVar[str] = "shop.shipped.v2"

    queue = queue_of(Shipped, events())
    message = queue.encode(Shipped(id=1))

    assert json.loads(message.text)["type"] == "shop.shipped.v2"
    assert read(queue, sent(message)) == Shipped(id=1)


def test_a_source_and_a_mode_that_cannot_be_are_refused() -> None:
    with pytest.raises(RouteError, match="mode='batch'"):
        events("batch")
    with pytest.raises(RouteError, match="it must be a URI reference"):
        events(source="")


names = st.text("abcdefghij0123456789", min_size=1, max_size=12).map("x".__add__)
values = st.text(st.characters(exclude_categories=["C"]), min_size=1) | st.integers() | st.booleans()
numbers = st.integers(-(2**63), 2**63)
placed = st.builds(Placed, cents=numbers, currency=st.text(st.characters(exclude_categories=["Cs"])))
data = st.builds(Paid, id=numbers) | placed

WAYS = [in_queue, in_topic, in_topic_in_queue]
MODES = [ByAttribute("type"), ByAttribute(version="v"), CloudEvents("/"), CloudEvents("/", "binary")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("types", MODES, ids=["name", "version", "structured", "binary"])
@given(value=data)
def test_what_is_written_is_what_is_read(types: Discriminator, way: Callable[..., Json], value: object) -> None:
    for resource in (queue_of, topic_of)[way is not in_queue :]:
        made = resource(Placed | Paid, types)
        assert read(made, sent(made.encode(value), way)) == value


@given(value=st.builds(PaidInField, id=numbers) | st.builds(PlacedInField, cents=numbers))
def test_what_is_written_with_its_type_in_a_field_is_what_is_read(value: object) -> None:
    queue = queue_of(PlacedInField | PaidInField, ByField("kind", version="version"))

    assert read(queue, sent(queue.encode(value))) == value


@pytest.mark.parametrize("mode", ["structured", "binary"])
@given(value=data, context=st.dictionaries(names, values), subject=st.none() | st.text("abc ü", min_size=1))
def test_a_cloudevent_that_is_written_is_the_one_that_is_read(
    mode: str, value: Placed | Paid, context: dict[str, Any], subject: str | None
) -> None:
    queue = queue_of(CloudEvent[Placed | Paid], events(mode))
    kind = "Paid" if isinstance(value, Paid) else "shop.placed.v3"
    event = CloudEvent[Any].model_validate(
        {**context, "id": "1", "source": "/", "type": kind, "time": NOON, "subject": subject, "data": value}
    )

    got = read(queue, sent(queue.encode(event)))

    said = got.extensions if mode == "structured" else {name: str(value) for name, value in got.extensions.items()}
    as_texts = {name: str(one).lower() if isinstance(one, bool) else str(one) for name, one in context.items()}
    assert (got.data, got.subject, got.time, got.type) == (value, subject, NOON, kind)
    assert said == (context if mode == "structured" else as_texts)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = ["specversion", "id", "source", "type", "datacontenttype", "time", "subject", "data", "data_base64", "extra"]


@given(changes=st.dictionaries(st.sampled_from(MEMBERS), json_values), taken=st.sets(st.sampled_from(MEMBERS)))
@pytest.mark.parametrize("queue", [payments, whole, queue_of(CloudEvent[Placed], CloudEvents(), with_currency)])
def test_a_changed_envelope_is_read_or_refused(queue: Queue[Any], changes: Json, taken: set[str]) -> None:
    message = {name: value for name, value in (envelope() | changes).items() if name not in taken}

    assert _is_read_or_refused(queue, in_queue(json.dumps(message)))


@given(text=st.text() | json_values.map(json.dumps), changes=st.dictionaries(st.sampled_from(MEMBERS), values))
@pytest.mark.parametrize("queue", [payments, whole])
def test_changed_attributes_are_read_or_refused(queue: Queue[Any], text: str, changes: dict[str, Any]) -> None:
    assert _is_read_or_refused(queue, binary(text, **changes))


def _is_read_or_refused(queue: Queue[Any], record: Json) -> bool:
    try:
        value = read(queue, record)
    except DecodeError:
        return True
    return isinstance(value, Paid | Placed | CloudEvent) or value is SKIPPED


def test_a_cloudevent_is_frozen_and_a_value() -> None:
    event = CloudEvent(id="1", source="/", type="Paid", data=Paid(id=1))

    assert event == CloudEvent(id="1", source="/", type="Paid", data=Paid(id=1))
    with pytest.raises(ValueError, match="frozen"):
        event.id = "2"  # pyright: ignore[reportAttributeAccessIssue] - frozen


def test_an_old_version_is_no_member_of_its_own() -> None:
    assert read(queue_of(PlacedV2, events()), structured(type="PlacedV2.v2", data={"cents": 1})) == PlacedV2(cents=1)
