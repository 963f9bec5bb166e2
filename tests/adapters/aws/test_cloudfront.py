"""Invalidations in CloudFront: what is asked of it, and what its refusals mean."""

import os
from collections.abc import Iterator
from typing import Any, cast

import boto3
import pytest

from eventkit.errors import BackendError, ConfigurationError
from eventkit.outcomes import Reject, Retry
from eventkit_aws.cloudfront import CloudFrontClient, CloudFrontInvalidator, blocking_invalidator, open_invalidator
from eventkit_handlers.cdn_invalidation import Invalidator
from eventkit_local.emulator import start_emulator
from tests.adapters.aws.fakes import FakeClient, refusal


def invalidator(*answers: dict[str, Any] | Exception) -> tuple[CloudFrontInvalidator, FakeClient]:
    client = FakeClient(create_invalidation=answers)
    return CloudFrontInvalidator(cast("CloudFrontClient", client), "E1"), client


async def test_one_call_names_the_paths_and_the_reference() -> None:
    cdn, client = invalidator({})

    await cdn.invalidate(("/", "/posts/*"), "r1")

    assert client.requests("create_invalidation") == [
        {
            "DistributionId": "E1",
            "InvalidationBatch": {"Paths": {"Quantity": 2, "Items": ["/", "/posts/*"]}, "CallerReference": "r1"},
        }
    ]


async def test_too_many_in_progress_are_waited_for() -> None:
    cdn, _ = invalidator(refusal("TooManyInvalidationsInProgress"))

    with pytest.raises(Retry) as raised:
        await cdn.invalidate(["/"], "r1")

    assert raised.value == Retry(after=30)
    assert isinstance(raised.value.error, BackendError)


async def test_paths_that_are_none_are_rejected() -> None:
    cdn, _ = invalidator(refusal("InvalidArgument"))

    with pytest.raises(Reject, match="InvalidArgument") as raised:
        await cdn.invalidate(["/secret path"], "r1")

    assert "secret" not in raised.value.reason


@pytest.mark.parametrize("code", ["Throttling", "NoSuchDistribution", "AccessDenied", "ServiceUnavailable"])
async def test_any_other_refusal_is_an_error(code: str) -> None:
    cdn, _ = invalidator(refusal(code))

    with pytest.raises(BackendError, match=f"CreateInvalidation on 'E1' failed: {code}"):
        await cdn.invalidate(["/"], "r1")


def test_it_is_the_invalidator_that_handlers_want() -> None:
    cdn: Invalidator = blocking_invalidator("E1")

    assert isinstance(cdn, CloudFrontInvalidator)


async def test_an_unknown_option_is_told() -> None:
    with pytest.raises(ConfigurationError, match="region"):
        async with open_invalidator("E1", "cloudfront://?distribution=E1"):
            pass
    with pytest.raises(ConfigurationError, match="region"):
        blocking_invalidator("E1", "cloudfront+boto3://E1")


@pytest.fixture
def client(moto: str) -> Iterator[Any]:
    client: Any = cast("Any", boto3).client("cloudfront", endpoint_url=moto)
    yield client
    client.close()


def distribution(client: Any) -> str:  # noqa: ANN401 - of boto3
    origin = {"Id": "site", "DomainName": "site.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    behaviour = {
        "TargetOriginId": "site",
        "ViewerProtocolPolicy": "allow-all",
        "MinTTL": 0,
        "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
    }
    made = client.create_distribution(
        DistributionConfig={
            "CallerReference": "one",
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": behaviour,
        }
    )
    return str(made["Distribution"]["Id"])


async def test_paths_are_invalidated_by_both_sdks(moto: str, client: Any) -> None:  # noqa: ANN401 - of boto3
    name = distribution(client)

    async with open_invalidator(name, f"cloudfront://?endpoint={moto}") as cdn:
        await cdn.invalidate(["/", "/posts/%C3%BCber"], "r1")
    await blocking_invalidator(name, f"cloudfront+boto3://?endpoint={moto}").invalidate(["/posts/*"], "r2")

    listed = client.list_invalidations(DistributionId=name)["InvalidationList"]["Items"]
    batches = [
        client.get_invalidation(DistributionId=name, Id=one["Id"])["Invalidation"]["InvalidationBatch"]
        for one in listed
    ]
    assert {one["CallerReference"]: one["Paths"]["Items"] for one in batches} == {
        "r1": ["/", "/posts/%C3%BCber"],
        "r2": ["/posts/*"],
    }


@pytest.mark.skipif(os.name != "posix", reason="the emulator runs on Linux and macOS")
async def test_a_repetition_with_the_same_reference_invalidates_nothing_again() -> None:
    with start_emulator() as emulator:
        client: Any = cast("Any", boto3).client("cloudfront", endpoint_url=emulator.endpoint_url)
        name = distribution(client)
        async with open_invalidator(name, f"cloudfront://?endpoint={emulator.endpoint_url}") as cdn:
            for reference in ("r1", "r1", "r2"):
                await cdn.invalidate(["/", "/posts/a"], reference)
        listed = client.list_invalidations(DistributionId=name)["InvalidationList"]
        client.close()

    assert listed["Quantity"] == 2


async def test_a_distribution_that_there_is_not_is_told(moto: str) -> None:
    async with open_invalidator("E0", f"cloudfront://?endpoint={moto}") as cdn:
        with pytest.raises(BackendError, match="NoSuchDistribution"):
            await cdn.invalidate(["/"], "r1")
