"""The entrypoint under AWS's own Lambda runtime client: cold start, error shapes, deadlines and the end are real."""

import sys
from pathlib import Path

import pytest

from eventkit.testing import s3_event, s3_record, sns_event, sns_record
from eventkit_local.runtime_api import Invocation, LocalLambda
from tests.adapters.lambda_.harness import DONE, Json, failed, messages

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="AWS's runtime client has wheels for Linux only")

ROOT = Path(__file__).parents[3]
CANARY = "CANARY-5a1f"

both = pytest.mark.parametrize("app", ["alive", "plain"])


def function(app: str, *, timeout: float = 10, **environment: str) -> LocalLambda:
    return LocalLambda(
        "tests.adapters.lambda_.functions.handler",
        environment={"APP": app, **environment},
        timeout=timeout,
        task_root=ROOT,
    )


def error_of(invocation: Invocation) -> tuple[str, str]:
    assert invocation.error is not None
    return invocation.error.error_type, invocation.error.message


async def test_the_cold_start_opens_the_app_once_and_the_end_closes_it() -> None:
    async with function("alive") as aws:
        invocations = [await aws.invoke(messages("done")) for _ in range(3)]

    assert [invocation.cold for invocation in invocations] == [True, False, False]
    assert [invocation.payload for invocation in invocations] == [DONE] * 3
    said = [line for line in aws.logs.splitlines() if "LAMBDA_RUNTIME" not in line]  # the client's, when it is cut off
    assert said == ["opened", "invocation 1", "invocation 2", "invocation 3", "closed"]


@both
async def test_the_failed_messages_of_a_batch_are_named(app: str) -> None:
    async with function(app) as aws:
        invocation = await aws.invoke(messages("done", CANARY, "done", CANARY))

    assert invocation.error is None
    assert invocation.payload == failed("m2", "m4")
    assert CANARY not in aws.logs


@both
async def test_an_event_that_nobody_knows_is_a_decode_error_and_the_next_invocation_works(app: str) -> None:
    async with function(app) as aws:
        unknown = await aws.invoke({"text": CANARY})
        known = await aws.invoke(messages("done"))

    kind, text = error_of(unknown)
    assert kind == "DecodeError"
    assert text.startswith("this is not an event of SQS, SNS, S3")
    assert CANARY not in text + aws.logs
    assert (known.cold, known.payload) == (False, DONE)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (
            s3_event(s3_record("ObjectCreated:Put", "photos", CANARY)),
            "1 of 1 records failed; the first is to be retried after ValueError",
        ),
        (sns_event(sns_record(f'"{CANARY}"', "numbers")), "1 of 1 records failed; the first is rejected: "),
        (sns_event(sns_record(CANARY, "unknown")), "1 of 1 records failed; the first is rejected: no route takes"),
    ],
    ids=["s3", "invalid", "unmatched"],
)
async def test_what_has_one_record_fails_with_a_sentence_and_the_next_invocation_works(
    event: Json, message: str
) -> None:
    async with function("plain") as aws:
        whole = await aws.invoke(event)
        next_one = await aws.invoke(messages("done"))

    kind, text = error_of(whole)
    assert kind == "InvocationFailed"
    assert text.startswith(message)
    assert whole.error is not None
    assert CANARY not in text + aws.logs + "".join(whole.error.stack_trace)
    assert (next_one.cold, next_one.payload) == (False, DONE)


async def test_a_lifespan_that_fails_is_an_initialisation_error() -> None:
    async with function("broken") as aws:
        invocations = [await aws.invoke(messages("done")) for _ in range(2)]

    assert [invocation.cold for invocation in invocations] == [True, True]
    assert [error_of(invocation) for invocation in invocations] == [("LookupError", "there is no such secret")] * 2


@both
@pytest.mark.parametrize("what", ["hang", "block"])
async def test_a_handler_that_hangs_is_reported_before_lambda_ends_it(app: str, what: str) -> None:
    async with function(app, timeout=2) as aws:
        warm = await aws.invoke(messages("done"))
        late = await aws.invoke(messages("done", what, "done"))
        after = await aws.invoke(messages("done"))

    assert warm.payload == DONE
    assert late.payload == failed("m2", "m3")
    assert 1.4 < late.duration < 2
    assert (after.cold, after.payload) == (False, DONE)


@both
async def test_a_service_that_cannot_be_reached_does_not_hold_up_the_response(app: str) -> None:
    async with function(
        app, timeout=2, BACKEND="sqs+boto3://", AWS_ENDPOINT_URL="http://192.0.2.1", PYTHONWARNINGS="ignore"
    ) as aws:
        late = await aws.invoke(messages("done", "hang", "done"))
        after = await aws.invoke(messages("done"))

    assert late.error is None
    assert late.payload == failed("m2", "m3")
    assert (after.cold, after.payload) == (False, DONE)
