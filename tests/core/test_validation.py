"""The users' models: what is taken, what is refused, and what is said about it."""

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, NewType, TypedDict
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from eventkit import Message, Queue, RouteError, ValidationFailed
from eventkit.validation import Reader, name_of
from tests.core.harness import Job, Todo, sqs


def text_of(fault: pytest.ExceptionInfo[ValidationFailed]) -> str:
    return str(fault.value)


def taken(model: object, text: str, *, strict: bool = True) -> Any:  # noqa: ANN401 - a value of the model
    """What the body of a queue's message becomes."""
    queue: Any = Queue
    (selector,) = queue[model]("jobs", strict=strict).selectors
    return selector.read(Message(sqs(text)))


COERCIONS: list[tuple[object, str]] = [
    (int, '"1_000"'),
    (int, '" 12 "'),
    (int, '"12"'),
    (int, "true"),
    (int, "12.0"),
    (float, '"1.5"'),
    (float, "true"),
    (bool, '"yes"'),
    (bool, '"true"'),
    (bool, "1"),
    (str, "12"),
    (bytes, "12"),
    (list[int], '{"0": 1}'),
    (datetime, "1700000000"),
]


@pytest.mark.parametrize(("model", "text"), COERCIONS, ids=str)
def test_a_message_is_taken_strictly(model: object, text: str) -> None:
    if model is str:
        model = Literal["12"]

    with pytest.raises(ValidationFailed):
        taken(model, text)


@pytest.mark.parametrize(
    ("model", "text", "value"),
    [
        (int, '"1_000"', 1000),
        (int, '" 12 "', 12),
        (int, "true", 1),
        (int, "12.0", 12),
        (float, '"1.5"', 1.5),
        (bool, '"yes"', True),
    ],
)
def test_a_resource_may_ask_for_lax_conversion(model: object, text: str, value: object) -> None:
    assert taken(model, text, strict=False) == value


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("model", "text", "value"),
    [
        (float, "12", 12.0),
        (datetime, '"2024-01-02T03:04:05Z"', datetime.fromisoformat("2024-01-02T03:04:05+00:00")),
        (date, '"2024-01-02"', date(2024, 1, 2)),
        (UUID, '"12345678123456781234567812345678"', UUID(int=0x12345678123456781234567812345678)),
        (Decimal, '"1.10"', Decimal("1.10")),
        (Colour, '"red"', Colour.RED),
        (bytes, '"text"', b"text"),
        (tuple[int, str], '[1, "a"]', (1, "a")),
        (set[int], "[1, 2, 2]", {1, 2}),
        (Job | Todo, '{"id": 1, "name": "a"}', Job(id=1, name="a")),
        (int | None, "null", None),
        (dict[str, Any], '{"a": 1, "a": 2}', {"a": 2}),
    ],
    ids=str,
)
def test_what_json_cannot_say_otherwise_is_taken_from_text(model: object, text: str, value: object) -> None:
    assert taken(model, text) == value


@pytest.mark.parametrize("text", ["not json", '{"id": 1}', "", "NaN", "12"])
def test_a_queue_of_texts_takes_every_body_as_it_is(text: str) -> None:
    assert taken(str, text) == text


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "[NaN]"])
@pytest.mark.parametrize("model", [float, list[float], Any, float | str], ids=name_of)
def test_numbers_that_json_does_not_have_are_refused(model: object, text: str) -> None:
    with pytest.raises(ValidationFailed):
        taken(model, text)


class Reading(BaseModel):
    name: str
    value: float = 0


def test_a_text_may_say_nan() -> None:
    assert taken(Reading, '{"name": "NaN and Infinity"}').name == "NaN and Infinity"


def test_a_number_that_is_not_one_is_refused_in_a_field_that_nobody_reads() -> None:
    with pytest.raises(ValidationFailed, match="it is not valid JSON"):
        taken(Reading, '{"name": "a", "unknown": NaN}')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nothing",
        '{"id": 1,}',
        "{'id': 1}",
        "[" * 100_000,
        "1" * 5_000,
        '"\\ud800"',
        '"\ud800"',
        "\x00",
        '{"id": 1} x',
    ],
    ids=lambda text: ascii(text[:16]),
)
@pytest.mark.parametrize("model", [Job, int, Any, dict[str, Any]], ids=name_of)
def test_what_is_no_json_is_refused(model: object, text: str) -> None:
    with pytest.raises(ValidationFailed, match=f"the message does not fit {name_of(model)}".replace("[", r"\[")):
        taken(model, text)


class Address(BaseModel):
    city: str


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: int
    email: str = Field(alias="e-mail", default="")
    address: Address | None = None
    labels: dict[str, int] = {}
    lines: list[int] = []

    @field_validator("email")
    @classmethod
    def _has_an_at(cls, value: str) -> str:
        if "@" not in value:
            raise ValueError(f"{value} has no @")
        return value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"id": "canary"}', "id: Input should be a valid integer"),
        ("{}", "id: Field required"),
        ('{"id": 1, "address": {"city": 7}}', "address.city: Input should be a valid string"),
        ('{"id": 1, "lines": [1, "canary"]}', "lines.1: Input should be a valid integer"),
        ('{"id": 1, "labels": {"canary": "canary"}}', "labels.…: Input should be a valid integer"),
        ('{"id": 1, "canary": 1}', "…: extra forbidden"),
        ('{"id": 1, "e-mail": "canary"}', "e-mail: value error"),
        ('["canary"]', "Input should be an object"),
    ],
)
def test_the_text_names_the_field_and_the_rule_but_never_a_value(text: str, says: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        taken(Order, text)

    assert text_of(refused) == f"the message does not fit Order: {says}"


def test_the_text_shows_five_faults_and_counts_the_rest() -> None:
    with pytest.raises(ValidationFailed) as refused:
        taken(list[int], '["a", "b", "c", "d", "e", "f", "g"]')

    assert text_of(refused).count("valid integer") == 5
    assert text_of(refused).endswith("; and 2 more")


def test_the_cause_does_not_repeat_the_input() -> None:
    with pytest.raises(ValidationFailed) as refused:
        taken(Order, '{"id": "canary"}')

    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_an_item_is_converted_laxly() -> None:
    class Stored(BaseModel):
        id: int
        price: float
        when: datetime
        tags: list[str]

    item = {"id": Decimal("1.0"), "price": Decimal("9.5"), "when": "2024-01-02T03:04:05Z", "tags": {"a"}}

    stored = Reader(Stored).item_reader()(item)

    assert (stored.id, stored.price, stored.when.year, stored.tags) == (1, 9.5, 2024, ["a"])


def test_an_item_that_does_not_fit_is_refused_without_its_values() -> None:
    with pytest.raises(ValidationFailed) as refused:
        Reader(Todo).item_reader()({"id": "canary"})

    assert "the item does not fit Todo: id: " in text_of(refused)
    assert "canary" not in text_of(refused)


@pytest.mark.parametrize(
    ("model", "value", "text"),
    [
        (Job, Job(id=1), '{"id":1,"name":"widget"}'),
        (Order, Order.model_validate({"id": 1, "e-mail": "a@b"}), None),
        (str, "as it is", "as it is"),
        (list[int], [1, 2], "[1,2]"),
    ],
    ids=str,
)
def test_what_is_written_is_what_is_read(model: object, value: object, text: str | None) -> None:
    reader = Reader(model)

    written = reader.to_text(value)

    assert text is None or written == text
    assert taken(model, written) == value


class Shape(TypedDict):
    sides: int


UserId = NewType("UserId", int)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Job, "Job"),
        (Job | Todo, "Job | Todo"),
        (list[int], "list[int]"),
        (dict[str, Job | None], "dict[str, Job | NoneType]"),
        (Shape, "Shape"),
        (UserId, "UserId"),
        (None, "None"),
    ],
    ids=str,
)
def test_a_type_is_named_as_people_write_it(kind: object, name: str) -> None:
    assert name_of(kind) == name


def test_a_model_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(RouteError, match="cannot be read by pydantic"):
        Reader(object())
