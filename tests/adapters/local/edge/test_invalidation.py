"""Invalidation paths, quotas, and the API as boto3 speaks it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from eventkit_local.edge.access import Figures
from eventkit_local.edge.invalidation import (
    InvalidationError,
    Invalidations,
    changed_paths,
    path_matches,
    require_path,
)
from eventkit_local.edge.messages import Head, Request, headers_of
from eventkit_local.edge.owners import Owners, serving
from tests.adapters.local.clients import client
from tests.adapters.local.edge.stage import Clock

urls = st.text(st.sampled_from("aA/.?"), max_size=8).map(lambda text: f"/{text}")


@given(urls, urls)
def test_a_path_without_a_wildcard_is_about_itself(path: str, url: str) -> None:
    assert path_matches(path, url) is (path == url)


@given(urls, urls)
def test_a_path_with_a_wildcard_is_about_all_that_begin_alike(path: str, url: str) -> None:
    assert path_matches(f"{path}*", url) is url.startswith(path)


@given(urls)
def test_one_path_is_about_everything(url: str) -> None:
    assert path_matches("/*", url)


@pytest.mark.parametrize("path", ["/", "/*", "/a", "/a*", "/a/b.jpg?x=1", "/gr%C3%BC%C3%9Fe"])
def test_paths_that_cloudfront_takes(path: str) -> None:
    assert require_path(path) == path


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "slash"),
        ("a", "slash"),
        ("*", "slash"),
        ("/a/*/b", "last character"),
        ("/*.jpg", "last character"),
        ("/**", "last character"),
        ("/grüße", "URL-encoded"),
        ("/a b", "URL-encoded"),
        ("/" + "a" * 4000, "4000 characters"),
    ],
)
def test_paths_that_cloudfront_refuses(path: str, reason: str) -> None:
    with pytest.raises(InvalidationError, match=reason) as refused:
        require_path(path)

    assert refused.value.code == "InvalidArgument"


@pytest.mark.parametrize(
    ("status", "fields", "changed"),
    [
        (200, {}, {"/posts"}),
        (302, {"Location": "/posts/1"}, {"/posts", "/posts/1"}),
        (201, {"Location": "1", "Content-Location": "http://edge/other?a=1"}, {"/posts", "/1", "/other"}),
        (201, {"Location": "http://origin:1/posts/1"}, {"/posts", "/posts/1"}),
        (201, {"Location": "http://elsewhere/posts/1"}, {"/posts"}),
        (400, {"Location": "/posts/1"}, set[str]()),
        (500, {}, set[str]()),
    ],
)
def test_what_a_write_makes_out_of_date(status: int, fields: dict[str, str], changed: set[str]) -> None:
    request = Request("POST", "/posts?a=1", headers_of({"Host": "edge"}))

    assert changed_paths(request, "http://origin:1", Head(status, headers_of(fields))) == changed


@dataclass(frozen=True)
class Api:
    """CloudFront's API as boto3 sees it, and the paths that were purged."""

    cloudfront: Any
    purged: list[str]

    async def create(self, paths: Sequence[str], reference: str = "1", distribution: str = "D") -> dict[str, Any]:
        batch = {"Paths": {"Quantity": len(paths), "Items": list(paths)}, "CallerReference": reference}
        return await self("create_invalidation", DistributionId=distribution, InvalidationBatch=batch)

    async def __call__(self, action: str, **members: object) -> dict[str, Any]:
        answer: dict[str, Any] = await asyncio.to_thread(getattr(self.cloudfront, action), **members)
        return answer


@pytest.fixture
async def api(clock: Clock) -> AsyncIterator[Api]:
    purged: list[str] = []

    async def purge(paths: Sequence[str]) -> None:
        purged.extend(paths)

    async with serving(Owners("D", Invalidations(purge, clock), Figures).handle) as url:
        yield Api(client("cloudfront", url), purged)


async def test_an_invalidation_is_made_shown_and_listed(api: Api, clock: Clock) -> None:
    made = (await api.create(["/a", "/b/*"], "first"))["Invalidation"]
    clock.now += 1
    second = (await api.create(["/c"], "second"))["Invalidation"]
    shown = (await api("get_invalidation", DistributionId="D", Id=made["Id"]))["Invalidation"]
    listed = (await api("list_invalidations", DistributionId="D"))["InvalidationList"]

    assert api.purged == ["/a", "/b/*", "/c"]
    assert shown == made
    assert made["Status"] == "Completed"
    assert made["CreateTime"].timestamp() == clock.now - 1
    assert made["InvalidationBatch"] == {"Paths": {"Quantity": 2, "Items": ["/a", "/b/*"]}, "CallerReference": "first"}
    assert [item["Id"] for item in listed["Items"]] == [second["Id"], made["Id"]]


async def test_the_list_is_read_page_by_page(api: Api) -> None:
    made = [(await api.create(["/a"], str(number)))["Invalidation"]["Id"] for number in range(5)]

    pages = api.cloudfront.get_paginator("list_invalidations").paginate(
        DistributionId="D", PaginationConfig={"PageSize": 2}
    )
    listed = await asyncio.to_thread(
        lambda: [item["Id"] for page in pages for item in page["InvalidationList"]["Items"]]
    )

    assert listed == made[::-1]


async def test_the_waiter_finds_it_completed(api: Api) -> None:
    made = await api.create(["/a"])

    waiter = api.cloudfront.get_waiter("invalidation_completed")

    await asyncio.to_thread(waiter.wait, DistributionId="D", Id=made["Invalidation"]["Id"])


async def test_the_same_reference_and_paths_are_one_invalidation(api: Api) -> None:
    first, second = await api.create(["/a"]), await api.create(["/a"])

    assert first["Invalidation"]["Id"] == second["Invalidation"]["Id"]
    assert api.purged == ["/a"]


@pytest.mark.parametrize(
    ("paths", "reference", "distribution", "code"),
    [
        (["a"], "2", "D", "InvalidArgument"),
        ([], "2", "D", "InvalidArgument"),
        (["/b"], "1", "D", "InvalidationBatchAlreadyExists"),
        (["/b"], "2", "E", "NoSuchDistribution"),
        ([f"/{number}" for number in range(3001)], "2", "D", "BatchTooLarge"),
        ([f"/{number}*" for number in range(16)], "2", "D", "TooManyInvalidationsInProgress"),
    ],
)
async def test_what_cloudfront_refuses_is_refused_with_its_code(
    api: Api, paths: list[str], reference: str, distribution: str, code: str
) -> None:
    await api.create(["/a"], "1")

    with pytest.raises(ClientError, match=rf"\({code}\)"):
        await api.create(paths, reference, distribution)

    assert api.purged == ["/a"]


async def test_as_many_paths_as_the_quota_permits_are_taken(api: Api) -> None:
    await api.create([*(f"/{number}" for number in range(3000)), *(f"/{number}*" for number in range(15))])

    assert len(api.purged) == 3015


async def test_a_quantity_that_is_not_the_number_of_paths_is_refused(api: Api) -> None:
    batch = {"Paths": {"Quantity": 2, "Items": ["/a"]}, "CallerReference": "1"}

    with pytest.raises(ClientError, match="InconsistentQuantities"):
        await api("create_invalidation", DistributionId="D", InvalidationBatch=batch)


async def test_an_invalidation_that_was_never_made_is_unknown(api: Api) -> None:
    with pytest.raises(api.cloudfront.exceptions.NoSuchInvalidation):
        await api("get_invalidation", DistributionId="D", Id="I0")
