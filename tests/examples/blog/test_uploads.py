"""Forms to upload by: what they let a browser put into the bucket, and nothing else."""

import asyncio
import base64
import json
import os
from collections.abc import AsyncGenerator, Iterator
from datetime import UTC, datetime
from typing import Any, cast

import aioboto3
import boto3
import httpx
import pytest

from eventkit_local.emulator import start_emulator
from examples.blog._aws import signing
from examples.blog._uploads import LIFETIME, S3Uploads, Upload
from tests.adapters.local.clients import client
from tests.examples.blog.stand_ins import picture

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the emulator runs on Linux and macOS")

KEY = "uploads/hello/1.png"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with start_emulator() as emulator:
        client("s3", emulator.endpoint_url).create_bucket(Bucket="photos")
        yield emulator.endpoint_url


@pytest.fixture
async def form(endpoint: str) -> Upload:
    async with cast("Any", aioboto3.Session()).client(
        "s3", endpoint_url=endpoint, config=signing({"AWS_ENDPOINT_URL": endpoint})
    ) as s3:
        return await S3Uploads(s3, "photos").form(KEY, "image/png")


@pytest.fixture
async def browser() -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as opened:
        yield opened


async def send(browser: httpx.AsyncClient, form: Upload, data: bytes, **fields: str) -> int:
    answer = await browser.post(form.url, data={**form.fields, **fields}, files={"file": ("cat.png", data)})
    return answer.status_code


def stored(endpoint: str, key: str) -> bytes:
    data: bytes = client("s3", endpoint).get_object(Bucket="photos", Key=key)["Body"].read()
    return data


async def test_a_file_sent_by_the_form_is_in_the_bucket(
    endpoint: str, form: Upload, browser: httpx.AsyncClient
) -> None:
    data = picture()

    assert await send(browser, form, data) in {200, 204}

    assert await asyncio.to_thread(stored, endpoint, KEY) == data


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"key": "thumbnails/1.webp"}, 10),
        ({"Content-Type": "text/html"}, 10),
        ({}, 0),
        ({}, 10 * 2**20 + 1),
    ],
    ids=["another key", "another type", "nothing", "too much"],
)
async def test_anything_else_is_refused(
    form: Upload, browser: httpx.AsyncClient, fields: dict[str, str], size: int
) -> None:
    assert await send(browser, form, b"x" * size, **fields) in {400, 403}


def policy_of(form: Upload) -> dict[str, Any]:
    policy: dict[str, Any] = json.loads(base64.b64decode(form.fields["policy"]))
    return policy


async def test_the_policy_says_so_and_ends_after_ten_minutes(form: Upload) -> None:
    policy = policy_of(form)

    assert {"key": KEY} in policy["conditions"]
    assert {"Content-Type": "image/png"} in policy["conditions"]
    assert ["content-length-range", 1, 10 * 2**20] in policy["conditions"]
    left = datetime.fromisoformat(policy["expiration"]) - datetime.now(UTC)
    assert left.total_seconds() <= LIFETIME == 600


async def test_boto3_makes_the_same_form(endpoint: str) -> None:
    s3 = cast("Any", boto3).client("s3", endpoint_url=endpoint, config=signing({"AWS_ENDPOINT_URL": endpoint}))

    form = await S3Uploads(s3, "photos").form(KEY, "image/png")

    assert (form.url, form.fields["key"]) == (f"{endpoint}/photos", KEY)


async def test_an_emulator_by_whatever_name_has_no_host_for_each_bucket() -> None:
    endpoint = "http://localhost:4566"
    s3 = cast("Any", boto3).client("s3", endpoint_url=endpoint, config=signing({"AWS_ENDPOINT_URL": endpoint}))

    assert (await S3Uploads(s3, "photos").form(KEY, "image/png")).url == "http://localhost:4566/photos"


async def test_on_aws_the_form_names_the_buckets_host_in_its_region() -> None:
    s3 = cast("Any", boto3).client("s3", region_name="eu-west-1", config=signing({}))

    assert (await S3Uploads(s3, "photos").form(KEY, "image/png")).url == "https://photos.s3.eu-west-1.amazonaws.com/"
