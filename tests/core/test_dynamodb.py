"""Changes of items, and the values of their attributes."""

from base64 import b64encode
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit import AbsentImageError, Change, DecodeError, Inserted, Modified, Removed, StreamView
from eventkit.events import Item
from eventkit.events.dynamodb import MAX_DEPTH, attribute, change_event, image
from tests.core.harness import Json, Todo, change, todo


def nested(levels: int, inner: object, kind: str) -> object:
    for _ in range(levels):
        inner = {"M": {"m": inner}} if kind == "M" else {"L": [inner]}
    return inner


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ({"S": ""}, ""),
        ({"S": "text"}, "text"),
        ({"N": "0"}, 0),
        ({"N": "-7"}, -7),
        ({"N": "3.14"}, Decimal("3.14")),
        ({"N": "-0.5"}, Decimal("-0.5")),
        ({"B": "AAEC/w=="}, b"\x00\x01\x02\xff"),
        ({"B": ""}, b""),
        ({"BOOL": True}, True),
        ({"BOOL": False}, False),
        ({"NULL": True}, None),
        ({"M": {}}, {}),
        ({"M": {"a": {"M": {"b": {"N": "1"}}}}}, {"a": {"b": 1}}),
        ({"L": []}, []),
        ({"L": [{"S": "a"}, {"N": "1"}, {"L": [{"NULL": True}]}]}, ["a", 1, [None]]),
        ({"SS": ["a", "b"]}, {"a", "b"}),
        ({"NS": ["1", "2.5"]}, {1, Decimal("2.5")}),
        ({"BS": ["YQ==", "Yg=="]}, {b"a", b"b"}),
    ],
)
def test_every_type_of_attribute_becomes_a_plain_value(raw: Json, value: object) -> None:
    found = attribute(raw)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "9" * 38,
        "-" + "9" * 38,
        "0." + "0" * 37 + "1",
        "1234567890123456789.0123456789012345678",
        "1E-130",
        "9.9999999999999999999999999999999999999E+125",
    ],
)
def test_numbers_of_38_digits_are_exact(text: str) -> None:
    assert attribute({"N": text}) == Decimal(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**20), max_value=10**20))
def test_a_number_is_never_rounded(number: Decimal) -> None:
    found = attribute({"N": str(number)})

    assert found == number
    assert type(found) in {int, Decimal}


@pytest.mark.parametrize(
    "value",
    [
        "9" * 39,
        "0." + "1" * 39,
        "NaN",
        "sNaN",
        "Infinity",
        "-Infinity",
        "1E+131",
        "1E-131",
        "1E+99999999999999999999",
        "1" * 1_000_000,
        "",
        " 12 ",
        "1_000",
        "٣",
        "0x10",
        "twelve",
        7,
        7.5,
        None,
        True,
        ["7"],
    ],
    ids=lambda value: repr(value)[:24],
)
def test_what_dynamodb_would_not_call_a_number_is_refused(value: object) -> None:
    with pytest.raises(DecodeError, match="an N attribute holds no"):
        attribute({"N": value})


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"S": 7}, "an S attribute holds no text"),
        ({"S": None}, "an S attribute holds no text"),
        ({"B": "not base64!"}, "a B attribute holds no base64 text"),
        ({"B": "YQ"}, "a B attribute holds no base64 text"),
        ({"B": "YQ==YQ=="}, "a B attribute holds no base64 text"),
        ({"B": "ü"}, "a B attribute holds no base64 text"),
        ({"B": 7}, "a B attribute holds no base64 text"),
        ({"BOOL": "true"}, "a BOOL attribute holds neither true nor false"),
        ({"BOOL": 1}, "a BOOL attribute holds neither true nor false"),
        ({"M": []}, "an M attribute holds no object"),
        ({"L": {}}, "an attribute of type L holds no list"),
        ({"SS": "ab"}, "an attribute of type SS holds no list"),
        ({"SS": [1]}, "an SS attribute holds something other than texts"),
        ({"NS": ["x"]}, "an N attribute holds no number"),
        ({"BS": ["x"]}, "a B attribute holds no base64 text"),
        ({"X": "1"}, "a DynamoDB attribute has the unknown type 'X'"),
        ({"my-own-field": "1"}, "a DynamoDB attribute has the unknown type"),
        ({}, "not an object with exactly one type"),
        ({"S": "a", "N": "1"}, "not an object with exactly one type"),
        ("text", "not an object with exactly one type"),
        (None, "not an object with exactly one type"),
        ({"M": {"a": {"L": [{"S": 1}]}}}, "an S attribute holds no text"),
    ],
)
def test_an_attribute_that_is_not_what_it_says_is_refused(raw: object, says: str) -> None:
    with pytest.raises(DecodeError, match=says):
        attribute(raw)


def test_the_name_of_an_unknown_type_is_not_repeated_when_it_may_be_anything() -> None:
    with pytest.raises(DecodeError) as refused:
        attribute({"my-own-field": "1"})

    assert "my-own-field" not in str(refused.value)


@pytest.mark.parametrize("kind", ["M", "L"])
def test_attributes_nest_as_deep_as_64_levels_and_no_deeper(kind: str) -> None:
    deepest = nested(MAX_DEPTH, {"S": "x"}, kind)
    deeper = nested(MAX_DEPTH + 1, {"S": "x"}, kind)

    attribute(deepest)

    with pytest.raises(DecodeError, match="nests deeper than 64 levels"):
        attribute(deeper)


def test_an_attribute_that_nests_ten_thousand_levels_is_refused_without_a_crash() -> None:
    with pytest.raises(DecodeError, match="nests deeper than 64 levels"):
        image({"a": nested(10_000, {"S": "x"}, "M")})


@pytest.mark.parametrize(("kind", "family"), [("INSERT", Inserted), ("MODIFY", Modified), ("REMOVE", Removed)])
def test_every_kind_of_change_has_its_class(kind: str, family: type[Change[Item]]) -> None:
    assert type(change_event(change(kind))) is family


@pytest.mark.parametrize("kind", ["insert", "UPSERT", "", None, 7, ["INSERT"]])
def test_an_unknown_kind_of_change_is_refused(kind: object) -> None:
    with pytest.raises(DecodeError, match="none of INSERT, MODIFY and REMOVE"):
        change_event(change() | {"eventName": kind})


@pytest.mark.parametrize("described", [None, [], {}, {"Keys": None}, {"Keys": []}])
def test_a_change_without_keys_is_refused(described: object) -> None:
    with pytest.raises(DecodeError, match="lacks its keys"):
        change_event(change() | {"dynamodb": described})


def test_a_change_tells_all_that_the_stream_says() -> None:
    event = change_event(change(new=todo()))

    assert event.keys == {"id": 1}
    assert event.view is StreamView.NEW_AND_OLD_IMAGES
    assert event.sequence_number == "13021600000000001596893679"
    assert event.time == datetime(2016, 11, 18, 20, 9, 0, 500_000, UTC)
    assert event.id == "c4ca4238a0b923820dcc509a6f75849b"
    assert event.resource_name == "todos"
    assert event.path == ("dynamodb:todos",)
    assert repr(event) == "Inserted(table='todos', id='c4ca4238a0b923820dcc509a6f75849b')"


def test_keys_of_every_type_are_read() -> None:
    record = change()
    record["dynamodb"]["Keys"] = {"s": {"S": "a"}, "n": {"N": "1.5"}, "b": {"B": b64encode(b"\xff").decode()}}

    assert change_event(record).keys == {"s": "a", "n": Decimal("1.5"), "b": b"\xff"}


@pytest.mark.parametrize("seconds", [None, "now", float("nan"), float("inf"), 1e300, []])
def test_a_time_that_is_none_is_none(seconds: object) -> None:
    record = change()
    record["dynamodb"]["ApproximateCreationDateTime"] = seconds

    assert change_event(record).time is None


@pytest.mark.parametrize(
    ("kind", "view", "new", "old"),
    [
        ("INSERT", "KEYS_ONLY", False, False),
        ("INSERT", "NEW_IMAGE", True, False),
        ("INSERT", "OLD_IMAGE", False, False),
        ("INSERT", "NEW_AND_OLD_IMAGES", True, False),
        ("MODIFY", "KEYS_ONLY", False, False),
        ("MODIFY", "NEW_IMAGE", True, False),
        ("MODIFY", "OLD_IMAGE", False, True),
        ("MODIFY", "NEW_AND_OLD_IMAGES", True, True),
        ("REMOVE", "KEYS_ONLY", False, False),
        ("REMOVE", "NEW_IMAGE", False, False),
        ("REMOVE", "OLD_IMAGE", False, True),
        ("REMOVE", "NEW_AND_OLD_IMAGES", False, True),
    ],
)
@pytest.mark.parametrize("typed", [False, True])
def test_an_event_has_the_images_that_its_view_carries(
    *, kind: str, view: str, new: bool, old: bool, typed: bool
) -> None:
    record = change(kind, view=view, new=todo() if new else None, old=todo() if old else None)
    event: object = change_event(record).typed(Todo.model_validate) if typed else change_event(record)

    assert (hasattr(event, "new"), hasattr(event, "old")) == (new, old)


@pytest.mark.parametrize("absent", [None, "text", 7, []])
def test_an_image_that_is_null_is_absent(absent: object) -> None:
    record = change("MODIFY", view="KEYS_ONLY", old=todo())
    record["dynamodb"]["NewImage"] = absent
    event = change_event(record)
    assert isinstance(event, Modified)

    with pytest.raises(AbsentImageError) as refused:
        _ = event.new

    assert str(refused.value) == (
        "this Modified of table 'todos' has no NewImage: the stream's view is KEYS_ONLY; choose a view that carries "
        "it, or ask with hasattr()"
    )
    assert getattr(event, "new", None) is None
    assert event.old == {"id": 1, "status": "open"}


@pytest.mark.parametrize("view", ["FUTURE_VIEW", None, [], ""])
def test_an_unknown_view_is_none(view: object) -> None:
    record = change()
    record["dynamodb"]["StreamViewType"] = view

    assert change_event(record).view is None


def test_images_are_read_as_the_users_model() -> None:
    event = change_event(change("MODIFY", new=todo(1, "done"), old=todo(1, "open")))

    typed = event.typed(Todo.model_validate)

    assert isinstance(typed, Modified)
    assert (typed.old, typed.new) == (Todo(id=1, status="open"), Todo(id=1, status="done"))
    assert typed.keys == {"id": 1}


def test_an_invalid_image_is_refused_when_it_is_read() -> None:
    event = change_event(change(new={"id": {"N": "x"}}))
    assert isinstance(event, Inserted)

    with pytest.raises(DecodeError, match="an N attribute holds no number"):
        _ = event.new


@pytest.mark.parametrize(
    ("identity", "expired"),
    [
        ({"type": "Service", "principalId": "dynamodb.amazonaws.com"}, True),
        ({"type": "Service", "principalId": "other.amazonaws.com"}, False),
        ({"type": "User", "principalId": "dynamodb.amazonaws.com"}, False),
        ({}, False),
        (None, False),
        ("Service", False),
    ],
)
def test_a_removal_by_time_to_live_is_told_from_a_callers(identity: object, *, expired: bool) -> None:
    event = change_event(change("REMOVE", userIdentity=identity))

    assert isinstance(event, Removed)
    assert event.expired is expired


def test_changes_are_values_that_cannot_be_changed() -> None:
    event, same, other = (change_event(change(new=todo(number))) for number in (1, 1, 2))

    assert event == same != other
    assert hash(event) == hash(same)
    assert event != change_event(change("MODIFY", new=todo(1)))
    for name in ("new", "keys", "view", "record", "anything"):
        with pytest.raises(AttributeError):
            setattr(event, name, "other")
