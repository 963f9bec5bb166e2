"""Ranges, compared with slices of Python."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit_local.edge.messages import Head, Request, headers_of
from eventkit_local.edge.ranges import Unsatisfiable, asked_range, partial, unsatisfiable
from tests.adapters.local.edge.stage import NOON, http_date

lengths = st.integers(0, 50)
positions = st.integers(0, 60)


def get(asked: str, **conditions: str) -> Request:
    return Request("GET", "/", headers_of({"Range": asked, **conditions}))


def chosen(request: Request, length: int, head: Head | None = None) -> bytes | Unsatisfiable | None:
    """The bytes that a range selects."""
    part = asked_range(request, head or Head(200), length)
    return bytes(range(length))[part.start : part.stop] if isinstance(part, range) else part


@given(lengths, positions, positions)
def test_a_first_and_a_last_position_are_a_slice_that_includes_the_last(length: int, first: int, last: int) -> None:
    expected: bytes | Unsatisfiable | None = bytes(range(length))[first : last + 1] or Unsatisfiable()

    assert chosen(get(f"bytes={first}-{last}"), length) == (expected if first <= last else None)


@given(lengths, positions)
def test_a_first_position_alone_is_the_rest(length: int, first: int) -> None:
    assert chosen(get(f"bytes={first}-"), length) == (bytes(range(length))[first:] or Unsatisfiable())


@given(lengths, st.integers(1, 60))
def test_a_suffix_is_the_end_or_the_whole(length: int, suffix: int) -> None:
    assert chosen(get(f"bytes=-{suffix}"), length) == (bytes(range(length))[-suffix:] or Unsatisfiable())


@given(st.text(st.sampled_from("bytes=0123456789-, \t"), max_size=20), lengths)
def test_any_text_is_a_part_or_the_whole_or_unsatisfiable(text: str, length: int) -> None:
    part = asked_range(get(text), Head(200), length)

    assert not isinstance(part, range) or 0 <= part.start < part.stop <= length


@pytest.mark.parametrize("asked", ["bytes=-0", "bytes=a-b", "bytes", "lines=1-2", "bytes=0-1,3-4", "bytes=5-2", ""])
def test_what_is_no_single_range_gets_the_whole(asked: str) -> None:
    assert asked_range(get(asked), Head(200), 10) is None


def test_a_range_is_for_get_alone() -> None:
    assert asked_range(Request("HEAD", "/", headers_of({"Range": "bytes=0-1"})), Head(200), 10) is None


@pytest.mark.parametrize(
    ("condition", "fields", "holds"),
    [
        ('"1"', {"ETag": '"1"'}, True),
        ('"1"', {"ETag": '"2"'}, False),
        ('"1"', {}, False),
        ('W/"1"', {"ETag": 'W/"1"'}, False),  # a weak validator cannot promise equal bytes
        (http_date(NOON), {"Last-Modified": http_date(NOON), "Date": http_date(NOON + 1)}, True),
        (http_date(NOON), {"Last-Modified": http_date(NOON), "Date": http_date(NOON)}, False),  # it may change again
        (http_date(NOON + 1), {"Last-Modified": http_date(NOON), "Date": http_date(NOON + 9)}, False),
        (http_date(NOON), {"Last-Modified": http_date(NOON)}, False),
        ("yesterday", {"Last-Modified": "yesterday", "Date": http_date(NOON)}, False),
    ],
)
def test_a_range_with_a_condition_that_does_not_hold_gets_the_whole(
    condition: str, fields: dict[str, str], *, holds: bool
) -> None:
    part = asked_range(get("bytes=0-1", **{"If-Range": condition}), Head(200, headers_of(fields)), 10)

    assert part == (range(2) if holds else None)


def test_the_heads_of_a_part_and_of_none() -> None:
    whole = Head(200, headers_of({"ETag": '"1"', "Content-Length": "10", "Content-Type": "text/plain"}))

    part, none = partial(whole, range(2, 5), 10), unsatisfiable(whole, 10)

    assert (part.status, part.headers["Content-Range"], part.headers["Content-Length"]) == (206, "bytes 2-4/10", "3")
    assert part.headers["ETag"] == '"1"'
    assert (none.status, none.headers["Content-Range"], none.headers["Content-Length"]) == (416, "bytes */10", "0")
    assert "Content-Type" not in none.headers
