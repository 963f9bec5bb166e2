"""RFC 9111 and RFC 5861 as tables: what is stored, for how long it is fresh, and when it may be used stale."""

import math

import pytest

from eventkit_local.edge.freshness import (
    Policy,
    Ttl,
    Use,
    age_of,
    may_stand_in,
    policy_of,
    storable,
    use_of,
    without_private_fields,
)
from eventkit_local.edge.messages import Head, headers_of
from tests.adapters.local.edge.stage import NOON, http_date

RFC = Ttl(default=None, error=0)
"""No configuration: the rules of the RFC and nothing else."""


def head(status: int = 200, **fields: str) -> Head:
    """A response sent at noon; an underscore in the name of a field stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return Head(status, headers_of({"Date": http_date(NOON), **named}))


def controlled(said: str, status: int = 200, **fields: str) -> Head:
    return head(status, Cache_Control=said, **fields)


@pytest.mark.parametrize(
    ("response", "lifetime"),
    [
        # section 4.2.1: the first that is there counts
        (controlled("s-maxage=10, max-age=20", Expires=http_date(NOON + 30)), 10),
        (controlled("max-age=20", Expires=http_date(NOON + 30)), 20),
        (head(Expires=http_date(NOON + 30)), 30),
        (head(Expires=http_date(NOON - 30)), 0),
        (head(Expires="0"), 0),
        (head(Expires="next week"), 0),
        (controlled("max-age=soon", Expires=http_date(NOON + 30)), 0),
        (controlled('max-age="20"'), 20),
        (controlled("MAX-AGE=20"), 20),
        (controlled("max-age=20, max-age=40"), 20),
        (controlled("max-age=99999999999"), 31_536_000),
        # section 4.2.2: a tenth of the time since the last change, a day at most, for the statuses that permit it
        (head(Last_Modified=http_date(NOON - 1000)), 100),
        (head(Last_Modified=http_date(NOON + 1000)), 0),
        (head(Last_Modified=http_date(NOON - 10**8)), 86_400),
        (head(404, Last_Modified=http_date(NOON - 1000)), 0),
        (head(302, Last_Modified=http_date(NOON - 1000)), 0),
        (controlled("public", 302, Last_Modified=http_date(NOON - 1000)), 100),
        (head(), 0),
        # section 5.2.2.4
        (controlled("no-cache, max-age=20"), 0),
        (controlled('no-cache="Set-Cookie", max-age=20'), 0),
    ],
)
def test_how_long_a_response_is_fresh(response: Head, lifetime: float) -> None:
    assert policy_of(response, RFC, NOON).lifetime == lifetime


@pytest.mark.parametrize(
    ("response", "ttl", "lifetime"),
    [
        (head(), Ttl(), 86_400),
        (head(Last_Modified=http_date(NOON - 1000)), Ttl(), 86_400),
        (head(302), Ttl(), 0),
        (controlled("max-age=5"), Ttl(minimum=10), 10),
        (controlled("max-age=50"), Ttl(maximum=10), 10),
        (head(), Ttl(default=5, minimum=10), 10),
        (head(), Ttl(default=50, maximum=10), 10),
        (controlled("no-cache"), Ttl(minimum=10), 10),
        (controlled("no-store"), Ttl(minimum=10, default=0), 10),
        (head(Expires=http_date(NOON + 30)), Ttl(maximum=10), 10),
        # errors live for their own minimum, or longer if the origin says so
        (head(500), Ttl(), 10),
        (head(404), Ttl(error=3), 3),
        (controlled("max-age=50", 404), Ttl(), 50),
        (controlled("max-age=5", 503), Ttl(), 10),
        (controlled("no-cache", 404), Ttl(), 0),
        (head(403), Ttl(), 0),
        (controlled("max-age=50", 403), Ttl(), 50),
    ],
)
def test_how_a_behaviour_bounds_it(response: Head, ttl: Ttl, lifetime: float) -> None:
    assert policy_of(response, ttl, NOON).lifetime == lifetime


@pytest.mark.parametrize(
    ("said", "status", "while_revalidating", "if_error"),
    [
        ("max-age=1", 200, 0, math.inf),
        ("max-age=1, stale-while-revalidate=5", 200, 5, math.inf),
        ("max-age=1, stale-if-error=7", 200, 0, 7),
        ("max-age=1, stale-while-revalidate=5, stale-if-error=7", 200, 5, 7),
        ("s-maxage=1", 200, 0, 0),
        ("s-maxage=1, stale-while-revalidate=5", 200, 5, 0),
        ("s-maxage=1, stale-if-error=7", 200, 0, 7),
        ("max-age=1, stale-while-revalidate=5, must-revalidate", 200, 0, 0),
        ("max-age=1, stale-if-error=7, proxy-revalidate", 200, 0, 0),
        ("no-cache, stale-while-revalidate=5, stale-if-error=7", 200, 0, 0),
        ("max-age=1, stale-while-revalidate=5, stale-if-error=7", 503, 0, 0),
    ],
)
def test_how_long_a_response_may_be_used_when_it_is_stale(
    said: str, status: int, while_revalidating: float, if_error: float
) -> None:
    policy = policy_of(controlled(said, status), RFC, NOON)

    assert (policy.while_revalidating, policy.if_error) == (while_revalidating, if_error)


@pytest.mark.parametrize(
    ("age", "use", "stands_in"),
    [
        (9, Use.FRESH, True),
        (10, Use.WHILE_REVALIDATING, True),
        (14, Use.WHILE_REVALIDATING, True),
        (15, Use.NOT_BEFORE_VALIDATION, True),
        (29, Use.NOT_BEFORE_VALIDATION, True),
        (30, Use.NOT_BEFORE_VALIDATION, False),
    ],
)
def test_what_may_be_done_with_a_response_by_its_age(age: float, use: Use, *, stands_in: bool) -> None:
    policy = Policy(lifetime=10, while_revalidating=5, if_error=20)

    assert (use_of(policy, age), may_stand_in(policy, age)) == (use, stands_in)


@pytest.mark.parametrize(
    ("response", "stored"),
    [
        (controlled("max-age=20"), True),
        (controlled("s-maxage=20"), True),
        (head(Expires=http_date(NOON + 30)), True),
        (head(Last_Modified=http_date(NOON - 1000)), True),
        (head(), False),  # nothing says how long, and nothing could be validated
        (head(ETag='"1"'), True),
        (head(302, ETag='"1"'), False),  # the status permits no heuristics
        (controlled("max-age=0"), False),
        (controlled("max-age=0", ETag='"1"'), True),
        (controlled("max-age=0, stale-while-revalidate=5"), True),
        (controlled("max-age=0, stale-if-error=5"), True),
        (controlled("no-cache", ETag='"1"'), True),
        (controlled("no-cache"), False),
        (controlled("no-store, max-age=20"), False),
        (controlled("private, max-age=20"), False),
        (controlled('private="Set-Cookie", max-age=20'), True),
        (controlled("max-age=20, must-understand, no-store"), True),  # 200 is understood
        (controlled("max-age=20", Vary="Accept"), True),
        (controlled("max-age=20", Vary="Accept, *"), False),
        (controlled("max-age=20", 206), False),
        (controlled("max-age=20", 304), False),
        (controlled("max-age=20", 103), False),
        (controlled("max-age=20", 302), True),
        (controlled("max-age=20", 500), True),
        (controlled("max-age=20", 299), True),
        (head(500), False),
    ],
)
def test_what_a_shared_cache_may_store_and_has_a_use_for(response: Head, *, stored: bool) -> None:
    policy = policy_of(response, RFC, NOON)

    assert storable(response, policy, RFC, headers_of({})) is stored


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ("max-age=20", False),
        ("max-age=20, public", True),
        ("s-maxage=20", True),
        ("max-age=20, must-revalidate", True),
        ("max-age=20, proxy-revalidate", False),
        ("public, no-store", False),
    ],
)
def test_what_was_asked_for_with_authorization_is_stored_only_if_it_says_so(said: str, *, stored: bool) -> None:
    response = controlled(said)
    asked = headers_of({"authorization": "Bearer x"})

    assert storable(response, policy_of(response, RFC, NOON), RFC, asked) is stored


@pytest.mark.parametrize(
    ("ttl", "response", "stored"),
    [
        (Ttl(maximum=0), controlled("max-age=20"), False),
        (Ttl(minimum=10), controlled("no-store"), True),
        (Ttl(minimum=10), controlled("private"), True),
        (Ttl(), head(500), True),
        (Ttl(), controlled("no-store", 500), False),
        (Ttl(), head(403), False),
    ],
)
def test_a_behaviour_overrides_what_is_stored(ttl: Ttl, response: Head, *, stored: bool) -> None:
    assert storable(response, policy_of(response, ttl, NOON), ttl, headers_of({})) is stored


def test_fields_that_are_for_one_user_are_not_stored() -> None:
    response = controlled('private="set-cookie, x-user", max-age=20', Set_Cookie="a=1", X_User="me", X_Else="all")

    kept = without_private_fields(response)

    assert {"Set-Cookie", "X-User"}.isdisjoint(kept.headers)
    assert kept.headers["X-Else"] == "all"


@pytest.mark.parametrize(
    ("fields", "requested", "received", "now", "age"),
    [
        ({}, 0, 0, 0, 0),
        ({}, 0, 0, 60, 60),
        ({"Age": "30"}, 0, 0, 60, 90),
        ({"Age": "30, 40"}, 0, 0, 0, 30),
        ({"Age": "old"}, 0, 0, 60, 60),
        ({"Age": "30"}, 0, 5, 60, 90),  # the time on the way counts: 30 + 5 + 55
        ({"Date": http_date(NOON - 100)}, 0, 0, 60, 160),  # the origin's clock, or a cache on the way
        ({"Date": http_date(NOON + 100)}, 0, 0, 60, 60),
        ({"Date": "yesterday"}, 0, 0, 60, 60),
        ({"Age": "200", "Date": http_date(NOON - 100)}, 0, 0, 0, 200),
        ({}, 0.9, 0.9, 1.0, 1),  # whole seconds, as the fields have
    ],
)
def test_the_age_of_a_response(fields: dict[str, str], requested: float, received: float, now: float, age: int) -> None:
    response = Head(200, headers_of({"Date": http_date(NOON), **fields}))

    assert age_of(response, requested=NOON + requested, received=NOON + received, now=NOON + now) == age
