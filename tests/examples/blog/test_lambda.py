"""The blog's one function under AWS's own runtime client: requests in each payload, and events."""

import base64
import json
import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from eventkit import Names
from eventkit.testing import s3_event, s3_record, sqs_event, sqs_record
from eventkit_aws.idempotency import create_table
from eventkit_local.emulator import Emulator, start_emulator
from eventkit_local.plan import plan_of
from eventkit_local.provision import Target, provision
from eventkit_local.runtime_api import Invocation, LocalLambda
from examples.blog.app import app
from tests.adapters.local.clients import client
from tests.examples.blog.stand_ins import picture

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="AWS's runtime client has wheels for Linux only")

ROOT = Path(__file__).parents[3]
EVENTS = ROOT / "examples" / "blog" / "events"
CANARY = "CANARY-9c3e"


def sample(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with start_emulator() as running:
        yield running


@pytest.fixture
async def aws(emulator: Emulator) -> Emulator:
    """An account in which the app's resources are, and nothing else."""
    emulator.reset()
    plan = plan_of(app, Names("blog"))
    await provision(plan, Target(emulator.endpoint_url, "us-east-1"), lambda _: None)
    client("sesv2", emulator.endpoint_url).create_email_identity(EmailIdentity="blog@myblog.example")
    await create_table(f"dynamodb://blog-done?endpoint={emulator.endpoint_url}&region=us-east-1")
    return emulator


@pytest.fixture
async def function(aws: Emulator) -> AsyncGenerator[LocalLambda]:
    environment = {**aws.environ, "EVENTKIT_STORE": "dynamodb+boto3://blog-done"}
    async with LocalLambda(
        "examples.blog.lambda_main.handler", environment=environment, timeout=30, task_root=ROOT
    ) as running:
        yield running


def answer(invocation: Invocation) -> dict[str, Any]:
    """The response that an HTTP integration is given, its body read."""
    assert invocation.error is None
    response: dict[str, Any] = cast("Any", invocation.payload)
    body = base64.b64decode(response["body"]) if response["isBase64Encoded"] else response["body"]
    return {**response, "body": json.loads(body)}


def header(response: dict[str, Any], name: str) -> str:
    """A header as API Gateway finds it, under either form."""
    several: dict[str, list[str]] = response.get("multiValueHeaders") or {}
    return several[name][0] if name in several else str(response["headers"][name])


def rest(payload: dict[str, Any]) -> dict[str, Any]:
    """Payload 1.0 as a REST API sends it, which does not name its version."""
    return {name: value for name, value in payload.items() if name != "version"}


@pytest.mark.parametrize("payload", ["1.0", "2.0"])
async def test_a_post_is_published_and_listed_by_requests_of_each_payload(function: LocalLambda, payload: str) -> None:
    created = answer(await function.invoke(sample(f"http-{payload}-create-post")))
    listed = answer(await function.invoke(sample(f"http-{payload}-list-posts")))

    assert (created["statusCode"], header(created, "location")) == (201, "/api/posts/hello")
    assert header(created, "etag").endswith('.0"')
    assert (listed["statusCode"], [one["slug"] for one in listed["body"]["items"]]) == (200, ["hello"])
    assert "s-maxage=300" in header(listed, "cache-control")


async def test_rest_apis_and_load_balancers_are_answered_too(function: LocalLambda) -> None:
    await function.invoke(rest(sample("http-1.0-create-post")))

    by_rest = answer(await function.invoke(rest(sample("http-1.0-list-posts"))))
    by_balancer = answer(await function.invoke(sample("http-alb-list-posts")))

    assert by_rest["body"] == by_balancer["body"]
    assert [one["slug"] for one in by_rest["body"]["items"]] == ["hello"]


async def test_a_problem_is_text_and_not_an_error_of_the_function(function: LocalLambda) -> None:
    request = {**sample("http-2.0-create-post"), "body": json.dumps({"title": CANARY})}

    response = cast("Any", (await function.invoke(request)).payload)

    assert (response["statusCode"], response["isBase64Encoded"]) == (422, False)
    assert response["headers"]["content-type"] == "application/problem+json"
    assert CANARY not in response["body"] + function.logs


async def test_requests_and_events_take_turns_in_one_process(function: LocalLambda) -> None:
    names = ["http-2.0-list-posts", "subscriber-added", "http-1.0-list-posts", "post-edited"]

    invocations = [await function.invoke(sample(name)) for name in names]

    assert [one.error for one in invocations] == [None] * 4
    assert [one.cold for one in invocations] == [True, False, False, False]
    assert [one.payload for one in invocations[1::2]] == [{"batchItemFailures": []}] * 2


async def test_a_subscriber_whose_event_comes_again_is_written_to_once(function: LocalLambda, aws: Emulator) -> None:
    again = sample("subscriber-added")
    again["Records"][0] |= {"eventID": "another", "eventName": "INSERT"}

    invocations = [await function.invoke(event) for event in (sample("subscriber-added"), again)]

    assert [one.payload for one in invocations] == [{"batchItemFailures": []}] * 2
    assert mails_in(aws) == 1


async def test_an_upload_announced_by_a_request_becomes_thumbnails_by_an_event(
    function: LocalLambda, aws: Emulator
) -> None:
    await function.invoke(sample("http-2.0-create-post"))
    announced = answer(await function.invoke(of_photos("POST", {"name": "A cat", "type": "image/png", "size": 1_000})))
    key = announced["body"]["upload"]["fields"]["key"]
    client("s3", aws.endpoint_url).put_object(Bucket="photos", Key=key, Body=picture())
    event = sample("photo-uploaded")
    event["Records"][0]["body"] = event["Records"][0]["body"].replace("uploads/hello/1.png", key)

    invocation = await function.invoke(event)

    assert invocation.payload == {"batchItemFailures": []}
    (photo,) = answer(await function.invoke(of_photos("GET")))["body"]["items"]
    assert (photo["status"], [size["width"] for size in photo["sizes"]]) == ("ready", [320, 960, 1200])


async def test_a_record_that_fails_is_reported_beside_those_that_do_not(function: LocalLambda) -> None:
    unknown = s3_event(s3_record("ObjectCreated:Post", "photos", f"uploads/hello/{CANARY}.png"))
    thumbnail = s3_event(s3_record("ObjectCreated:Put", "photos", "thumbnails/1.webp"))
    records = [sqs_record(body, "blog-photos", number=number) for number, body in enumerate((unknown, thumbnail), 1)]

    invocation = await function.invoke(sqs_event(*records))

    assert invocation.payload == {"batchItemFailures": [{"itemIdentifier": records[0]["messageId"]}]}
    assert CANARY not in function.logs


@pytest.mark.parametrize(
    "event", [{"text": CANARY}, {"requestContext": {"condition": CANARY}, "version": "1.0"}, [CANARY], CANARY, None]
)
async def test_what_is_neither_is_one_clear_error(function: LocalLambda, event: object) -> None:
    invocation = await function.invoke(event)

    assert invocation.error is not None
    assert invocation.error.error_type == "DecodeError"
    assert invocation.error.message.startswith("this is no request of API Gateway or a load balancer, and this is not")
    assert CANARY not in invocation.error.message + function.logs


def of_photos(method: str, body: object = None) -> dict[str, Any]:
    """A request about a post's photos."""
    request = sample("http-2.0-create-post")
    request["requestContext"]["http"] |= {"method": method, "path": "/api/posts/hello/photos"}
    return {**request, "rawPath": "/api/posts/hello/photos", "body": json.dumps(body)}


def mails_in(aws: Emulator) -> int:
    """How many mails SES has taken."""
    return int(client("sesv2", aws.endpoint_url).get_account()["SendQuota"]["SentLast24Hours"])
