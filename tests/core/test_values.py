"""Frozen values behave as frozen dataclasses do."""

from typing import ClassVar

import pytest

from eventkit.values import Value, replace


class Point(Value):
    x: int
    y: int = 0
    dimensions: ClassVar[int] = 2


class Named(Point):
    name: str = "origin"


class Positive(Value):
    size: int

    def __post_init__(self) -> None:
        if self.size <= 0:
            raise ValueError("too small")


def test_fields_are_given_by_position_or_by_name_and_have_defaults() -> None:
    assert Point(1, 2) == Point(1, y=2) == Point(x=1, y=2)
    assert Point(1) == Point(1, 0)
    assert Named(1, name="a") == Named(1, 0, "a")


@pytest.mark.parametrize(
    ("args", "fields"), [((), {}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"z": 1}), ((), {"y": 1})], ids=repr
)
def test_fields_are_given_once_and_all(args: tuple[int, ...], fields: dict[str, int]) -> None:
    with pytest.raises(TypeError, match=r"Point takes each of \(x, y\) once, as far as it has no default"):
        Point(*args, **fields)


def test_values_are_equal_by_class_and_fields() -> None:
    assert Point(1, 2) == Point(1, 2) != Point(2, 1)
    assert Point(1) != Positive(1)
    assert len({Point(1), Point(1, 0), Point(2)}) == 2


def test_a_value_cannot_be_changed() -> None:
    point = Point(1)

    for name in ("x", "z"):
        with pytest.raises(AttributeError, match=f"Point is frozen: {name} cannot be set"):
            setattr(point, name, 2)
    with pytest.raises(AttributeError, match="Point is frozen: x cannot be deleted"):
        del point.x  # pyright: ignore[reportAttributeAccessIssue]

    assert point == Point(1)


def test_a_value_is_replaced_by_another() -> None:
    point = Named(1, 2, "a")

    assert replace(point, y=3) == Named(1, 3, "a")
    assert point == Named(1, 2, "a")
    with pytest.raises(TypeError):
        replace(point, z=1)


def test_fields_are_checked_when_a_value_is_made_and_replaced() -> None:
    with pytest.raises(ValueError, match="too small"):
        Positive(0)
    with pytest.raises(ValueError, match="too small"):
        replace(Positive(1), size=0)


def test_a_value_says_and_matches_its_fields() -> None:
    match Named(1):
        case Named(x, y, name):
            assert (x, y, name) == (1, 0, "origin")

    assert repr(Named(1)) == "Named(x=1, y=0, name='origin')"
