"""Mail through SES: what is asked of it, and what its refusals mean."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.request import urlopen

import boto3
import pytest

from eventkit.errors import BackendError, ConfigurationError, ThrottledError
from eventkit.outcomes import Reject
from eventkit_aws.ses import SesClient, SesMailer, blocking_mailer, open_mailer
from eventkit_handlers.welcome_email import Mailer
from tests.adapters.aws.fakes import Answers, FakeClient, refusal


@dataclass(frozen=True)
class Letter:
    to: str = "ada@example.org"
    sender: str = "Blog <blog@example.org>"
    subject: str = "Grüße"
    text: str = "Hello"
    html: str = "<p>Hello</p>"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def mailer(
    *answers: Mapping[str, Any] | Exception, configuration_set: str | None = None
) -> tuple[SesMailer, FakeClient]:
    given: Answers = answers or [{"MessageId": "1"}]
    client = FakeClient(send_email=given)
    return SesMailer(cast("SesClient", client), configuration_set), client


async def test_ses_gets_the_parts_and_makes_the_message() -> None:
    ses, client = mailer()

    await ses.send(Letter(headers={"Message-ID": "<x@example.org>", "Auto-Submitted": "auto-generated"}))

    assert client.requests("send_email") == [
        {
            "FromEmailAddress": "Blog <blog@example.org>",
            "Destination": {"ToAddresses": ["ada@example.org"]},
            "Content": {
                "Simple": {
                    "Subject": {"Data": "Grüße", "Charset": "UTF-8"},
                    "Body": {
                        "Text": {"Data": "Hello", "Charset": "UTF-8"},
                        "Html": {"Data": "<p>Hello</p>", "Charset": "UTF-8"},
                    },
                    "Headers": [
                        {"Name": "X-Message-ID", "Value": "<x@example.org>"},
                        {"Name": "Auto-Submitted", "Value": "auto-generated"},
                    ],
                }
            },
        }
    ]


async def test_a_configuration_set_is_named() -> None:
    ses, client = mailer(configuration_set="blog")

    await ses.send(Letter())

    assert client.requests("send_email")[0]["ConfigurationSetName"] == "blog"


@pytest.mark.parametrize(
    "code",
    ["AccountSuspendedException", "BadRequestException", "MailFromDomainNotVerifiedException", "MessageRejected"],
)
async def test_what_no_repetition_helps_is_rejected_without_its_text(code: str) -> None:
    ses, _ = mailer(refusal(code))

    with pytest.raises(Reject, match=code) as raised:
        await ses.send(Letter())

    assert "secret" not in raised.value.reason
    assert "ada" not in raised.value.reason


@pytest.mark.parametrize(
    "error",
    [
        *map(refusal, ("TooManyRequestsException", "LimitExceededException", "SendingPausedException")),
        *map(refusal, ("InternalFailure", "AccessDeniedException", "NotFoundException")),
        ConnectionResetError(),
    ],
    ids=lambda error: str(getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)),
)
async def test_what_may_pass_is_an_error(error: Exception) -> None:
    ses, _ = mailer(error)

    with pytest.raises(BackendError, match="SendEmail failed") as raised:
        await ses.send(Letter())

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("code", ["TooManyRequestsException", "ThrottlingException", "LimitExceededException"])
async def test_mails_that_come_too_fast_are_told_from_other_failures(code: str) -> None:
    ses, _ = mailer(refusal(code))

    with pytest.raises(ThrottledError):
        await ses.send(Letter())


def test_it_is_the_mailer_that_handlers_want() -> None:
    ses: Mailer = blocking_mailer()

    assert isinstance(ses, SesMailer)


async def test_an_unknown_option_is_told() -> None:
    with pytest.raises(ConfigurationError, match="region"):
        async with open_mailer("ses://?sender=x"):
            pass
    with pytest.raises(ConfigurationError, match="region"):
        blocking_mailer("ses+boto3://host")


@pytest.fixture
def verified(moto: str) -> Iterator[None]:
    """SES, as moto stands for it, knows the sender, and has sent nothing yet."""
    with urlopen(f"{moto}/moto-api/reset", data=b""):  # noqa: S310 - moto's address
        pass
    client: Any = cast("Any", boto3).client("sesv2", endpoint_url=moto)
    client.create_email_identity(EmailIdentity="blog@example.org")
    yield
    client.close()


def sent(moto: str) -> list[dict[str, Any]]:
    with urlopen(f"{moto}/moto-api/data.json") as answer:  # noqa: S310 - moto's address
        return cast("list[dict[str, Any]]", json.load(answer).get("ses", {}).get("Message", []))


@pytest.mark.usefixtures("verified")
async def test_mail_is_sent_by_both_sdks(moto: str) -> None:
    async with open_mailer(f"ses://?endpoint={moto}") as ses:
        await ses.send(Letter(headers={"Auto-Submitted": "auto-generated"}))
    await blocking_mailer(f"ses+boto3://?endpoint={moto}").send(Letter(to="bob@example.org"))

    found = [(one["source"], one["destinations"]["ToAddresses"], one["subject"], one["body"]) for one in sent(moto)]
    assert found == [
        ("Blog <blog@example.org>", [to], "Grüße", "<p>Hello</p>") for to in ("ada@example.org", "bob@example.org")
    ]


@pytest.mark.usefixtures("verified")
async def test_a_sender_that_is_not_verified_is_rejected(moto: str) -> None:
    async with open_mailer(f"ses://?endpoint={moto}") as ses:
        with pytest.raises(Reject, match="MessageRejected"):
            await ses.send(Letter(sender="someone@example.net"))

    assert sent(moto) == []
