"""Path patterns, cache keys, and what goes to the origin."""

import fnmatch
from typing import Unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit.errors import ConfigurationError
from eventkit_local.edge import ALL, ALL_METHODS, ALL_VIEWER, Behaviour, Distribution, Selection
from eventkit_local.edge.messages import Request, headers_of
from tests.adapters.local.edge.stage import Settings

ORIGIN = "http://127.0.0.1:1"
paths = st.text(st.sampled_from("aA./-"), max_size=8).map(lambda text: f"/{text}")
patterns = st.text(st.sampled_from("aA./-*?"), max_size=8).map(lambda text: f"/{text.lstrip('/')}")


def behaviour(pattern: str = "*", **settings: Unpack[Settings]) -> Behaviour:
    return Behaviour(origin=ORIGIN, path_pattern=pattern, **settings)


@given(patterns, paths)
def test_a_pattern_covers_what_the_shell_would(pattern: str, path: str) -> None:
    assert behaviour(pattern).covers(path) is fnmatch.fnmatchcase(path, pattern)


@given(patterns, paths)
def test_the_leading_slash_of_a_pattern_makes_no_difference(pattern: str, path: str) -> None:
    assert behaviour(pattern.removeprefix("/")).covers(path) is behaviour(pattern).covers(path)


@given(paths)
def test_the_last_pattern_covers_everything(path: str) -> None:
    assert behaviour("*").covers(path)


def test_characters_that_mean_something_elsewhere_mean_themselves() -> None:
    assert behaviour("/a[bc]+(d).html").covers("/a[bc]+(d).html")
    assert not behaviour("/a[bc].html").covers("/ab.html")


@given(st.lists(st.sampled_from(["a=1", "b=2", "a", "c="]), max_size=5))
def test_selected_query_strings_keep_their_order(pairs: list[str]) -> None:
    selected = Selection(queries=["a", "c"]).of_target("/p?" + "&".join(pairs))

    kept = [pair for pair in pairs if pair != "b=2"]
    assert selected == ("/p?" + "&".join(kept) if kept else "/p")


def test_the_names_of_headers_have_no_case_and_those_of_cookies_and_queries_have() -> None:
    fields = headers_of({"accept-language": "de", "Cookie": "a=1; A=2"})
    selection = Selection(headers=["Accept-Language"], cookies=["A"], queries=["B"])

    key = behaviour(key=selection).key_of(Request("GET", "/p?b=1&B=2", fields))

    assert key.url == "/p?B=2"
    assert key.parts == ("*", "accept-language: de", "A=2")


@pytest.mark.parametrize("value", ["", "None"])
def test_a_missing_header_is_none_with_any_value(value: str) -> None:
    selection = behaviour(key=Selection(headers=["X-A"]))

    absent, present = Request("GET", "/"), Request("GET", "/", headers_of({"X-A": value}))

    assert selection.key_of(absent) != selection.key_of(present)


def test_a_key_with_all_headers_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="the names of the headers"):
        behaviour(key=ALL_VIEWER)


def test_the_viewers_address_goes_to_the_origin_and_its_conditions_do_not() -> None:
    fields = headers_of({"If-None-Match": '"1"', "Range": "bytes=0-1", "X-Forwarded-For": "192.0.2.1", "Host": "edge"})

    sent = behaviour(forward=ALL_VIEWER).forwarded(Request("GET", "/", fields, viewer="192.0.2.2"))

    assert dict(sent.headers) == {"X-Forwarded-For": "192.0.2.1, 192.0.2.2"}


def test_fields_of_the_viewers_connection_do_not_go_to_the_origin() -> None:
    fields = headers_of({"Connection": "X-Mine, keep-alive", "X-Mine": "1", "TE": "trailers", "X-Other": "2"})

    sent = behaviour(forward=ALL_VIEWER).forwarded(Request("GET", "/", fields))

    assert [name for name in sent.headers if name != "X-Forwarded-For"] == ["X-Other"]


def test_what_is_let_through_takes_its_conditions_along() -> None:
    fields = headers_of({"If-Match": '"1"', "Range": "bytes=0-1"})

    exchange = Distribution(behaviours=[behaviour()]).exchange(Request("GET", "/", fields))

    assert {name: exchange.verbatim.headers[name] for name in fields} == dict(fields)
    assert "Range" not in exchange.plain.headers


def test_the_default_root_object_keeps_the_query() -> None:
    distribution = Distribution(behaviours=[behaviour(key=Selection(queries=ALL))], default_root_object="index.html")

    assert distribution.exchange(Request("GET", "/?a=1")).plain.target == "/index.html?a=1"
    assert distribution.exchange(Request("GET", "/b/")).plain.target == "/b/"


@pytest.mark.parametrize("listed", [[], [behaviour("/api/*")], [behaviour("*"), behaviour("/api/*")]])
def test_a_distribution_without_a_last_resort_is_refused(listed: list[Behaviour]) -> None:
    with pytest.raises(ConfigurationError, match="a last behaviour"):
        Distribution(behaviours=listed)


@pytest.mark.parametrize("origin", ["127.0.0.1:1", "ftp://host", "http://", "http://host?a=1", "http://host/a b"])
def test_an_origin_that_is_no_address_is_refused(origin: str) -> None:
    with pytest.raises(ConfigurationError, match="must read http"):
        Behaviour(origin=origin, methods=ALL_METHODS)
