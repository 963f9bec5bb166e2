"""Conditions: every operator of SNS's filter policies, how they combine, and what they say in words."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit import AwsEvent, Message, Notification, RouteError, attribute, key, new, old
from eventkit._logic import Condition, all_of
from eventkit.conditions import kind
from eventkit.events.dynamodb import change_event
from eventkit.events.s3 import object_event
from tests.core.harness import Json, change, notification, s3, sqs

OF_TYPE: dict[type, str] = {str: "String", int: "Number", Decimal: "Number", list: "String.Array"}


def published(**attributes: object) -> Notification:
    """A notification with these attributes."""
    described = {
        name: {"Type": OF_TYPE[type(value)], "Value": json.dumps(value) if isinstance(value, list) else str(value)}
        for name, value in attributes.items()
    }
    return Notification(notification("text", MessageAttributes=described))


own = attribute("own")
YES = True


def with_own(value: object) -> Notification:
    return published(own=value)


OPERATORS: list[tuple[Condition, object, bool]] = [
    (own.equals("created"), "created", True),
    (own.equals("created"), "Created", False),
    (own.equals("created", "edited"), "edited", True),
    (own.equals("created"), ["other", "created"], True),
    (own.equals("created"), [], False),
    (own.equals("created"), None, False),
    (own.equals(100), 100, True),
    (own.equals(100), Decimal("100.00"), True),
    (own.equals(0.1), Decimal("0.1"), True),
    (own.equals(100), "100", False),
    (own.equals("100"), 100, False),
    (own.equals(YES), [True], True),
    (own.equals(1), [True], False),
    (own.equals(YES), [1], False),
    (own.equals(None), [None], True),
    (own.equals(None), None, False),
    (own.startswith("pre"), "prefix", True),
    (own.startswith("pre"), "a prefix", False),
    (own.startswith("a", "b"), "bc", True),
    (own.startswith("1"), 100, False),
    (own.endswith(".png", ".jpg"), "a.jpg", True),
    (own.endswith(".jpg"), "a.jpeg", False),
    (own.equals_ignoring_case("Straße"), "STRASSE", True),
    (own.equals_ignoring_case("a"), "b", False),
    (own.equals_ignoring_case("1"), 1, False),
    (own.in_network("10.0.0.0/24"), "10.0.0.255", True),
    (own.in_network("10.0.0.0/24"), "10.0.1.1", False),
    (own.in_network("10.0.0.0/24", "192.168.0.0/16"), "192.168.3.4", True),
    (own.in_network("10.0.0.7"), "10.0.0.7", True),
    (own.in_network("2001:db8::/32"), "2001:db8::1", True),
    (own.in_network("2001:db8::/32"), "10.0.0.1", False),
    (own.in_network("10.0.0.0/24"), "somewhere", False),
    (own.in_network("10.0.0.0/24"), 7, False),
    (own.above(5), Decimal("5.01"), True),
    (own.above(5), 5, False),
    (own.at_least(5), 5, True),
    (own.at_least(5), Decimal("4.99"), False),
    (own.below(5), Decimal("4.99"), True),
    (own.below(5), 5, False),
    (own.at_most(5), 5, True),
    (own.at_most(5), 6, False),
    (own.between(1, 5), 1, True),
    (own.between(1, 5), 5, True),
    (own.between(1, 5), 6, False),
    (own.between(0.1, 0.3), Decimal("0.3"), True),
    (own.above(5), "6", False),
    (own.above(5), [6], True),
    (own.above(0), [True], False),
    (own.anything_but("a"), "b", True),
    (own.anything_but("a"), "a", False),
    (own.anything_but("a", "b"), "b", False),
    (own.anything_but("a"), ["a", "b"], True),
    (own.anything_but("a"), ["a"], False),
    (own.anything_but("a"), None, False),
    (own.anything_but(5), 5, False),
    (own.anything_but(own.startswith("a")), "abc", False),
    (own.anything_but(own.startswith("a")), "bcd", True),
    (own.exists(), "a", True),
    (own.exists(), None, False),
    (own.absent(), None, True),
    (own.absent(), "a", False),
]


@pytest.mark.parametrize(
    ("condition", "value", "met"),
    OPERATORS,
    ids=[f"{number}: {condition}, given {value!r}" for number, (condition, value, _) in enumerate(OPERATORS)],
)
def test_every_operator_does_what_sns_does(condition: Condition, value: object, *, met: bool) -> None:
    event = published() if value is None else published(own=value)

    assert condition.matches(event) is met


def test_attributes_of_a_queues_message_are_looked_at_likewise() -> None:
    event = Message(sqs("text", messageAttributes={"own": {"dataType": "Number.int", "stringValue": "7"}}))

    assert own.between(5, 10).matches(event)


@pytest.mark.parametrize(
    ("record", "condition", "met"),
    [
        (s3("uploads/a+b.jpg"), key.startswith("uploads/a b"), True),
        (s3("uploads/a.jpg"), key.endswith(".png"), False),
        (s3(), kind.equals("Put"), True),
        (s3(name="LifecycleTransition"), kind.equals(""), True),
    ],
)
def test_conditions_look_at_an_objects_decoded_key_and_kind(record: Json, condition: Condition, *, met: bool) -> None:
    assert condition.matches(object_event(record)) is met


def test_an_event_without_the_field_meets_only_its_absence() -> None:
    event = published()

    assert not key.startswith("").matches(event)
    assert key.absent().matches(event)
    assert new("id").absent().matches(event)


BEFORE = {"id": {"N": "1"}, "status": {"S": "open"}, "address": {"M": {"city": {"S": "Bonn"}}}, "tags": {"SS": ["a"]}}
AFTER = BEFORE | {"status": {"S": "done"}, "price": {"N": "9.50"}}


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        (new("status").equals("done"), True),
        (old("status").equals("done"), False),
        (new("price").above(9), True),
        (old("price").absent(), True),
        (new("price").equals(9.5), True),
        (new("address.city").equals("Bonn"), True),
        (new("address.street").exists(), False),
        (new("status.deeper").exists(), False),
        (new("address").exists(), True),
        (new("").exists(), False),
        (new("status").becomes("done"), True),
        (new("status").becomes("open", "done"), False),
        (new("status").becomes("open"), False),
        (new("price").becomes(9.5), True),
        (new("id").becomes(1), False),
    ],
    ids=str,
)
def test_conditions_look_into_the_images_of_a_change(condition: Condition, *, met: bool) -> None:
    assert condition.matches(change_event(change("MODIFY", new=AFTER, old=BEFORE))) is met


@pytest.mark.parametrize(
    ("record", "met"),
    [
        (change("INSERT", new=AFTER), True),
        (change("INSERT", new=BEFORE), False),
        (change("MODIFY", new=AFTER, old=BEFORE), True),
        (change("MODIFY", new=AFTER, old=AFTER), False),
        (change("MODIFY", new=AFTER, view="NEW_IMAGE"), False),
        (change("REMOVE", old=AFTER), False),
    ],
)
def test_a_value_becomes_only_what_it_provably_was_not_before(record: Json, *, met: bool) -> None:
    assert new("status").becomes("done").matches(change_event(record)) is met


def test_only_the_new_image_becomes_something() -> None:
    with pytest.raises(RouteError, match=r"old\('status'\): only a field of the new image becomes something"):
        old("status").becomes("done")


@pytest.mark.parametrize("method", ["equals", "startswith", "endswith", "equals_ignoring_case", "in_network"])
def test_a_condition_without_operands_is_refused(method: str) -> None:
    with pytest.raises(RouteError, match=r"attribute\('own'\): .* needs at least one value"):
        getattr(own, method)()


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(RouteError, match=r"attribute\('own'\): '10\.0\.0\.0/99' does not appear to be"):
        own.in_network("10.0.0.0/99")


def test_anything_but_takes_one_test_or_values() -> None:
    with pytest.raises(RouteError, match="takes values, or a single test"):
        own.anything_but("a", own.startswith("b"))


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (own.equals("a", 1), "attribute('own') is 'a' or 1"),
        (own.startswith("a", "b"), "attribute('own') has prefix 'a' or 'b'"),
        (own.endswith(".jpg"), "attribute('own') has suffix '.jpg'"),
        (own.equals_ignoring_case("a"), "attribute('own') has equals-ignore-case 'a'"),
        (own.in_network("10.0.0.0/8"), "attribute('own') has cidr '10.0.0.0/8'"),
        (own.between(1, 5), "attribute('own') >= 1 and <= 5"),
        (own.below(5), "attribute('own') < 5"),
        (own.exists(), "attribute('own') is present"),
        (own.absent(), "attribute('own') is absent"),
        (own.anything_but("a"), "attribute('own') is anything but: attribute('own') is 'a'"),
        (key.startswith("a"), "the key has prefix 'a'"),
        (new("status").becomes("a", "b"), "'status' becomes 'a' or 'b'"),
        (~own.exists(), "not (attribute('own') is present)"),
        (
            own.exists() & (key.equals("a") | key.equals("b")),
            "attribute('own') is present and (the key is 'a' or the key is 'b')",
        ),
        (
            (own.exists() & own.equals("a")) | ~key.equals("b"),
            "(attribute('own') is present and attribute('own') is 'a') or not (the key is 'b')",
        ),
    ],
    ids=lambda value: None if isinstance(value, str) else str(value),
)
def test_a_condition_says_itself_in_words(condition: Condition, words: str) -> None:
    assert str(condition) == words


def test_conditions_are_values() -> None:
    assert own.equals("a") == attribute("own").equals("a") != own.equals("b")
    assert len({own.equals("a") & own.exists(), own.equals("a") & own.exists()}) == 1


texts = st.sampled_from(["", "a", "ab", "b"])
numbers = st.integers(-2, 2)


def both(pair: tuple[Condition, Condition]) -> Condition:
    return pair[0] & pair[1]


def either(pair: tuple[Condition, Condition]) -> Condition:
    return pair[0] | pair[1]


def inverted(condition: Condition) -> Condition:
    return ~condition


def combined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    """Conditions made of others."""
    pairs = st.tuples(inner, inner)
    return pairs.map(both) | pairs.map(either) | inner.map(inverted)


conditions: st.SearchStrategy[Condition] = st.recursive(
    st.one_of(
        st.builds(own.equals, texts | numbers),
        st.builds(own.startswith, texts),
        st.builds(own.above, numbers),
        st.builds(own.anything_but, texts),
        st.just(own.exists()),
    ),
    combined,
    max_leaves=5,
)
events: st.SearchStrategy[AwsEvent] = st.one_of(
    st.just(published()), (texts | numbers | st.lists(texts, max_size=2)).map(with_own)
)


@given(conditions, conditions, events)
def test_conditions_combine_as_in_logic(one: Condition, two: Condition, event: AwsEvent) -> None:
    first, second = one.matches(event), two.matches(event)

    assert (one & two).matches(event) is (first and second)
    assert (one | two).matches(event) is (first or second)
    assert (~one).matches(event) is not first
    assert (~(one & two)).matches(event) is (~one | ~two).matches(event)


@given(st.lists(conditions, max_size=4), events)
def test_all_of_several_conditions_hold_when_each_does(several: list[Condition], event: AwsEvent) -> None:
    together = all_of(several)

    assert (together is None or together.matches(event)) is all(condition.matches(event) for condition in several)
