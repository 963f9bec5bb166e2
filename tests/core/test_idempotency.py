"""Which deliveries are the same: keys as canonical text, and what tells another payload."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from eventkit import AwsEvent, DecodeError, Delivery, Idempotent, RouteError
from eventkit.decode import unwrap
from eventkit.idempotency import Identity, by_key, by_record, canonical, payload
from tests.core.harness import Json, change, eventbridge, notification, only, s3, sns, sqs, todo


class Colour(Enum):
    RED = 1
    BLUE = 2


class Price(BaseModel):
    amount: Decimal
    on: date


@dataclass
class Pair:
    one: object
    two: object


ID = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

DIFFERENT: list[object] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    10,
    0.1,
    1.5,
    10**40,
    10**40 + 1,
    "1",
    "",
    "None",
    "a",
    "ä",
    b"a",
    (1, 2),
    (2, 1),
    (12,),
    ("a", "b"),
    ("ab",),
    ('a","b',),
    (("a",), "b"),
    ("a", ("b",)),
    {1, 2},
    {"a": 1},
    {"a": 2},
    {1: "a"},
    NOON,
    NOON.replace(tzinfo=None),
    NOON.isoformat(),
    date(2026, 1, 1),
    timedelta(hours=1),
    ID,
    str(ID),
    Colour.RED,
    Colour.BLUE,
    Price(amount=Decimal(1), on=date(2026, 1, 1)),
    Price(amount=Decimal(2), on=date(2026, 1, 1)),
]

EQUAL: list[tuple[object, object]] = [
    (1, 1.0),
    (1, Decimal("1.00")),
    (0, -0.0),
    (100, Decimal("1E+2")),
    (1e22, 10**22),
    (0.1, Decimal("0.1")),
    (Decimal("0." + "1" * 38), Decimal("0." + "1" * 38 + "00")),
    ((1, "a"), [1.0, "a"]),
    ({1, 2, 3}, frozenset({3, 2, 1})),
    ({"a": 1, "b": 2}, {"b": Decimal("2.0"), "a": 1.0}),
    (NOON, NOON.astimezone(timezone(timedelta(hours=2)))),
    (Price(amount=Decimal(1), on=date(2026, 1, 1)), Price(amount=Decimal("1.0"), on=date(2026, 1, 1))),
    (Pair(1, "a"), Pair(1.0, "a")),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_values_have_equal_texts(one: object, other: object) -> None:
    assert canonical(one) == canonical(other)


def test_different_values_have_different_texts() -> None:
    for one, other in combinations(DIFFERENT, 2):
        assert canonical(one) != canonical(other), (one, other)


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(0, 20))
def test_a_number_keeps_every_digit_and_no_spelling(number: Decimal, zeros: int) -> None:
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    longer = Decimal((sign, (*digits, *([0] * zeros)), exponent - zeros))
    next_to_it = Decimal((sign, (*digits, 1), exponent - 1))

    assert canonical(number) == canonical(longer)
    assert canonical(number) != canonical(next_to_it)


@given(st.integers())
def test_a_whole_number_is_the_same_number_as_a_decimal(number: int) -> None:
    assert canonical(number) == canonical(Decimal(number))


@pytest.mark.parametrize(
    "key", [object(), float("nan"), Decimal("Infinity"), str, (1, object())], ids=lambda key: type(key).__name__
)
def test_what_cannot_be_a_key_is_the_authors_mistake(key: object) -> None:
    with pytest.raises(RouteError, match="an idempotency key cannot hold"):
        canonical(key)


def delivery(record: Json, event: object = "event") -> Delivery:
    return Delivery(only(record), event, "handler")


def identity(key: object, record: Json | None = None, *, app: str = "app", route: str = "route") -> Identity:
    return by_key(app, route, Idempotent[object](key=lambda _: key))(delivery(record or sqs("body")))


def test_a_key_is_a_digest_that_holds_for_its_route_in_its_app() -> None:
    found = {identity("k").key, identity("k", app="other").key, identity("k", route="other").key, identity("j").key}

    assert len(found) == 4
    assert all(len(key) == 64 for key in found)
    assert identity("k" * 100_000).key != identity("k").key


@pytest.mark.parametrize("key", [None, "", b"", (), (None,), [None, ""], {"id": None}, ((None,), set[str]())], ids=repr)
def test_a_key_of_nothing_is_missing(key: object) -> None:
    with pytest.raises(DecodeError, match="the idempotency key is missing: its function gave nothing"):
        identity(key)


def test_a_key_of_which_a_part_is_nothing_is_a_key() -> None:
    assert identity(("bucket", None)) != identity(("other", None))
    assert identity(0) != identity(False)  # noqa: FBT003 - a key that is false


def test_a_key_function_that_fails_tells_no_payload() -> None:
    def fail(event: object) -> object:
        raise KeyError(event)

    with pytest.raises(DecodeError) as missing:
        by_key("app", "route", Idempotent[object](key=fail))(delivery(sqs("CANARY"), "CANARY"))

    assert str(missing.value) == "the idempotency key is missing: its function raised KeyError"


SAME: list[tuple[str, AwsEvent, AwsEvent]] = [
    ("receives", only(sqs("a")), only(sqs("a", system={"ApproximateReceiveCount": "7"}, receiptHandle="new"))),
    ("messages", only(sqs("a")), only(sqs("a", messageId="other"))),
    ("spaces", only(sqs('{"a": 1, "b": [1]}')), only(sqs('{"b":[1],\n"a":1}'))),
    ("notifications", only(sns("a")), only(sns("a", MessageId="other"))),
    ("envelopes", only(sqs("a")), only(sqs(notification("a")))),
    ("transports", only(s3("a.jpg")), only(sqs({"Records": [s3("a.jpg")]}))),
    ("changes", only(change(new=todo())), only(change(new=todo(), eventID="other"))),
]

OTHER: list[tuple[str, AwsEvent, AwsEvent]] = [
    ("texts", only(sqs("a")), only(sqs("b"))),
    ("types", only(sqs('{"a": 1}')), only(sqs('{"a": "1"}'))),
    ("deep", only(sqs("[" * 300)), only(sqs("[" * 301))),
    ("notifications", only(sns("a")), only(sns("b"))),
    ("keys", only(s3("a.jpg")), only(s3("b.jpg"))),
    ("contents", only(s3("a.jpg")), only(s3("a.jpg", eTag="0" * 16))),
    ("kinds", only(s3("a.jpg")), only(s3("a.jpg", "ObjectRemoved:Delete"))),
    ("images", only(change(new=todo())), only(change(new=todo(status="done")))),
    ("changes", only(change("INSERT", new=todo())), only(change("MODIFY", new=todo()))),
]


@pytest.mark.parametrize(("one", "other"), [pair for _, *pair in SAME], ids=[name for name, *_ in SAME])
def test_deliveries_of_the_same_have_the_same_payload(one: AwsEvent, other: AwsEvent) -> None:
    assert payload(one) == payload(other)


@pytest.mark.parametrize(("one", "other"), [pair for _, *pair in OTHER], ids=[name for name, *_ in OTHER])
def test_another_event_has_another_payload(one: AwsEvent, other: AwsEvent) -> None:
    assert payload(one) != payload(other)


def parts_of(message_id: str, handle: str = "handle") -> list[str]:
    """The keys of the two parts of a message."""
    message = sqs({"Records": [s3("a.jpg"), s3("b.jpg")]}, messageId=message_id, receiptHandle=handle)
    identify = by_record("app", "route")
    return [identify(Delivery(event, event, "route")).key for event in unwrap(message)]


def test_a_part_is_known_by_its_record_and_what_it_is_in_there() -> None:
    assert parts_of("one") == parts_of("one", handle="new")
    assert len({*parts_of("one"), *parts_of("two")}) == 4


def test_a_record_without_an_id_is_known_by_what_it_says() -> None:
    record = eventbridge()
    event = Delivery(only(record), "event", "route")

    assert by_record("app", "route")(event) == by_record("app", "route")(Delivery(only(dict(record)), "e", "route"))


@pytest.mark.parametrize("times", [{"ttl": 0}, {"in_progress": -1}, {"ttl": float("nan")}])
def test_times_that_cannot_be_are_refused(times: Any) -> None:  # noqa: ANN401 - some arguments
    with pytest.raises(RouteError, match="greater than 0"):
        Idempotent[object](key=str, **times)
