"""The edge on this machine is that of the template: whoever changes one of them alone is told what differs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from eventkit_local.edge import Behaviour, Distribution, Selection
from eventkit_local.edge.messages import Request
from examples.blog._site import distribution_of
from tests.examples.blog.blog_stack import GONE, altered, deployed, rewritten
from tests.examples.blog.cloudformation import STACK, Fields, Stack

API, S3 = "http://127.0.0.1:1", "http://127.0.0.1:2"
ORIGINS = {API: "api", f"{S3}/photos": "photos", f"{S3}/site": "site"}

DEPLOYED_ONLY = {"Strict-Transport-Security", "Cache-Control"}
"""There is no https on this machine; and what lives for a year is tiresome while one works on it."""


class Selected(NamedTuple):
    """The names of what is taken of a request; `*` is everything."""

    headers: frozenset[str]
    cookies: frozenset[str]
    queries: frozenset[str]

    def with_(self, other: "Selected") -> "Selected":
        return Selected(*(one | another for one, another in zip(self, other, strict=True)))


@dataclass(frozen=True)
class Edge:
    """What an edge does with the requests for some paths."""

    pattern: str
    origin: str
    methods: frozenset[str]
    key: Selected
    forwarded: Selected  # what tells responses apart goes to the origin, too
    lifetimes: tuple[float | None, ...]
    headers: Mapping[str, str]


def of_template(stack: Stack) -> list[Edge]:
    """The template's behaviours, the last one included."""
    config = stack["Distribution"].properties["DistributionConfig"]
    found = [*config["CacheBehaviors"], {"PathPattern": "*", **config["DefaultCacheBehavior"]}]
    return [_of_template(stack, one) for one in found]


def _of_template(stack: Stack, behaviour: Fields) -> Edge:
    by_name = {one.name: one.properties for one in stack.resources.values()}
    cache = by_name[behaviour["CachePolicyId"]]["CachePolicyConfig"]
    key = _selected(cache["ParametersInCacheKeyAndForwardedToOrigin"])
    asking = behaviour.get("OriginRequestPolicyId")
    forwarding: Fields = {} if asking is None else by_name[asking]["OriginRequestPolicyConfig"]
    return Edge(
        behaviour["PathPattern"],
        behaviour["TargetOriginId"],
        frozenset(behaviour["AllowedMethods"]),
        key,
        key.with_(_selected(forwarding)),
        (cache["MinTTL"], cache["DefaultTTL"], cache["MaxTTL"]),
        _comparable(_headers(by_name[behaviour["ResponseHeadersPolicyId"]]["ResponseHeadersPolicyConfig"])),
    )


def _selected(policy: Fields) -> Selected:
    """What either policy takes. The origin's own host is what it gets from both edges."""
    names = {"all": frozenset("*"), "allExcept": frozenset("*"), "none": frozenset[str]()}
    return Selected(
        names[policy.get("HeadersConfig", {}).get("HeaderBehavior", "none")],
        names[policy.get("CookiesConfig", {}).get("CookieBehavior", "none")],
        names[policy.get("QueryStringsConfig", {}).get("QueryStringBehavior", "none")],
    )


def _headers(policy: Fields) -> dict[str, str]:
    security = policy["SecurityHeadersConfig"]
    values = {
        "Content-Security-Policy": security["ContentSecurityPolicy"]["ContentSecurityPolicy"],
        "X-Content-Type-Options": "nosniff" if "ContentTypeOptions" in security else "",
        "X-Frame-Options": security.get("FrameOptions", {}).get("FrameOption", ""),
        "Referrer-Policy": security.get("ReferrerPolicy", {}).get("ReferrerPolicy", ""),
    }
    others = {one["Header"]: one["Value"] for one in policy.get("CustomHeadersConfig", {}).get("Items", ())}
    return {name: value for name, value in (values | others).items() if value}


def of_session(distribution: Distribution) -> list[Edge]:
    """The behaviours of the edge that a development session opens."""
    return [_of_session(one) for one in distribution.behaviours]


def _of_session(behaviour: Behaviour) -> Edge:
    return Edge(
        behaviour.path_pattern,
        ORIGINS[behaviour.origin],
        frozenset(behaviour.methods),
        _of_selection(behaviour.key),
        _of_selection(behaviour.key).with_(_of_selection(behaviour.forward)),
        (behaviour.ttl.minimum, behaviour.ttl.default, behaviour.ttl.maximum),
        _comparable(behaviour.response_headers),
    )


def _of_selection(selection: Selection) -> Selected:
    return Selected(frozenset(selection.headers), frozenset(selection.cookies), frozenset(selection.queries))


def _comparable(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Without what holds on one side only: the bucket's address is another one, and see `DEPLOYED_ONLY`."""
    plain = {name: re.sub(r"\s*https?://[^\s;]+", "", value) for name, value in headers.items()}
    return {name: value for name, value in plain.items() if name not in DEPLOYED_ONLY}


@pytest.fixture
def here() -> Distribution:
    return distribution_of(API, S3, "site", "photos")


def test_the_two_edges_are_alike(here: Distribution) -> None:
    assert of_session(here) == of_template(deployed())


def test_they_show_the_same_pages_for_the_root_and_for_what_is_not_there(here: Distribution) -> None:
    config = deployed()["Distribution"].properties["DistributionConfig"]
    [error] = config["CustomErrorResponses"]
    page = (error["ResponsePagePath"], error["ResponseCode"])

    *_, media, site = here.behaviours
    for behaviour in (media, site):
        shown = behaviour.error_pages[error["ErrorCode"]]
        assert (shown.path, shown.status) == page
    assert here.default_root_object == config["DefaultRootObject"]


@pytest.mark.parametrize("path", ["/posts/a-post", "/posts/", "/posts/a/b", "/write.html", "/media/thumbnails/a.webp"])
def test_they_rewrite_paths_alike(path: str, here: Distribution) -> None:
    exchange = here.exchange(Request("GET", path))
    config = deployed()["Distribution"].properties["DistributionConfig"]
    behaviours = [*config["CacheBehaviors"], config["DefaultCacheBehavior"]]
    [function] = behaviours[here.behaviours.index(exchange.behaviour)]["FunctionAssociations"]

    assert exchange.plain.path == rewritten(function["FunctionARN"].removeprefix(f"{STACK}-"), path)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("Distribution.Properties.DistributionConfig.CacheBehaviors.0.AllowedMethods", ["GET", "HEAD"]),
        ("Distribution.Properties.DistributionConfig.CacheBehaviors.1.PathPattern", "/media/*"),
        ("Distribution.Properties.DistributionConfig.CacheBehaviors.0.OriginRequestPolicyId", GONE),
        ("ApiRequests.Properties.OriginRequestPolicyConfig.CookiesConfig.CookieBehavior", "all"),
        ("FileCache.Properties.CachePolicyConfig.DefaultTTL", 86400),
        ("PageHeaders.Properties.ResponseHeadersPolicyConfig.SecurityHeadersConfig.ReferrerPolicy", {}),
    ],
)
def test_a_template_that_was_changed_alone_is_noticed(where: str, value: object, here: Distribution) -> None:
    assert of_session(here) != of_template(altered(where, value))
