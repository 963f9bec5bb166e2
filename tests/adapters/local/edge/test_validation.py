"""Conditions of viewers, conditions for origins, and what a 304 changes."""

import pytest

from eventkit_local.edge.messages import Head, Request, headers_of
from eventkit_local.edge.validation import conditional, confirms, freshened, is_unchanged_for, not_modified
from tests.adapters.local.edge.stage import NOON, http_date

STORED = Head(
    200,
    headers_of(
        {
            "ETag": '"1"',
            "Last-Modified": http_date(NOON),
            "Content-Type": "text/html",
            "Content-Length": "5",
            "Cache-Control": "max-age=60",
            "Age": "30",
        }
    ),
)


@pytest.mark.parametrize(
    ("conditions", "unchanged"),
    [
        ({}, False),
        ({"If-None-Match": '"1"'}, True),
        ({"If-None-Match": 'W/"1"'}, True),
        ({"If-None-Match": '"0", "1"'}, True),
        ({"If-None-Match": "*"}, True),
        ({"If-None-Match": '"2"'}, False),
        ({"If-None-Match": '"11"'}, False),
        ({"If-Modified-Since": http_date(NOON)}, True),
        ({"If-Modified-Since": http_date(NOON + 1)}, True),
        ({"If-Modified-Since": http_date(NOON - 1)}, False),
        ({"If-Modified-Since": "yesterday"}, False),
        ({"If-None-Match": '"2"', "If-Modified-Since": http_date(NOON)}, False),  # the tag counts
    ],
)
def test_whether_a_viewer_has_a_response_already(conditions: dict[str, str], *, unchanged: bool) -> None:
    assert is_unchanged_for(Request("GET", "/", headers_of(conditions)), STORED) is unchanged


def test_a_response_without_validators_is_new_to_everybody() -> None:
    request = Request("GET", "/", headers_of({"If-None-Match": '"1"', "If-Modified-Since": http_date(NOON)}))

    assert not is_unchanged_for(request, Head(200))


def test_a_304_has_the_validators_and_nothing_about_the_content() -> None:
    told = not_modified(STORED)

    assert told.status == 304
    assert told.headers["ETag"] == '"1"'
    assert {"Content-Type", "Content-Length"}.isdisjoint(told.headers)


def test_the_origin_is_asked_with_both_validators() -> None:
    asked = conditional(Request("GET", "/"), STORED)

    assert dict(asked.headers) == {"If-None-Match": '"1"', "If-Modified-Since": http_date(NOON)}


def test_the_origin_is_asked_without_conditions_where_there_are_no_validators() -> None:
    assert dict(conditional(Request("GET", "/"), Head(200)).headers) == {}


@pytest.mark.parametrize(("tag", "about_it"), [(None, True), ('"1"', True), ('W/"1"', True), ('"2"', False)])
def test_whether_a_304_is_about_the_stored_response(tag: str | None, *, about_it: bool) -> None:
    answer = Head(304, headers_of({} if tag is None else {"ETag": tag}))

    assert confirms(answer, STORED) is about_it


def test_a_304_freshens_what_it_says_and_leaves_the_rest() -> None:
    answer = Head(304, headers_of({"Cache-Control": "max-age=90", "Content-Length": "0", "X-New": "1"}))

    fresh = freshened(STORED, answer)

    assert fresh.status == 200
    assert fresh.headers["Cache-Control"] == "max-age=90"
    assert fresh.headers["X-New"] == "1"
    assert (fresh.headers["Content-Length"], fresh.headers["Content-Type"]) == ("5", "text/html")
    assert "Age" not in fresh.headers
